//! A made-up class: one submission of every kind that a grader meets.

use serde_json::json;
use xtask::results::{
    CaseResult, CheckResult, Detail, Evidence, ExerciseResult, FORMAT_VERSION, Ignored, Layer, Limits, Machine, Pair, Record,
    Remark, Results, Speed, State, Subject, SubjectResult, Submission, Verdict,
};

/// What stands in names and messages of hidden tests alone: no learner may ever read it.
pub const SECRET: &str = "xyzzy_secret";

/// What somebody could print who wants more than their points.
pub const HOSTILE: [&str; 14] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "]]></failure><testcase name=\"forged\"/>",
    "::error file=a,line=1::forged",
    "::set-output name=result::forged",
    "##[set-output name=result;]forged",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}",
    "\u{0}\u{1}\u{8}\u{fffe} control",
    "\u{202e}turned\u{202c}",
    "=HYPERLINK(\"http://example.org\",\"x\")",
    "+1\n-1\n@A1\n\t=1",
    "```\n# heading\n| a | b |\n[link](javascript:alert(1)) ![image](http://example.org/x.png)",
    "status=success\nresult=forged\r\nx::\"'%0A%25,",
    "{\"scores\":{\"spin_lock\":1000}}",
];

/// Everybody, by what they are called.
pub fn everybody() -> Vec<(&'static str, Results)> {
    vec![
        ("complete", complete()),
        ("partial", partial()),
        ("hostile", hostile()),
        ("not_compiled", not_compiled()),
        ("rejected", state(State::Rejected("src/lib.rs is not UTF-8 text".into()), Vec::new())),
        ("faulty", state(State::Error("no space left on device".into()), vec![spin_lock(vec![tests(&["a"], &[])])])),
        ("nothing_counted", nothing_counted()),
    ]
}

/// Everything passes, in thirds of points.
pub fn complete() -> Results {
    let checks = vec![
        tests(&["access", "waits", "unlocks"], &[]),
        speed(Verdict::Pass, (2.0, 2.0), 1.04),
        hidden(&[("a", Verdict::Pass, Detail::None), ("b", Verdict::Pass, Detail::None), ("c", Verdict::Pass, Detail::Full)]),
        lints(),
    ];
    state(State::Graded, vec![spin_lock(checks)])
}

/// Some of everything: two exercises, failures of each detail, what could not be measured and what the grader failed at.
pub fn partial() -> Results {
    let spin = vec![
        tests(&["access", "unlocks"], &["waits"]),
        speed(Verdict::NotMeasurable, (0.0, 2.0), 1.1),
        hidden(&[
            ("a", Verdict::Pass, Detail::None),
            (SECRET, Verdict::Fail, Detail::None),
            ("shown_in_part", Verdict::Fail, Detail::Actual),
            ("shown", Verdict::Fail, Detail::Full),
        ]),
        lints(),
    ];
    let fault =
        CheckResult { summary: "the trace of worker 2 could not be read".into(), ..check("trace", Verdict::Error, (0.0, 2.0)) };
    let sort = vec![tests(&[], &["sorts"]), fault, speed(Verdict::Fail, (1.25, 2.0), 2.4)];
    let mut results = state(State::Graded, vec![spin_lock(spin), exercise("algorithms/merge_sort", sort)]);
    let submission = results.submission.as_mut().expect("it has one");
    submission.ignored = vec![Ignored { file: "Cargo.toml".into(), why: "manifests are the course's own".into() }];
    results
}

