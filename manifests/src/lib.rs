//! Checksummed artifacts: manifests, sources, fetching and the content-addressed store.
