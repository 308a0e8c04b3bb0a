//! `retally score interaction`.

use super::correlation::details;
use super::detailed::DetailedReport;
use crate::cli::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::interaction::{Collected, ModelRuntime, ModelUsed, collect};
use crate::onnx::device::Device;
use clap::Args;
use retally_metrics::statistics::{Correlation, CorrelationOptions};
use retally_metrics::unified::interaction::{
    CurveOptions, CurveSummary, InteractionTask, curve_correlation,
};
use retally_metrics::{Absence, Measurement, Unit};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct InteractionArguments {
    /// Descriptions of attention in array files or of an ONNX model (`.toml`, `.json`), masses (`.jsonl`), or folders of them (docs/interaction.md).
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// The L of the AIA loss, a layer from 0 (paper: 29 for Janus-Pro, 30 for Emu3). Default: the last layer.
    #[arg(long, value_name = "LAYER")]
    last_layer: Option<usize>,
    /// How far the sum of a row of attention may be from 1. Default: 4 units of roundoff of its number type, at least 1e-5.
    #[arg(long, value_name = "X")]
    tolerance: Option<f64>,
    /// Where models run that descriptions name: `cpu`, `cuda:N`, or `cuda:local`: the GPU that torchrun or a Slurm step has chosen.
    #[arg(long, default_value = "cpu", value_name = "DEVICE", value_parser = crate::cli::device::device)]
    device: Device,
    /// Cores that models use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Seed of the correlation's bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// What stands beside the measurements.
#[derive(Debug, Serialize)]
struct InteractionDetails {
    /// The curve of each direction that there are samples of.
    curves: Vec<CurveSummary>,
    /// Whose ranges were averaged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slices: Vec<&'static str>,
    /// Everything about the correlation of the two curves.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<Correlation>,
    /// Models that computed attention, with what decides its bits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<ModelUsed>,
}

pub(super) fn run(
    arguments: &InteractionArguments,
    context: &Context,
) -> Result<Document, Failure> {
    if let Some(tolerance) = arguments.tolerance.filter(|value| !(0.0..1.0).contains(value)) {
        return Err(Failure::invalid(format_args!(
            "--tolerance {tolerance} is no distance from 1: give a number from 0 up to 1"
        )));
    }
    let (device, threads) = (arguments.device, arguments.threads);
    let runtime = ModelRuntime { context, device, threads };
    let collected = collect(&arguments.inputs, arguments.tolerance, runtime)?;
    let curves = curves(&collected, CurveOptions { last_layer: arguments.last_layer })?;
    let mut measurements: Vec<Measurement> =
        curves.iter().flat_map(|curve| curve.measurements().iter().cloned()).collect();
    let mut notes = notes(&collected);
    let mut correlation = None;
    if let [generation, understanding] = curves.as_slice() {
        let options = CorrelationOptions { seed: arguments.seed, ..CorrelationOptions::default() };
        match curve_correlation(generation, understanding, options) {
            Ok(found) => {
                measurements.extend(found.measurements().into_iter().map(named));
                correlation = Some(found);
                notes.push(
                    "the correlation of the curves over layers is our addition: AIA states it without a number. Neighbouring layers are not independent, so its \
                     intervals are too narrow"
                        .to_owned(),
                );
            }
            Err(absence) => measurements.extend(absent(&absence, generation.layers.len())),
        }
    }
    let extra = correlation.as_ref().map_or(String::new(), details);
    let Collected { slices, models, .. } = collected;
    let slices = slices.into_iter().collect();
    let details = InteractionDetails { curves, slices, correlation, models };
    DetailedReport { measurements, notes, details }.document(&extra)
}

fn curves(collected: &Collected, options: CurveOptions) -> Result<Vec<CurveSummary>, Failure> {
    let mut curves = Vec::new();
    for task in InteractionTask::ALL {
        let samples = collected.of_task(task);
        if !samples.is_empty() {
            curves.push(CurveSummary::of(&samples, options)?);
        }
    }
    Ok(curves)
}

fn named(measurement: Measurement) -> Measurement {
    let metric = format!("{}|T2I,I2T", measurement.metric);
    let method = format!("{} of the mean curves over layers, ours", measurement.method);
    Measurement { metric, method, ..measurement }
}

fn absent(absence: &Absence, layers: usize) -> [Measurement; 2] {
    ["pearson|T2I,I2T", "spearman|T2I,I2T"].map(|metric| {
        const METHOD: &str = "correlation of the mean curves over layers, ours";
        Measurement::absent(metric, Unit::None, layers as u64, METHOD, absence.clone())
    })
}

fn notes(collected: &Collected) -> Vec<String> {
    let mut notes = Vec::new();
    let rules: Vec<&str> = collected.slices.iter().copied().collect();
    if rules.len() > 1 {
        notes.push(format!("samples differ in whose ranges were averaged: {}", rules.join(", ")));
    } else if let Some(rule) = rules.iter().find(|rule| ["plots", "trainer"].contains(rule)) {
        notes.push(format!(
            "ranges of the released code (`{rule}`), which are not those of the definition"
        ));
    }
    notes
}
