//! The retrieval gallery of IWM's Figure 1: for some actions the view that was asked for, and the one that was found.

use super::job::Ranked;
use super::views::ViewMaker;
use crate::failure::Failure;
use crate::images::augment::PhotometricParameters;
use crate::images::raster::Rgb;
use crate::pipeline::Samples;
use retally_manifests::{Conditioning, WorldModel};
use retally_reports::sheet::{Sheet, SheetRow, Tile};
use retally_suites::miniature::RetrievalPlan;

/// Actions shown of each image.
const ACTIONS: usize = 3;
/// Width that a view is enlarged to, at least.
const TILE: usize = 120;

/// What a gallery shows: the first images, and of each a few actions, with what each world model found.
pub(crate) struct Gallery<'a> {
    /// Views at the size of the first world model.
    pub(crate) views: &'a ViewMaker,
    pub(crate) samples: &'a Samples,
    /// Indices of the images among the samples.
    pub(crate) images: &'a [usize],
    pub(crate) models: Vec<(&'a WorldModel, &'a Ranked)>,
    pub(crate) plan: &'a RetrievalPlan,
}

impl Gallery<'_> {
    /// Draws `count` images, spread over those that were ranked, as PNG.
    ///
    /// # Errors
    /// If an image cannot be read, or the sheet cannot be drawn.
    pub(crate) fn draw(&self, count: usize) -> Result<Vec<u8>, Failure> {
        let count = count.clamp(1, self.images.len());
        let rows = (0..count).map(|row| self.row(row * self.images.len() / count));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let width = rows.iter().flat_map(|row| row.tiles.iter().flatten()).map(|tile| tile.width);
        let zoom = TILE.div_ceil(width.max().unwrap_or(1).max(1)).max(1);
        Ok(Sheet { headings: self.headings(), rows, zoom }.png()?)
    }

    fn headings(&self) -> Vec<String> {
        let mut headings = vec!["source".to_owned()];
        for _ in 0..ACTIONS {
            // An empty column keeps the actions apart.
            headings.extend([String::new(), "asked for".to_owned()]);
            headings.extend(self.models.iter().map(
                |(model, _)| match model.predictor.conditioning {
                    Conditioning::None => "not conditioned".to_owned(),
                    Conditioning::Feature | Conditioning::Sequence => "conditioned".to_owned(),
                },
            ));
        }
        headings
    }

    fn row(&self, place: usize) -> Result<SheetRow, Failure> {
        let index = self.images[place];
        let key = self.samples.infos()[index].key.as_str();
        let clean = self.views.clean(&self.samples.read(index)?)?;
        let mut tiles = vec![Some(tile(&clean, String::new()))];
        let queries =
            self.models.first().map_or(0, |(_, ranked)| ranked.images[place].queries.len());
        for action in 0..ACTIONS.min(queries) {
            // The first queries: no better and no worse than others.
            let asked = self.models[0].1.images[place].queries[action];
            let view = |number: usize| {
                let parameters = self.views.parameters(key, number, self.plan.direction);
                (parameters.apply(&clean), parameters)
            };
            let (pixels, parameters) = view(asked);
            tiles.extend([None, Some(tile(&pixels, words(&parameters)))]);
            for (_, ranked) in &self.models {
                let image = &ranked.images[place];
                let (pixels, _) = view(image.nearest[action]);
                let placement = image.placements[action];
                let rank = placement.rank(retally_metrics::retrieval::TieRule::MidRank);
                tiles.push(Some(tile(&pixels, format!("rank {rank}"))));
            }
        }
        Ok(SheetRow { label: Vec::new(), tiles })
    }
}

fn tile(image: &Rgb, caption: String) -> Tile {
    Tile { width: image.width(), height: image.height(), pixels: image.values().to_vec(), caption }
}

/// What is done to a view, as short as it can be told: `b+0.3 c−0.1 h+0.05`. What nobody would see is left out.
fn words(parameters: &PhotometricParameters) -> String {
    let factors = [
        ("b", parameters.brightness.get() - 1.0),
        ("c", parameters.contrast.get() - 1.0),
        ("s", parameters.saturation.get() - 1.0),
    ];
    let seen = factors.iter().filter(|(_, change)| change.abs() >= 0.05);
    let mut words: Vec<String> = seen.map(|(name, change)| format!("{name}{change:+.1}")).collect();
    let turn = parameters.hue.get();
    if turn.abs() >= 0.005 {
        words.push(format!("h{turn:+.2}"));
    }
    let flags = [
        ("blur", parameters.blur.is_some()),
        ("grey", parameters.grayscale),
        ("solarized", parameters.solarize.is_some()),
    ];
    words.extend(flags.into_iter().filter(|(_, done)| *done).map(|(name, _)| name.to_owned()));
    words.join(" ").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::augment::{Factor, Turns};

    #[test]
    fn changes_are_told_in_few_words() {
        let parameters = PhotometricParameters {
            brightness: Factor::new(1.31).unwrap(),
            contrast: Factor::new(0.8).unwrap(),
            saturation: Factor::new(1.04).unwrap(),
            hue: Turns::new(-0.07).unwrap(),
            grayscale: true,
            ..PhotometricParameters::default()
        };
        assert_eq!(words(&parameters), "b+0.3 c−0.2 h−0.07 grey");
        assert_eq!(words(&PhotometricParameters::default()), "");
    }
}
