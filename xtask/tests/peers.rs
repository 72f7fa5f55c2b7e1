//! Peers that are missing, wrong, or lie: each gets a word that names what it did, and none of them a figure.
//!
//! Everything here is a shell script: the course's workload, the Python interpreter, and the peers.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use lab::workload::Axis;
use tempfile::TempDir;
use xtask::{
    peers::{Peers, Places, Race},
    results::{Curves, PeerOutcome, PeerResult, Point},
};

/// The course's own workload: the digest of a right output is `00..ff`.
const WORKLOAD: &str = r#"#!/bin/sh
say() { echo "$key $1"; }
while read -r line; do case "$line" in
*'"hello"'*) key=${line##*'"key":"'}; key=${key%%\"*}; say '{"hello":{"protocol":1,"spec":{"name":"toy","size_unit":"things","cost_unit":null,"axis":"threads","quick":1,"full":2},"contenders":["baseline","submission"]}}' ;;
*'"prepare"'*) say '{"prepared":{"pid":1}}' ;;
*'"go"'*) say '{"done":{}}'; say '{"output":{"digest":"00000000000000ff"}}' ;;
*'"export"'*) file=${line##*'"file":"'}; echo 'the input' > "${file%\"\}}"; say '{"exported":{}}' ;;
*'"judge"'*) file=${line##*'"file":"'}; case "$(cat "${file%\",\"threads*}")" in
    right) say '{"output":{"digest":"00000000000000ff"}}' ;;
    wrong) say '{"output":{"digest":"0000000000000000"}}' ;;
    *) say '{"unreadable":"it says neither"}' ;;
    esac ;;
*'"quit"'*) exit 0 ;;
esac; done
"#;

/// A Python that has numpy 2.0.0 and runs shell scripts.
const INTERPRETER: &str = r#"#!/bin/sh
case "$1" in
-c) echo '{"python":"3.11.7","numpy":"2.0.0","dask":null}' ;;
*) exec sh "$1" ;;
esac
"#;

/// What a peer does at each request; a right one.
#[derive(Clone, Copy)]
struct Does<'a> {
    hello: &'a str,
    prepare: &'a str,
    go: &'a str,
    quit: &'a str,
}

const RIGHT: Does<'_> = Does {
    hello: r#"echo '{"peer":{"protocol":1,"version":"sh 1.0"}}'"#,
    prepare: r#"[ "$(cat "$input")" = 'the input' ] && echo '{"prepared":{"pid":1}}'"#,
    go: r#"echo '{"done":{}}'; echo right > "$output"; echo '{"written":{}}'"#,
    quit: "exit 0",
};

impl Does<'_> {
    fn script(&self) -> String {
        let Self { hello, prepare, go, quit } = self;
        format!(
            r#"while read -r line; do case "$line" in
*'"op":"hello"'*) {hello} ;;
*'"op":"prepare"'*)
    input=${{line##*'"input":"'}}; input=${{input%%\"*}}
    output=${{line##*'"output":"'}}; output=${{output%%\"*}}
    {prepare} ;;
*'"op":"go"'*) {go} ;;
*'"op":"quit"'*) {quit} ;;
esac; done
"#
        )
    }
}

/// A course with one peer, in a folder whose name has spaces.
struct Course {
    folder: TempDir,
    limit: Duration,
}