/// Hostile strings wherever a submission has a say, and where it has none.
pub fn hostile() -> Results {
    let cases = HOSTILE.iter().map(|text| CaseResult {
        points: Some([0.0, 0.5]),
        ..CaseResult::new(*text, Verdict::Fail, Some(format!("at src/lib.rs:3:9:\n{text}")))
    });
    let many = CheckResult { cases: cases.collect(), summary: HOSTILE.join("\n"), ..check("tests", Verdict::Fail, (0.0, 7.0)) };
    let mut fast = speed(Verdict::Pass, (2.0, 2.0), 1.04);
    fast.summary = HOSTILE.join("\n");
    if let Some(Evidence::Speed(speed)) = &mut fast.evidence {
        speed.against = HOSTILE[0].into();
    }
    let mut advice = lints();
    advice.cases[0].message = Some(format!("warning: {}\n --> src/../../x.rs:1:1\n{}", HOSTILE[3], HOSTILE.join("\n")));
    let found = HOSTILE.iter().map(|text| CaseResult::new(*text, Verdict::Fail, Some((*text).into())));
    let screening = CheckResult { cases: found.collect(), ..check("screening", Verdict::Fail, (0.0, 0.0)) };
    let error = CheckResult { summary: HOSTILE.join("\n"), ..check("model", Verdict::Error, (0.0, 1.0)) };
    let mut results = state(State::Graded, vec![spin_lock(vec![many, fast, advice, screening, error])]);
    let submission = results.submission.as_mut().expect("it has one");
    submission.id = HOSTILE[9].into();
    submission.ignored = HOSTILE.iter().map(|text| Ignored { file: (*text).into(), why: (*text).into() }).collect();
    submission.taken = HOSTILE.iter().map(|text| (*text).into()).collect();
    results
}

/// Nothing of it compiles; what rustc says of a hidden test quotes that test.
pub fn not_compiled() -> Results {
    let failed = |name: &str, said: &str| CheckResult {
        summary: "it does not compile".into(),
        cases: vec![CaseResult::new("compiles", Verdict::Fail, Some(said.into()))],
        ..check(name, Verdict::Fail, (0.0, 3.0))
    };
    let said =
        "error[E0308]: mismatched types\n --> src/lib.rs:12:5\n   |\n12 |     3\n   |     ^ expected `bool`, found integer";
    let quoted = format!("error[E0061]: this function takes 1 argument\n --> tests/hidden.rs:3:1\n3 | {SECRET}();");
    state(State::Graded, vec![spin_lock(vec![failed("tests", said), failed("hidden", &quoted)])])
}

fn nothing_counted() -> Results {
    let fault = |name: &str| CheckResult { summary: "cargo was killed".into(), ..check(name, Verdict::Error, (0.0, 3.0)) };
    state(State::Graded, vec![spin_lock(vec![fault("tests"), fault("hidden"), lints()])])
}

fn state(state: State, exercises: Vec<ExerciseResult>) -> Results {
    let layer = |name: &str, active| Layer { name: name.into(), active, detail: "-".into() };
    Results {
        format_version: FORMAT_VERSION,
        command: "grade".into(),
        started: "2026-11-22T12:35:42Z".into(),
        seconds: 93.4,
        commit: Some("5d34843a0c11".into()),
        machine: Machine {
            platform: "linux x86_64".into(),
            processor: None,
            cores: 2,
            memory: None,
            governor: None,
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
            schedstat: true,
        },
        seed: 2026,
        exercises,
        ceilings: None,
        submission: Some(Submission {
            id: "ada".into(),
            state,
            taken: vec!["exercises/threads/spin_lock/src/lib.rs".into()],
            ignored: Vec::new(),
            fingerprint: "0123456789abcdef".into(),
            sandbox: vec![layer("process group", true), layer("landlock", false)],
            limits: Limits::default(),
            remarks: vec![Remark {
                exercise: "threads/spin_lock".into(),
                place: "src/lib.rs:12".into(),
                what: format!("for the instructor: {SECRET}"),
            }],
        }),
    }
}

fn exercise(path: &str, checks: Vec<CheckResult>) -> ExerciseResult {
    ExerciseResult {
        path: path.into(),
        title: "A title".into(),
        kind: "implement".into(),
        summary: "one idea".into(),
        subjects: vec![SubjectResult::of(Subject::Submission, checks)],
        ..ExerciseResult::default()
    }
}

fn spin_lock(checks: Vec<CheckResult>) -> ExerciseResult {
    exercise("threads/spin_lock", checks)
}

fn check(name: &str, verdict: Verdict, (points, max_points): (f64, f64)) -> CheckResult {
    CheckResult {
        check: name.into(),
        verdict,
        points,
        max_points,
        summary: String::new(),
        seconds: 0.25,
        cases: Vec::new(),
        evidence: None,
        more: Vec::new(),
    }
}

