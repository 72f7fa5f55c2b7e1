//! The learner's repository: that it holds what it must and nothing else, that it builds and checks without the solutions, and
//! that the workflows in it say what is meant.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use xtask::{
    catalog::{Catalog, find_root},
    check::NO_REFERENCE,
    handout::{
        Course, Edition, Secrets,
        contents::{Files, files},
        update, write,
    },
    results::{Results, Verdict},
    stage::{copy_tree, files_below},
};

const DATE: &str = "2026-11-28";

fn the_course() -> Catalog {
    Catalog::read(&find_root().unwrap()).unwrap()
}

/// A course of two exercises that may be changed; the library and the runner are this checkout's.
fn small_course() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let root = find_root().unwrap();
    for whole in ["lab", "xtask", "benches", ".cargo"] {
        std::os::unix::fs::symlink(root.join(whole), folder.path().join(whole)).unwrap();
    }
    for file in ["Cargo.toml", "Cargo.lock", "LICENSE-MIT", "LICENSE-APACHE", "clippy.toml", "rustfmt.toml"] {
        fs::copy(root.join(file), folder.path().join(file)).unwrap();
    }
    for exercise in ["threads/spin_lock", "threads/treiber_stack"] {
        for tree in ["exercises", "solutions"] {
            copy_tree(&root.join(tree).join(exercise), &folder.path().join(tree).join(exercise)).unwrap();
        }
    }
    let catalog = Catalog::read(folder.path()).unwrap();
    (folder, catalog)
}

fn all_files(catalog: &Catalog) -> Files {
    files(catalog, &catalog.exercises.iter().collect::<Vec<_>>(), DATE).unwrap()
}

/// Writes a handout of everything; how many files it has.
fn write_all(catalog: &Catalog, folder: &Path, git: bool) -> anyhow::Result<usize> {
    write(catalog, &catalog.exercises.iter().collect::<Vec<_>>(), folder, DATE, git).map(|files| files.len())
}

fn change(path: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "{} is as it was", path.display());
    fs::write(path, changed).unwrap();
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_handout_of_everything_holds_what_it_must_and_no_secret() {
    let catalog = the_course();
    let files = all_files(&catalog);
    let secrets = Secrets::of(&catalog).unwrap();
    assert!(secrets.count() > 2_000, "only {} lines are looked for", secrets.count());
    let leaks: Vec<String> = secrets.in_files(&files).iter().map(ToString::to_string).collect();
    assert_eq!(leaks, Vec::<String>::new());

    let parts =
        ["solutions", "mutants", "variants", "attacks", "templates", "hidden", ".ci", "NOTES.md", "study", "study_sorts.rs"];
    let forbidden: Vec<&String> = files.keys().filter(|file| file.split('/').any(|part| parts.contains(&part))).collect();
    assert_eq!(forbidden, Vec::<&String>::new());
    for exercise in &catalog.exercises {
        for file in ["Cargo.toml", "README.md", "hints.md", "workload.rs", "src/lib.rs", "tests/behaviour.rs"] {
            let file = format!("exercises/{}/{file}", exercise.path());
            assert!(files.contains_key(&file), "{file} is missing");
        }
    }
    for file in
        ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", ".github/workflows/grade.yml", "reports/.gitkeep", "course.toml"]
    {
        assert!(files.contains_key(file), "{file} is missing");
    }
}

#[test]
fn only_the_chosen_exercises_are_handed_out() {
    let catalog = the_course();
    let files = files(&catalog, &[catalog.find("merge_sort").unwrap()], DATE).unwrap();
    let exercises: BTreeSet<&str> = files.keys().filter_map(|file| file.strip_prefix("exercises/")?.split('/').nth(1)).collect();
    assert_eq!(exercises, BTreeSet::from(["merge_sort"]));
    let readme = String::from_utf8(files["README.md"].clone()).unwrap();
    assert!(readme.contains("exercises/algorithms/merge_sort/README.md") && !readme.contains("spin_lock"));
    let manifest = String::from_utf8(files["Cargo.toml"].clone()).unwrap();
    assert!(!manifest.contains("reqwest") && manifest.contains("rayon"), "it names what nobody in it needs: {manifest}");
}

