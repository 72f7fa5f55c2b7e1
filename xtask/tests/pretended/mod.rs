//! A grader that grades nothing: what a submission gets is written in its own file. And a class for it.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use lab::finding::Failure;
use serde_json::json;
use xtask::{
    class::GradeOne,
    results::{
        CaseResult, CheckResult, ExerciseResult, FORMAT_VERSION, Layer, Limits, Machine, Record, Remark, Results, State, Subject,
        SubjectResult, Submission, Verdict,
    },
};

use crate::failures;

/// The file of every submission.
pub const FILE: &str = "exercises/threads/spin_lock/src/lib.rs";

/// Reads from the first line of a submission what it gets: words such as `sleep 20`, `fail 3 message`, `error`, `panic`.
pub struct Pretended {
    /// Where it notes when it begins to grade somebody, and when it has.
    pub log: Option<PathBuf>,
    /// What it says of its course.
    pub course: String,
}

impl Pretended {
    pub fn new(log: &Path) -> Self {
        Self { log: Some(log.to_owned()), course: "course 1".into() }
    }

    fn note(&self, what: &str, id: &str) {
        if let Some(log) = &self.log {
            // One write, at the end of the file: lines of several processes are not mixed.
            let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
            log.write_all(format!("{what} {id}\n").as_bytes()).unwrap();
        }
    }
}

impl GradeOne for Pretended {
    fn grade(&self, id: &str, folder: &Path) -> Results {
        self.note("begins", id);
        let text = fs::read_to_string(folder.join(FILE));
        let first = text.as_ref().map_or("empty", |text| text.lines().next().unwrap_or_default()).to_owned();
        let words: Vec<&str> = first.trim_start_matches("//! ").split(' ').collect();
        if let Some(at) = words.iter().position(|word| *word == "sleep") {
            thread::sleep(Duration::from_millis(words[at + 1].parse().unwrap()));
        }
        let state = match words[0] {
            "panic" => panic!("as it was told to"),
            "error" => State::Error("the disk is full".into()),
            "empty" => State::Rejected("it is empty".into()),
            "hostile" => State::Rejected("=cmd()|<script>alert(1)</script>\n::error::".into()),
            _ => State::Graded,
        };
        let results = results(id, state, &words);
        self.note("ends", id);
        results
    }

    fn course(&self) -> String {
        self.course.clone()
    }
}

fn results(id: &str, state: State, words: &[&str]) -> Results {
    let graded = state == State::Graded;
    let started = jiff::Timestamp::now().to_string();
    let remarks = words.contains(&"remark").then(|| Remark {
        exercise: "threads/spin_lock".into(),
        place: "src/lib.rs:12".into(),
        what: "it reads the name of its thread <b>twice</b>".into(),
    });
    Results {
        format_version: FORMAT_VERSION,
        command: "grade".into(),
        started,
        seconds: if graded { 2.0 + f64::from(id.bytes().map(u32::from).sum::<u32>() % 37) } else { 0.1 },
        commit: Some("5d34843a".into()),
        machine: Machine {
            platform: "linux x86_64".into(),
            processor: Some("AMD EPYC 7B13".into()),
            cores: 2,
            memory: None,
            governor: None,
            rustc: "rustc 1.95.0".into(),
            schedstat: true,
        },
        seed: 1,
        exercises: if graded { vec![exercise(words)] } else { Vec::new() },
        ceilings: None,
        submission: Some(Submission {
            id: id.into(),
            state,
            taken: if graded { vec![FILE.into()] } else { Vec::new() },
            ignored: Vec::new(),
            fingerprint: "0".into(),
            sandbox: vec![Layer { name: "rlimits".into(), active: true, detail: "memory".into() }],
            limits: Limits::default(),
            remarks: remarks.into_iter().collect(),
        }),
    }
}

