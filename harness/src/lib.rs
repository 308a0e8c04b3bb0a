//! retally: re-runs what a paper claims.
