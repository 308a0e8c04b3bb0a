//! MME's folder of results: `SUBTASK.txt`, a line a question, image, question, truth and reply apart by tabs.

use super::WithNotes;
use crate::failure::Failure;
use crate::text_files::{read_text, wrong_line};
use retally_metrics::unified::mme::{Pair, Reply, SUBTASKS, SubtaskPairs};
use std::path::Path;

/// Reads the files of all subtasks that are there.
///
/// # Errors
/// If there is none, a file cannot be read, a line has not four fields, a truth is neither yes nor no, or two lines that should be a pair are of different pictures.
pub(crate) fn read(folder: &Path) -> Result<WithNotes<Vec<SubtaskPairs>>, Failure> {
    let (mut content, mut notes) = (Vec::new(), Vec::new());
    for subtask in SUBTASKS {
        let path = folder.join(format!("{}.txt", subtask.name));
        if !path.exists() {
            continue;
        }
        let pairs = read_pairs(&path)?;
        if 2 * pairs.len() != subtask.questions {
            notes.push(format!(
                "{} has {} questions; MME has {}",
                subtask.name,
                2 * pairs.len(),
                subtask.questions
            ));
        }
        content.push(SubtaskPairs { subtask, pairs });
    }
    if content.is_empty() {
        return Err(Failure::invalid(format_args!(
            "`{}` holds none of MME's files: existence.txt, count.txt, … OCR.txt",
            folder.display()
        )));
    }
    Ok(WithNotes { content, notes })
}

/// A line, cut.
struct Answer<'a> {
    image: &'a str,
    yes: bool,
    reply: Reply,
}

fn read_pairs(path: &Path) -> Result<Vec<Pair>, Failure> {
    // Line ends as Python's text mode reads them.
    let text = read_text(path)?.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(&text).split('\n').collect();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let answers = lines
        .iter()
        .enumerate()
        .map(|(index, line)| answer(line).map_err(|what| wrong_line(path, index + 1, what)));
    let answers: Vec<Answer<'_>> = answers.collect::<Result<_, _>>()?;
    let (pairs, rest) = answers.as_chunks::<2>();
    for (index, [first, second]) in pairs.iter().enumerate() {
        if first.image != second.image {
            return Err(wrong_line(
                path,
                2 * index + 2,
                format_args!(
                    "it is on `{}`, the line before on `{}`: lines come in pairs, two questions a picture. A line may be missing before it \
                     (the released script would pair what stands together)",
                    second.image, first.image
                ),
            ));
        }
    }
    if !rest.is_empty() {
        return Err(wrong_line(path, answers.len(), "it has no pair: the number of lines is odd"));
    }
    Ok(pairs
        .iter()
        .map(|pair| Pair::of(pair.each_ref().map(|answer| (answer.reply, answer.yes))))
        .collect())
}

fn answer(line: &str) -> Result<Answer<'_>, String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [image, _question, truth, reply] = fields[..] else {
        return Err(format!(
            "it has {} fields, four are needed, apart by tabs: image, question, truth, reply. Line ends and tabs within a reply must be taken out (the released script \
             skips such a line)",
            fields.len()
        ));
    };
    let yes = match truth.to_lowercase().as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(format!("its truth is `{truth}`, neither Yes nor No")),
    };
    Ok(Answer { image, yes, reply: Reply::of(reply) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Result<Vec<Pair>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("OCR.txt");
        std::fs::write(&path, text).unwrap();
        read_pairs(&path).map_err(|failure| failure.message())
    }

    #[test]
    fn lines_are_pairs() {
        let found =
            pairs("a\tq\tYes\tYes\r\na\tq\tNo\tno idea\nb\tq\tyes\tmaybe\nb\tq\tno\tNo").unwrap();
        assert_eq!(
            found,
            [Pair { right: [true, true], other: 0 }, Pair { right: [false, true], other: 1 }]
        );
        assert_eq!(pairs("").unwrap(), []);
    }

    #[test]
    fn broken_files_are_refused_with_the_line() {
        for (text, part) in [
            ("a\tq\tYes\tYes\nb\tq\tNo\tNo", "line 2: it is on `b`"),
            ("a\tq\tYes\tYes", "line 1: it has no pair"),
            ("a\tq\tYes\tYes\nit is\n", "line 2: it has 1 fields"),
            ("a\tq\tYes\tYes\na\tq\tNo\tNo\n\n", "line 3: it has 1 fields"),
            ("a\tq\tperhaps\tYes", "line 1: its truth is `perhaps`"),
        ] {
            let message = pairs(text).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
