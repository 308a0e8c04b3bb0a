//! The content of a built-in suite cannot move without a new version.

use retally_suites::Suite;
use retally_suites::lock::Lock;

#[test]
fn every_builtin_suite_is_locked() {
    let lock = Lock::builtin().unwrap();
    let problems: Vec<String> = Suite::builtin_ids()
        .filter_map(|id| {
            let suite = Suite::builtin(id).unwrap();
            lock.check(id, suite.definition().version, suite.content_digest()).err()
        })
        .collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_builtin_ids_are_those_of_the_files() {
    for id in Suite::builtin_ids() {
        assert_eq!(Suite::builtin(id).unwrap().id(), id);
    }
    let message = Suite::builtin("irpea").unwrap_err().to_string();
    assert_eq!(message, "there is no suite `irpea`; the suites are: irepa, starter");
}
