//! Writes a folder of synthetic submissions, to measure with and to look at:
//! `cargo run --release --workspace --example synthetic_collection -- FOLDER COUNT [EQUAL-IN-HUNDRED]`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "this makes test data")]

#[allow(dead_code, reason = "others need the rest")]
#[path = "../tests/support/synthetic.rs"]
mod synthetic;

use std::path::Path;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (Some(folder), Some(count)) =
        (words.get(1), words.get(2).and_then(|word| word.parse::<usize>().ok()))
    else {
        eprintln!("synthetic_collection FOLDER COUNT [EQUAL-IN-HUNDRED]");
        return;
    };
    let equal_in_hundred = words.get(3).and_then(|word| word.parse().ok()).unwrap_or(0);
    let size = synthetic::Size { equal_in_hundred, ..synthetic::STARTER };
    for number in 0..count {
        synthetic::write(Path::new(folder), number, size);
    }
}
