//! How a job calls retally.

use super::word::Word;

/// The words of the calls of a job: `fetch`, `run`, `merge`, `check`.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program's name or path.
    pub name: Word,
    /// Options that every command gets: `--offline`, `--manifest=…`, `--onnxruntime=…`.
    pub everywhere: Vec<Word>,
    /// What `run` is told beside suite, folder and shard.
    pub run: Vec<Word>,
    /// What is fetched before the first task starts.
    pub fetch: Vec<Word>,
    /// The folder of the store, if it is not the user's own one.
    pub store: Option<Word>,
}

impl Program {
    /// The program with the words that every command gets: never empty.
    pub(super) fn call(&self) -> Vec<Word> {
        std::iter::once(&self.name).chain(&self.everywhere).cloned().collect()
    }
}

/// One line of a file for each word, as a shell reads it.
pub(super) fn shell_lines(words: &[Word]) -> Vec<String> {
    words.iter().map(Word::shell).collect()
}
