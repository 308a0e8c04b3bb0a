//! Some samples of another set.

use super::{Catalogue, ImageSource, RawSample};
use crate::images::error::ImageError;

/// Some samples of a set, in an order of their own. Keys and numbers of classes are those of the whole set.
pub struct Selection {
    source: Box<dyn ImageSource>,
    indices: Vec<usize>,
    catalogue: Catalogue,
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Selection").field("count", &self.indices.len()).finish()
    }
}

impl Selection {
    /// The samples at `indices`.
    ///
    /// # Errors
    /// If there are none, one twice, or one that the set does not have.
    pub fn new(source: Box<dyn ImageSource>, indices: Vec<usize>) -> Result<Self, ImageError> {
        let catalogue = source.catalogue().selected(&indices)?;
        Ok(Self { source, indices, catalogue })
    }
}

impl ImageSource for Selection {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn read(&self, index: usize) -> Result<RawSample, ImageError> {
        self.catalogue.check(index)?;
        self.source.read(self.indices[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::reader::{Content, open_path};

    fn folder() -> (tempfile::TempDir, Box<dyn ImageSource>) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(folder.path().join(format!("{name}.png")), name).unwrap();
        }
        let source = open_path(folder.path()).unwrap();
        (folder, source)
    }

    #[test]
    fn samples_come_in_the_order_that_was_asked_for() {
        let (_folder, source) = folder();
        let some = Selection::new(source, vec![2, 0]).unwrap();
        let keys: Vec<_> = some.catalogue().samples().iter().map(|info| &info.key).collect();
        assert_eq!(keys, ["c.png", "a.png"]);
        assert_eq!(some.read(0).unwrap().content, Content::Encoded(b"c".to_vec()));
        assert!(some.read(2).is_err());
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for indices in [vec![], vec![3], vec![1, 1]] {
            let (_folder, source) = folder();
            assert!(Selection::new(source, indices.clone()).is_err(), "{indices:?}");
        }
    }
}