impl Course {
    fn new(declared: &str, script: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("a course ").tempdir().unwrap();
        let course = Self { folder, limit: Duration::from_secs(20) };
        course.file("workload", WORKLOAD);
        course.file("scratch/python/bin/python3", INTERPRETER);
        course.file("peers/python/requirements.txt", "# pinned\nnumpy==2.0.0\ndask==1.0 # a comment\n");
        course.file("peers/peer.sh", script);
        let peer = format!("[[peer]]\nexercise = \"toy\"\nlanguage = \"Python\"\nscript = \"peer.sh\"\n{declared}\n");
        course.file("peers/peers.toml", &(peer + "[[peer]]\nexercise = \"another\"\nname = \"other\"\nlanguage = \"Rust\"\n"));
        course
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Times the peers on 1 and 2 threads.
    fn measure(&self) -> (Vec<PeerResult>, Curves) {
        let [folder, scratch, workspace, target] = ["peers", "scratch", "", "target"].map(|name| self.path(name));
        let peers = Peers::find(Places { folder, scratch, workspace, target }).unwrap();
        let race = Race {
            exercise: "toy".into(),
            workload: self.path("workload"),
            size: 2,
            seed: 1,
            axis: Axis::InFlight,
            places: vec![1, 2],
            processes: 2,
            per_process: 2,
            patience: Duration::from_secs(60),
            limit: self.limit,
        };
        let baseline = vec![Point { threads: 1, samples: vec![1.0], per_process: 1 }];
        let contenders = BTreeMap::from([("baseline".to_owned(), baseline)]);
        let mut curves = Curves { size: 2, size_unit: "things".into(), axis: Axis::Threads, contenders, weak: None };
        let measured = peers.measure(&race, &mut curves).unwrap();
        (measured, curves)
    }
}

/// A peer called `sh` that does so: what came of it. It is a curve, or a word and no curve.
fn outcome(declared: &str, does: Does<'_>) -> PeerOutcome {
    let mut course = Course::new(&format!("name = \"sh\"\n{declared}"), &does.script());
    if does.script().contains("sleep 1000") {
        course.limit = Duration::from_secs(3);
    }
    let (peers, curves) = course.measure();
    let [peer] = &peers[..] else { panic!("not one peer: {peers:?}") };
    assert_eq!(peer.name, "sh");
    assert_eq!(curves.contenders.contains_key("sh"), peer.outcome == PeerOutcome::Measured, "{:?}", peer.outcome);
    peer.outcome.clone()
}

#[track_caller]
fn assert_error(does: Does<'_>, says: &str) {
    match outcome("", does) {
        PeerOutcome::Error(why) => assert!(why.contains(says), "{why}"),
        other => panic!("{other:?} where {says:?} was to be said"),
    }
}

#[track_caller]
fn assert_skipped(declared: &str, says: &[&str]) {
    match outcome(declared, RIGHT) {
        PeerOutcome::Skipped(why) => says.iter().for_each(|says| assert!(why.contains(says), "{why}")),
        other => panic!("{other:?} where {says:?} was to be said"),
    }
}

#[test]
fn a_right_peer_has_a_curve_and_its_start_up_stands_apart() {
    let course = Course::new("name = \"sh\"\npackages = [\"numpy\"]", &RIGHT.script());
    let (peers, curves) = course.measure();
    let [peer] = &peers[..] else { panic!("not one peer: {peers:?}") };
    assert_eq!(peer.outcome, PeerOutcome::Measured);
    assert_eq!(peer.version.as_deref(), Some("sh 1.0"));
    // Two processes for each of the two places, and one preparation that counts in each.
    assert_eq!((peer.start_up.len(), peer.prepare.len()), (4, 4));
    let samples: Vec<_> = curves.contenders["sh"].iter().map(|point| (point.threads, point.samples.len())).collect();
    assert_eq!(samples, [(1, 4), (2, 4)]);
    let left: Vec<_> = fs::read_dir(course.path("scratch")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["python"], "the files that were passed are gone");
}

#[test]
fn start_up_and_preparation_are_timed_by_the_runner() {
    let does = Does {
        hello: "sleep 0.2; echo '{\"peer\":{\"protocol\":1,\"version\":\"1\"}}'",
        prepare: "sleep 0.2; echo '{\"prepared\":{\"pid\":1}}'",
        ..RIGHT
    };
    let (peers, _) = Course::new("name = \"sh\"", &does.script()).measure();
    assert!(peers[0].start_up.iter().chain(&peers[0].prepare).all(|seconds| *seconds >= 0.2), "{peers:?}");
}

#[test]
fn a_missing_package_is_skipped_with_the_command_that_installs_it() {
    assert_skipped("packages = [\"dask\"]", &["dask is not installed", "pip install -r benches/peers/python/requirements.txt"]);
}

#[test]
fn a_package_in_another_version_is_skipped_with_both_versions() {
    let course = Course::new("name = \"sh\"\npackages = [\"numpy\", \"dask\"]", &RIGHT.script());
    course.file("peers/python/requirements.txt", "numpy==2.4.6\ndask==1.0\n");
    let (peers, curves) = course.measure();
    let PeerOutcome::Skipped(why) = &peers[0].outcome else { panic!("{peers:?}") };
    assert!(why.contains("numpy is 2.0.0 here, and requirements.txt asks for 2.4.6, dask is not installed"), "{why}");
    assert!(!curves.contenders.contains_key("sh"));
}

#[test]
fn a_missing_program_is_skipped_and_named() {
    assert_skipped("programs = [\"no-such-program\"]", &["no no-such-program on the PATH"]);
}

#[test]
fn an_interpreter_that_is_too_old_or_does_not_say_what_it_is_runs_nothing() {
    let skips = |interpreter: &str, says: &str| {
        let course = Course::new("name = \"sh\"", &RIGHT.script());
        course.file("scratch/python/bin/python3", &format!("#!/bin/sh\n{interpreter}\n"));
        let (peers, _) = course.measure();
        assert!(matches!(&peers[0].outcome, PeerOutcome::Skipped(why) if why.contains(says)), "{peers:?}");
    };
    skips("exit 1", "does not say which Python it is");
    skips(r#"echo '{"python":"3.9.18","numpy":"2.0.0"}'"#, "python3 is 3.9.18 here, and the scripts need 3.10");
}

#[test]
fn a_package_without_a_pinned_version_is_the_courses_own_mistake() {
    let outcome = outcome("packages = [\"flask\"]", RIGHT);
    assert!(matches!(&outcome, PeerOutcome::Error(why) if why.contains("flask has no version")), "{outcome:?}");
}

#[test]
fn a_wrong_output_is_told_by_its_digest() {
    let go = r#"echo '{"done":{}}'; echo wrong > "$output"; echo '{"written":{}}'"#;
    assert_error(Does { go, ..RIGHT }, "its output is wrong: digest 0000000000000000 where the baseline's is 00000000000000ff");
}

#[test]
fn one_wrong_output_is_enough_whichever_it_is() {
    let first = r#"echo '{"done":{}}'; echo ${once:-wrong} > "$output"; once=right; echo '{"written":{}}'"#;
    assert_error(Does { go: first, ..RIGHT }, "its output is wrong: digest 0000000000000000");
    let later = r#"echo '{"done":{}}'; echo ${once:-right} > "$output"; once=wrong; echo '{"written":{}}'"#;
    assert_error(Does { go: later, ..RIGHT }, "its output is wrong: digest 0000000000000000");
}

#[test]
fn a_file_that_holds_no_output_is_told() {
    let go = r#"echo '{"done":{}}'; echo whatever > "$output"; echo '{"written":{}}'"#;
    assert_error(Does { go, ..RIGHT }, "its output is wrong: it says neither");
}

#[test]
fn an_output_that_is_not_there_is_told() {
    assert_error(Does { go: r#"echo '{"done":{}}'; echo '{"written":{}}'"#, ..RIGHT }, "it wrote no output file");
}

#[test]
fn the_output_of_an_earlier_run_is_not_this_ones() {
    let go = r#"echo '{"done":{}}'; [ "$once" ] || echo right > "$output"; once=1; echo '{"written":{}}'"#;
    assert_error(Does { go, ..RIGHT }, "it wrote no output file");
}

#[test]
fn a_link_to_something_else_is_no_output() {
    let go = r#"echo '{"done":{}}'; echo right > other; ln -sf other "$output"; echo '{"written":{}}'"#;
    assert_error(Does { go, ..RIGHT }, "it wrote no output file");
}

#[test]
fn a_hang_is_told_by_the_request() {
    assert_error(Does { go: "sleep 1000", ..RIGHT }, "it did not answer go within 3 s");
    assert_error(Does { hello: "sleep 1000", ..RIGHT }, "it did not answer hello within 3 s");
}

#[test]
fn rubbish_is_shown() {
    assert_error(Does { prepare: "echo Traceback", ..RIGHT }, "what is not an answer: Traceback");
}

#[test]
fn a_crash_is_told_with_the_end_of_its_last_words() {
    let go = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo word $i >&2; done; exit 3";
    let PeerOutcome::Error(why) = outcome("", Does { go, ..RIGHT }) else { panic!("it crashes") };
    assert!(why.starts_with("it ended with exit status: 3 during go\n..\n") && why.ends_with("word 15"), "{why}");
    assert!(!why.contains("word 3\n"), "{why}");
}

#[test]
fn a_claimed_time_is_no_answer() {
    let go = r#"echo '{"done":{"seconds":0.000001}}'; echo right > "$output"; echo '{"written":{}}'"#;
    assert_error(Does { go, ..RIGHT }, "what is not an answer");
}

#[test]
fn a_claimed_digest_is_not_taken() {
    let go = r#"echo '{"done":{}}'; echo '{"output":{"digest":"00000000000000ff"}}'"#;
    assert_error(Does { go, ..RIGHT }, "it answered go with");
}

#[test]
fn another_protocol_is_told() {
    let hello = r#"echo '{"peer":{"protocol":7,"version":"1"}}'"#;
    assert_error(Does { hello, ..RIGHT }, "it speaks protocol 7");
}

#[test]
fn a_peer_that_does_not_end_has_no_curve() {
    assert_error(Does { quit: "sleep 1000", ..RIGHT }, "it did not end after quit");
}

#[test]
fn what_a_peer_says_of_itself_commands_no_terminal() {
    let hello = r#"printf '{"peer":{"protocol":1,"version":"\\u001b[31mred"}}\n'"#;
    let (peers, _) = Course::new("name = \"sh\"", &Does { hello, ..RIGHT }.script()).measure();
    assert_eq!(peers[0].version.as_deref(), Some("red"));
}

#[test]
fn a_peer_cannot_take_the_name_of_the_courses_own() {
    let (peers, curves) = Course::new("name = \"baseline\"", &RIGHT.script()).measure();
    assert!(matches!(&peers[0].outcome, PeerOutcome::Error(why) if why.contains("another contender")), "{peers:?}");
    assert_eq!(curves.contenders["baseline"], [Point { threads: 1, samples: vec![1.0], per_process: 1 }]);
}

#[test]
fn every_peer_of_the_course_has_its_files_and_its_packages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let catalog = xtask::catalog::Catalog::read(root).unwrap();
    let folder = Places::of(&catalog).folder;
    let manifest: toml_edit::DocumentMut = fs::read_to_string(folder.join("peers.toml")).unwrap().parse().unwrap();
    let pinned = fs::read_to_string(folder.join("python/requirements.txt")).unwrap();
    let mut named = BTreeMap::new();
    for peer in manifest["peer"].as_array_of_tables().unwrap() {
        let text = |key: &str| peer.get(key).and_then(|value| value.as_str());
        let (exercise, name) = (text("exercise").unwrap(), text("name").unwrap());
        assert!(catalog.find(exercise).is_ok(), "no exercise {exercise}");
        assert!(named.insert((exercise.to_owned(), name.to_owned()), ()).is_none(), "two are called {name}");
        if let Some(file) = text("script").or(text("source")) {
            assert!(folder.join(file).is_file(), "{name} has no {file}");
        }
        for package in peer.get("packages").and_then(|value| value.as_array()).into_iter().flatten() {
            let package = package.as_str().unwrap();
            assert!(pinned.lines().any(|line| line.starts_with(&format!("{package}=="))), "{package} is not pinned");
        }
    }
}
