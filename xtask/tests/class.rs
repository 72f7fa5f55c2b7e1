//! A class: graded in shards, killed, resumed, merged, overridden, and drawn.

#[path = "sample/failures.rs"]
mod failures;
mod pretended;
mod svg;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use pretended::{Pretended, class, put};
use svg::{assert_texts_have_room, assert_well_formed};
use xtask::{
    catalog::{Catalog, find_root},
    chart::{
        Layout,
        class::{Distribution, draw},
    },
    class::{
        alike,
        batch::{Options, Outcome, batch},
        causes,
        folders::id_of,
        jplag,
        marks::{Class, Standing},
        merge::merge,
        overrides, page,
        store::Store,
        written,
    },
    results::{State, Verdict},
};

/// The course itself.
fn course() -> &'static Catalog {
    static COURSE: OnceLock<Catalog> = OnceLock::new();
    COURSE.get_or_init(|| Catalog::read(&find_root().unwrap()).unwrap())
}

/// A place for a class.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("submissions")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn submissions(&self) -> PathBuf {
        self.path("submissions")
    }

    fn grade(&self, out: &str, shard: Option<&str>) -> Outcome {
        self.grade_by(&Pretended::new(&self.path("log")), out, shard)
    }

    fn grade_by(&self, grader: &Pretended, out: &str, shard: Option<&str>) -> Outcome {
        let (submissions, out) = (self.submissions(), self.path(out));
        let shard = shard.map(|shard| shard.parse().unwrap());
        let options =
            Options { submissions: &submissions, out: &out, jobs: 2, shard, overrides: None, catalog: course(), again: "again" };
        batch(grader, &options).unwrap()
    }

    /// What the grader noted since the last time.
    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        let _absent = fs::remove_file(self.path("log"));
        text.lines().map(str::to_owned).collect()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn class(&self, out: &str) -> Class {
        Class::new(Store::new(&self.path(out)).all().unwrap())
    }

    fn state(&self, out: &str, id: &str) -> State {
        Store::new(&self.path(out)).read(id).unwrap().state()
    }
}

fn begun(log: &[String]) -> Vec<&str> {
    log.iter().filter_map(|line| line.strip_prefix("begins ")).collect()
}

#[test]
fn what_is_done_is_not_graded_again_and_what_changed_is() {
    let place = Place::new();
    class(&place.submissions(), 0);
    let first = place.grade("out", None);
    assert_eq!((first.graded.len(), first.kept.len()), (40, 0));
    assert_eq!(first.errors, ["zz-error"]);
    assert_eq!(begun(&place.log()).len(), 40);
    let table = place.read("out/grades.csv");

    let told = first.told(&place.path("out")).join("\n");
    assert!(told.starts_with("40 graded, 0 had a result already\nnot graded, by no fault of their own: zz-error;"), "{told}");
    assert!(told.contains("/out/index.html"), "{told}");

    let second = place.grade("out", None);
    assert_eq!((second.graded.len(), second.kept.len()), (1, 39), "an error is tried again");
    assert_eq!(begun(&place.log()), ["zz-error"]);
    assert_eq!(place.read("out/grades.csv"), table);

    put(&place.submissions(), "s05", "fine", "");
    put(&place.submissions(), "zz-error", "fine", "");
    put(&place.submissions(), "late", "fine", "");
    let third = place.grade("out", None);
    assert_eq!(third.graded, ["late", "s05", "zz-error"]);
    assert!(third.errors.is_empty());

    place.log();
    let updated = Pretended { course: "course 2".into(), ..Pretended::new(&place.path("log")) };
    assert_eq!(place.grade_by(&updated, "out", None).graded.len(), 41, "another course, another grade");

    fs::remove_dir_all(place.submissions().join("late")).unwrap();
    assert_eq!(place.grade_by(&updated, "out", None).gone, ["late"]);
}

