//! Leaderboards: ranks with ties, a static site, and a server that accepts submissions. What a submission is, and whether
//! it holds, is known by `retally-submissions` and by the harness; here checked entries are compared and shown.
