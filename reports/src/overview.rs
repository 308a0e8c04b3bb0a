//! The report as one short Markdown page: what is claimed and found, with links to the drawings and tables beside it.

use crate::number::{fixed, typographic};
use crate::picture::PictureFile;
use crate::summary;
use crate::table::markdown::escape;
use crate::words;
use retally_suites::evaluation::{EvaluatedDerivedClaim, EvaluatedSuite};
use std::fmt::Write as _;

/// The page. All text of the suite is escaped, as in [`crate::table::markdown`].
pub(crate) fn markdown(suite: &EvaluatedSuite, pictures: &[Option<PictureFile>]) -> String {
    let mut out = format!("# {}\n\n", escape(&suite.name));
    for paper in suite.paper.iter().chain(&suite.further_papers) {
        let _ = writeln!(
            out,
            "{}. {}. {}, {}.\n",
            escape(&paper.authors),
            escape(&paper.title),
            escape(&paper.identifier),
            escape(&paper.venue)
        );
    }
    let _ = writeln!(out, "{}\n\n{}", escape(&suite.summary), summary::measured_sentence(suite));
    if let Some(sentence) = summary::secondary_sentence(suite) {
        let _ = writeln!(out, "\n**Secondary.** {sentence}");
    }
    push_figures(&mut out, suite);
    push_pictures(&mut out, suite, pictures);
    push_correlations(&mut out, suite);
    push_derived(&mut out, suite);
    push_reachability(&mut out, suite);
    push_tables(&mut out, suite);
    push_list(&mut out, "Traps", &suite.traps);
    push_list(&mut out, "Not known", &suite.unknown);
    out
}

fn push_figures(out: &mut String, suite: &EvaluatedSuite) {
    for (index, figure) in suite.figures.iter().enumerate() {
        out.push_str(if index == 0 { "\n## Figures\n" } else { "" });
        let caption = escape(&words::caption(&figure.label, &figure.title));
        let _ = write!(out, "\n![{caption}](figures/{}.png)\n\n{caption}\n", figure.id);
    }
}

fn push_pictures(out: &mut String, suite: &EvaluatedSuite, pictures: &[Option<PictureFile>]) {
    for (index, (picture, file)) in suite.pictures.iter().zip(pictures).enumerate() {
        out.push_str(if index == 0 { "\n## Pictures\n" } else { "" });
        let caption = escape(&words::caption(&picture.label, &picture.title));
        let _ = match file {
            Some(_) => write!(
                out,
                "\n![{}](pictures/{}.png)\n\n{caption}\n",
                escape(&picture.alt),
                picture.id
            ),
            None => write!(out, "\n{caption} {}\n", summary::missing_picture(suite)),
        };
    }
}

fn push_correlations(out: &mut String, suite: &EvaluatedSuite) {
    let claims: Vec<_> =
        suite.figures.iter().flat_map(|figure| figure.panels()).map(|p| &p.correlation).collect();
    if claims.is_empty() {
        return;
    }
    out.push_str(
        "\n## Correlations\n\n| | n | r | printed r | verdict | |\n|:--|--:|--:|--:|:--|:--|\n",
    );
    for claim in claims {
        let _ = writeln!(
            out,
            "| {}: {} against {} | {} | {} | {} | {} | {} |",
            escape(&claim.figure),
            escape(&summary::key_words(&claim.y)),
            escape(&summary::key_words(&claim.x)),
            summary::known_points(claim),
            typographic(&summary::coefficient(claim)),
            escape(&typographic(&summary::printed_coefficient(claim))),
            claim.verdict.map(words::verdict_word).unwrap_or_default(),
            escape(&claim.explanation)
        );
    }
}

fn push_derived(out: &mut String, suite: &EvaluatedSuite) {
    for (index, group) in suite.derived.iter().enumerate() {
        out.push_str(if index == 0 { "\n## Derived numbers\n" } else { "" });
        let caption = escape(&words::caption(&group.label, &group.title));
        let _ = write!(
            out,
            "\n{caption}\n\n| | stated | recomputed | from | verdict | |\n|:--|--:|--:|:--|:--|:--|\n"
        );
        group.claims.iter().for_each(|claim| push_claim(out, claim));
    }
}

fn push_claim(out: &mut String, claim: &EvaluatedDerivedClaim) {
    let marks: String = claim.inputs.iter().map(|input| words::mark(*input)).collect();
    let recomputed =
        claim.recomputed.map(|value| format!("{}{marks}", fixed(value, claim.decimals)));
    let stated = format!("{}{}", words::reported_text(&claim.stated), words::marks(&claim.stated));
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} |",
        escape(&claim.subject),
        escape(&typographic(&stated)),
        typographic(&recomputed.unwrap_or_default()),
        escape(&claim.formula),
        words::verdict_word(claim.verdict),
        escape(&claim.explanation)
    );
}

fn push_reachability(out: &mut String, suite: &EvaluatedSuite) {
    for (index, check) in suite.reachability.iter().enumerate() {
        out.push_str(if index == 0 { "\n## Reachability\n" } else { "" });
        let caption = escape(&words::caption(&check.label, &check.title));
        let counts = escape(&summary::reach_counts(check));
        let _ = write!(out, "\n{caption} {counts}\n");
        for (index, finding) in check.findings.iter().enumerate() {
            out.push_str(if index == 0 { "\n| | printed | |\n|:--|--:|:--|\n" } else { "" });
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                escape(&finding.subject),
                escape(&format!("{}{}", finding.stated.text, words::marks(&finding.stated))),
                escape(&summary::reach_sentence(finding))
            );
        }
    }
}

fn push_tables(out: &mut String, suite: &EvaluatedSuite) {
    for (index, table) in suite.tables.iter().enumerate() {
        out.push_str(if index == 0 { "\n## Tables\n\n" } else { "" });
        let caption = escape(&words::caption(&table.label, &table.title));
        let _ = writeln!(out, "- [{caption}](tables/{}.md)", table.id);
    }
}

fn push_list(out: &mut String, heading: &str, items: &[String]) {
    for (index, item) in items.iter().enumerate() {
        if index == 0 {
            let _ = write!(out, "\n## {heading}\n\n");
        }
        let _ = writeln!(out, "- {}", escape(item));
    }
}