#[test]
fn what_leaks_is_found_wherever_it_stands() {
    let catalog = the_course();
    let secrets = Secrets::of(&catalog).unwrap();
    let clean = all_files(&catalog);
    let solution = fs::read_to_string(catalog.root.join("solutions/threads/spin_lock/NOTES.md")).unwrap();
    let line = solution.lines().find(|line| line.chars().count() > 60).unwrap();
    for (file, text) in [
        ("exercises/threads/spin_lock/README.md", format!("# A spin lock\n{line}\n")),
        ("lab/src/lib.rs", format!("//! {line}\n")),
        ("reports/.gitkeep", format!("   {line}")),
        ("left.patch", format!("-{line}")),
    ] {
        let mut files = clean.clone();
        files.insert(file.into(), text.into_bytes());
        let leaks = secrets.in_files(&files);
        assert_eq!(leaks.len(), 1, "{file}: {leaks:?}");
        assert_eq!((leaks[0].file.as_str(), leaks[0].from.as_str()), (file, "solutions/threads/spin_lock/NOTES.md"));
    }
    // The study sorts as merge_sort's solution does: it was in the runner before anybody looked.
    let sorts = fs::read(catalog.root.join("xtask/src/study_sorts.rs")).unwrap();
    let files = Files::from([("xtask/src/study_sorts.rs".to_owned(), sorts)]);
    assert!(!secrets.in_files(&files).is_empty());
}

