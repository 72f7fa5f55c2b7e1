//! `cargo xtask grade`: every check of what a submission touches, on a clean tree.

use std::{path::Path, process::ExitCode};

use anyhow::Result;

use super::{
    Usage,
    check::{exercise_result, show},
    code_of, find,
};
use crate::{
    catalog::Catalog,
    check::{Candidate, Checker, Purpose, SEED},
    grade::handed_in,
    machine::Begun,
    results::Subject,
    screen::{self, Progress, bold, say},
    stage::Stage,
};

/// Grades the submission and writes `results.json`.
pub fn grade(catalog: &Catalog, submission: &Path, only: &[String], out: &Path, json: bool) -> Result<ExitCode> {
    let begun = Begun::now();
    let only = only.iter().map(|name| find(catalog, name)).collect::<Result<Vec<_>>>()?;
    let all = handed_in(catalog, submission, &only).map_err(|error| Usage(format!("{error:#}")))?;
    let stage = Stage::open(catalog)?;
    let steps = all
        .iter()
        .flat_map(|handed| handed.exercise.checks().into_iter().map(|check| format!("{}: {check}", handed.exercise.name)));
    let mut progress = Progress::new(&catalog.scratch(), steps.collect());
    let checker = Checker { catalog, seed: SEED, quick: true, purpose: Purpose::Verdict, opponents: Default::default() };
    let mut exercises = Vec::new();
    for handed in &all {
        let package = stage.put(handed.exercise, &handed.sources)?;
        let candidate = Candidate { exercise: handed.exercise, subject: Subject::Submission, package };
        let subject = checker.all(&candidate, |_| progress.step())?;
        exercises.push(exercise_result(handed.exercise, vec![subject]));
    }
    drop(progress);
    let results = begun.results("grade", catalog, SEED, exercises);
    let path = out.join("results.json");
    results.write(&path)?;
    let subjects = || results.exercises.iter().flat_map(|exercise| &exercise.subjects);
    if json {
        screen::json(&results);
        return Ok(code_of([&results]));
    }
    for (handed, exercise) in all.iter().zip(&results.exercises) {
        exercise.subjects.iter().for_each(|subject| show(subject, handed.exercise));
    }
    let (points, max) = subjects().fold((0.0, 0.0), |sum, subject| (sum.0 + subject.points, sum.1 + subject.max_points));
    say("");
    say(bold(format!("{points} of {max} points; the whole result is in {}", path.display())));
    Ok(code_of([&results]))
}