#[test]
fn a_result_that_was_cut_off_or_changed_by_hand_is_made_again() {
    let place = Place::new();
    class(&place.submissions(), 0);
    place.grade("out", None);
    let text = place.read("out/submissions/s01/results.json");
    fs::write(place.path("out/submissions/s01/results.json"), &text[..text.len() / 2]).unwrap();
    fs::write(place.path("out/submissions/s02/results.json"), place.read("out/submissions/s03/results.json")).unwrap();
    fs::remove_file(place.path("out/submissions/s04/results.json")).unwrap();
    assert_eq!(place.grade("out", None).graded, ["s01", "s02", "s04", "zz-error"]);
    let again: serde_json::Value = serde_json::from_str(&place.read("out/submissions/s01/results.json")).unwrap();
    assert_eq!(again["submission"]["id"], "s01");
}

#[test]
fn bad_input_has_a_row_each_and_the_batch_goes_on() {
    let place = Place::new();
    let submissions = place.submissions();
    put(&submissions, "fine", "fine", "");
    put(&submissions, "panics", "panic", "");
    put(&submissions, "=cmd()", "fine", "");
    put(&submissions, "@ada", "fine", "");
    put(&submissions, "a\nb", "fine", "");
    put(&submissions, &"long".repeat(50), "fine", "");
    fs::create_dir(submissions.join(OsStr::from_bytes(b"\xff\xfe"))).unwrap();
    fs::create_dir(submissions.join(".git")).unwrap();
    fs::write(submissions.join("notes.txt"), "x").unwrap();
    fs::write(submissions.join("late.zip"), "x").unwrap();
    symlink("/etc", submissions.join("linked")).unwrap();
    let outcome = place.grade("out", None);
    assert_eq!(outcome.graded.len(), 10, "{outcome:?}");
    assert_eq!(outcome.errors.len(), 9, "{outcome:?}");
    assert_eq!(begun(&place.log()).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["fine", "panics"]));
    for (name, part) in [
        (OsStr::new("=cmd()"), "is not fit"),
        (OsStr::new("@ada"), "is not fit"),
        (OsStr::new("a\nb"), "is not fit"),
        (OsStr::from_bytes(b"\xff\xfe"), "not UTF-8"),
        (OsStr::new("notes.txt"), "is a file"),
        (OsStr::new("late.zip"), "unpack it"),
        (OsStr::new("linked"), "is a link"),
        (OsStr::new("panics"), "the grader's own fault: it panicked: as it was told to"),
    ] {
        match place.state("out", &id_of(name)) {
            State::Error(why) => assert!(why.contains(part), "{name:?}: {why}"),
            other => panic!("{name:?}: {other:?}"),
        }
    }
    let mut reader = csv::Reader::from_reader(place.read("out/grades.csv").leak().as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 10);
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@']) && !cell.contains('\n'), "{cell:?}");
    }
    let here: BTreeSet<_> = fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(here, BTreeSet::from(["submissions", "out"].map(Into::into)), "nothing outside");
}

#[test]
fn what_a_killed_batch_left_beside_a_result_is_taken_away() {
    let place = Place::new();
    put(&place.submissions(), "ada", "fine", "");
    place.grade("out", None);
    let left = [".tmpAbC", "claim-1"].map(|name| place.path("out/submissions/ada").join(name));
    for file in &left {
        let file = fs::File::create(file).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(600)).unwrap();
    }
    assert_eq!(place.grade("out", None).kept, ["ada"]);
    assert_eq!(left.map(|file| file.exists()), [false; 2]);
}

#[test]
fn merged_shards_are_the_class_at_once() {
    let place = Place::new();
    class(&place.submissions(), 0);
    place.grade("whole", None);
    let outs: Vec<PathBuf> = (1..=4).map(|n| place.path(&format!("shard-{n}"))).collect();
    let mut graded = 0;
    for n in 1..=4 {
        let outcome = place.grade(&format!("shard-{n}"), Some(&format!("{n}/4")));
        graded += outcome.graded.len();
        assert_eq!(outcome.missing.len(), 40 - outcome.graded.len());
        assert!(outcome.written.is_empty(), "a part of a class is not written up as one");
        let told = outcome.told(&place.path("out")).join("\n");
        assert!(told.contains("cargo xtask grade merge"), "{told}");
    }
    assert_eq!(graded, 40);
    fs::write(place.path("wrong.toml"), "[[override]]\nstudent = \"x\"\nexercise = \"y\"\npoints = 1\nreason = \"z\"\n").unwrap();
    merge(&outs, &place.path("merged"), Some(&place.path("wrong.toml"))).unwrap_err();
    assert!(!place.path("merged").exists(), "nothing is copied for an override that is about nothing");
    merge(&outs, &place.path("merged"), None).unwrap();
    assert_eq!(place.read("merged/grades.csv"), place.read("whole/grades.csv"));
    let result = "submissions/s01/results.json";
    let shard = outs.iter().find(|out| out.join(result).exists()).unwrap();
    assert_eq!(fs::read(place.path("merged").join(result)).unwrap(), fs::read(shard.join(result)).unwrap(), "to the byte");

    // In one folder, nothing is left to merge: the last shard writes up the class.
    for n in 1..=4 {
        let outcome = place.grade("shared", Some(&format!("{n}/4")));
        assert_eq!(outcome.written.is_empty(), n < 4);
    }
    assert_eq!(place.read("shared/grades.csv"), place.read("whole/grades.csv"));
    // Merging is idempotent, and what was merged is done.
    merge(&[place.path("merged")], &place.path("merged"), None).unwrap();
    assert_eq!(place.grade("merged", None).graded, ["zz-error"]);
}

