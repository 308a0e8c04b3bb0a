//! What an answer set with planted mistakes must score: arithmetic on the list of mistakes, which no scorer takes part in.

/// An answer of several units (moves, or frames), and which of them are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlantedAnswer {
    /// Units of the right answer; those of the given answer are as many.
    pub units: usize,
    /// How many of them are wrong.
    pub wrong: usize,
}

/// Mean over answers of the share of right units, in percent: a `|step` column.
///
/// `None` without answers, or where an answer has no unit or more wrong ones than it has.
#[must_use]
pub fn planted_step_percent(answers: &[PlantedAnswer]) -> Option<f64> {
    let shares: Option<Vec<f64>> = answers.iter().map(right_share).collect();
    let shares = shares.filter(|shares| !shares.is_empty())?;
    Some(100.0 * shares.iter().sum::<f64>() / shares.len() as f64)
}

/// Share of answers without a wrong unit, in percent: a `|sample` column.
///
/// `None` without answers.
#[must_use]
pub fn planted_sample_percent(answers: &[PlantedAnswer]) -> Option<f64> {
    let right = answers.iter().filter(|answer| answer.wrong == 0).count();
    (!answers.is_empty()).then(|| 100.0 * right as f64 / answers.len() as f64)
}

fn right_share(answer: &PlantedAnswer) -> Option<f64> {
    let right = answer.units.checked_sub(answer.wrong)?;
    (answer.units > 0).then(|| right as f64 / answer.units as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_pencil_and_paper() {
        let answers = [(4, 1), (2, 0), (5, 5)].map(|(units, wrong)| PlantedAnswer { units, wrong });
        assert_eq!(planted_step_percent(&answers), Some(100.0 * 1.75 / 3.0));
        assert_eq!(planted_sample_percent(&answers), Some(100.0 / 3.0));
        assert_eq!(planted_step_percent(&[]), None);
        assert_eq!(planted_sample_percent(&[]), None);
        assert_eq!(planted_step_percent(&[PlantedAnswer { units: 0, wrong: 0 }]), None);
        assert_eq!(planted_step_percent(&[PlantedAnswer { units: 1, wrong: 2 }]), None);
    }
}
