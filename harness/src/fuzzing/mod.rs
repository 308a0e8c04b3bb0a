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
    Target { name: "attention", most_bytes: 2048, read: replies::attention },
    Target { name: "benchmark", most_bytes: 2048, read: replies::benchmark },
    Target { name: "bundle", most_bytes: 4096, read: documents::bundle },
    Target { name: "cells", most_bytes: 2048, read: documents::cells },
    Target { name: "chunk", most_bytes: 2048, read: arrays::chunk },
    Target { name: "idx", most_bytes: 512, read: images::idx },
    Target { name: "image", most_bytes: 4096, read: images::image },
    Target { name: "judge-reply", most_bytes: 2048, read: replies::judge_reply },
    Target { name: "manifest", most_bytes: 5120, read: documents::manifest },
    Target { name: "npy", most_bytes: 512, read: arrays::npy },
    Target { name: "npz", most_bytes: 4096, read: arrays::npz },
    Target { name: "onnx", most_bytes: 2048, read: models::onnx },
    Target { name: "run", most_bytes: 5120, read: documents::run },
    Target { name: "safetensors", most_bytes: 1024, read: arrays::safetensors },
    Target { name: "signature", most_bytes: 2048, read: documents::signature },
    Target { name: "suite", most_bytes: 4096, read: documents::suite },
    Target { name: "tar", most_bytes: 5120, read: images::tar },
    Target { name: "work-list", most_bytes: 4096, read: documents::work_list },
];

/// Separates the files of an input that has several.
pub const SEPARATOR: u8 = 0x1e;

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The files of an input: as many as are asked for, the last of them with what remains.
fn parts<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = input.splitn(COUNT, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