#[test]
fn of_two_results_the_newer_counts_and_of_different_files_none() {
    let place = Place::new();
    put(&place.submissions(), "ada", "error", "");
    let grader = Pretended::new(&place.path("log"));
    place.grade("old", None);
    place.grade("new", None);
    let newer = place.class("new").students[0].stored.results.started.clone();
    for outs in [[place.path("old"), place.path("new")], [place.path("new"), place.path("old")]] {
        let into = tempfile::tempdir().unwrap();
        merge(&outs, into.path(), None).unwrap();
        assert_eq!(Store::new(into.path()).read("ada").unwrap().results.started, newer);
    }

    put(&place.submissions(), "ada", "fine", "");
    place.grade("other", None);
    let error = merge(&[place.path("old"), place.path("other")], &place.path("into"), None).unwrap_err().to_string();
    assert!(
        error.contains("ada was graded from different files in") && error.contains("/old") && error.contains("/other"),
        "{error}"
    );
    assert!(!place.path("into").exists(), "nothing was copied");

    put(&place.submissions(), "bob", "fine", "");
    fs::remove_dir_all(place.submissions().join("ada")).unwrap();
    place.grade_by(&Pretended { course: "course 2".into(), ..grader }, "updated", None);
    let error = merge(&[place.path("other"), place.path("updated")], &place.path("into"), None).unwrap_err().to_string();
    assert!(error.contains("course 1; course 2"), "{error}");
    let error = merge(&[place.path("nowhere")], &place.path("into"), None).unwrap_err().to_string();
    assert!(error.contains("holds no results"), "{error}");
}

#[test]
fn a_slip_in_the_overrides_is_told_before_anybody_is_graded() {
    let place = Place::new();
    put(&place.submissions(), "ada", "fine", "");
    let (submissions, out, path) = (place.submissions(), place.path("out"), place.path("overrides.toml"));
    for (text, part) in [
        (given("adda", "points = 1"), "no student is called \"adda\"; the nearest is \"ada\""),
        (given("ada", "points = -1"), "-1 is no number of points"),
        (given("ada", "points = 1").replace("we agreed", " "), "it has no reason"),
        (given("ada", "point = 1"), "is not a file of [[override]] tables"),
    ] {
        fs::write(&path, text).unwrap();
        let overrides = Some(path.as_path());
        let options =
            Options { submissions: &submissions, out: &out, jobs: 1, shard: None, overrides, catalog: course(), again: "again" };
        let error = batch(&Pretended::new(&place.path("log")), &options).unwrap_err();
        assert!(format!("{error:#}").contains(part), "{error:#}");
        assert_eq!(place.log(), Vec::<String>::new(), "somebody was graded before it was said: {part}");
    }
}

