//! Programs that misbehave: each comes to an end, and to a word about it.

use std::{fs, path::Path, time::Duration};

use xtask::{
    driver::{Fault, Workload},
    process::{End, Finished, Run},
};

/// Runs a shell script with half a second's limit.
fn shell(script: &str) -> Finished {
    let arguments = vec!["-c".into(), script.into()];
    let limit = Duration::from_millis(500);
    Run { program: Path::new("/bin/sh"), arguments, folder: Path::new("/"), environment: Vec::new(), limit }.finish().unwrap()
}

#[test]
fn a_code_and_both_outputs_come_back() {
    let finished = shell("echo out; echo err >&2; exit 7");
    assert_eq!((finished.end, finished.stdout.as_str(), finished.stderr.as_str()), (End::Exited(7), "out\n", "err\n"));
}

#[test]
fn a_crash_is_told_by_its_signal() {
    assert_eq!(shell("kill -SEGV $$").end, End::Signalled(11));
}

#[test]
fn a_hang_is_stopped_and_told_what_it_did() {
    let finished = shell("echo before; sleep 1000; true");
    assert_eq!(finished.end, End::TimedOut);
    assert_eq!(finished.stdout, "before\n");
    let did = finished.doing.join("\n");
    assert!(did.contains("`sh` waited for a child process") && did.contains("`sleep` slept"), "{did}");
}

#[test]
fn nothing_of_the_group_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    let finished = shell(&format!("sleep 1000 & echo $! > {}; wait", note.display()));
    assert_eq!(finished.end, End::TimedOut);
    let pid = fs::read_to_string(note).unwrap();
    // It was sent the signal, and needs a moment to die of it; then it may be a zombie until whoever adopted it reaps it.
    let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let gone = (0..1_000).any(|_| {
        std::thread::yield_now();
        state().is_empty() || state().contains(") Z ")
    });
    assert!(gone, "the grandchild lives on: {}", state());
}

#[test]
fn a_flood_is_stopped_and_its_beginning_and_end_are_kept() {
    let finished =
        shell("echo first; while :; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; done");
    assert!(matches!(finished.end, End::Flooded | End::TimedOut), "{:?}", finished.end);
    assert!(finished.stdout.starts_with("first\n"));
    assert!(finished.stdout.len() < 200_000, "{} bytes are kept", finished.stdout.len());
    assert!(finished.stdout.contains("bytes left out"));
}

#[test]
fn what_the_runner_knows_is_not_passed_on() {
    // Cargo has set it for this test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(shell("echo \"[$CARGO_MANIFEST_DIR]\"").stdout, "[]\n");
}

/// What a workload that is this script is blamed for.
fn blamed_for(script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("workload");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let error = Workload::start(&program, None, &[], Duration::from_millis(500)).unwrap_err();
    error.downcast::<Fault>().unwrap().to_string()
}

#[test]
fn a_workload_that_prints_rubbish_is_named_for_it() {
    assert_eq!(blamed_for("read line; echo rubbish; read line"), "it answered hello with what is not an answer: rubbish");
}

#[test]
fn a_workload_that_dies_is_told_with_its_last_words() {
    assert_eq!(blamed_for("read line; echo 'no disk' >&2; exit 3"), "it ended with exit status: 3 during hello\nno disk");
}

#[test]
fn a_workload_that_hangs_is_stopped() {
    let blame = blamed_for("read line; read line");
    assert!(blame.starts_with("it did not answer hello within 0.5 s\nthread "), "{blame}");
}

#[test]
fn a_workload_that_claims_a_time_or_another_protocol_is_refused() {
    let blame = blamed_for("read line; echo '{\"done\":{\"seconds\":0.001}}'; read line");
    assert!(blame.starts_with("it answered hello with"), "{blame}");
    let hello = r#"{"hello":{"protocol":99,"spec":{"name":"x","size_unit":"y","cost_unit":null,"axis":"threads","quick":1,"full":1},"contenders":[]}}"#;
    assert_eq!(blamed_for(&format!("read line; echo '{hello}'; read line")), "it speaks protocol 99, and this runner protocol 1");
}
