//! The one distinction that exit codes make between failures.

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Will never work as it is: wrong content, wrong manifest, a missing program. Exit code 2.
    Invalid,
    /// May work later: network, disk. Exit code 3.
    Temporary,
}
