//! What models and judges answer, and attention that others have stored.

use super::{parts, scratch};
use crate::benchmarks::{dpg, mme, mmmu, mmvp, pope};
use crate::endpoint::ChatReply;
use crate::interaction::read_stored;
use retally_metrics::unified::Protocol;
use retally_metrics::unified::answers::{PythonValue, answered_moves, final_choice};
use retally_metrics::unified::judged::{
    GeometryKind, read_description, read_drawing, read_explanation, read_overlay, read_solution,
    read_state, render_summary,
};

/// What models and judges answer.
pub fn judge_reply(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let mut is_read = false;
    for protocol in [Protocol::Official, Protocol::Fixed] {
        if let Some(drawing) = read_drawing(protocol, text).judgement() {
            // Officially "nan" is a number, as to Python; whoever takes a mean is told.
            let is_bounded = |score: f64| (0.0..=5.0).contains(&score);
            assert!(
                protocol == Protocol::Official
                    || is_bounded(drawing.shape) && is_bounded(drawing.position)
            );
            is_read = true;
        }
        is_read |= read_description(protocol, text).judgement().is_some();
        is_read |= read_overlay(protocol, text).judgement().is_some();
        for kind in [GeometryKind::Calculation, GeometryKind::Proof] {
            is_read |= read_solution(protocol, kind, text).judgement().is_some();
        }
        is_read |= read_explanation(protocol, text).judgement().is_some();
        is_read |= read_state(protocol, text).judgement().is_some();
    }
    let _ = final_choice(text);
    let _ = answered_moves(text);
    let _ = render_summary(text);
    is_read | PythonValue::parse(text).is_ok() | ChatReply::of_body(text).is_ok()
}

/// Answer files of MME, MMVP, DPG-Bench, POPE and MMMU.
pub fn benchmark(input: &[u8]) -> bool {
    let [first, second] = parts(input);
    let first = scratch::file("existence.txt", first);
    let second = scratch::file("second.json", second);
    let of_folder = first.parent().is_some_and(|folder| mme::read(folder).is_ok());
    of_folder
        | mmvp::read(&first).is_ok()
        | dpg::read(&first, None).is_ok()
        | pope::read(&first, None, &second).is_ok()
        | mmmu::read(&first, &second).is_ok()
}

/// Masses; or a description, and the array that it names `attention.npy`.
pub fn attention(input: &[u8]) -> bool {
    let [description, array] = parts(input);
    if array.is_empty() {
        return read_stored(&scratch::file("masses.jsonl", description), None).is_ok();
    }
    scratch::file("attention.npy", array);
    read_stored(&scratch::file("attention.toml", description), None).is_ok()
}
