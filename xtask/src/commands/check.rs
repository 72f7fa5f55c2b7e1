//! `cargo xtask check`: every check of the learner's work, and what to do next.

use std::process::ExitCode;

use anyhow::Result;
use lab::finding::{Failure, WIDTH};

use super::{code, code_of, find};
use crate::{
    catalog::{Catalog, Exercise},
    chart::number::points,
    check::{Candidate, Checker, NO_REFERENCE, Purpose, SEED, printable},
    explain,
    kept::{Kept, files_of},
    machine::Begun,
    results::{CaseResult, CheckResult, ExerciseResult, Results, Subject, SubjectResult, Verdict},
    screen::{self, Progress, bold, faint, say, seconds, verdict},
};

/// Checks the named exercises, or those that were begun.
pub fn check(catalog: &Catalog, names: &[String], solution: bool, json: bool) -> Result<ExitCode> {
    let mut chosen = Vec::new();
    for name in names {
        chosen.push(find(catalog, name)?);
    }
    if names.is_empty() {
        for exercise in &catalog.exercises {
            if solution || !catalog.is_starter(exercise)? {
                chosen.push(exercise);
            }
        }
        if chosen.is_empty() {
            if json {
                screen::json(&Vec::<Results>::new());
            }
            say("You have not begun an exercise yet. See where to start: cargo xtask");
            return Ok(code(true));
        }
    }
    let mut all = Vec::new();
    for exercise in chosen {
        let candidate = match (solution, catalog.reference(exercise)) {
            (false, _) => catalog.yours(exercise),
            (true, Some(reference)) => reference,
            (true, None) => return Err(super::Usage("this checkout has no solutions".into()).into()),
        };
        // Before the check: what is saved while it runs is not what it is about.
        let files = if solution { None } else { Some(files_of(catalog, exercise)?) };
        let results = check_one(catalog, &candidate)?;
        if let Some(files) = files {
            Kept::of(catalog, exercise).keep(&files, &results)?;
        }
        for subject in results.exercises.iter().flat_map(|exercise| &exercise.subjects) {
            show(subject, exercise);
        }
        if !solution {
            next_step(catalog, exercise, &results)?;
        }
        all.push(results);
    }
    if json {
        screen::json(&all);
    }
    Ok(code_of(&all))
}

/// The result of the last check of exactly these files, if there is one.
pub fn last(catalog: &Catalog, exercise: &Exercise) -> Option<Results> {
    Kept::of(catalog, exercise).results(&files_of(catalog, exercise).ok()?)
}

fn check_one(catalog: &Catalog, candidate: &Candidate<'_>) -> Result<Results> {
    let begun = Begun::now();
    let exercise = candidate.exercise;
    let checker = Checker { catalog, seed: SEED, quick: true, purpose: Purpose::Work, opponents: Default::default() };
    let steps = exercise.checks().into_iter().map(|check| format!("{}: {check}", exercise.name)).collect();
    let mut progress = Progress::new(&catalog.scratch(), steps);
    let subject = checker.all(candidate, |_| progress.step())?;
    drop(progress);
    Ok(begun.results("check", catalog, SEED, vec![exercise_result(exercise, vec![subject])]))
}

/// What the results say of an exercise, with nothing benched or traced yet.
pub fn exercise_result(exercise: &Exercise, subjects: Vec<SubjectResult>) -> ExerciseResult {
    ExerciseResult {
        path: exercise.path(),
        title: exercise.about.title.clone(),
        kind: exercise.about.kind.clone(),
        summary: exercise.about.summary.clone(),
        subjects,
        ..ExerciseResult::default()
    }
}

/// Prints the checks of a subject: a line each, and beneath it what a failing one says.
pub fn show(subject: &SubjectResult, exercise: &Exercise) {
    let whose = match subject.subject {
        Subject::Yours => String::new(),
        other => format!(", {other}"),
    };
    say(format!("{}{whose}: {}", bold(&exercise.name), exercise.about.title));
    for check in &subject.checks {
        let points = match check.verdict {
            _ if check.max_points == 0.0 => "advice".into(),
            Verdict::Pass | Verdict::Fail => format!("{:>4} of {}", points(check.points), points(check.max_points)),
            Verdict::NotMeasurable | Verdict::Error => "no points lost".into(),
        };
        let took = faint(format!("({})", seconds(check.seconds)));
        say(format!("  {:6} {}  {points}  {} {took}", check.check, verdict(check.verdict, 14), printable(&check.summary)));
    }
    show_failures(subject, exercise);
    say(format!("  {} of {} points", bold(points(subject.points)), points(subject.max_points)));
}