#[test]
fn results_are_never_among_the_submissions() {
    let place = Place::new();
    put(&place.submissions(), "ada", "fine", "");
    for out in ["submissions", "submissions/out", "submissions/a/b"] {
        let (submissions, out) = (place.submissions(), place.path(out));
        let options = Options {
            submissions: &submissions,
            out: &out,
            jobs: 1,
            shard: None,
            overrides: None,
            catalog: course(),
            again: "again",
        };
        let error = batch(&Pretended::new(&place.path("log")), &options).unwrap_err().to_string();
        assert!(error.contains("is within the submissions"), "{error}");
    }
    assert_eq!(fs::read_dir(place.submissions()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn a_task_of_a_slurm_array_is_a_shard() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("graders/slurm/array.sh");
    let said = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.arg(&script).args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("RACECOURSE_GRADE", "echo graded");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let array = |id, count, first, step| {
        [
            ("SLURM_ARRAY_TASK_ID", id),
            ("SLURM_ARRAY_TASK_COUNT", count),
            ("SLURM_ARRAY_TASK_MIN", first),
            ("SLURM_ARRAY_TASK_STEP", step),
        ]
    };
    for (array, shard) in
        [(array("3", "4", "1", "1"), "3/4"), (array("0", "4", "0", "1"), "1/4"), (array("7", "4", "1", "2"), "4/4")]
    {
        let expected = format!("graded --batch in put --out out put --jobs 1 --shard {shard}\n");
        assert_eq!(said(&array, &["in put", "out put"]), (Some(0), expected));
        shard.parse::<xtask::class::folders::Shard>().unwrap();
    }
    assert_eq!(said(&array("1", "1", "1", "1"), &["in"]).0, Some(2));
    assert_ne!(said(&[], &["in", "out"]).0, Some(0), "outside of an array");
}

/// Part of the tests below, which start it as a process of its own: what a shard of a class does.
#[test]
#[ignore = "not a test: others start it, with what to do in the environment"]
fn worker() {
    let Some(submissions) = std::env::var_os("CLASS_SUBMISSIONS").map(PathBuf::from) else { return };
    let variable = |name: &str| std::env::var(name).ok();
    let out = PathBuf::from(variable("CLASS_OUT").unwrap());
    let shard = variable("CLASS_SHARD").map(|shard| shard.parse().unwrap());
    let grader = Pretended { log: variable("CLASS_LOG").map(PathBuf::from), course: "course 1".into() };
    xtask::process::end_children_on_signals().unwrap();
    let options =
        Options { submissions: &submissions, out: &out, jobs: 2, shard, overrides: None, catalog: course(), again: "the same" };
    batch(&grader, &options).unwrap();
}

fn start(place: &Place, out: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["worker", "--exact", "--ignored", "--nocapture"])
        .env("CLASS_SUBMISSIONS", place.submissions())
        .env("CLASS_OUT", place.path(out))
        .env("CLASS_LOG", place.path("log"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whoever has a whole result.
fn finished(place: &Place, out: &str) -> BTreeSet<String> {
    let store = Store::new(&place.path(out));
    let has = |id: &String| store.read(id).is_ok_and(|stored| !matches!(stored.state(), State::Error(_)));
    store.ids().unwrap_or_default().into_iter().filter(has).collect()
}

#[test]
fn a_batch_that_is_killed_at_any_moment_loses_nothing_and_grades_nothing_twice() {
    let place = Place::new();
    class(&place.submissions(), 60);
    let mut state = 7u64;
    let (mut lost, mut twice, mut kills) = (0, 0, 0);
    let mut done = BTreeSet::new();
    for _ in 0..10 {
        let mut child = start(&place, "out");
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // It has begun to grade, however long this machine takes to start a process; and from there on at any moment.
        while !place.path("log").exists() && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis((state >> 33) % 130));
        child.kill().unwrap();
        kills += usize::from(!child.wait().unwrap().success());
        let log = place.log();
        twice += begun(&log).into_iter().filter(|id| done.contains(*id)).count();
        let now = finished(&place, "out");
        lost += done.difference(&now).count();
        done = now;
    }
    assert!(kills >= 5, "the class is too small to be killed in the middle: {kills}");
    assert!(!done.is_empty(), "it was always killed before anything was done");
    assert!(start(&place, "out").wait().unwrap().success());
    let log = place.log();
    twice += begun(&log).into_iter().filter(|id| done.contains(*id)).count();
    let last = finished(&place, "out");
    lost += done.difference(&last).count();
    println!("{kills} kills, {} done before the last run, {lost} lost, {twice} twice", done.len());
    assert_eq!((lost, twice, last.len()), (0, 0, 39));
    let litter = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>();
    for id in &last {
        let found = litter(&place.path("out/submissions").join(id));
        let left: Vec<_> = found.iter().filter(|name| name.to_string_lossy().starts_with("claim")).collect();
        assert!(left.is_empty(), "{id}: {left:?}");
    }
    let whole = Place::new();
    class(&whole.submissions(), 40);
    whole.grade("out", None);
    assert_eq!(place.read("out/grades.csv"), whole.read("out/grades.csv"));
}

#[test]
fn batches_on_one_folder_share_it_and_all_end_with_all_of_it() {
    let place = Place::new();
    class(&place.submissions(), 30);
    let children: Vec<Child> = (0..3).map(|_| start(&place, "out")).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let log = place.log();
    let mut begun = begun(&log);
    begun.retain(|id| *id != "zz-error");
    let distinct: BTreeSet<_> = begun.iter().collect();
    assert_eq!((begun.len(), distinct.len()), (39, 39), "each once");
    assert_eq!(finished(&place, "out").len(), 39);
    assert_eq!(place.read("out/grades.csv").lines().count(), 41);
}

#[test]
fn an_interrupted_batch_gives_its_claims_back_and_says_how_to_go_on() {
    let place = Place::new();
    put(&place.submissions(), "slow", "fine sleep 60000", "");
    let child = start(&place, "out");
    let began = Instant::now();
    let claim = place.path("out/submissions/slow/claim-1");
    while !(claim.exists() && place.path("log").exists()) {
        assert!(began.elapsed() < Duration::from_secs(20), "it never began");
        thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("what is graded stays graded; go on with: the same"), "{said}");
    assert!(!claim.exists());
}

fn graded(place: &Place) -> Class {
    class(&place.submissions(), 0);
    place.grade("out", None);
    place.class("out")
}

fn overridden(class: &Class, text: &str) -> anyhow::Result<Class> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let mut changed = class.clone();
    overrides::apply(&mut changed, file.path())?;
    Ok(changed)
}

fn given(student: &str, rest: &str) -> String {
    format!("[[override]]\nstudent = {student:?}\nexercise = \"spin_lock\"\nreason = \"we agreed\"\n{rest}\n")
}

fn mark(class: &Class, id: &str) -> (Standing, Option<f64>, f64, Option<f64>) {
    let mark = &class.students.iter().find(|student| student.stored.id == id).unwrap().marks[0];
    (mark.standing, mark.points, mark.max_points, mark.graded_points)
}

#[test]
fn overrides_are_applied_last_and_shown_and_the_results_stay() {
    let place = Place::new();
    let class = graded(&place);
    let raw = place.read("out/submissions/s00/results.json");
    assert_eq!(mark(&class, "s00"), (Standing::Graded, Some(6.0), 10.0, Some(6.0)), "it lost one test; nobody passes another");
    for (id, rest, points, of) in [
        ("s00", "test = \"nobody_can\"\npoints = 2", 8.0, 10.0),
        ("s00", "check = \"tests\"\npoints = 6", 10.0, 10.0),
        ("s00", "points = 1.5", 1.5, 10.0),
        // What could not be measured counted in neither sum, and does now.
        ("s00", "check = \"speed\"\npoints = 1", 7.0, 13.0),
        ("empty", "points = 3", 3.0, 13.0),
        ("zz-error", "points = 13", 13.0, 13.0),
    ] {
        let changed = overridden(&class, &given(id, rest)).unwrap();
        let (_, now, max, before) = mark(&changed, id);
        assert_eq!((now, max, before), (Some(points), of, mark(&class, id).3), "{id}: {rest}");
    }
    let two = given("s00", "test = \"nobody_can\"\npoints = 2") + &given("s00", "test = \"counts_all\"\npoints = 1");
    assert_eq!(mark(&overridden(&class, &two).unwrap(), "s00").1, Some(9.0));

    fs::write(place.path("overrides.toml"), given("s00", "points = 10").replace("we agreed", "=ill</td>")).unwrap();
    merge(&[place.path("out")], &place.path("out"), Some(&place.path("overrides.toml"))).unwrap();
    let table = place.read("out/grades.csv");
    assert!(table.contains("s00,threads/spin_lock,10,10,graded,6,'=ill</td>,"), "{table}");
    let page = place.read("out/index.html");
    assert!(page.contains("=ill&lt;/td&gt;") && page.contains("6 \u{2192} 10"));
    let json: serde_json::Value = serde_json::from_str(&place.read("out/graded.json")).unwrap();
    let student = json["students"].as_array().unwrap().iter().find(|student| student["id"] == "s00").unwrap();
    assert_eq!(student["marks"][0]["overrides"][0]["points"], 10.0);
    assert_eq!(place.read("out/submissions/s00/results.json"), raw);
}

#[test]
fn an_override_of_nothing_is_an_error_that_names_the_nearest() {
    let place = Place::new();
    let class = graded(&place);
    let wrong = [
        (given("s0O", "points = 1"), "no student is called \"s0O\"; the nearest is \"s0"),
        (given("s00", "points = 1").replace("\"spin_lock\"", "\"spinlock\""), "the nearest is \"threads/spin_lock\""),
        (given("s00", "test = \"count_all\"\npoints = 1"), "no test is called \"count_all\"; the nearest is \"counts_all\""),
        (given("s00", "check = \"test\"\npoints = 1"), "no check is called \"test\"; the nearest is \"tests\""),
        (given("s00", "test = \"counts_all\"\npoints = 2.5"), "2.5 points are more than it is worth, which is 2"),
        (given("s00", "points = -1"), "is no number of points"),
        (given("s00", "points = nan"), "is no number of points"),
        (given("s00", "points = 1").replace("we agreed", " "), "has no reason"),
        (given("empty", "test = \"counts_all\"\npoints = 1"), "it is rejected; give the points of the whole exercise"),
        (given("s00", "points = 1") + &given("s00", "check = \"tests\"\npoints = 1"), "another one before it"),
        (given("s00", "test = \"counts_all\"\npoints = 1") + &given("s00", "points = 1"), "another one before it"),
        (given("s00", "points = 1\nlate = true"), "unknown field `late`"),
    ];
    for (text, part) in wrong {
        let error = format!("{:#}", overridden(&class, &text).unwrap_err());
        assert!(error.contains(part), "{text}\n{error}");
    }
}

#[test]
fn a_check_and_one_of_its_tests_cannot_both_be_given() {
    let place = Place::new();
    let class = graded(&place);
    let (check, test) = (given("s00", "check = \"tests\"\npoints = 6"), given("s00", "test = \"counts_all\"\npoints = 2"));
    for both in [check.clone() + &test, test.clone() + &check] {
        let error = format!("{:#}", overridden(&class, &both).map(|_| ()).expect_err("the two would be added up"));
        assert!(error.contains("another one before it"), "{error}");
    }
}

#[test]
fn the_same_mistake_is_one_cause_with_all_who_made_it() {
    let place = Place::new();
    let class = graded(&place);
    let all = causes::causes(&class);
    let of = |case: &str| all.iter().filter(|cause| cause.case == case).collect::<Vec<_>>();
    assert_eq!(of("nobody_can")[0].students.len(), 37);
    assert_eq!(of("counts_all").len(), 1, "numbers and paths differ, and nothing else");
    assert_eq!(of("counts_all")[0].students.len(), 12);
    let models = of("excludes");
    assert_eq!(models.iter().map(|cause| cause.students.len()).collect::<Vec<_>>(), [8, 4]);
    assert!(models[0].key.starts_with("data race; memory-ordering") && models[1].key.starts_with("deadlock"), "{models:?}");
    let rates = causes::rates(&class, "threads/spin_lock");
    let suspects: Vec<_> = rates.iter().filter(|rate| rate.is_suspect()).map(|rate| rate.case.as_str()).collect();
    assert_eq!(suspects, ["nobody_can"]);
    let counts = rates.iter().find(|rate| rate.case == "counts_all").unwrap();
    assert_eq!((counts.passed, counts.judged), (25, 37));
}

#[test]
fn every_kind_of_failing_model_is_a_cause_of_its_own() {
    let place = Place::new();
    let kinds = failures::all().len();
    for kind in 0..kinds {
        for student in ["ada", "bob"] {
            put(&place.submissions(), &format!("{student}{kind}"), &format!("fine model{kind}"), "");
        }
    }
    place.grade("out", None);
    let all = causes::causes(&place.class("out"));
    let models: Vec<_> = all.iter().filter(|cause| cause.check == "model").map(|cause| cause.students.len()).collect();
    assert_eq!(models, vec![2; kinds]);
}

#[test]
fn every_text_of_the_distribution_has_room() {
    for (students, title) in [(1, "A"), (400, "A title that is long enough for two lines of the picture, and more")] {
        let points = (0..students).map(|n| [f64::from(n % 11), 10.0]);
        let distribution = Distribution::new(points.filter(|[points, _]| *points <= 10.0));
        for layout in [Layout::Wide, Layout::Narrow] {
            assert_texts_have_room(&draw(title, &distribution, layout).unwrap(), &format!("{students} {layout:?}"));
        }
    }
}

#[test]
fn the_same_source_is_found_whatever_it_calls_its_names() {
    let place = Place::new();
    let class = graded(&place);
    let same = alike::same(&class);
    assert_eq!(same.len(), 1, "{same:?}");
    assert_eq!((same[0].students.clone(), same[0].to_the_byte), (vec!["s06".to_owned(), "s07".to_owned()], false));
    // What is still the starter's is everybody's.
    let submission = place.path("submissions/s06");
    let results = Store::new(&place.path("out")).read("s06").unwrap().results;
    assert_eq!(alike::of(course(), &submission, &results).len(), 1);
    fs::copy(course().root.join(pretended::FILE), submission.join(pretended::FILE)).unwrap();
    assert_eq!(alike::of(course(), &submission, &results).len(), 0);
}

#[test]
fn the_page_is_well_formed_loads_nothing_and_shows_each_explanation_once() {
    let place = Place::new();
    let class = graded(&place);
    let page = page::render(&class);
    assert_eq!(page, page::render(&class.clone()));
    assert_well_formed(&page);
    for outside in ["http:", "https:", "//www", " src=", "url(", "@import", "<script", "<link", "<iframe", "<img", " onload"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let explanations = page.split("<pre").skip(1).map(|rest| rest.split("</pre>").next().unwrap());
    assert_eq!(explanations.filter(|text| text.contains("the course asks for something that cannot be done")).count(), 1);
    assert!(page.contains("Nobody passes <code>nobody_can</code>"));
    assert!(page.contains("./submissions/Ada%20O%27Hara/results.json"), "a link is escaped");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
    let empty = Class::new(Vec::new());
    assert_well_formed(&page::render(&empty));
    if let Some(folder) = std::env::var_os("CLASS_PAGE") {
        fs::write(PathBuf::from(folder).join("index.html"), page).unwrap();
    }
}

/// Three exercises, of which nobody handed in all; and of one nothing could be measured.
fn of_three(class: &Class) -> Class {
    let mut stored: Vec<_> = class.students.iter().map(|student| student.stored.clone()).collect();
    for (n, stored) in stored.iter_mut().enumerate() {
        let Some(first) = stored.results.exercises.first().cloned() else { continue };
        for (path, title, skipped) in [("async/crawler", "A crawler", 0), ("threads/channel", "A channel", 1)] {
            if n % 3 != skipped {
                let mut other = first.clone();
                (other.path, other.title) = (path.into(), title.into());
                if path == "async/crawler" && n % 3 == 1 {
                    let subject = &mut other.subjects[0];
                    (subject.points, subject.max_points) = (0.0, 0.0);
                    subject.checks.iter_mut().for_each(|check| check.verdict = Verdict::NotMeasurable);
                }
                stored.results.exercises.push(other);
            }
        }
    }
    Class::new(stored)
}

#[test]
fn what_was_not_handed_in_has_no_points_and_what_was_not_measurable_has_none_to_lose() {
    let place = Place::new();
    let class = of_three(&graded(&place));
    let table = written::grades(&class).unwrap();
    assert_eq!(table.lines().count(), 1 + 40 * 3);
    for row in [
        "s00,async/crawler,0,13,not handed in,0,,",
        "s01,async/crawler,,13,not measurable,,,",
        "s01,threads/channel,0,13,not handed in,0,,",
        "s02,threads/channel,4,10,graded,4,,",
        "empty,async/crawler,0,13,rejected,0,,it is empty",
        "zz-error,async/crawler,,13,error,,,the disk is full",
    ] {
        // Who is the n-th depends on the names of the others, which come before.
        let (id, rest) = row.split_once(',').unwrap();
        let (exercise, rest) = rest.split_once(',').unwrap();
        let standing = rest.split(',').nth(2).unwrap();
        let found: Vec<&str> = table.lines().filter(|line| line.contains(&format!(",{exercise},"))).collect();
        let same = |line: &&&str| line.split_once(&format!(",{exercise},")).unwrap().1 == rest;
        assert!(found.iter().any(|line| same(&line)), "{id}, {exercise}, {standing}\n{table}");
    }
    let unknown = class.students.iter().find(|student| student.marks.iter().any(|mark| mark.standing == Standing::NotMeasurable));
    let unknown = unknown.unwrap();
    let spin_lock = unknown.marks[2].points.unwrap();
    // The channel was not handed in, for 0 of 13; the crawler is in neither sum.
    assert_eq!(class.total(unknown), Some([spin_lock, 10.0 + 13.0]));
    let error = class.students.iter().find(|student| student.stored.id == "zz-error").unwrap();
    assert_eq!(class.total(error), None);
    let page = page::render(&class);
    assert_well_formed(&page);
    assert!(
        page.contains("A crawler: ")
            && page.contains("All exercises: ")
            && page.contains("not handed in")
            && page.contains("not all graded")
    );
    if let Some(folder) = std::env::var_os("CLASS_PAGE") {
        fs::write(PathBuf::from(folder).join("three.html"), page).unwrap();
    }
}

#[test]
fn what_cannot_be_graded_of_one_exercise_says_so_in_its_row_and_is_no_failure_of_a_test() {
    let place = Place::new();
    let class = graded(&place);
    let with = |why: &str| {
        let mut stored: Vec<_> = class.students.iter().map(|student| student.stored.clone()).collect();
        let one = stored.iter_mut().find(|stored| stored.id == "s06").unwrap();
        for check in &mut one.results.exercises[0].subjects[0].checks {
            (check.verdict, check.points, check.evidence) = (Verdict::Fail, 0.0, None);
            check.cases.clear();
            check.summary = why.to_owned();
        }
        one.results.exercises[0].subjects[0].points = 0.0;
        Class::new(stored)
    };
    let judged = |class: &Class| causes::rates(class, "threads/spin_lock").iter().map(|rate| rate.judged).max().unwrap();
    for (why, standing) in
        [("src/lib.rs is not UTF-8 text", "rejected"), ("nothing was handed in for it: there is no src", "not handed in")]
    {
        let changed = with(why);
        let table = written::grades(&changed).unwrap();
        assert!(table.contains(&format!("\ns06,threads/spin_lock,0,13,{standing},0,,{why}\n")), "{table}");
        assert_eq!(judged(&changed), judged(&class) - 1);
        assert!(causes::causes(&changed).iter().all(|cause| !cause.message.contains(why)));
        let page = page::render(&changed);
        assert_well_formed(&page);
        assert_eq!(page.contains(why), standing == "rejected");
    }
}

#[test]
fn an_export_for_jplag_has_what_was_graded_and_the_starter() {
    let place = Place::new();
    graded(&place);
    let export = || jplag::export(&place.path("out"), &place.submissions(), course(), &place.path("jplag"));
    assert_eq!(export().unwrap(), 37);
    let file = |folder: &str| place.path("jplag").join(folder).join(pretended::FILE);
    assert_eq!(
        fs::read(file("submissions/s06")).unwrap(),
        fs::read(place.path("submissions/s06").join(pretended::FILE)).unwrap()
    );
    assert_eq!(fs::read(file("base")).unwrap(), fs::read(course().root.join(pretended::FILE)).unwrap());
    assert!(!place.path("jplag/submissions/broken").exists(), "what was rejected is not compared");
    assert!(place.read("jplag/README.md").contains("-l rust -bc base"));
    fs::remove_dir_all(place.submissions().join("s06")).unwrap();
    assert_eq!(export().unwrap(), 36, "a second time there is nothing left of the first");
    assert!(!place.path("jplag/submissions/s06").exists());

    let wrong = jplag::export(&place.path("out"), &place.submissions(), course(), place.folder.path());
    assert!(wrong.unwrap_err().to_string().contains("holds other files"));
    assert!(place.submissions().join("s07").exists(), "nobody's files are taken away");
}
