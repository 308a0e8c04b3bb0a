//! Generated images that come in groups, so that a score needs not keep them.

use crate::failure::Failure;
use crate::images::reader::ImageSource;
use retally_manifests::Digest;
use std::ops::Range;

/// Generated images, group after group. A group is named by the range of its samples.
pub trait SampleStream: Send {
    /// What makes them, for messages and the record.
    fn title(&self) -> &str;

    /// The groups, in order, without gaps; a group is never empty.
    fn groups(&self) -> Vec<Range<usize>>;

    /// The digests of a group's images, where they are known from an earlier run: if their network outputs are stored,
    /// the images are not asked for.
    ///
    /// # Errors
    /// If what is stored cannot be read.
    fn digests(&mut self, group: &Range<usize>) -> Result<Option<Vec<Digest>>, Failure>;

    /// The images of a group.
    ///
    /// # Errors
    /// If they cannot be made; an interruption.
    fn images(&mut self, group: &Range<usize>) -> Result<Box<dyn ImageSource>, Failure>;

    /// Called when the network outputs of a group are stored: its images are needed no more.
    ///
    /// # Errors
    /// If the digests cannot be kept.
    fn finished(&mut self, group: &Range<usize>, digests: &[Digest]) -> Result<(), Failure>;
}
