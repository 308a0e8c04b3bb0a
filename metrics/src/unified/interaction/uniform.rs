//! What attention that is spread evenly would give: the baseline beside a measured intensity.

use super::{InteractionError, Spans};

/// Which keys a query could attend to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// A query sees itself and what comes before it.
    Causal {
        /// Position, among the keys, of the first row of the query axis.
        first_query: usize,
        /// Keys that no query sees.
        padding: Option<Spans>,
    },
    /// A query sees all keys.
    Full {
        /// Keys that no query sees.
        padding: Option<Spans>,
    },
}

impl Visibility {
    fn padding(&self) -> Option<&Spans> {
        match self {
            Self::Causal { padding, .. } | Self::Full { padding } => padding.as_ref(),
        }
    }

    /// Position of the first row of the query axis; 0 where it means nothing.
    #[must_use]
    pub fn first_query(&self) -> usize {
        match self {
            Self::Causal { first_query, .. } => *first_query,
            Self::Full { .. } => 0,
        }
    }

    /// Position of a query among the keys.
    #[must_use]
    pub fn position(&self, query: usize) -> usize {
        self.first_query().saturating_add(query)
    }

    /// One past the last key that a query may attend to, of `key_count`.
    #[must_use]
    pub fn end(&self, query: usize, key_count: usize) -> usize {
        match self {
            Self::Causal { .. } => self.position(query).saturating_add(1).min(key_count),
            Self::Full { .. } => key_count,
        }
    }
}

/// The intensity of uniform causal attention: `conditioning` tokens (S) and `others` first, then `queries`, each of which attends evenly to itself and to all
/// before it.
///
/// I = (1/Q) Σ_{q=1}^{Q} T / (T + O + q) = (T/Q) (H_{T+O+Q} − H_{T+O}). A fraction; closed form of papers/aia. `None` without queries.
#[must_use]
pub fn uniform_causal(conditioning: u64, others: u64, queries: u64) -> Option<f64> {
    if queries == 0 {
        return None;
    }
    let before = conditioning as f64 + others as f64;
    // From the smallest term, so that no digit is lost.
    let harmonic: f64 = (1..=queries).rev().map(|query| 1.0 / (before + query as f64)).sum();
    Some(conditioning as f64 / queries as f64 * harmonic)
}

/// The intensity of attention that each query spreads evenly over the keys that it sees: mean over `queries` (rows of the query axis) of |S ∩ visible| / |visible|.
///
/// # Errors
/// [`InteractionError::SeesNothing`] for a query without a visible key.
pub fn uniform_over_visible(
    queries: &Spans,
    keys: &Spans,
    key_count: usize,
    visibility: &Visibility,
) -> Result<f64, InteractionError> {
    let share = |query: usize| {
        let end = visibility.end(query, key_count);
        let padding = visibility.padding();
        let hidden = padding.map_or(0, |padding| padding.count_below(end));
        let hidden_keys = padding.map_or(0, |padding| padding.count_shared_below(keys, end));
        match end - hidden {
            0 => Err(InteractionError::SeesNothing { query }),
            visible => Ok((keys.count_below(end) - hidden_keys) as f64 / visible as f64),
        }
    };
    let mut sum = 0.0;
    for query in queries.ranges().iter().cloned().flatten() {
        sum += share(query)?;
    }
    Ok(sum / queries.count() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_is_that_of_the_reference_data() {
        // papers/aia, fixture-uniform-attention.
        for (conditioning, queries, printed) in [
            (16, 576, 0.0995),
            (64, 576, 0.2551),
            (256, 576, 0.5232),
            (577, 64, 0.9475),
            (577, 16, 0.9855),
        ] {
            let value = uniform_causal(conditioning, 0, queries).unwrap();
            assert_eq!((value * 10_000.0).round() / 10_000.0, printed);
            // The general mean on the same layout.
            let (text, image) = (conditioning as usize, queries as usize);
            let keys = Spans::one(0..text, "keys").unwrap();
            let rows = Spans::one(0..image, "queries").unwrap();
            let visibility = Visibility::Causal { first_query: text, padding: None };
            let general = uniform_over_visible(&rows, &keys, text + image, &visibility).unwrap();
            assert!((general - value).abs() < 1e-13, "{general} {value}");
        }
        assert_eq!(uniform_causal(3, 0, 0), None);
        assert_eq!(uniform_causal(0, 5, 7), Some(0.0));
        // One query after two keys of S and one other: it sees four.
        assert_eq!(uniform_causal(2, 1, 1), Some(0.5));
    }

    #[test]
    fn padding_is_not_seen() {
        let keys = Spans::one(1..3, "keys").unwrap();
        let rows = Spans::one(0..2, "queries").unwrap();
        let padding = Some(Spans::one(0..2, "padding").unwrap());
        let full = Visibility::Full { padding: padding.clone() };
        assert_eq!(uniform_over_visible(&rows, &keys, 4, &full), Ok(0.5));
        let causal = Visibility::Causal { first_query: 2, padding: padding.clone() };
        // Row 0 sees key 2 alone, which is in S; row 1 sees keys 2 and 3.
        assert_eq!(uniform_over_visible(&rows, &keys, 4, &causal), Ok(0.75));
        let early = Visibility::Causal { first_query: 1, padding };
        let error = uniform_over_visible(&rows, &keys, 4, &early);
        assert_eq!(error, Err(InteractionError::SeesNothing { query: 0 }));
    }
}
