//! Claims for the files of CI: a few plain ones, hostile ones, and random ones.

use proptest::prelude::*;
use retally_reports::CheckedClaims;
use retally_suites::claims::{Claim, ClaimKind, ClaimPlace, ClaimState};

/// One claim of each state.
pub(crate) fn plain() -> Vec<Claim> {
    let claim = |name: &str, state, word: &str| Claim {
        word: word.to_owned(),
        expected: Some("0.319539".to_owned()),
        source: Some("retally 0.1.0".to_owned()),
        measured: Some(0.569539),
        difference: Some(0.25),
        band: Some(0.0001),
        explanation: "Off by 2.500e-1: outside the band.".to_owned(),
        place: Some(ClaimPlace { file: "recorded.csv".to_owned(), line: 2 }),
        ..Claim::new(ClaimKind::Cell, ["encoders", "Starter table 1"], [name, name], state)
    };
    vec![
        claim("Net, LDS", ClaimState::Fails, "outside-worse"),
        claim("Net, CDS", ClaimState::Holds, "identical"),
        claim("Net, SRSS", ClaimState::NotJudged, "not-run"),
        claim("Net, RMSC", ClaimState::Remark, "within-budget"),
    ]
}

/// Every text is an attack on one of the formats.
pub(crate) fn hostile() -> Vec<Claim> {
    let text = "a\u{1b}[31m\n::error::x%0A,:|`<script>@everyone&amp;]]>\u{0}\u{fffe}\u{ffff}\r\n## x **b** [l](http://e) $x$ ~~s~~ :smile:";
    let mut claims = plain();
    for claim in &mut claims {
        claim.name = text.to_owned();
        claim.group_label = text.to_owned();
        claim.word = text.to_owned();
        claim.explanation = text.to_owned();
        claim.source = Some(text.to_owned());
        claim.expected = Some(text.to_owned());
        claim.unit = text.to_owned();
        claim.place = Some(ClaimPlace { file: text.to_owned(), line: 1 });
    }
    claims
}

/// A check of these claims.
pub(crate) fn checked(claims: &[Claim]) -> CheckedClaims<'_> {
    CheckedClaims {
        suite: "starter",
        version: 2,
        answer: "not as claimed",
        exit_code: 1,
        claims,
        folder: "suites/starter",
    }
}

/// Any claims.
pub(crate) fn any() -> impl Strategy<Value = Vec<Claim>> {
    let text = || proptest::collection::vec(proptest::char::any(), 0..30);
    let state = prop_oneof![
        Just(ClaimState::Fails),
        Just(ClaimState::Holds),
        Just(ClaimState::Remark),
        Just(ClaimState::NotJudged)
    ];
    let number = || proptest::option::of(-1e9_f64..1e9);
    let claim = (state, text(), text(), text(), 0_usize..3, number(), number());
    let claim = claim.prop_map(|(state, name, word, why, group, measured, band)| {
        let [name, word, why] = [name, word, why].map(String::from_iter::<Vec<char>>);
        let group = ["encoders", "figure-4", "inputs"][group];
        Claim {
            word,
            explanation: why,
            measured,
            difference: measured,
            band,
            ..Claim::new(ClaimKind::Cell, [group, group], [&name, &name], state)
        }
    });
    proptest::collection::vec(claim, 0..60)
}
