//! Programs that misbehave: each comes to an end, and to a word about it.

use std::{fs, path::Path, time::Duration};

use xtask::process::{End, Finished, Run};

/// Runs a shell script with half a second's limit.
fn shell(script: &str) -> Finished {
    let arguments = vec!["-c".into(), script.into()];
    let limit = Duration::from_millis(500);
    Run {
        program: Path::new("/bin/sh"),
        arguments,
        folder: Path::new("/"),
        environment: Vec::new(),
        limit,
        stdin: Vec::new(),
        within: None,
    }
    .finish()
    .unwrap()
}

#[test]
fn a_code_and_both_outputs_come_back() {
    let finished = shell("echo out; echo err >&2; exit 7");
    assert_eq!((finished.end, finished.stdout.as_str(), finished.stderr.as_str()), (End::Exited(7), "out\n", "err\n"));
}

/// As by a child that another thread began while the program was copied, and that has not become a program of its own yet.
#[test]
fn a_program_that_somebody_may_still_write_is_waited_for_and_not_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("true");
    fs::copy("/bin/true", &program).unwrap();
    let run = || Run {
        program: &program,
        arguments: Vec::new(),
        folder: Path::new("/"),
        environment: Vec::new(),
        limit: Duration::from_secs(10),
        stdin: Vec::new(),
        within: None,
    };
    let writer = fs::File::options().append(true).open(&program).unwrap();
    let error = run().finish().unwrap_err();
    assert!(format!("{error:#}").contains("Text file busy"), "{error:#}");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            drop(writer);
        });
        assert_eq!(run().finish().unwrap().end, End::Exited(0));
    });
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
