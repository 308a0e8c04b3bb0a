//! Templates of job files: `@NAME@` is a gap.
//!
//! A gap that stands alone in its line takes any number of lines, each as far in as the gap; other gaps take a text. What
//! fills a gap is not looked at again, so a text of the user's that looks like a gap stays as it is.

use crate::failure::Failure;

/// What fills a gap.
#[derive(Clone, Debug)]
pub(super) enum Filling {
    /// A part of a line.
    Text(String),
    /// Whole lines; none removes the gap's line.
    Lines(Vec<String>),
}

/// The gaps of a template by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Fillings(Vec<(&'static str, Filling)>);

impl Fillings {
    pub(super) fn text(mut self, name: &'static str, text: impl ToString) -> Self {
        self.0.push((name, Filling::Text(text.to_string())));
        self
    }

    pub(super) fn lines(mut self, name: &'static str, lines: Vec<String>) -> Self {
        self.0.push((name, Filling::Lines(lines)));
        self
    }

    fn get(&self, name: &str) -> Option<&Filling> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, filling)| filling)
    }

    /// The template with its gaps filled.
    ///
    /// # Errors
    /// If the template has a gap that is not filled so: a fault of retally's.
    pub(super) fn fill(&self, template: &str) -> Result<String, Failure> {
        let mut filled = String::with_capacity(2 * template.len());
        for line in template.lines() {
            let alone = whole_gap(line.trim_start()).and_then(|name| self.get(name));
            if let Some(Filling::Lines(lines)) = alone {
                let indentation = &line[..line.len() - line.trim_start().len()];
                for one in lines {
                    filled.push_str(indentation);
                    filled.push_str(one);
                    filled.push('\n');
                }
            } else {
                self.fill_line(line, &mut filled)?;
                filled.push('\n');
            }
        }
        Ok(filled)
    }

    fn fill_line(&self, line: &str, filled: &mut String) -> Result<(), Failure> {
        let mut rest = line;
        while let Some(at) = rest.find('@') {
            let (before, gap) = rest.split_at(at);
            filled.push_str(before);
            let Some(name) = leading_gap(gap) else {
                filled.push('@');
                rest = &gap[1..];
                continue;
            };
            let Some(Filling::Text(text)) = self.get(name) else {
                return Err(Failure::invalid(format_args!(
                    "a fault of retally: nothing fills the gap `{name}` of a job file"
                )));
            };
            filled.push_str(text);
            rest = &gap[name.len() + 2..];
        }
        filled.push_str(rest);
        Ok(())
    }
}

/// The name of the gap that a text begins with.
fn leading_gap(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('@')?.split_once('@')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    is_name.then_some(name)
}

/// The name of the gap that a text is.
fn whole_gap(text: &str) -> Option<&str> {
    leading_gap(text).filter(|name| name.len() + 2 == text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_take_texts_and_lines_once() {
        let fillings = Fillings::default()
            .text("A", "@B@")
            .text("B", 7)
            .lines("MANY", vec!["x".into(), "@A@".into()])
            .lines("NONE", Vec::new());
        let filled = fillings.fill("a@b @A@@@B@\n  @MANY@\n  @NONE@\nUSR1@@B@ x@1 @").unwrap();
        assert_eq!(filled, "a@b @B@@7\n  x\n  @A@\nUSR1@7 x@1 @\n");
    }

    #[test]
    fn a_gap_that_nothing_fills_is_an_error() {
        assert!(Fillings::default().fill("@A@").unwrap_err().message().contains("`A`"));
        // Lines in the middle of a line would break it.
        assert!(Fillings::default().lines("A", Vec::new()).fill("x @A@").is_err());
    }
}
