//! The failures of a model check, shown again: found in stored results, and written as a picture, a trace and JSON.

pub mod replay;
pub mod source;
pub mod trace;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lab::{
    finding::{Failure, Report},
    trace::file,
};

use crate::{
    chart::{Layout, interleaving},
    results::{CaseResult, Results, Verdict, write_whole},
};

/// A model that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failing {
    /// The test.
    pub model: String,
    /// What was printed when it failed.
    pub message: String,
    /// What the checker found; absent where it was stopped before it could say.
    pub report: Option<Report>,
}

impl Failing {
    /// Why it failed, where the checker said so.
    pub fn failure(&self) -> Option<&Failure> {
        self.report.as_ref()?.failure.as_ref()
    }

    /// The same, where there is an execution to step through.
    pub fn execution(&self) -> Option<&Failure> {
        self.failure().filter(|failure| failure.has_execution())
    }
}

/// What the checker found in a model's test, where it says that the model failed.
pub fn report(case: &CaseResult) -> Option<Report> {
    case.models().into_iter().rev().find(|report| report.failure.is_some())
}

/// The models of the results, by name; those that failed in full.
pub fn models(results: &Results) -> Vec<(String, Option<Failing>)> {
    let checks = results.exercises.iter().flat_map(|exercise| &exercise.subjects).flat_map(|subject| &subject.checks);
    let model = |case: &CaseResult| {
        let failing =
            || Failing { model: case.name.clone(), message: case.message.clone().unwrap_or_default(), report: report(case) };
        (case.name.clone(), (case.verdict != Verdict::Pass).then(failing))
    };
    // What does not compile has one case that says so, and is no model.
    let is_model = |case: &&CaseResult| !(case.name == "compiles" && case.records.is_empty());
    let models = checks.filter(|check| check.check == "model");
    models.flat_map(|check| check.cases.iter().filter(is_model)).map(model).collect()
}

/// Writes a failing execution as a picture, as a Chrome trace in logical time and as JSON, each whole or not at all.
///
/// # Errors
/// If the folder cannot be made or written.
pub fn write(failure: &Failure, model: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    // A test's name is that of a function in a module; a record that was made by hand could be called anything.
    let name: String = model.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    let (json, trace, picture) = (path("json"), path("trace.json"), path("svg"));
    write_whole(&json, format!("{}\n", serde_json::to_string_pretty(failure)?).as_bytes())?;
    file::write(&trace::trace(failure), &trace).with_context(|| format!("cannot write {}", trace.display()))?;
    let mut written = vec![trace, json];
    if let Some(chart) = interleaving::draw(failure, Layout::Wide) {
        write_whole(&picture, chart.file().as_bytes())?;
        written.insert(0, picture);
    }
    Ok(written)
}

/// Reads a failure that [`write`](write()) wrote.
///
/// # Errors
/// If the file is missing or is no failure; the message names it and the command that makes one.
pub fn read(path: &Path) -> Result<Failure> {
    let shown = path.display();
    let make = "make one with: cargo xtask explain EXERCISE";
    let text = std::fs::read(path).with_context(|| format!("cannot read {shown}; {make}"))?;
    serde_json::from_slice(&text).with_context(|| format!("{shown} is not the JSON of a failing model; {make}"))
}
