//! Versions of a paper: which one prints a cell.

use crate::cells::Cell;
use crate::schema::Definition;

/// For each cell the position of its version in the definition: the first one with whose beginning its source begins.
pub(crate) fn of(definition: &Definition, cells: &[Cell]) -> Vec<Option<usize>> {
    let version = |cell: &Cell| {
        definition.versions.iter().position(|version| {
            version.sources.iter().any(|beginning| cell.source.starts_with(beginning.as_str()))
        })
    };
    cells.iter().map(version).collect()
}

/// The cells of one place that versions print differently: (version, position of the cell), the oldest version first.
/// Empty unless two versions print it.
pub(crate) fn in_conflict(versions: &[Option<usize>], printed: &[usize]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for &cell in printed {
        let Some(version) = versions.get(cell).copied().flatten() else { continue };
        if !found.iter().any(|(known, _)| *known == version) {
            found.push((version, cell));
        }
    }
    found.sort_unstable();
    if found.len() > 1 { found } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::in_conflict;

    #[test]
    fn a_conflict_needs_two_versions() {
        let versions = [Some(1), Some(0), None, Some(1)];
        assert_eq!(in_conflict(&versions, &[0, 1]), [(0, 1), (1, 0)]);
        assert_eq!(in_conflict(&versions, &[0, 1, 2, 3]), [(0, 1), (1, 0)]);
        for alone in [&[0_usize][..], &[0, 2], &[0, 3], &[], &[2]] {
            assert!(in_conflict(&versions, alone).is_empty(), "{alone:?}");
        }
    }
}
