//! The content of a built-in suite or protocol cannot move without a new version.

use retally_suites::Suite;
use retally_suites::generation::GenerationProtocol;
use retally_suites::lock::{Lock, LockedKind};
use retally_suites::probes::ProbeProtocol;

#[test]
fn every_builtin_suite_is_locked() {
    let lock = Lock::builtin().unwrap();
    let problems: Vec<String> = Suite::builtin_ids()
        .filter_map(|id| {
            let suite = Suite::builtin(id).unwrap();
            let version = suite.definition().version;
            lock.check(LockedKind::Suite, id, version, suite.content_digest()).err()
        })
        .collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_builtin_protocol_is_locked() {
    let lock = Lock::builtin().unwrap();
    let problems: Vec<String> = GenerationProtocol::builtin_ids()
        .filter_map(|id| {
            let protocol = GenerationProtocol::builtin(id).unwrap();
            let content = GenerationProtocol::content_digest(id).unwrap();
            lock.check(LockedKind::Protocol, id, protocol.version, &content).err()
        })
        .collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_builtin_probe_is_locked() {
    let lock = Lock::builtin().unwrap();
    let problems: Vec<String> = ProbeProtocol::builtin_ids()
        .filter_map(|id| {
            let protocol = ProbeProtocol::builtin(id).unwrap();
            let content = ProbeProtocol::content_digest(id).unwrap();
            lock.check(LockedKind::Probe, id, protocol.version, &content).err()
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
    assert_eq!(
        message,
        "there is no suite `irpea`; the suites are: aia, irepa, iwm, ldae, starter"
    );
}
