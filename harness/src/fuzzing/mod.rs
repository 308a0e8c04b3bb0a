//! Every reader of outside bytes behind one kind of function, for the fuzz targets under `fuzz/` and for the replay of their corpora in the
//! tests. Not an interface: it changes with the readers.
//!
//! A reader may refuse its input, and must not panic, overflow, reserve more memory than its input explains, or hand on what it promises
//! not to: what it promises is asserted here.

mod arrays;
mod documents;
mod images;
mod models;
mod replies;
mod scratch;
#[cfg(test)]
mod tests;

pub use arrays::{chunk, npy, npz, safetensors};
pub use documents::{bundle, cells, manifest, run, signature, suite, work_list};
pub use images::{idx, image, tar};
pub use models::onnx;
pub use replies::{attention, benchmark, judge_reply};

/// A reader.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the fuzz target and of its corpus.
    pub name: &'static str,
    /// Longer inputs say nothing new.
    pub most_bytes: usize,
    /// Reads an input, and says whether any reader has accepted it.
    pub read: fn(&[u8]) -> bool,
}

/// All readers, in the order of their names.
pub const TARGETS: [Target; 18] = [
    Target { name: "attention", most_bytes: 2048, read: attention },
    Target { name: "benchmark", most_bytes: 2048, read: benchmark },
    Target { name: "bundle", most_bytes: 4096, read: bundle },
    Target { name: "cells", most_bytes: 2048, read: cells },
    Target { name: "chunk", most_bytes: 2048, read: chunk },
    Target { name: "idx", most_bytes: 512, read: idx },
    Target { name: "image", most_bytes: 4096, read: image },
    Target { name: "judge-reply", most_bytes: 2048, read: judge_reply },
    Target { name: "manifest", most_bytes: 5120, read: manifest },
    Target { name: "npy", most_bytes: 512, read: npy },
    Target { name: "npz", most_bytes: 4096, read: npz },
    Target { name: "onnx", most_bytes: 2048, read: onnx },
    Target { name: "run", most_bytes: 5120, read: run },
    Target { name: "safetensors", most_bytes: 1024, read: safetensors },
    Target { name: "signature", most_bytes: 2048, read: signature },
    Target { name: "suite", most_bytes: 4096, read: suite },
    Target { name: "tar", most_bytes: 5120, read: tar },
    Target { name: "work-list", most_bytes: 4096, read: work_list },
];

/// Separates the files of an input that has several.
pub const SEPARATOR: u8 = 0x1e;

/// The files of an input: as many as are asked for, the last of them with what remains.
fn parts<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = input.splitn(COUNT, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
