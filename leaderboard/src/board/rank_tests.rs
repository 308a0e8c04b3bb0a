use super::*;
use proptest::prelude::*;
use retally_metrics::Finite;

fn interval(low: f64, high: f64) -> Interval {
    Interval {
        low: Finite::new(low).unwrap(),
        high: Finite::new(high).unwrap(),
        level: 0.95,
        method: "student-t".to_owned(),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn scores(set: usize, values: Vec<f64>) -> PairedScores {
    PairedScores { set, values }
}

fn of_scores(scores: &PairedScores) -> Option<Candidate<'_>> {
    Some(Candidate { value: mean(&scores.values), interval: None, scores: Some(scores) })
}

fn of_interval(interval: &Interval) -> Option<Candidate<'_>> {
    let value = (interval.low.get() + interval.high.get()) / 2.0;
    Some(Candidate { value, interval: Some(interval), scores: None })
}

fn ranks(candidates: &[Option<Candidate<'_>>], direction: Direction) -> Vec<Option<usize>> {
    let standings = standings(candidates, direction).unwrap();
    standings.into_iter().map(|standing| standing.and_then(|standing| standing.rank)).collect()
}

#[test]
fn a_small_steady_difference_counts_and_a_large_unsteady_one_does_not() {
    let spread: Vec<f64> = (0..100).map(|i| f64::from(i % 10)).collect();
    let steady =
        spread.iter().enumerate().map(|(i, s)| s + 0.01 + 0.001 * (i % 3) as f64).collect();
    let unsteady =
        spread.iter().enumerate().map(|(i, s)| s + if i % 2 == 0 { 9.0 } else { -8.9 }).collect();
    let (base, steady, unsteady) = (scores(0, spread), scores(0, steady), scores(0, unsteady));
    let entries = [of_scores(&base), of_scores(&steady), of_scores(&unsteady)];
    assert_eq!(ranks(&entries, Direction::HigherIsBetter), [Some(2), Some(1), Some(1)]);
    assert_eq!(ranks(&entries, Direction::LowerIsBetter), [Some(1), Some(2), Some(1)]);
    assert_eq!(ranks(&entries, Direction::Neutral), [None; 3]);
}

#[test]
fn without_common_samples_intervals_decide() {
    let (low, middle, high) = (interval(0.0, 1.0), interval(0.9, 2.0), interval(1.5, 3.0));
    let entries = [of_interval(&low), of_interval(&middle), of_interval(&high), None];
    let found = standings(&entries, Direction::HigherIsBetter).unwrap();
    // Ties are not transitive: low ties with middle, middle with high, and high is better than low.
    let rank_and_ties: Vec<_> = found
        .iter()
        .map(|standing| standing.map(|standing| (standing.rank, standing.ties)))
        .collect();
    assert_eq!(rank_and_ties, [Some((Some(2), 1)), Some((Some(1), 2)), Some((Some(1), 1)), None]);
    assert!(
        found.iter().flatten().all(|standing| standing.by_intervals == 2 && standing.paired == 0)
    );
}

#[test]
fn scores_of_other_samples_are_not_paired() {
    let (a, b) = (scores(0, vec![1.0, 2.0, 3.0]), scores(1, vec![2.0, 3.0, 4.0]));
    let found = standings(&[of_scores(&a), of_scores(&b)], Direction::HigherIsBetter).unwrap();
    // No intervals either: nothing says whether the difference is real, so neither has a rank.
    assert!(found.iter().flatten().all(|s| s.rank.is_none() && s.not_comparable == 1));
    let alone = standings(&[of_scores(&a)], Direction::HigherIsBetter).unwrap();
    assert_eq!(alone[0].unwrap().rank, Some(1));
}

#[test]
fn equal_results_are_one_hypothesis_and_tie() {
    let base: Vec<f64> = (0..20).map(|i| f64::from(i % 7)).collect();
    let better: Vec<f64> =
        base.iter().enumerate().map(|(i, b)| b + 0.1 + 0.15 * (i % 3) as f64).collect();
    let (base, better) = (scores(0, base), scores(0, better));
    let two = [of_scores(&base), of_scores(&better)];
    assert_eq!(ranks(&two, Direction::HigherIsBetter), [Some(2), Some(1)]);
    let mut many = vec![of_scores(&base); 500];
    many.push(of_scores(&better));
    let found = standings(&many, Direction::HigherIsBetter).unwrap();
    assert_eq!(found[500].unwrap().rank, Some(1), "copies make no test harder");
    assert_eq!((found[0].unwrap().rank, found[0].unwrap().ties), (Some(2), 499));
}

#[test]
fn a_value_that_contradicts_its_scores_wins_nothing() {
    let low = scores(0, vec![1.0, 1.1, 1.0, 1.1, 1.0, 1.1]);
    let high = scores(0, vec![2.0, 2.0, 2.1, 2.1, 2.0, 2.0]);
    let lying = Some(Candidate { value: 9.0, interval: None, scores: Some(&low) });
    assert_eq!(ranks(&[lying, of_scores(&high)], Direction::HigherIsBetter), [Some(1), Some(1)]);
}

prop_compose! {
    fn column()(
        base in prop::collection::vec(-3.0..3.0_f64, 10),
        entries in prop::collection::vec((0..3_usize, -2.0..2.0_f64, prop::collection::vec(-0.5..0.5_f64, 10)), 1..9),
    ) -> Vec<(PairedScores, Option<Interval>)> {
        entries.into_iter().map(|(set, shift, noise)| {
            let values: Vec<f64> = base.iter().zip(noise).map(|(b, n)| b + shift + n).collect();
            let centre = mean(&values);
            let interval = (set > 0).then(|| interval(centre - 0.5, centre + 0.5));
            (scores(set, values), interval)
        }).collect()
    }
}

fn candidates(column: &[(PairedScores, Option<Interval>)]) -> Vec<Option<Candidate<'_>>> {
    column
        .iter()
        .map(|(scores, interval)| {
            // Sets 0 and 1 have scores, set 2 only intervals.
            let scores_shown = (scores.set < 2).then_some(scores);
            let value = mean(&scores.values);
            Some(Candidate { value, interval: interval.as_ref(), scores: scores_shown })
        })
        .collect()
}

