//! The entry scripts of the platforms, run against a grader that succeeds, crashes, hangs, is killed, or writes nothing.

#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Stands for the grader. It does as `STUB` says, and prints what a learner must not see.
const STUB: &str = r#"#!/bin/sh
echo "the grader's own words"
echo "$@" >"$STUB_SAW"
pwd >>"$STUB_SAW"
ls "$3" >>"$STUB_SAW"
out=$5
case $STUB in
good | failing | fault)
    mkdir -p "$out/gradescope" "$out/prairielearn"
    printf '{"score": 7, "output": "%s"}\n' "$STUB" >"$out/gradescope/results.json"
    printf '{"gradable": true, "score": 0.7, "message": "%s"}\n' "$STUB" >"$out/prairielearn/results.json"
    printf '{"_presentation": "semantic"}\n{"scores": {"spin_lock": 7}}\n' >"$out/autolab.json"
    printf '{"score": 7}\n' >"$out/result.json"
    echo text >"$out/release-body.md"
    case $STUB in failing) exit 1 ;; fault) rm "$out/result.json"; exit 3 ;; esac
    ;;
crash) exit 101 ;;
hang) sleep 300 ;;
stubborn) trap '' TERM; while :; do sleep 1; done ;;
killed) kill -9 $$ ;;
silent) ;;
esac
"#;

/// Everything that a grader can do to a script.
const WAYS: [&str; 8] = ["good", "failing", "fault", "crash", "hang", "stubborn", "killed", "silent"];

/// A platform's folder, and where the stub stands.
struct Platform {
    folder: tempfile::TempDir,
}

impl Platform {
    fn new() -> Self {
        let platform = Self { folder: tempfile::tempdir().expect("a folder") };
        let stub = platform.at("stub");
        fs::write(&stub, STUB).expect("written");
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).expect("executable");
        platform
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.at(name)).expect("it is there")).expect("it is JSON")
    }

    /// Runs a script against a grader that does as `way` says.
    fn run(&self, program: &Path, way: &str) -> Output {
        let began = Instant::now();
        let mut command = Command::new(program);
        command.envs([("STUB", way), ("RACECOURSE_SECONDS", "2"), ("RACECOURSE_EXERCISES", "spin_lock ticket_lock")]);
        command.env("RACECOURSE", course()).env("RACECOURSE_GRADER", self.at("stub")).env("STUB_SAW", self.at("saw"));
        command.env("AUTOGRADER", self.at("autograder")).env("GRADE", self.at("grade"));
        let output = command.current_dir(self.at("work")).output().expect("it can be run");
        assert!(began.elapsed() < Duration::from_secs(60), "{way} held the machine");
        output
    }

    /// What the grader was called with, where it stood, and what it was given.
    fn saw(&self) -> String {
        fs::read_to_string(self.at("saw")).expect("it was called")
    }
}

fn course() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn script(name: &str) -> PathBuf {
    course().join("xtask/graders").join(name)
}

/// Whether this machine has the program; says so where it has not.
fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        xtask::screen::say(format!("\nskipped: this machine has no {program}"));
    }
    there
}

#[test]
fn gradescope_always_has_a_result() {
    if !has("timeout") {
        return;
    }
    for way in WAYS {
        let platform = Platform::new();
        platform.put("autograder/submission/src/lib.rs", "");
        platform.put("autograder/submission_metadata.json", "{}");
        platform.put("work/x", "");
        let output = platform.run(&script("gradescope/run_autograder"), way);
        assert!(output.status.success(), "{way}: {output:?}");
        let result = platform.json("autograder/results/results.json");
        let told = ["good", "failing", "fault"].contains(&way);
        assert_eq!(result["score"], if told { 7.into() } else { Value::Null }, "{way}");
        let said = result["output"].as_str().expect("words");
        assert!(told || said.contains("by no fault of this submission"), "{way}: {said}");
        assert!(!["hang", "stubborn"].contains(&way) || said.contains("longer than 2 s"), "{way}: {said}");
        assert!(way != "killed" || said.contains("ended with code 137"), "{said}");
        let saw = platform.saw();
        assert!(saw.contains("--format gradescope --exercise spin_lock --exercise ticket_lock"), "{saw}");
        assert!(saw.contains(&format!("\n{}\n", course().display())), "it stands in the course: {saw}");
    }
}

#[test]
fn gradescope_has_a_result_where_the_script_itself_is_killed() {
    if !has("timeout") {
        return;
    }
    let platform = Platform::new();
    platform.put("work/x", "");
    let mut child = Command::new(script("gradescope/run_autograder"))
        .envs([("STUB", "hang"), ("RACECOURSE_SECONDS", "3"), ("RACECOURSE_EXERCISES", "")])
        .env("RACECOURSE", course())
        .env("RACECOURSE_GRADER", platform.at("stub"))
        .env("STUB_SAW", platform.at("saw"))
        .env("AUTOGRADER", platform.at("autograder"))
        .spawn()
        .expect("it can be run");
    let began = Instant::now();
    while !platform.at("saw").exists() && began.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    child.kill().expect("it is killed");
    child.wait().expect("it has ended");
    let result = platform.json("autograder/results/results.json");
    assert!(result.get("score").is_none() && result["output"].as_str().expect("words").contains("did not come to its end"));
}

