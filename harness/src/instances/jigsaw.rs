//! Jigsaws: a picture cut into three by three patches, of which the centre one is to be chosen.

mod cut;
mod files;
mod pictures;
mod scene;

pub(super) use files::{answer_pictures, files, metadata};
pub(super) use pictures::Pictures;