proptest! {
    #[test]
    fn order_of_entries_changes_nothing(column in column(), seed in any::<u64>()) {
        let found = standings(&candidates(&column), Direction::HigherIsBetter).unwrap();
        let mut order: Vec<usize> = (0..column.len()).collect();
        retally_metrics::random::Stream::new(seed, "order", 0).shuffle(&mut order);
        let shuffled: Vec<_> = order.iter().map(|&index| column[index].clone()).collect();
        let again = standings(&candidates(&shuffled), Direction::HigherIsBetter).unwrap();
        for (position, &index) in order.iter().enumerate() {
            prop_assert_eq!(again[position], found[index]);
        }
    }

    #[test]
    fn laws_of_ranks(column in column()) {
        let candidates = candidates(&column);
        let found = standings(&candidates, Direction::HigherIsBetter).unwrap();
        let others = column.len() - 1;
        for standing in found.iter().flatten() {
            prop_assert_eq!(standing.paired + standing.by_intervals + standing.not_comparable, others);
            prop_assert!(standing.rank.is_none_or(|rank| (1..=others + 1).contains(&rank)));
            prop_assert!(standing.ties <= others);
        }
        // Nobody is significantly better than the best of a column in which all can be compared.
        if found.iter().flatten().all(|standing| standing.not_comparable == 0) {
            let value = |index: &usize| candidates[*index].unwrap().value;
            let best = (0..found.len()).max_by(|a, b| value(a).total_cmp(&value(b))).unwrap();
            prop_assert_eq!(found[best].unwrap().rank, Some(1));
        }
        // Turning values and direction around changes nothing.
        let turned: Vec<(PairedScores, Option<Interval>)> = column
            .iter()
            .map(|(scores, bounds)| {
                let values = scores.values.iter().map(|value| -value).collect();
                let turned = bounds.as_ref().map(|i| interval(-i.high.get(), -i.low.get()));
                (PairedScores { set: scores.set, values }, turned)
            })
            .collect();
        let mirrored = standings(&self::candidates(&turned), Direction::LowerIsBetter).unwrap();
        prop_assert_eq!(mirrored, found);
    }
}
