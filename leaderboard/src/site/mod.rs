//! The static site: pages, data and a feed, without a clock, a server or anything from another place.
//!
//! Every address in it is relative, so that it works from a folder, under any path of a server, and as an archive. Names in
//! files come from digests and checked ids alone; texts of submitters are escaped by the only type that makes pages
//! (`markup::Markup`).

mod cells;
mod csv_file;
mod feed;
mod index_page;
mod json_files;
mod markup;
mod names;
mod page;
mod parts;
mod publish;
mod row_page;
mod submission_page;
mod suite_page;
mod text;

pub(crate) use names::slug;
pub use page::CONTENT_SECURITY_POLICY;
pub(crate) use publish::{ASIDE, WORK};
pub use publish::{MARKER, Published, SiteOptions, refuse_overlap, write_site};
