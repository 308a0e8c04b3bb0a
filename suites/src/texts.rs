//! The texts of a suite's files as a checkout has them: what the program would carry if it were built there.

use crate::suite::{FurtherData, Suite, SuiteError, SuiteFiles};

/// A suite's files, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteTexts {
    /// `suite.toml`.
    pub definition: String,
    /// Printed or recorded cells: name and text of `cells.csv` or `recorded.csv`.
    pub cells: Option<(String, String)>,
    /// Text of `correlations.csv`.
    pub correlations: Option<String>,
    /// Data of further papers, by name of their folder.
    pub further: Vec<FurtherTexts>,
}

/// Data of a further paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherTexts {
    /// Name of the folder.
    pub folder: String,
    /// Text of `cells.csv`.
    pub cells: String,
    /// Text of `correlations.csv`.
    pub correlations: String,
}

impl SuiteTexts {
    /// The suite that these texts are.
    ///
    /// # Errors
    /// As [`Suite::from_files`].
    pub fn suite(&self) -> Result<Suite, SuiteError> {
        let further: Vec<FurtherData<'_>> = self
            .further
            .iter()
            .map(|FurtherTexts { folder, cells, correlations }| FurtherData {
                folder,
                cells,
                correlations,
            })
            .collect();
        Suite::from_files(SuiteFiles {
            definition: &self.definition,
            cells: self.cells.as_ref().map(|(name, text)| (name.as_str(), text.as_str())),
            correlations: self.correlations.as_deref(),
            further: &further,
        })
    }

    /// The text of the file of cells with this name, as [`crate::cells::Cell::file`] has it.
    pub(crate) fn cells_mut(&mut self, file: &str) -> Option<&mut String> {
        if let Some((name, text)) = &mut self.cells
            && name == file
        {
            return Some(text);
        }
        let own = |further: &&mut FurtherTexts| format!("{}/cells.csv", further.folder) == file;
        self.further.iter_mut().find(own).map(|further| &mut further.cells)
    }

    /// Every file with its text: names relative to the suite's folder.
    #[must_use]
    pub fn files(&self) -> Vec<(String, &str)> {
        let mut files = vec![("suite.toml".to_owned(), self.definition.as_str())];
        files.extend(self.cells.iter().map(|(name, text)| (name.clone(), text.as_str())));
        files.extend(
            self.correlations.iter().map(|text| ("correlations.csv".to_owned(), text.as_str())),
        );
        for FurtherTexts { folder, cells, correlations } in &self.further {
            files.push((format!("{folder}/cells.csv"), cells));
            files.push((format!("{folder}/correlations.csv"), correlations));
        }
        files
    }
}

/// Where two versions of a suite's files differ first: one sentence a file.
///
/// `first` and `second` are lists as [`SuiteTexts::files`] gives them.
#[must_use]
pub fn differing_files(first: &[(String, &str)], second: &[(String, &str)]) -> Vec<String> {
    let find = |files: &[(String, &str)], name: &str| {
        files.iter().find(|(own, _)| own == name).map(|(_, text)| (*text).to_owned())
    };
    let mut found = Vec::new();
    for (name, text) in first {
        match find(second, name) {
            None => found.push(format!("{name} is missing")),
            Some(other) if other == *text => {}
            Some(other) => {
                let same = text.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
                found.push(format!("{name} differs first in line {}", same + 1));
            }
        }
    }
    let is_new = |(name, _): &&(String, &str)| find(first, name).is_none();
    found.extend(second.iter().filter(is_new).map(|(name, _)| format!("{name} is new")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_file_and_line() {
        let named = |files: &[(&str, &'static str)]| -> Vec<(String, &str)> {
            files.iter().map(|(name, text)| ((*name).to_owned(), *text)).collect()
        };
        let first = named(&[("a", "1\n2\n3\n"), ("b", "x"), ("c", "y")]);
        let second = named(&[("a", "1\n2\n4\n"), ("c", "y"), ("d", "")]);
        let expected = ["a differs first in line 3", "b is missing", "d is new"];
        assert_eq!(differing_files(&first, &second), expected);
        assert!(differing_files(&first, &first).is_empty());
    }
}
