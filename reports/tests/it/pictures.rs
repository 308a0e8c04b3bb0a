//! Pictures of a run: inside the page, copied, and refused where they are not what they should be.

use crate::fixture::{hostile_suite, measured_suite, printed_suite};
use crate::page::check_tags;
use image::ExtendedColorType;
use image::ImageEncoder as _;
use image::codecs::png::PngEncoder;
use retally_reports::{MOST_BYTES, ReportError, ReportFiles, RunFiles, write_report};
use retally_suites::evaluation::EvaluatedSuite;
use std::path::Path;

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let pixels = vec![128; (width * height) as usize];
    PngEncoder::new(&mut file).write_image(&pixels, width, height, ExtendedColorType::L8).unwrap();
    file
}

/// Writes a report of `suite` for a run whose folder has this file as `gallery`.
fn report(suite: &EvaluatedSuite, picture: &[u8], out: &Path) -> Result<ReportFiles, ReportError> {
    let run = tempfile::tempdir().unwrap();
    std::fs::create_dir(run.path().join("pictures")).unwrap();
    std::fs::write(run.path().join("pictures/gallery.png"), picture).unwrap();
    write_report(suite, RunFiles { record: None, folder: Some(run.path()) }, out)
}

#[test]
fn a_picture_stands_in_the_page_and_beside_it() {
    let out = tempfile::tempdir().unwrap();
    let written = report(&measured_suite(), &png(3, 2), out.path()).unwrap();
    assert_eq!(std::fs::read(out.path().join("pictures/gallery.png")).unwrap(), png(3, 2));
    assert_eq!(written.pictures, [out.path().join("pictures/gallery.png")]);
    let page = std::fs::read_to_string(&written.page).unwrap();
    check_tags(&page);
    // The signature of every PNG file, in Base64.
    assert_eq!(page.matches("<img src=\"data:image/png;base64,iVBORw0KGgo").count(), 1);
    assert!(page.contains("alt=\"Three rows of three images\" width=\"3\" height=\"2\""));
    let overview = std::fs::read_to_string(&written.overview).unwrap();
    assert!(overview.contains("![Three rows of three images](pictures/gallery.png)"), "{overview}");
}

#[test]
fn a_report_into_the_folder_of_the_run_keeps_the_picture() {
    let run = tempfile::tempdir().unwrap();
    std::fs::create_dir(run.path().join("pictures")).unwrap();
    let path = run.path().join("pictures/gallery.png");
    std::fs::write(&path, png(5, 5)).unwrap();
    let files = RunFiles { record: None, folder: Some(run.path()) };
    write_report(&measured_suite(), files, run.path()).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), png(5, 5));
}

#[test]
fn what_is_not_there_is_said() {
    let (out, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let written = write_report(&printed_suite(), RunFiles::default(), out.path()).unwrap();
    for file in [&written.page, &written.overview] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("A run makes this picture"), "{}", file.display());
        assert!(!text.contains("<img") && !text.contains("pictures/gallery.png"));
    }
    let files = RunFiles { record: None, folder: Some(run.path()) };
    let written = write_report(&measured_suite(), files, out.path()).unwrap();
    let page = std::fs::read_to_string(&written.page).unwrap();
    assert!(page.contains("This run made no such picture."));
    assert!(written.pictures.is_empty());
}

#[test]
fn other_files_are_refused_before_anything_is_written() {
    let mut wide = png(1, 1);
    // The width in the header, and no longer its checksum; either is refused.
    wide[16..20].copy_from_slice(&0x7FFF_FFFF_u32.to_be_bytes());
    let large = vec![0; usize::try_from(MOST_BYTES).unwrap() + 1];
    for (bytes, expected) in [
        (b"GIF89a".as_slice(), "not a PNG file"),
        (b"".as_slice(), "not a PNG file"),
        (&png(16_385, 1), "16385 x 1 pixels"),
        (&wide, "not a PNG file"),
        (&large, "a picture of a report has at most 4194304"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let error = report(&measured_suite(), bytes, out.path()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("gallery.png"), "{error}");
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_not_followed() {
    let (run, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(run.path().join("pictures")).unwrap();
    std::fs::write(run.path().join("elsewhere.png"), png(1, 1)).unwrap();
    std::os::unix::fs::symlink("../elsewhere.png", run.path().join("pictures/gallery.png"))
        .unwrap();
    let files = RunFiles { record: None, folder: Some(run.path()) };
    let error = write_report(&measured_suite(), files, out.path()).unwrap_err().to_string();
    assert!(error.contains("expected a plain file"), "{error}");
}

#[test]
fn text_of_a_picture_stays_text() {
    let out = tempfile::tempdir().unwrap();
    let written = report(&hostile_suite(), &png(1, 1), out.path()).unwrap();
    let page = std::fs::read_to_string(&written.page).unwrap();
    check_tags(&page);
    assert_eq!(page.matches("<script>").count(), 1, "only the page's own script");
    let overview = std::fs::read_to_string(&written.overview).unwrap();
    assert!(!overview.contains("<script>") && !overview.contains("[x](y)"));
}
