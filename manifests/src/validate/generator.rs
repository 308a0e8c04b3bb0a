//! What a well-formed generator must still fulfil.

use super::Findings;
use crate::Generator;
use crate::document::Place;

impl Findings {
    pub(crate) fn generator(&mut self, generator: &Generator, place: &Place) {
        self.id(&generator.id, place.key("id"));
        self.text(&generator.name, place.key("name"), "`name`");
        self.text(&generator.family, place.key("family"), "`family`");
    }
}
