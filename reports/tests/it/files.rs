//! What is written where, and what is refused before anything is written.

use crate::fixture::{measured_suite, panels, printed_suite};
use retally_reports::{ReportError, RunFiles, write_report};
use retally_suites::evaluation::EvaluatedSuite;
use std::path::Path;

fn files_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => names.extend(files_below(&path)),
            false => names.push(path.display().to_string()),
        }
    }
    names.sort();
    names
}

#[test]
fn a_report_has_a_page_figures_and_tables_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/report");
    let written = write_report(&measured_suite(), RunFiles::default(), &out).unwrap();
    let mut listed: Vec<_> = [&written.page, &written.overview]
        .into_iter()
        .chain(&written.derived)
        .chain(&written.reachability)
        .chain(&written.figures)
        .chain(&written.tables)
        .collect();
    listed.sort();
    assert_eq!(
        files_below(folder.path()),
        listed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
    );
    let names: Vec<_> =
        listed.iter().map(|path| path.strip_prefix(&out).unwrap().display().to_string()).collect();
    assert_eq!(
        names,
        [
            "derived.csv",
            "figures/figure-4-dark.png",
            "figures/figure-4-dark.svg",
            "figures/figure-4.png",
            "figures/figure-4.svg",
            "reachability.csv",
            "report.html",
            "report.md",
            "tables/table-2.csv",
            "tables/table-2.md",
            "tables/table-2.tex",
        ]
    );
}

#[test]
fn writing_again_replaces_files_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let read = || {
        files_below(folder.path())
            .into_iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect::<Vec<_>>()
    };
    write_report(&measured_suite(), RunFiles::default(), folder.path()).unwrap();
    let first = read();
    write_report(&measured_suite(), RunFiles::default(), folder.path()).unwrap();
    assert!(read() == first);
}

#[cfg(unix)]
#[test]
fn others_may_read_a_report_where_the_umask_lets_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let written = write_report(&printed_suite(), RunFiles::default(), folder.path()).unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&written.page), mode(&plain));
}

#[test]
fn bad_suites_are_refused_before_anything_is_written() {
    type Case = (fn(&mut EvaluatedSuite), fn(&ReportError) -> bool);
    let unsafe_id: fn(&ReportError) -> bool = |error| matches!(error, ReportError::UnsafeId { .. });
    let cases: [Case; 10] = [
        (|s| s.tables[0].id = "../../escape".into(), unsafe_id),
        (|s| s.figures[0].id = "/etc/passwd".into(), unsafe_id),
        (|s| s.figures[0].id = "..".into(), unsafe_id),
        (|s| s.pictures[0].id = "../gallery".into(), unsafe_id),
        (|s| s.id = "a\" onload=\"x".into(), unsafe_id),
        (|s| s.tables[0].rows[0].cells[0].as_mut().unwrap().id = "a b".into(), unsafe_id),
        (
            |s| s.tables.push(s.tables[0].clone()),
            |error| matches!(error, ReportError::DuplicateId { .. }),
        ),
        (
            |s| {
                s.figures.push(s.figures[0].clone());
                s.figures[1].id = "figure-4-dark".into();
            },
            |error| matches!(error, ReportError::DuplicateId { .. }),
        ),
        (
            |s| _ = s.tables[0].rows[1].cells.pop(),
            |error| matches!(error, ReportError::RaggedRow { .. }),
        ),
        (
            |s| panels(&mut s.figures[0])[0].points[0].x = f64::NAN,
            |error| matches!(error, ReportError::NotDrawable { .. }),
        ),
    ];
    for (number, (edit, expected)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let mut suite = measured_suite();
        edit(&mut suite);
        let error = write_report(&suite, RunFiles::default(), folder.path()).unwrap_err();
        assert!(expected(&error), "case {number}: {error}");
        assert!(files_below(folder.path()).is_empty(), "case {number} wrote files");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error =
        write_report(&printed_suite(), RunFiles::default(), &file.join("report")).unwrap_err();
    assert!(error.to_string().contains("file/report"), "{error}");
}
