//! Whose rules a score of Uni-MMMU follows.

/// The rules of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// What the released script of Uni-MMMU does (Vchitect/Uni-MMMU at b5200b2), its faults included.
    Official,
    /// The same rules with the faults mended.
    Fixed,
}

impl Protocol {
    /// Both, in the order in which they are printed.
    pub const ALL: [Self; 2] = [Self::Official, Self::Fixed];

    /// The name on the command line and in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Fixed => "fixed",
        }
    }
}