#[test]
fn prairielearn_always_has_a_result() {
    if !has("timeout") {
        return;
    }
    for way in WAYS {
        let platform = Platform::new();
        platform.put("grade/student/lib.rs", "");
        platform.put("work/x", "");
        let output = platform.run(&script("prairielearn/entrypoint.sh"), way);
        assert!(output.status.success(), "{way}: {output:?}");
        let result = platform.json("grade/results/results.json");
        let told = ["good", "failing", "fault"].contains(&way);
        assert_eq!(result["gradable"], told, "{way}");
        assert_eq!(result.get("score").is_some(), told, "{way}");
        assert!(told || result["format_errors"][0].as_str().expect("words").contains("by no fault"), "{way}");
        assert!(platform.saw().ends_with("\nsrc\n"), "a single file is put where the exercise has it: {}", platform.saw());
    }
}

#[test]
fn autolabs_last_line_is_always_its_own() {
    if !has("make") || !has("tar") || !has("timeout") {
        return;
    }
    for way in WAYS {
        let platform = Platform::new();
        platform.put("work/lib.rs", "");
        fs::copy(script("autolab/autograde.sh"), platform.at("work/autograde.sh")).expect("copied");
        let tar = Command::new("tar").args(["cf", "autograde.tar", "autograde.sh"]).current_dir(platform.at("work")).status();
        assert!(tar.expect("tar runs").success());
        fs::copy(script("autolab/autograde-Makefile"), platform.at("work/Makefile")).expect("copied");
        let output = platform.run(Path::new("make"), way);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("it is text");
        let last: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("the last line is JSON");
        let told = ["good", "failing", "fault"].contains(&way);
        let scores = if told { serde_json::json!({ "spin_lock": 7 }) } else { serde_json::json!({}) };
        assert_eq!(last["scores"], scores, "{way}: {said}");
        assert!(!said.contains("the grader's own words"), "{way}: {said}");
    }
    // Without what the tar should hold, too.
    let platform = Platform::new();
    fs::create_dir_all(platform.at("work")).expect("a folder");
    fs::copy(script("autolab/autograde-Makefile"), platform.at("work/Makefile")).expect("copied");
    let output = platform.run(Path::new("make"), "good");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("{\"scores\": {}}\n"), "{output:?}");
    assert!(output.status.success(), "make has nothing to add: {output:?}");
}

#[test]
fn classroom_50_exits_with_0_only_where_there_is_a_grade() {
    if !has("python3") {
        return;
    }
    for way in WAYS {
        let platform = Platform::new();
        // What a learner may have left there.
        platform.put("work/result.json", "{\"score\": 1000}");
        platform.put("work/release-body.md/x", "");
        let output = platform.run(&script("classroom50/autograder.py"), way);
        let graded = ["good", "failing"].contains(&way);
        assert_eq!(output.status.success(), graded, "{way}: {output:?}");
        let result = platform.at("work/result.json");
        assert_eq!(result.exists(), graded, "{way}");
        assert!(!graded || platform.json("work/result.json")["score"] == 7, "{way}");
        assert!(platform.saw().contains(&format!("\n{}\n", course().display())), "it stands in the course");
    }
}

/// The image is built by the real script, in which programs that would change this machine are stubs. The grader refuses a folder
/// that holds the course itself, and the script once handed that in.
#[test]
fn gradescopes_image_is_built_with_each_starter() {
    let platform = Platform::new();
    let course = "autograder/source/course";
    platform.put("autograder/source/exercises.txt", "spin_lock\nmerge_sort");
    platform.put(&format!("{course}/exercises/threads/spin_lock/src/lib.rs"), "");
    platform.put(&format!("{course}/exercises/algorithms/merge_sort/src/lib.rs"), "");
    let saw = platform.at("saw");
    let grader = format!("#!/bin/sh\n[ -d \"$3/src\" ] || exit 2\necho \"$@\" >>'{}'\nexit 1\n", saw.display());
    let rustup = format!("#!/bin/sh\necho \"rustup $@\" >>'{}'\n", saw.display());
    let stubs = [("apt-get", "#!/bin/sh\n"), ("rustup", &rustup), ("cargo", "#!/bin/sh\n")]
        .map(|(name, text)| (format!("bin/{name}"), text.to_owned()));
    for (name, text) in stubs.into_iter().chain([(format!("{course}/target/release/xtask"), grader)]) {
        platform.put(&name, &text);
        fs::set_permissions(platform.at(&name), fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let path = format!("{}:{}", platform.at("bin").display(), std::env::var("PATH").expect("a path"));
    let mut command = Command::new(script("gradescope/setup.sh"));
    let output = command.env("PATH", path).env("AUTOGRADER", platform.at("autograder")).output().expect("it can be run");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        platform.saw(),
        "rustup toolchain install stable --profile minimal --component clippy,rust-docs\nrustup default stable\n\
         grade --submission exercises/threads/spin_lock --exercise spin_lock --out warm\n\
         grade --submission exercises/algorithms/merge_sort --exercise merge_sort --out warm\n"
    );
}

#[test]
fn scripts_are_clean() {
    if !has("shellcheck") {
        return;
    }
    let names =
        ["gradescope/run_autograder", "gradescope/setup.sh", "prairielearn/entrypoint.sh", "autolab/autograde.sh", "grade.sh"];
    let checked = Command::new("shellcheck").arg("--external-sources").args(names).current_dir(script("")).output();
    let checked = checked.expect("it can be run");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
