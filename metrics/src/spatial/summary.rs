//! From images to a data set.

use super::{ImageScores, SpatialOptions, SrssAbsence};
use crate::statistics::mean_estimate;
use crate::{Absence, AbsenceReason, Measurement, Unit};
use std::collections::BTreeMap;

/// Mean over images of LDS, CDS, SRSS and RMSC, each with its 95 % Student-t interval over images.
///
/// n is the number of images that count: all for LDS, CDS and RMSC; those with a value for SRSS, whose method says why
/// the others have none. A metric without any value is absent. The method states every constant.
#[must_use]
pub fn summarise(images: &[ImageScores], options: &SpatialOptions) -> Vec<Measurement> {
    let definition = options.definition;
    let common = "mean over images; unit tokens, cosine, Manhattan distance d in token steps";
    let all = |value: fn(&ImageScores) -> f64| images.iter().map(value).collect::<Vec<_>>();
    vec![
        mean(
            "LDS",
            &all(|image| image.lds.get()),
            format!(
                "iREPA {definition}: near 1 <= d <= {}, far d >= {}; {common}",
                options.lds_near, options.lds_far
            ),
        ),
        mean(
            "CDS",
            &all(|image| image.cds.get()),
            format!(
                "iREPA {definition}: minus the least-squares slope over d = 1..{}; {common}",
                options.cds_reach
            ),
        ),
        srss(images, options, common),
        mean("RMSC", &all(|image| image.rmsc.get()), format!("iREPA {definition}; {common}")),
    ]
}

fn srss(images: &[ImageScores], options: &SpatialOptions, common: &str) -> Measurement {
    let values: Vec<f64> = images.iter().filter_map(|image| Some(image.srss.ok()?.get())).collect();
    let left_out = left_out(images);
    let SpatialOptions { definition, srss_near, srss_far, kept_images, .. } = options;
    let mut method = format!(
        "iREPA {definition}: positives 1 <= d <= {srss_near}, negatives d >= {srss_far}; images kept with object share \
         >= {} and background share >= {} of the tokens; {common}",
        kept_images.minimum_foreground_share, kept_images.minimum_background_share
    );
    if !left_out.is_empty() {
        method.push_str(&format!("; left out: {left_out}"));
    }
    if values.is_empty() && !images.is_empty() {
        let without_masks = images.iter().all(|image| image.srss == Err(SrssAbsence::NoMask));
        let reason =
            if without_masks { AbsenceReason::MissingInput } else { AbsenceReason::Undefined };
        let detail = format!("no image has a value: {left_out}");
        return Measurement::absent("SRSS", Unit::None, 0, method, Absence::new(reason, detail));
    }
    mean("SRSS", &values, method)
}

/// `3 images (no mask), 1 image (no anchor)`; empty if every image counts.
fn left_out(images: &[ImageScores]) -> String {
    let mut counts: BTreeMap<SrssAbsence, usize> = BTreeMap::new();
    images
        .iter()
        .filter_map(|image| image.srss.err())
        .for_each(|absence| *counts.entry(absence).or_default() += 1);
    let describe = |(absence, count)| {
        format!("{count} image{} ({absence})", if count == 1 { "" } else { "s" })
    };
    counts.into_iter().map(describe).collect::<Vec<_>>().join(", ")
}

fn mean(metric: &str, values: &[f64], method: String) -> Measurement {
    let n = values.len() as u64;
    match mean_estimate(values, 0.95) {
        Ok(estimate) => Measurement::of(metric, estimate.mean, Unit::None, n, method)
            .with_interval(estimate.interval),
        Err(absence) => Measurement::absent(metric, Unit::None, n, method, absence),
    }
}
