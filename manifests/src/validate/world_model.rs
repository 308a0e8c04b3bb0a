//! What a well-formed world model must still fulfil: bounds, finite numbers, parts that fit together.

use super::{Findings, MAX_VALUES, product};
use crate::document::Place;
use crate::{Conditioning, Predictor, TargetTokens, Teacher, WorldModel, WorldModelEncoder};
use std::collections::BTreeSet;

/// Most predictions in one call.
const MAX_BATCH: u32 = 4096;
/// Most numbers of an action.
const MAX_SCALARS: usize = 256;

impl Findings {
    pub(crate) fn world_model(&mut self, model: &WorldModel, place: &Place) {
        self.id(&model.id, place.key("id"));
        self.text(&model.name, place.key("name"), "`name`");
        self.text(&model.family, place.key("family"), "`family`");
        self.world_model_encoder(&model.encoder, &place.key("encoder"));
        if let Some(teacher) = &model.teacher {
            self.teacher(teacher, &place.key("teacher"));
        }
        self.predictor(&model.predictor, &model.encoder, &place.key("predictor"));
    }

    fn world_model_encoder(&mut self, encoder: &WorldModelEncoder, place: &Place) {
        self.input(&encoder.input, &place.key("input"));
        self.text(&encoder.tokens, place.key("tokens"), "`tokens`");
        self.range(encoder.channels, 1..=1 << 20, place.key("channels"), "`channels`");
        self.range(encoder.skip, 0..=4096, place.key("skip"), "`skip`");
        let [rows, columns] = encoder.grid;
        let (width, height) = encoder.input.resize.output_size();
        let fits = (1..=height).contains(&rows) && (1..=width).contains(&columns);
        self.check(fits, place.key("grid"), || {
            format!("a grid of {rows} rows x {columns} columns cannot come from {height} x {width} of input")
        });
        let is_bytes = !matches!(encoder.input.resize, crate::Resize::FloatStretch { .. });
        self.check(is_bytes, place.key("input").key("resize"), || {
            "augmentations work on 8-bit images, and `float-stretch` makes none: take another `mode`".to_owned()
        });
        let tokens = product([rows, columns]).saturating_add(encoder.skip.into());
        let values = product([encoder.input.batch, encoder.channels]).saturating_mul(tokens);
        self.check(values <= MAX_VALUES, place.key("channels"), || {
            format!("the tokens of a batch are {values} values, more than {MAX_VALUES}; check `channels`, `grid`, `batch`")
        });
    }

    fn teacher(&mut self, teacher: &Teacher, place: &Place) {
        for (name, key) in [(&teacher.input, "input"), (&teacher.tokens, "tokens")] {
            if let Some(name) = name {
                self.text(name, place.key(key), &format!("`{key}`"));
            }
        }
    }

    fn predictor(&mut self, predictor: &Predictor, encoder: &WorldModelEncoder, place: &Place) {
        self.range(predictor.batch, 1..=MAX_BATCH, place.key("batch"), "`batch`");
        self.text(&predictor.output, place.key("output"), "`output`");
        let action = predictor.action.as_ref().map(|action| &action.tensor);
        let inputs = [
            (Some(&predictor.tokens), place.key("tokens")),
            (action, place.key("action").key("tensor")),
            (predictor.positions.as_ref(), place.key("positions")),
        ];
        let mut seen = BTreeSet::new();
        for (name, place) in inputs {
            let Some(name) = name else { continue };
            self.text(name, place.clone(), "the name of an input");
            self.check(seen.insert(name.as_str()), place, || {
                format!("two inputs of the predictor are called `{name}`")
            });
        }
        let needs_action = predictor.conditioning != Conditioning::None;
        self.check(!needs_action || predictor.action.is_some(), place.key("conditioning"), || {
            format!(
                "a predictor with conditioning `{}` needs an input `action`",
                predictor.conditioning.as_str()
            )
        });
        self.action(predictor, place);
        if let TargetTokens::LayerNorm { epsilon } = predictor.targets {
            let is_small = epsilon.is_finite() && (0.0..1.0).contains(&epsilon);
            self.check(is_small, place.key("targets").key("epsilon"), || {
                format!("`epsilon` must be at least 0 and less than 1, not {epsilon}")
            });
        }
        let values =
            product([predictor.batch, encoder.channels]).saturating_mul(product(encoder.grid));
        self.check(values <= MAX_VALUES, place.key("batch"), || {
            format!("one call gives {values} values, more than {MAX_VALUES}; make `batch` smaller")
        });
    }

    fn action(&mut self, predictor: &Predictor, place: &Place) {
        let Some(action) = &predictor.action else { return };
        let place = place.key("action").key("scalar");
        let count = action.scalars.len();
        self.check((1..=MAX_SCALARS).contains(&count), place.clone(), || {
            format!("an action has 1 to {MAX_SCALARS} scalars, not {count}")
        });
        for (index, scalar) in action.scalars.iter().enumerate() {
            self.divisor(scalar.scale, place.index(index).key("scale"), "`scale`");
        }
    }
}
