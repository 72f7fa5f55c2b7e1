//! `cargo xtask grade`: every check of what a submission touches, on a clean tree.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};

use super::{Usage, check::show, code_of, find};
use crate::{
    catalog::Catalog,
    grade::grader::{Grader, Options},
    results::{Results, State},
    screen::{self, bold, faint, say},
};

/// Grades the submission and writes `results.json`.
pub fn grade(catalog: &Catalog, submission: &Path, only: &[String], out: &Path, json: bool) -> Result<ExitCode> {
    let only = only.iter().map(|name| find(catalog, name)).collect::<Result<Vec<_>>>()?;
    if !submission.exists() {
        return Err(Usage(format!("{} is not there; name the folder of the submission", submission.display())).into());
    }
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let grader = Grader::open(catalog, only, Options { seed: None, timed: true }, &program)?;
    let id = submission.file_name().map_or_else(|| "submission".into(), |name| name.to_string_lossy().into_owned());
    let results = grader.grade(&id, submission);
    let path = out.join("results.json");
    results.write(&path)?;
    if json {
        screen::json(&results);
    } else {
        tell(catalog, &results);
        say(faint(format!("the whole result is in {}", path.display())));
    }
    Ok(match results.submission.as_ref().map(|submission| &submission.state) {
        Some(State::Error(_)) => ExitCode::from(3),
        Some(State::Rejected(_)) => super::code(false),
        _ => code_of([&results]),
    })
}

fn tell(catalog: &Catalog, results: &Results) {
    for result in &results.exercises {
        let Ok(exercise) = catalog.find(&result.path) else { continue };
        result.subjects.iter().for_each(|subject| show(subject, exercise));
    }
    let Some(submission) = &results.submission else { return };
    for ignored in &submission.ignored {
        say(faint(format!("not taken: {}: {}", ignored.file, ignored.why)));
    }
    match &submission.state {
        State::Rejected(why) => say(bold(format!("rejected: {why}"))),
        State::Error(why) => say(bold(format!("not graded, by no fault of the submission: {why}"))),
        State::Graded => {
            let subjects = results.exercises.iter().flat_map(|exercise| &exercise.subjects);
            let (points, max) = subjects.fold((0.0, 0.0), |sum, subject| (sum.0 + subject.points, sum.1 + subject.max_points));
            say("");
            say(bold(format!("{points} of {max} points")));
        }
    }
}
