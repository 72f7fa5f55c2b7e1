//! A failing execution as a trace and as screens of the stepper.

#[path = "sample/failures.rs"]
mod failures;

use std::path::{Path, PathBuf};

use lab::{
    finding::{Class, Failure, Row, StepTold},
    trace::file,
};
use serde_json::json;
use xtask::{
    chart::{Layout, interleaving},
    explain::{self, replay::Replay, trace},
    results::{
        CaseResult, CheckResult, ExerciseResult, FORMAT_VERSION, Machine, Record, Results, Subject, SubjectResult, Verdict,
    },
    screen::full::{Key, Program},
};

#[test]
fn traces_are_what_viewers_take() {
    for failure in failures::all() {
        let trace = trace::trace(&failure);
        assert_eq!(file::check(&trace), Vec::<String>::new(), "{}", failure.name);
        let slices: usize = trace.threads().iter().map(|row| row.slices.len()).sum();
        assert_eq!(slices, failure.steps.len(), "{}: a slice a step", failure.name);
        let ends = |ph: &str| trace.events.iter().filter(|event| event.ph == ph).count();
        let read = failure.steps.iter().filter(|step| step.reads_from.is_some()).count();
        assert_eq!((ends("s"), ends("f")), (read, read), "{}: an arrow a read", failure.name);
    }
}

#[test]
fn where_a_thread_stands_lasts_until_the_end() {
    let rows = trace::trace(&failures::deadlock()).threads();
    let last: Vec<_> = rows.iter().map(|row| row.slices.last().expect("a slice").end_us).collect();
    assert_eq!(last, [6000.0, 6000.0]);
    assert_eq!(rows.iter().map(|row| (row.thread.as_str(), row.tid)).collect::<Vec<_>>(), [("T0 (main)", 1), ("T1", 2)]);
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let failure = failures::relaxed_unlock();
    let written = explain::write(&failure, "module::mutual_exclusion", folder.path()).expect("written");
    let names: Vec<_> = written.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let stem = "module--mutual_exclusion";
    assert_eq!(names, [format!("{stem}.svg"), format!("{stem}.trace.json"), format!("{stem}.json")]);
    assert_eq!(explain::read(&written[2]).expect("read"), failure);
    let error = explain::read(&written[1]).expect_err("a trace is no failure");
    assert!(error.to_string().contains("cargo xtask explain"), "{error}");
}

fn results(cases: Vec<CaseResult>) -> Results {
    let machine = Machine {
        platform: "linux x86_64".into(),
        processor: None,
        cores: 2,
        memory: None,
        governor: None,
        rustc: "rustc 1.95.0".into(),
        schedstat: true,
    };
    let check = |name: &str, cases| CheckResult {
        check: name.into(),
        verdict: Verdict::Fail,
        points: 0.0,
        max_points: 5.0,
        summary: "some fail".into(),
        seconds: 0.1,
        cases,
        evidence: None,
        more: Vec::new(),
    };
    let checks = vec![check("tests", vec![case("no_model", Verdict::Fail, json!({}))]), check("model", cases)];
    let exercise = ExerciseResult {
        path: "threads/spin_lock".into(),
        title: "A spin lock".into(),
        kind: "implement".into(),
        summary: "acquire and release".into(),
        subjects: vec![SubjectResult { subject: Subject::Yours, points: 0.0, max_points: 5.0, checks }],
        ..ExerciseResult::default()
    };
    Results {
        format_version: FORMAT_VERSION,
        command: "check".into(),
        started: "2025-11-22T12:35:42Z".into(),
        seconds: 1.0,
        commit: None,
        machine,
        seed: 1,
        exercises: vec![exercise],
        ceilings: None,
        submission: None,
    }
}

fn case(name: &str, verdict: Verdict, data: serde_json::Value) -> CaseResult {
    let records = vec![Record { kind: "model".into(), data }];
    CaseResult { seconds: 0.1, records, ..CaseResult::new(name, verdict, Some(format!("{name} failed"))) }
}

#[test]
fn of_long_executions_the_end_is_shown_or_one_round() {
    let one = failures::relaxed_unlock();
    // Of 41 to 59 steps, three rounds of the longest kind would be more than there are.
    for count in [1, 40, 41, 50, 59, 60, 200] {
        let steps = (1..=count).map(|step| StepTold { step, line: step as u32, ..one.steps[1].clone() }).collect();
        let long = Failure { steps, ..one.clone() };
        let shown = long.rows();
        assert_eq!(shown.len(), if count > 40 { 41 } else { count });
        assert!(matches!(shown.last(), Some(Row::Step(last)) if last.step == count));
    }
    let livelock = failures::all().into_iter().find(|failure| failure.class == Class::Livelock).expect("a livelock");
    let told: Vec<_> = livelock
        .rows()
        .iter()
        .map(|row| match row {
            Row::Step(step) => step.step.to_string(),
            Row::Gap(what) => what.clone(),
        })
        .collect();
    assert_eq!(told, ["1", "2", "3", "4", "5", "and so on: these 2 steps 60 times", "124"]);
}

