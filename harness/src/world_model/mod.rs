//! World models: do their predictors apply an action? A bank of augmented views of an image, the prediction for each view
//! from the clean image, and the rank of the view's own target.

mod action;
mod encoder;
mod gallery;
mod identity;
mod job;
mod networks;
mod predictor;
mod ranking;
mod target;
#[cfg(test)]
mod tests;
mod views;

pub(crate) use encoder::TokenEncoder;
pub(crate) use gallery::Gallery;
pub(crate) use identity::WorldModelIdentity;
pub(crate) use job::{Ranked, RetrievalJob};
pub(crate) use networks::{NetworkFile, WorldModelFiles};
pub(crate) use ranking::retrieval_method;
pub(crate) use views::ViewMaker;