/// The same reason is told once, however many tests and checks it fails; and of the executions of failing models the first in
/// full, since mostly one bug fails them all.
fn show_failures(subject: &SubjectResult, exercise: &Exercise) {
    let mut told: Vec<(String, String)> = Vec::new();
    let mut execution_shown = false;
    let told_of = |check: &&CheckResult| matches!(check.verdict, Verdict::Fail | Verdict::Error);
    for check in subject.checks.iter().filter(told_of) {
        let mut before = "";
        for case in check.cases.iter().filter(|case| case.verdict != Verdict::Pass) {
            let message = match in_short(case, subject.subject, &exercise.name) {
                Some(short) if execution_shown => short,
                execution => {
                    execution_shown |= execution.is_some();
                    printable(case.message.as_deref().unwrap_or_default())
                }
            };
            match told.iter_mut().find(|(known, _)| *known == message) {
                Some((_, names)) if before == check.check => names.push_str(&format!(", {}", case.name)),
                Some((_, names)) => names.push_str(&format!("; {}: {}", check.check, case.name)),
                None => told.push((message, format!("{}: {}", check.check, case.name))),
            }
            before = &check.check;
        }
    }
    for (message, names) in &told {
        say("");
        say(format!("  {}", bold(names)));
        for line in message.lines() {
            say(format!("    {line}"));
        }
    }
    if !told.is_empty() {
        say("");
    }
}

/// What a failing model comes to, and where its steps can be read; `None` where no execution shows it, and where nothing can
/// be read later, since only the results of the learner's own work are kept.
fn in_short(case: &CaseResult, subject: Subject, exercise: &str) -> Option<String> {
    if subject != Subject::Yours {
        return None;
    }
    let failure = explain::report(case)?.failure.filter(Failure::has_execution)?;
    let said = printable(&failure.summary(WIDTH));
    Some(format!("{said}Its steps: cargo xtask explain {exercise} --model {}", case.name))
}

/// Everything passes, as far as it could be measured: what comes next.
fn done(catalog: &Catalog, exercise: &Exercise, checks: &[&CheckResult]) {
    let name = &exercise.name;
    // What the grader alone can measure is nothing to wait for.
    let open = |check: &&&CheckResult| check.verdict == Verdict::NotMeasurable && !check.summary.starts_with(NO_REFERENCE);
    if checks.iter().any(|check| open(&check)) {
        // Not done: where speed is what the exercise is about, nothing may have been done at all.
        say(format!("Everything passes that could be measured. For the rest, close what else runs: cargo xtask check {name}"));
        return;
    }
    if catalog.reference(exercise).is_some() {
        say(format!("Done. Compare with solutions/{}/NOTES.md, then go on: cargo xtask", exercise.path()));
    } else {
        say("Done. Go on: cargo xtask");
    }
    say(format!("See how it runs: cargo xtask trace {name}, cargo xtask bench {name}"));
}

fn next_step(catalog: &Catalog, exercise: &Exercise, results: &Results) -> Result<()> {
    let name = &exercise.name;
    let checks: Vec<_> =
        results.exercises.iter().flat_map(|exercise| &exercise.subjects).flat_map(|subject| &subject.checks).collect();
    let compiles =
        !checks.iter().flat_map(|check| &check.cases).any(|case| case.name == "compiles" && case.verdict == Verdict::Fail);
    let failing = checks.iter().find(|check| check.verdict == Verdict::Fail);
    let faulty = checks.iter().find(|check| check.verdict == Verdict::Error);
    say("");
    match failing {
        _ if catalog.is_starter(exercise)? => {
            say(format!("This is still the starter. Read exercises/{}/README.md, then edit:", exercise.path()));
            for file in &exercise.about.files {
                say(format!("  exercises/{}/{file}", exercise.path()));
            }
        }
        Some(_) if !compiles => {
            say(format!("Mend what rustc says above, then: cargo xtask check {name}"));
            say("An error code such as E0382 is explained by: rustc --explain E0382");
        }
        Some(check) if check.check == "lints" => {
            say(format!("Clippy's advice is above; it costs nothing. Again: cargo xtask check {name}"));
            done(catalog, exercise, &checks);
        }
        Some(check) => {
            let tests = match check.check.as_str() {
                "tests" => "tests/behaviour.rs",
                "model" => "tests/model.rs",
                "trace" => "tests/trace.rs",
                _ => "workload.rs",
            };
            say(format!("Next: make `{}` pass. It is in exercises/{}/{tests}", check.check, exercise.path()));
            if explain::models(results).iter().any(|(_, failing)| failing.as_ref().is_some_and(|f| f.execution().is_some())) {
                say(format!("See a failing model step by step: cargo xtask explain {name} --replay"));
            }
            say(format!("Stuck? A nudge, then a stronger one, then nearly the answer: cargo xtask hint {name}"));
        }
        None if faulty.is_some() => {
            say("A check could not be made, by no fault of yours. What this machine lacks is told by: cargo xtask doctor");
        }
        None => done(catalog, exercise, &checks),
    }
    Ok(())
}
