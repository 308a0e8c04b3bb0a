//! The seeds of the fuzz targets, and what fuzzing found on the way (`fuzz/found/`), given to their readers again: as they are, and changed in
//! so many ways as take a second. The fuzzer itself, which is led by coverage, needs a build of its own (docs/testing.md).

use super::{TARGETS, Target};
use retally_metrics::random::Stream;
use std::path::{Path, PathBuf};

/// Changed inputs of each seed.
const CHANGES: usize = 300;

fn inputs(corpus: &str, target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(corpus).join(target.name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_reader_has_seeds_that_it_accepts() {
    for target in &TARGETS {
        let seeds = inputs("seeds", target);
        let accepted = seeds.iter().filter(|(_, seed)| (target.read)(seed)).count();
        assert!(accepted > 0, "{}: none of {} seeds is accepted", target.name, seeds.len());
        for (path, seed) in &seeds {
            assert!(seed.len() <= target.most_bytes, "{} is too long to be a seed", path.display());
        }
    }
}

#[test]
fn what_fuzzing_found_stays_mended() {
    for target in &TARGETS {
        for (path, input) in inputs("found", target) {
            println!("{}", path.display());
            (target.read)(&input);
        }
    }
}

#[test]
fn changed_seeds_are_read_or_refused() {
    for target in &TARGETS {
        let mut random = Stream::new(0, target.name, 0);
        for (_, seed) in inputs("seeds", target) {
            for _ in 0..CHANGES {
                (target.read)(&changed(&seed, &mut random));
            }
        }
    }
}

/// One to four changes: a byte, a bit, a cut, a piece left out, a piece twice, a number of 4 bytes at its limits.
fn changed(seed: &[u8], random: &mut Stream) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let mut below = |limit: usize| random.below(limit.max(1) as u64) as usize;
        let place = below(bytes.len());
        let end = (place + 1 + below(16)).min(bytes.len());
        match below(6) {
            0 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = below(256) as u8),
            1 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << below(8)),
            2 => bytes.truncate(place),
            3 => drop(bytes.drain(place.min(end)..end)),
            4 => {
                let piece = bytes[place.min(end)..end].to_vec();
                bytes.splice(place..place, piece);
            }
            _ => {
                let number = [0, 1, u32::MAX, i32::MAX as u32][below(4)].to_le_bytes();
                bytes.iter_mut().skip(place).zip(number).for_each(|(byte, new)| *byte = new);
            }
        }
    }
    bytes
}
