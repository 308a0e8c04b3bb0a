//! Tables in every format.

use crate::fixture::{HOSTILE, hostile_suite, measured_suite, printed_suite, versioned_table};
use retally_reports::table::csv::csv;
use retally_reports::table::latex::latex;
use retally_reports::table::markdown::markdown;
use retally_reports::table::terminal::terminal;
use retally_suites::evaluation::{Bound, Provenance};

#[test]
fn printed_table() {
    let table = &printed_suite().tables[0];
    insta::assert_snapshot!("printed_markdown", markdown(table));
    insta::assert_snapshot!("printed_latex", latex("paper", table));
    insta::assert_snapshot!("printed_csv", csv(table).unwrap());
    insta::assert_snapshot!("printed_terminal", terminal(table));
}

#[test]
fn measured_table() {
    let table = &measured_suite().tables[0];
    insta::assert_snapshot!("measured_markdown", markdown(table));
    insta::assert_snapshot!("measured_latex", latex("paper", table));
    insta::assert_snapshot!("measured_csv", csv(table).unwrap());
    insta::assert_snapshot!("measured_terminal", terminal(table));
}

#[test]
fn csv_reads_back_as_the_cells() {
    for suite in [measured_suite(), hostile_suite()] {
        let table = &suite.tables[0];
        let text = csv(table).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers().unwrap().clone();
        let field = |record: &csv::StringRecord, name: &str| {
            record[headers.iter().position(|header| header == name).unwrap()].to_owned()
        };
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        let cells: Vec<_> = table.rows.iter().flat_map(|row| row.cells.iter().flatten()).collect();
        assert_eq!(records.len(), cells.len());
        for (record, cell) in records.iter().zip(cells) {
            let reported = cell.reported.as_ref().map_or("", |value| value.text.as_str());
            assert_eq!(field(record, "reported"), reported);
            assert_eq!(field(record, "unknown").is_empty(), cell.unknown.is_none());
            let measured = cell.measured.as_ref().and_then(retally_metrics::Measurement::value);
            assert_eq!(field(record, "measured").parse().ok(), measured);
            assert_eq!(field(record, "difference").parse().ok(), cell.difference);
        }
    }
}

#[test]
fn text_of_a_suite_cannot_break_out_of_a_markdown_cell() {
    let table = &hostile_suite().tables[0];
    let text = markdown(table);
    assert!(!text.contains("<script>") && !text.contains("[x](y)") && !text.contains('\u{1b}'));
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 2 + table.rows.len());
    assert!(rows.iter().all(|line| columns(line) == columns(rows[0])));
}

#[test]
fn text_of_a_suite_cannot_run_latex() {
    let text = latex("paper", &hostile_suite().tables[0]);
    assert_eq!(text.matches("\\end{table}").count(), 1);
    assert!(!text.contains(HOSTILE) && !text.contains(" & 100"));
    let rows = text.lines().filter(|line| line.ends_with("\\\\"));
    let separators = |line: &str| line.replace("\\&", "").matches('&').count();
    // Heading with spans, parts, rows.
    assert_eq!(rows.map(separators).collect::<Vec<_>>(), [3, 6, 6, 6, 6]);
}

#[test]
fn text_of_a_suite_cannot_move_the_cursor() {
    assert!(!terminal(&hostile_suite().tables[0]).contains('\u{1b}'));
}

#[test]
fn measured_columns_appear_only_where_something_was_measured() {
    let head = |text: String| text.lines().find(|line| line.starts_with("| |")).unwrap().to_owned();
    assert_eq!(
        head(markdown(&printed_suite().tables[0])),
        "| | gFID ↓ | accuracy (%) ↑ | params (M) |"
    );
    assert_eq!(
        head(markdown(&measured_suite().tables[0])),
        "| | gFID ↓ printed | gFID ↓ measured | gFID ↓ difference | gFID ↓ verdict | accuracy (%) ↑ | params (M) |"
    );
}

#[test]
fn what_is_not_known_is_a_word_and_a_reason_and_never_a_number() {
    let table = &printed_suite().tables[0];
    let reason = "The summary leaves it out.";
    let remark = format!("Unknown, A + iREPA w/o L_FreqFM (params): {reason}");
    let text = markdown(table);
    assert!(text.contains("| unknown |") && text.contains(&remark.replace('_', "\\_")), "{text}");
    let text = latex("paper", table);
    assert!(text.contains(" & unknown \\\\") && text.contains(reason), "{text}");
    assert!(terminal(table).contains("unknown"));
    let line = csv(table).unwrap();
    let line = line.lines().find(|line| line.contains(reason)).unwrap();
    assert!(line.starts_with("table-2,A|+iREPA w/o L_FreqFM,params,million,neutral,,,"), "{line}");
}

#[test]
fn a_bound_keeps_its_sign() {
    let mut table = printed_suite().tables.remove(0);
    let cell = table.rows[0].cells[1].as_mut().unwrap();
    cell.reported.as_mut().unwrap().bound = Some(Bound::Below);
    assert!(markdown(&table).contains("| &lt; 71.7‡ |"));
    assert!(latex("paper", &table).contains("\\textless{} 71.7"));
    assert!(terminal(&table).contains("< 71.7‡"));
    assert!(csv(&table).unwrap().contains(",71.7,<,,digitised,"));
}

#[test]
fn a_derived_number_carries_the_mark_of_what_it_was_derived_from() {
    let mut table = printed_suite().tables.remove(0);
    let cell = table.rows[1].cells[0].as_mut().unwrap();
    cell.reported.as_mut().unwrap().basis = Some(Provenance::Secondary);
    table.rows.truncate(2);
    assert!(markdown(&table).contains("| −0.50§† |"));
    assert!(markdown(&table).contains("† secondary: from a public summary"));
    assert!(latex("paper", &table).contains("\\textsuperscript{\\S{}\\dag{}}"));
    assert!(terminal(&table).contains("−0.50§†"));
    assert!(csv(&table).unwrap().contains(",-0.50,,,derived,secondary,"));
}

#[test]
fn versions_stand_side_by_side_with_their_marks() {
    let table = versioned_table();
    let markdown = markdown(&table);
    assert!(markdown.contains("| A | P1 43.3 / P5 43.1\\#× |"), "{markdown}");
    assert!(markdown.contains("× constant: as the paper prints it"), "{markdown}");
    let reason = "No count of 150 pairs gives it, rounded or cut off: 64 give less, 65 give more.";
    assert!(markdown.contains(&format!("A, accuracy, 43.1: {reason}")), "{markdown}");
    assert!(markdown.contains("Constant, accuracy: Nothing gives it."), "{markdown}");
    let latex = latex("paper", &table);
    assert!(latex.contains("P1 43.3 / P5 43.1\\#\\textsuperscript{$\\times$}"), "{latex}");
    let source = "arXiv:0000.00000v1 Table 2";
    let expected =
        format!(",P1: 43.3 ({source}); P5: 43.1 ({source}),unreachable,Nothing gives it.,");
    let csv = csv(&table).unwrap();
    assert!(csv.contains(&expected), "{csv}");
    assert!(terminal(&table).contains("P1 43.3 / P5 43.1#×"));
}
