//! `cargo xtask` and `cargo xtask list`: where am I, and what comes next.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::code;
use crate::{
    catalog::{Catalog, Exercise, TRACKS},
    results::Verdict,
    screen::{self, bold, faint, say},
};

/// How far the learner is with an exercise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Nothing was changed yet.
    Untouched,
    /// Changed, and not checked since, or a check failed.
    Begun,
    /// The last check of exactly these files passed.
    Passed,
}

#[derive(Serialize)]
struct Row<'a> {
    exercise: String,
    title: &'a str,
    kind: &'a str,
    summary: &'a str,
    points: f64,
    checks: Vec<&'a str>,
    state: State,
}

fn state(catalog: &Catalog, exercise: &Exercise) -> Result<State> {
    if catalog.is_starter(exercise)? {
        return Ok(State::Untouched);
    }
    // The last check is believed only while the files are the ones that it saw.
    let passed = super::check::last(catalog, exercise).is_some_and(|last| {
        let checks = last.exercises.iter().flat_map(|exercise| &exercise.subjects).flat_map(|subject| &subject.checks);
        checks
            .into_iter()
            .filter(|check| check.max_points > 0.0)
            .all(|check| matches!(check.verdict, Verdict::Pass | Verdict::NotMeasurable))
    });
    Ok(if passed { State::Passed } else { State::Begun })
}

fn rows(catalog: &Catalog) -> Result<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    for exercise in &catalog.exercises {
        let about = &exercise.about;
        rows.push(Row {
            exercise: exercise.path(),
            title: &about.title,
            kind: &about.kind,
            summary: &about.summary,
            points: exercise.max_points(),
            checks: exercise.checks(),
            state: state(catalog, exercise)?,
        });
    }
    Ok(rows)
}

/// All exercises, a line each.
pub fn list(catalog: &Catalog, json: bool) -> Result<ExitCode> {
    let rows = rows(catalog)?;
    if json {
        screen::json(&rows);
        return Ok(code(true));
    }
    let lines = rows.iter().map(|row| {
        vec![mark(row.state).to_owned(), row.exercise.clone(), row.kind.to_owned(), row.checks.join(" "), row.title.to_owned()]
    });
    for line in screen::table(&lines.collect::<Vec<_>>()) {
        say(line);
    }
    say("");
    say(faint("[x] passed  [~] begun  [ ] not begun"));
    Ok(code(true))
}

fn mark(state: State) -> &'static str {
    match state {
        State::Untouched => "[ ]",
        State::Begun => "[~]",
        State::Passed => "[x]",
    }
}

/// The map of tracks, and the next step.
pub fn map(catalog: &Catalog, json: bool) -> Result<ExitCode> {
    let rows = rows(catalog)?;
    if json {
        screen::json(&rows);
        return Ok(code(true));
    }
    say(bold("Racecourse: a course about races, and a place where programs race"));
    say("");
    for track in TRACKS {
        let own: Vec<_> = rows.iter().filter(|row| row.exercise.starts_with(&format!("{track}/"))).collect();
        if own.is_empty() {
            continue;
        }
        let passed = own.iter().filter(|row| row.state == State::Passed).count();
        say(format!("{} {}", bold(track), faint(format!("{passed} of {}", own.len()))));
        let name = |row: &Row<'_>| row.exercise.rsplit('/').next().unwrap_or_default().to_owned();
        let lines: Vec<_> =
            own.iter().map(|row| vec![format!("  {}", mark(row.state)), name(row), row.summary.to_owned()]).collect();
        for line in screen::table(&lines) {
            say(line);
        }
    }
    say("");
    let next = rows.iter().find(|row| row.state == State::Begun).or(rows.iter().find(|row| row.state == State::Untouched));
    match next {
        None => say("Every exercise is passed. See how fast they are: cargo xtask report"),
        Some(row) => {
            let verb = if row.state == State::Begun { "Go on with" } else { "Next:" };
            let name = row.exercise.rsplit('/').next().unwrap_or_default();
            say(format!("{verb} {}: {}", bold(name), row.title));
            say(format!("  read   exercises/{}/README.md", row.exercise));
            say(format!("  edit   {}", files(catalog, &row.exercise)));
            say(format!("  check  cargo xtask check {name}"));
        }
    }
    Ok(code(true))
}

fn files(catalog: &Catalog, path: &str) -> String {
    let found = catalog.exercises.iter().find(|exercise| exercise.path() == path);
    let files = found.map(|exercise| exercise.about.files.as_slice()).unwrap_or_default();
    files.iter().map(|file| format!("exercises/{path}/{file}")).collect::<Vec<_>>().join(", ")
}
