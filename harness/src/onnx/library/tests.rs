use super::*;
use crate::onnx::testing::library;

fn location(path: &Path) -> LibraryLocation {
    LibraryLocation { path: path.to_owned(), source: LibrarySource::Option }
}

#[test]
fn the_option_goes_before_the_variable() {
    let option = Path::new("option");
    let variable = || Some(OsString::from("variable"));
    let chosen = LibraryLocation::choose(Some(option), variable()).unwrap();
    assert_eq!((chosen.path.as_path(), chosen.source), (option, LibrarySource::Option));
    let chosen = LibraryLocation::choose(None, variable()).unwrap();
    assert_eq!(
        (chosen.path.as_path(), chosen.source),
        (Path::new("variable"), LibrarySource::Environment)
    );
    assert_eq!(LibraryLocation::choose(None, None), None);
    assert_eq!(LibraryLocation::choose(None, Some(OsString::new())), None);
}

#[test]
fn the_record_names_version_build_and_digest() {
    let record = library().record();
    let numbers: Vec<u32> =
        record.version.split('.').map(|number| number.parse().unwrap()).collect();
    assert!(
        numbers.len() == 3 && numbers[0] == 1 && numbers[1] >= OLDEST_MINOR,
        "{}",
        record.version
    );
    assert!(record.build.starts_with("ORT Build Info"), "{}", record.build);
    assert!(record.path.is_absolute());
    assert_eq!(record.sha256, Digest::of_file(&record.path).unwrap());
}

#[test]
fn the_same_library_may_be_asked_for_again_and_another_may_not() {
    let loaded = library();
    let again = Library::load(&location(&loaded.record().path)).unwrap();
    assert!(std::ptr::eq(loaded, again));
    let place = tempfile::tempdir().unwrap();
    let other = place.path().join("libonnxruntime.so");
    std::fs::write(&other, b"other").unwrap();
    let error = Library::load(&location(&other)).unwrap_err();
    assert!(matches!(error, LibraryError::AlreadyLoaded { .. }), "{error}");
    assert!(!error.is_temporary());
}

#[cfg(unix)]
#[test]
fn a_link_to_the_loaded_library_is_the_loaded_library() {
    let place = tempfile::tempdir().unwrap();
    let link = place.path().join("libonnxruntime.so");
    std::os::unix::fs::symlink(&library().record().path, &link).unwrap();
    assert!(std::ptr::eq(Library::load(&location(&link)).unwrap(), library()));
}

#[test]
fn missing_files_and_folders_are_told_apart() {
    let place = tempfile::tempdir().unwrap();
    let error = Library::load(&location(&place.path().join("nothing"))).unwrap_err();
    assert!(error.to_string().contains("(named by --onnxruntime) does not exist"), "{error}");
    let error = Library::load(&location(place.path())).unwrap_err();
    assert!(error.to_string().contains("give the library file itself"), "{error}");
    let inside_a_file = place.path().join("file");
    std::fs::write(&inside_a_file, b"").unwrap();
    let error = Library::load(&location(&inside_a_file.join("below"))).unwrap_err();
    assert!(matches!(error, LibraryError::NotFound { .. }), "{error}");
}

#[test]
fn what_the_loader_says_is_kept() {
    let path = Path::new("library");
    let old = ort::LoadDynamicError::BadVersion {
        version_str: "1.22.1".to_owned(),
        path: path.to_owned(),
    };
    let message = refused(path, old).to_string();
    assert!(
        message.starts_with("`library` is ONNX Runtime 1.22.1; 1.24 or newer is needed"),
        "{message}"
    );
    let foreign = ort::LoadDynamicError::MissingApi { path: path.to_owned() };
    assert!(refused(path, foreign).to_string().contains("does not export `OrtGetApiBase`"));
}
