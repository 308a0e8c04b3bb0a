//! Chat endpoints: a model behind any server that speaks the OpenAI chat-completions format, asked so that every answer can be
//! read again without it.
//!
//! A [`ChatRequest`] has a name, the SHA-256 of its canonical form: model, parameters, texts, digests of images. A [`ChatService`]
//! looks the name up in its [`Record`] first, asks the server only for what is not there, and stores every raw reply before
//! anybody sees it. So a run that was killed continues without asking twice, a replay needs no network, and neither the number
//! of threads nor the order of replies decides a result.
//!
//! The key of an endpoint is an [`ApiKey`]: it cannot be printed, and it is taken out of everything that a server says before that
//! is stored or shown.

mod address;
mod client;
mod concurrent;
mod error;
mod key;
mod parameters;
mod picture;
mod record;
mod reply;
mod request;
mod retry;
mod service;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use address::{EndpointAddress, PlainHttp};
pub use client::{ChatClient, ClientLimits};
pub(crate) use client::{asked_pause, may_pass, read_limited, shortened, sleep};
pub use concurrent::map_concurrently;
pub use error::EndpointError;
pub use key::ApiKey;
pub use parameters::{ChatParameters, Modality};
pub use picture::{LONGEST_SIDE, MediaType, Picture};
pub use record::{Exchange, Record};
pub use reply::{ChatReply, ReplyImage};
pub use request::{ChatRequest, Message, Part, Role};
pub use retry::RetrySchedule;
pub use service::{ChatService, KEY_VARIABLE};
pub use summary::{ServedModel, ServedReplies, ServiceSummary};