#[test]
fn failing_models_are_found_whatever_their_records_hold() {
    let report = |failure: Option<Failure>| {
        let (name, verdict) = ("a model", if failure.is_some() { "fail" } else { "pass" });
        json!({ "name": name, "verdict": verdict, "passes": [], "preemption_bound": null, "cut": false, "reached": {}, "failure": failure })
    };
    let unfinished = Failure { message: "not yet implemented: step 1".into(), ..failures::deadlock() };
    let models = explain::models(&results(vec![
        case("good", Verdict::Pass, report(None)),
        case("races", Verdict::Fail, report(Some(failures::relaxed_unlock()))),
        case("unfinished", Verdict::Fail, report(Some(unfinished))),
        case("of_another_version", Verdict::Fail, json!("unknown")),
        case("stopped", Verdict::Fail, report(None)),
        // What does not compile is no model.
        CaseResult { records: Vec::new(), ..case("compiles", Verdict::Fail, json!(null)) },
    ]));
    let seen: Vec<_> = models
        .iter()
        .map(|(name, failing)| {
            let failing = failing.as_ref();
            let told = failing.map(|failing| (failing.failure().is_some(), failing.execution().is_some()));
            (name.as_str(), told)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("good", None),
            ("races", Some((true, true))),
            ("unfinished", Some((true, false))),
            ("of_another_version", Some((false, false))),
            ("stopped", Some((false, false))),
        ]
    );
}

fn replay(failure: &Failure) -> Replay<'_> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    Replay::new(failure, root.to_owned(), true)
}

/// The lines of a screen, without their looks.
fn screen(replay: &mut Replay<'_>, columns: usize, rows: usize) -> Vec<String> {
    let lines = replay.draw(columns, rows);
    lines.into_iter().map(|line| line.into_iter().map(|span| span.text).collect()).collect()
}

#[test]
fn every_step_fits_every_screen() {
    for failure in failures::all() {
        for (columns, rows) in [(80, 24), (120, 40), (100, 30), (300, 90), (40, 12), (10, 5), (1, 1)] {
            let mut replay = replay(&failure);
            for _ in &failure.steps {
                let lines = screen(&mut replay, columns, rows);
                assert!(lines.len() <= rows, "{}: {} lines on {columns}x{rows}", failure.name, lines.len());
                assert!(lines.iter().all(|line| line.chars().count() == columns), "{}: {lines:#?}", failure.name);
                assert!(replay.press(Key::Right));
            }
        }
    }
}

#[test]
fn keys_lead_through_the_steps() {
    let failure = failures::relaxed_unlock();
    let mut replay = replay(&failure);
    let mut after = |key: Key| {
        assert!(replay.press(key));
        let lines = screen(&mut replay, 80, 24);
        lines[0].rsplit("  step ").next().expect("a count").trim().to_owned()
    };
    for (key, count) in [
        (Key::Left, "1 of 6"),
        (Key::Right, "2 of 6"),
        (Key::Char(' '), "3 of 6"),
        (Key::Char('n'), "4 of 6"),
        (Key::Char('p'), "3 of 6"),
        (Key::End, "6 of 6"),
        (Key::Char('j'), "6 of 6"),
        (Key::Char('x'), "6 of 6"),
        (Key::Home, "1 of 6"),
        (Key::Char('G'), "6 of 6"),
        (Key::Char('k'), "5 of 6"),
        (Key::Char('g'), "1 of 6"),
    ] {
        assert_eq!(after(key), count, "{key:?}");
    }
    assert!(!replay.press(Key::Char('q')) && !replay.press(Key::Escape));
}

#[test]
fn nothing_is_shown_before_its_time() {
    let failure = failures::deadlock();
    let mut replay = replay(&failure);
    let first = screen(&mut replay, 120, 40).join("\n");
    assert!(first.contains("spawn(T1)") && first.contains("T1  not begun"), "{first}");
    assert!(!first.contains("takes the first") && !first.contains("from.lock"), "{first}");
    replay.press(Key::End);
    let last = screen(&mut replay, 120, 40).join("\n");
    assert!(last.contains("T0  stands at lib.rs:13 in to.lock, waits for T1; holds from since lib.rs:12"), "{last}");
    assert!(last.contains("exercises/threads/spin_lock/src/lib.rs:13"), "{last}");
}

#[test]
fn a_source_that_is_not_there_is_said() {
    let failure = failures::relaxed_unlock();
    let mut elsewhere = Replay::new(&failure, PathBuf::from("/nowhere"), false);
    assert!(screen(&mut elsewhere, 80, 24).join("\n").contains("source not found"));
    assert!(screen(&mut replay(&failure), 80, 24).join("\n").contains("fn mutual_exclusion"));
}

#[test]
fn a_forged_execution_breaks_nothing() {
    let mut failure = failures::deadlock();
    failure.name = "long ".repeat(10_000);
    failure.message = "endless ".repeat(10_000);
    let last = failure.steps.last().expect("a step").clone();
    // They stand still and so are no round: each would have a row.
    let forged = (0..30_000).map(|step| StepTold { step: step + 100, reads_from: Some(step + 99), ..last.clone() });
    failure.steps.extend(forged);
    let chart = interleaving::draw(&failure, Layout::Narrow).expect("a picture");
    assert!(chart.file().len() < 1 << 20, "{}", chart.file().len());
    let slices: usize = trace::trace(&failure).threads().iter().map(|row| row.slices.len()).sum();
    assert_eq!(slices, 10_000);

    failure.steps.truncate(6);
    failure.steps[0].thread = usize::MAX;
    failure.steps[1].step = usize::MAX;
    failure.threads = usize::MAX;
    assert!(interleaving::draw(&failure, Layout::Wide).is_none());
    assert!(trace::trace(&failure).events.iter().any(|event| event.tid == u64::MAX));
    let mut replay = replay(&failure);
    for _ in &failure.steps {
        assert!(screen(&mut replay, 80, 24).len() <= 24);
        assert!(replay.press(Key::Right));
    }
}