/// Three tests for 2 points each, a model for 4, and a speed check that the machine is too busy for.
fn exercise(words: &[&str]) -> ExerciseResult {
    let has = |word: &str| words.contains(&word);
    let case = |name: &str, message: Option<String>, most: f64| {
        let verdict = if message.is_some() { Verdict::Fail } else { Verdict::Pass };
        let points = if message.is_some() { 0.0 } else { most };
        CaseResult { points: Some([points, most]), ..CaseResult::new(name, verdict, message) }
    };
    let number = words.iter().find_map(|word| word.parse::<u32>().ok()).unwrap_or(0);
    let wrong =
        format!("thread 'counts' ({number}) panicked at /tmp/s{number}/src/lib.rs:{number}:5:\n  left: {number}\n right: 400");
    let hostile = "</pre><script>alert('x')</script> \u{1b}[31m\u{202e} =cmd()";
    let tests = vec![
        case("counts_all", has("lost").then_some(wrong), 2.0),
        case("unlocks_on_panic", has("hostile_message").then(|| hostile.to_owned()), 2.0),
        case("nobody_can", Some("the course asks for something that cannot be done".into()), 2.0),
    ];
    let fails = words.iter().find_map(|word| match *word {
        "relaxed" => Some(0),
        "deadlock" => Some(2),
        other => other.strip_prefix("model").and_then(|number| number.parse().ok()),
    });
    let model = match fails {
        Some(number) => of_model(&failures::all().remove(number)),
        None => CaseResult { points: Some([4.0, 4.0]), ..CaseResult::new("excludes", Verdict::Pass, None) },
    };
    let checks = vec![check("tests", tests), check("model", vec![model]), busy()];
    ExerciseResult {
        path: "threads/spin_lock".into(),
        title: "A spin lock".into(),
        kind: "implement".into(),
        summary: "what a lock is made of".into(),
        subjects: vec![SubjectResult::of(Subject::Submission, checks)],
        ..ExerciseResult::default()
    }
}

fn of_model(failure: &Failure) -> CaseResult {
    let report = json!({ "name": "excludes", "verdict": "fail", "passes": [], "preemption_bound": null, "cut": false,
        "reached": {}, "failure": failure });
    CaseResult {
        records: vec![Record { kind: "model".into(), data: report }],
        points: Some([0.0, 4.0]),
        ..CaseResult::new("excludes", Verdict::Fail, Some(failure.text(76)))
    }
}

fn check(name: &str, cases: Vec<CaseResult>) -> CheckResult {
    let sum = |which: usize| cases.iter().filter_map(|case| case.points).map(|points| points[which]).sum();
    let good = cases.iter().all(|case| case.verdict == Verdict::Pass);
    CheckResult {
        check: name.into(),
        verdict: if good { Verdict::Pass } else { Verdict::Fail },
        points: sum(0),
        max_points: sum(1),
        summary: "as told".into(),
        seconds: 1.5,
        cases,
        evidence: None,
        more: Vec::new(),
    }
}

fn busy() -> CheckResult {
    let mut check = check("speed", Vec::new());
    check.verdict = Verdict::NotMeasurable;
    check.max_points = 3.0;
    check
}

/// Code that is long enough to be found twice; `name` is what one of its functions is called.
pub fn code(name: &str, step: u32) -> String {
    format!(
        "/// Says.\npub fn {name}(values: &[u32]) -> u32 {{\n    let mut all = 0;\n    for value in values {{\n        if *value > \
         {step} {{\n            all += value * {step};\n        }} else {{\n            all -= 1;\n        }}\n    }}\n    all\n}}\n"
    )
}

/// Writes a submission.
pub fn put(submissions: &Path, id: &str, first: &str, code: &str) {
    let file = submissions.join(id).join(FILE);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("//! {first}\n{code}")).unwrap();
}

/// A class of 40, of which each is graded for some milliseconds; and beside them what is no submission.
pub fn class(submissions: &Path, milliseconds: u32) {
    for n in 0..36u32 {
        let what = match n % 9 {
            0 | 3 => format!("lost {n}"),
            1 => format!("relaxed lost {n}"),
            2 => "relaxed".to_owned(),
            4 => "deadlock".to_owned(),
            5 => "hostile_message remark".to_owned(),
            _ => "fine".to_owned(),
        };
        let code = if n == 7 { code("copied", 6) } else { code("sum", n) };
        put(submissions, &format!("s{n:02}"), &format!("{what} sleep {milliseconds}"), &code);
    }
    put(submissions, "Ada O'Hara", "fine", &code("sum", 100));
    put(submissions, "broken", "hostile", "");
    put(submissions, "zz-error", "error", "");
    fs::create_dir_all(submissions.join("empty")).unwrap();
}