/// The check `tests`, worth 5 points in equal shares.
fn tests(passed: &[&str], failed: &[&str]) -> CheckResult {
    let worth = 5.0 / (passed.len() + failed.len()) as f64;
    let pass = passed.iter().map(|name| CaseResult {
        points: Some([worth, worth]),
        records: vec![Record { kind: "model".into(), data: json!({ "name": SECRET }) }],
        ..CaseResult::new(*name, Verdict::Pass, None)
    });
    let message = "at src/lib.rs:41:9:\nassertion `left == right` failed: a second lock waits\n  left: 1\n right: 2";
    let fail = failed.iter().map(|name| CaseResult {
        points: Some([0.0, worth]),
        seconds: 0.31,
        ..CaseResult::new(*name, Verdict::Fail, Some(message.into()))
    });
    let summary = format!("{} of {} tests pass", passed.len(), passed.len() + failed.len());
    let verdict = if failed.is_empty() { Verdict::Pass } else { Verdict::Fail };
    let points = worth * passed.len() as f64;
    CheckResult { summary, cases: pass.chain(fail).collect(), ..check("tests", verdict, (points, 5.0)) }
}

/// The check `hidden`, worth a point a test.
fn hidden(all: &[(&str, Verdict, Detail)]) -> CheckResult {
    let case = |&(name, verdict, detail): &(&str, Verdict, Detail)| {
        let passes = verdict == Verdict::Pass;
        let said = match detail {
            Detail::Full => "at src/lib.rs:50:1:\nall of it is shown".to_owned(),
            Detail::Actual => format!("it gave 3\nand {SECRET} was expected"),
            Detail::None => format!("{SECRET} was expected"),
        };
        CaseResult {
            points: Some([f64::from(u8::from(passes)), 1.0]),
            detail,
            ..CaseResult::new(name, verdict, (!passes).then_some(said))
        }
    };
    let cases: Vec<CaseResult> = all.iter().map(case).collect();
    let passed = cases.iter().filter(|case| case.verdict == Verdict::Pass).count();
    let verdict = if passed == cases.len() { Verdict::Pass } else { Verdict::Fail };
    let summary = format!("{passed} of {} tests pass; {SECRET}", cases.len());
    let points = (passed as f64, cases.len() as f64);
    CheckResult { summary, cases, ..check("hidden", verdict, points) }
}

fn speed(verdict: Verdict, points: (f64, f64), ratio: f64) -> CheckResult {
    let measured = verdict != Verdict::NotMeasurable;
    let pair = |index: u32| {
        let spread = 1.0 + f64::from(index * 7 % 15) * 0.006;
        let clean = measured && index % 6 != 5;
        Pair {
            subject: 0.1 * ratio * spread,
            opponent: 0.1,
            effective_cores: Some([if clean { 1.98 } else { 1.4 }, 2.0]),
            clean,
            subject_first: Some(index.is_multiple_of(2)),
            at: Some(f64::from(index) * 0.21),
            seed: None,
        }
    };
    let speed = Speed {
        against: "parking_lot".into(),
        size: 4_194_304,
        size_unit: "lock acquisitions".into(),
        threads: 2,
        at: None,
        ratio: measured.then_some(ratio),
        interval: measured.then_some([ratio * 0.99, ratio * 1.06]),
        confidence: 0.965,
        pairs: (0..18).map(pair).collect(),
        load: None,
        full_at: Some(2.0),
        caveats: Vec::new(),
    };
    let summary = if measured {
        format!("{ratio:.2}x the time of parking_lot on 2 threads; up to 2x is full")
    } else {
        "the machine was too busy: 0 of 18 pairs were clean".into()
    };
    CheckResult { summary, evidence: Some(Evidence::Speed(speed)), ..check("speed", verdict, points) }
}

fn lints() -> CheckResult {
    let said = "warning: unneeded `return` statement\n  --> src/lib.rs:30:5\n   |\n30 |     return 3;\n   |     ^^^^^^^^\n   |\n   = help: for further \
                information visit https://rust-lang.github.io/rust-clippy/rust-1.95.0/index.html#needless_return\n\n\
                warning: `spin_lock` (lib) generated 1 warning";
    CheckResult {
        summary: "clippy has advice".into(),
        cases: vec![CaseResult::new("clippy", Verdict::Fail, Some(said.into()))],
        ..check("lints", Verdict::Fail, (0.0, 0.0))
    }
}