#[test]
fn nothing_is_written_where_something_would_leak() {
    let (_course, catalog) = small_course();
    let solution = fs::read_to_string(catalog.root.join("solutions/threads/spin_lock/src/lib.rs")).unwrap();
    let starter = fs::read_to_string(catalog.root.join("exercises/threads/spin_lock/src/lib.rs")).unwrap();
    let line = solution.lines().find(|line| line.trim().chars().count() >= 40 && !starter.contains(line.trim())).unwrap();
    change(&catalog.root.join("rustfmt.toml"), |text| format!("{text}# {line}\n"));
    let above = tempfile::tempdir().unwrap();
    let error = write_all(&catalog, &above.path().join("handout"), false).unwrap_err().to_string();
    assert!(error.contains("rustfmt.toml:") && error.contains("is from solutions/threads/spin_lock"), "{error}");
    assert_eq!(entries(above.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_starter_in_which_somebody_worked_is_not_handed_out() {
    let (_course, catalog) = small_course();
    let solved = catalog.root.join("solutions/threads/spin_lock/src/lib.rs");
    fs::copy(solved, catalog.root.join("exercises/threads/spin_lock/src/lib.rs")).unwrap();
    let above = tempfile::tempdir().unwrap();
    let error = write_all(&catalog, &above.path().join("handout"), false).unwrap_err().to_string();
    assert!(error.contains("exercises/threads/spin_lock is not the starter"), "{error}");
    assert_eq!(entries(above.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_folder_in_use_or_inside_the_course_is_refused() {
    let (_course, catalog) = small_course();
    let refused = |folder: &Path| write_all(&catalog, folder, false).unwrap_err().to_string();
    let other = tempfile::tempdir().unwrap();
    assert!(refused(&catalog.root.join("handout")).contains("is inside the course"));
    assert!(refused(&catalog.root.join("not/there/yet")).contains("is inside the course"));
    let link = other.path().join("link");
    std::os::unix::fs::symlink(&catalog.root, &link).unwrap();
    assert!(refused(&link.join("handout")).contains("is inside the course"));
    let used = other.path().join("used");
    fs::create_dir(&used).unwrap();
    fs::write(used.join("mine"), "work").unwrap();
    assert!(refused(&used).contains("is not empty"));
    assert_eq!(fs::read_to_string(used.join("mine")).unwrap(), "work");
    // An empty folder is as good as none.
    let empty = other.path().join("empty");
    fs::create_dir(&empty).unwrap();
    write_all(&catalog, &empty, false).unwrap();
    assert!(empty.join("course.toml").is_file());
}

#[test]
fn hidden_tests_stay_here() {
    let (_course, mut catalog) = small_course();
    let folder = catalog.root.join("solutions/threads/spin_lock");
    let line = "const NUMBER_THAT_NO_LEARNER_MUST_SEE: u32 = 271_828;";
    fs::create_dir_all(folder.join("tests")).unwrap();
    fs::write(folder.join("tests/hidden.rs"), format!("//! Hidden.\n{line}\n")).unwrap();
    change(&folder.join("Cargo.toml"), |text| format!("{text}\n[package.metadata.hidden]\npoints = 1\ndetail = \"none\"\n"));
    catalog = Catalog::read(&catalog.root).unwrap();
    assert!(catalog.find("spin_lock").unwrap().hidden.is_some());
    for (file, content) in all_files(&catalog) {
        assert!(!file.contains("hidden"), "{file}");
        assert!(file.starts_with("xtask/") || !String::from_utf8_lossy(&content).contains("metadata.hidden"), "{file}");
    }
    assert_eq!(Secrets::of(&catalog).unwrap().in_text("README.md", line).count(), 1);
    // They are the grader's alone, so a handout from before them is of the same state.
    let before = Course::of(&the_course(), &[the_course().find("spin_lock").unwrap()], DATE.into()).unwrap();
    assert_eq!(before.differs_from(&catalog).unwrap(), Vec::<String>::new());
}

#[test]
fn the_history_is_one_commit_without_a_secret() {
    if Command::new("git").arg("--version").output().is_err() {
        xtask::screen::say("\nskipped: there is no git here");
        return;
    }
    let catalog = the_course();
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("handout");
    let files = write_all(&catalog, &folder, true).unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(&folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(git(&["rev-list", "--all", "--count"]).trim(), "1");
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(git(&["ls-files"]).lines().count(), files);
    let history = git(&["log", "--patch", "--all"]);
    let secrets = Secrets::of(&catalog).unwrap();
    assert!(history.contains("+pub struct SpinLock"), "the history holds no file");
    assert_eq!(secrets.in_text("history.patch", &history).collect::<Vec<_>>(), []);
    assert_eq!(entries(above.path()), [folder], "something was left beside it");
}

#[test]
fn links_in_its_prose_lead_somewhere() {
    let catalog = the_course();
    let files = all_files(&catalog);
    let folders: BTreeSet<&str> = files.keys().filter_map(|file| Some(file.rsplit_once('/')?.0)).collect();
    let mut seen = 0;
    let mut lost = Vec::new();
    for (file, content) in files.iter().filter(|(file, _)| file.ends_with(".md")) {
        for link in String::from_utf8_lossy(content)
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')').map(|(link, _)| link.to_owned()))
        {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            seen += 1;
            let mut place: Vec<&str> = file.split('/').collect();
            place.pop();
            for part in target.split('/') {
                match part {
                    ".." => drop(place.pop()),
                    "." | "" => {}
                    part => place.push(part),
                }
            }
            let place = place.join("/");
            if !files.contains_key(&place) && !folders.iter().any(|folder| folder.starts_with(&place)) {
                lost.push(format!("{file}: {link}"));
            }
        }
    }
    assert!(seen > 15, "only {seen} links were looked at");
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn a_handout_says_which_state_of_the_course_it_is_of() {
    let (_course, catalog) = small_course();
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("handout");
    write_all(&catalog, &folder, false).unwrap();
    let course = Course::read(&folder).unwrap().unwrap();
    assert_eq!(course, Course::of(&catalog, &catalog.exercises.iter().collect::<Vec<_>>(), DATE.into()).unwrap());
    assert_eq!(course.differs_from(&catalog).unwrap(), Vec::<String>::new());
    assert!(Course::read(&catalog.root).unwrap().is_none(), "the course itself is no handout");

    change(&catalog.root.join("exercises/threads/spin_lock/tests/behaviour.rs"), |text| format!("{text}\n// one more\n"));
    let mut other = course;
    other.editions[1].starter = "0".repeat(16);
    other.editions.push(Edition { path: "async/gone".into(), starter: "0".into(), checks: "0".into() });
    assert_eq!(
        other.differs_from(&catalog).unwrap(),
        [
            "threads/spin_lock was handed out on 2026-11-28 with another tests or workload",
            "threads/treiber_stack was handed out on 2026-11-28 with another starter",
            "async/gone was handed out on 2026-11-28, and this course has no such exercise",
        ]
    );
}

#[test]
fn a_course_file_of_a_submission_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("course.toml");
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        format!("{:#}", Course::read(folder.path()).unwrap_err())
    };
    let good = "format_version = 1\ndate = \"2026-11-28\"\nexercise = []\n";
    fs::write(&path, good).unwrap();
    assert!(Course::read(folder.path()).unwrap().is_some());
    assert!(refused("format_version = ").contains("is damaged"));
    assert!(refused(&good.replace('1', "9")).contains("reads up to 1"));
    assert!(refused(&good.replace("2026-11-28", "\\u001b[2J::error::")).contains("holds what no handout says"));
    assert!(refused(&format!("{good}#{}", " ".repeat(1 << 17))).contains("is larger than"));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    assert!(Course::read(folder.path()).unwrap_err().to_string().contains("is not a plain file"));
}

#[test]
fn an_update_leaves_what_a_learner_wrote() {
    let (_course, catalog) = small_course();
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("handout");
    write_all(&catalog, &folder, false).unwrap();
    assert_eq!(update(&catalog, &[], &folder, DATE).unwrap(), Default::default());

    // The learner works in one exercise, and the course changes both.
    let mine = folder.join("exercises/threads/spin_lock/src/lib.rs");
    change(&mine, |text| format!("{text}\n// my work\n"));
    fs::write(folder.join("exercises/threads/spin_lock/tests/mine.rs"), "//! My own test.\n").unwrap();
    for file in ["spin_lock/src/lib.rs", "spin_lock/README.md", "treiber_stack/src/lib.rs", "treiber_stack/src/epoch.rs"] {
        change(&catalog.root.join("exercises/threads").join(file), |text| format!("{text}\n// the course's new state\n"));
    }
    // Every exercise's fingerprint is another one now.
    let catalog = with_fingerprints(&catalog);
    let updated = update(&catalog, &[], &folder, DATE).unwrap();
    let written: BTreeSet<&str> = updated.written.iter().map(String::as_str).collect();
    assert_eq!(
        written,
        BTreeSet::from([
            "course.toml",
            "exercises/threads/spin_lock/Cargo.toml",
            "exercises/threads/spin_lock/README.md",
            "exercises/threads/treiber_stack/Cargo.toml",
            "exercises/threads/treiber_stack/src/epoch.rs",
            "exercises/threads/treiber_stack/src/lib.rs",
        ])
    );
    assert_eq!(updated.kept, ["exercises/threads/spin_lock/src/lib.rs"]);
    assert!(fs::read_to_string(&mine).unwrap().ends_with("// my work\n"));
    assert!(folder.join("exercises/threads/spin_lock/tests/mine.rs").is_file());

    let updated = update(&catalog, &["treiber_stack".into()], &folder, DATE).unwrap();
    assert_eq!(updated.left, ["threads/spin_lock"]);
    assert!(mine.is_file());
    let error = update(&catalog, &[], above.path(), DATE).unwrap_err().to_string();
    assert!(error.contains("it is no handout"), "{error}");
}

fn with_fingerprints(catalog: &Catalog) -> Catalog {
    for exercise in &catalog.exercises {
        let folder = catalog.exercise_folder(exercise);
        let now = xtask::catalog::fingerprint(&folder, &exercise.about.files).unwrap();
        change(&folder.join("Cargo.toml"), |text| text.replace(&exercise.about.starter.fingerprint, &now));
    }
    Catalog::read(&catalog.root).unwrap()
}

/// What a command prints, with an error in full.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// It is laid out at one place and built there into a folder of its own, so that a second run of this test builds little.
#[test]
fn a_handout_builds_and_checks_without_solutions() {
    let catalog = the_course();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = place.join("handout");
    let fresh = tempfile::tempdir().unwrap();
    let chosen = [catalog.find("spin_lock").unwrap(), catalog.find("process_pool").unwrap()];
    let files = write(&catalog, &chosen, &fresh.path().join("handout"), DATE, false).unwrap();
    for stale in files_below(&folder).unwrap() {
        if !files.contains_key(stale.strip_prefix(&folder).unwrap().to_str().unwrap()) {
            fs::remove_file(stale).unwrap();
        }
    }
    copy_tree(&fresh.path().join("handout"), &folder).unwrap();

    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        // What cargo tells this test is about the course.
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_")) {
            if variable != "CARGO_HOME" {
                command.env_remove(variable);
            }
        }
        command.env("CARGO_TARGET_DIR", place.join("handout-target")).env("CARGO_NET_OFFLINE", "true");
        command.current_dir(&folder).args(arguments).output().unwrap()
    };
    let parts: [&[&str]; 3] =
        [&["metadata", "--format-version", "1"], &["build", "-p", "xtask"], &["build", "-p", "benches", "--bench", "workloads"]];
    for part in parts {
        let built = cargo(&[part, &["--locked"]].concat());
        assert!(built.status.success(), "{part:?}: {}", String::from_utf8_lossy(&built.stderr));
        assert!(!String::from_utf8_lossy(&built.stderr).contains("warning"), "{}", String::from_utf8_lossy(&built.stderr));
    }

    let map = cargo(&["xtask"]);
    assert!(map.status.success() && said(&map).contains("Next: spin_lock"), "{}", said(&map));
    let refused = cargo(&["xtask", "verify", "--orderings", "spin_lock"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("this is a learner's handout"), "{}", said(&refused));
    let help = said(&cargo(&["xtask", "--help"]));
    assert!(help.contains("  check ") && !help.contains("verify") && !help.contains("study"), "{help}");

    let check = |name: &str| -> (Option<i32>, Results) {
        let output = cargo(&["xtask", "--json", "check", name]);
        let mut all: Vec<Results> = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        (output.status.code(), all.remove(0))
    };
    assert_eq!(check("spin_lock").0, Some(1), "the starter passes");
    let report = cargo(&["xtask", "report", "--quick"]);
    assert!(said(&report).contains("You have not begun any of this yet"), "{}", said(&report));

    for exercise in chosen {
        for file in &exercise.about.files {
            let own = folder.join("exercises").join(exercise.path()).join(file);
            fs::copy(catalog.solution_folder(exercise).join(file), own).unwrap();
        }
        let (code, results) = check(&exercise.name);
        assert_eq!(code, Some(0), "{results:?}");
        for made in &results.exercises[0].subjects[0].checks {
            match made.check.as_str() {
                "speed" if exercise.name == "process_pool" => {
                    assert_eq!(made.verdict, Verdict::NotMeasurable);
                    assert!(made.summary.starts_with(NO_REFERENCE), "{}", made.summary);
                }
                // A busy machine measures nothing, and costs nothing.
                "speed" => assert!(matches!(made.verdict, Verdict::Pass | Verdict::NotMeasurable), "{}", made.summary),
                _ => assert_eq!(made.verdict, Verdict::Pass, "{}: {}", made.check, made.summary),
            }
        }
    }
}

fn workflows() -> Vec<(PathBuf, Value)> {
    let folder = find_root().unwrap().join("xtask/graders/github");
    let all = entries(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "yml"));
    all.map(|path| (path.clone(), serde_yaml_ng::from_str(&fs::read_to_string(&path).unwrap()).unwrap())).collect()
}

/// Everything that a workflow does wrong, by the rules that a learner's push must not be able to use.
fn faults(workflow: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if workflow["permissions"] != serde_json::json!({ "contents": "read" }) {
        faults.push("it may do more than read".to_owned());
    }
    if workflow["on"].get("pull_request_target").is_some() {
        faults.push("it runs a stranger's code with the rights of this repository".to_owned());
    }
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        if !job["timeout-minutes"].is_u64() {
            faults.push(format!("{name} may run for ever"));
        }
        for step in job["steps"].as_array().unwrap() {
            let action = step["uses"].as_str().unwrap_or_default();
            let pinned = action
                .split_once('@')
                .is_none_or(|(_, commit)| commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()));
            if !pinned {
                faults.push(format!("{action} is not pinned"));
            }
            if action.starts_with("actions/checkout@") && step["with"]["persist-credentials"] != Value::Bool(false) {
                faults.push(format!("{name} leaves a token to the code under test"));
            }
            if step["run"].as_str().unwrap_or_default().contains("${{") {
                faults.push(format!("{name} puts text of others into a script"));
            }
        }
    }
    faults
}

#[test]
fn workflows_give_a_learners_code_nothing() {
    let all = workflows();
    assert_eq!(all.len(), 2);
    for (path, workflow) in &all {
        assert_eq!(faults(workflow), Vec::<String>::new(), "{}", path.display());
    }
    // Each rule can be broken.
    let bad: Value = serde_yaml_ng::from_str(
        "on: { pull_request_target: {} }\npermissions: write-all\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n\
         \x20     - run: echo ${{ github.event.head_commit.message }}\n",
    )
    .unwrap();
    assert_eq!(faults(&bad).len(), 6, "{:?}", faults(&bad));
}

#[test]
fn a_learners_workflow_reads_no_secret_and_asks_for_no_other_platform() {
    let text = fs::read_to_string(find_root().unwrap().join("xtask/graders/github/grade.yml")).unwrap();
    assert!(!text.contains("secrets."), "whoever may push may read it");
    // Classroom 50's format is an error without the variables of its own runner.
    assert_eq!(text.matches("--format ").count(), text.matches("--format github").count());
}
