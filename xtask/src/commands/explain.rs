//! `cargo xtask explain`: the failing executions of the last check again, as a table, in files, or step by step.

use std::{io::IsTerminal, path::Path, process::ExitCode};

use anyhow::Result;
use lab::finding::{Failure, WIDTH};

use super::{Usage, code, find};
use crate::{
    catalog::{Catalog, Exercise},
    check::printable,
    explain::{self, Failing, replay::Replay},
    kept::{Kept, files_of},
    results::Results,
    screen::{self, bold, faint, full, mending, say, wrong},
};

/// What is explained, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The exercise; or the JSON file of a failing model, which this command writes.
    #[arg(value_name = "EXERCISE|FILE")]
    what: String,
    /// The model's test; without it, all that failed.
    #[arg(long)]
    model: Option<String>,
    /// Step through the execution in the terminal.
    #[arg(long)]
    replay: bool,
}

/// Shows why models failed in the last check.
pub fn explain(catalog: &Catalog, options: &Options, json: bool) -> Result<ExitCode> {
    let file = Path::new(&options.what);
    if file.extension().is_some_and(|ending| ending == "json") {
        if options.model.is_some() {
            return Err(Usage(format!("{} is one model's own: leave --model out", file.display())).into());
        }
        return of_file(catalog, file, options.replay, json);
    }
    let exercise = find(catalog, &options.what)?;
    let name = &exercise.name;
    if !exercise.about.points.contains_key("model") {
        return Err(Usage(format!("{name} is not model-checked; see which exercises are: cargo xtask list")).into());
    }
    let Some((checked, results)) = Kept::of(catalog, exercise).latest()? else {
        return Err(Usage(format!("{name} was not checked yet; check it with: cargo xtask check {name}")).into());
    };
    let failing = chosen(explain::models(&results), exercise, options.model.as_deref())?;
    let changed = files_of(catalog, exercise).map_or(true, |files| files != checked);
    if changed {
        screen::warn(format!("the files have changed since; check again with: cargo xtask check {name}"));
    }
    if json {
        screen::json(&failing.iter().filter_map(|failing| failing.report.as_ref()).collect::<Vec<_>>());
        return Ok(code(true));
    }
    if failing.is_empty() {
        nothing(&results, exercise, options.model.as_deref());
    } else if options.replay {
        replay(catalog, exercise, &failing, changed)?;
    } else {
        show(catalog, exercise, &failing)?;
    }
    Ok(code(true))
}

/// The models that failed; of them only the one that is named.
fn chosen(models: Vec<(String, Option<Failing>)>, exercise: &Exercise, named: Option<&str>) -> Result<Vec<Failing>> {
    if let Some(named) = named.filter(|named| models.iter().all(|(model, _)| model != named)) {
        let all: Vec<_> = models.iter().map(|(model, _)| printable(model)).collect();
        let there = if all.is_empty() { "no model was run".into() } else { format!("there are {}", all.join(", ")) };
        return Err(Usage(format!("no model of {} is called {named:?}; {there}", exercise.name)).into());
    }
    let is_meant = |model: &str| named.is_none_or(|named| model == named);
    Ok(models.into_iter().filter(|(model, _)| is_meant(model)).filter_map(|(_, failing)| failing).collect())
}

/// Why there is nothing to explain, and what to do then.
fn nothing(results: &Results, exercise: &Exercise, named: Option<&str>) {
    let name = &exercise.name;
    match named {
        _ if explain::models(results).is_empty() => {
            say(format!("The models of {name} did not run in the last check. See why: cargo xtask check {name}"));
        }
        Some(model) => say(format!("{model} passed in the last check. Check again with: cargo xtask check {name}")),
        None => say(format!("No model of {name} failed in the last check. Check again with: cargo xtask check {name}")),
    }
}

fn show(catalog: &Catalog, exercise: &Exercise, failing: &[Failing]) -> Result<()> {
    let mut steps = None;
    for (i, failing) in failing.iter().enumerate() {
        if i > 0 {
            say("");
        }
        let Some(failure) = failing.failure() else {
            say(bold(printable(&failing.model)));
            say(printable(&failing.message));
            continue;
        };
        tell(failure);
        if failing.execution().is_some() {
            steps = steps.or(Some(&failing.model));
            let folder = catalog.scratch().join("explain").join(&exercise.name);
            for path in explain::write(failure, &failing.model, &folder)? {
                say(faint(path.display()));
            }
        }
    }
    if let Some(model) = steps {
        say("");
        let name = &exercise.name;
        say(format!("Step by step: cargo xtask explain {name} --model {} --replay", printable(model)));
    }
    Ok(())
}

/// Prints an explanation: the class, what would mend it, and the steps that matter stand out.
fn tell(failure: &Failure) {
    let width = screen::terminal_width().map_or(WIDTH, |columns| columns.clamp(60, 110));
    let text = printable(&failure.text(width));
    let (mut mends, mut table) = (false, false);
    for (i, line) in text.lines().enumerate() {
        table |= line.is_empty();
        mends = !table && (mends || line.starts_with("Repair: ")) && !line.starts_with("Found in ");
        match line.strip_prefix(failure.class.name()) {
            Some(rest) if i == 0 => say(format!("{}{}", wrong(failure.class.name()), bold(rest))),
            _ if mends => say(mending(line)),
            _ if table && line.starts_with('>') => say(bold(line)),
            _ if table && line.starts_with("step ") => say(faint(line)),
            _ => say(line),
        }
    }
    say("");
}

/// The first of them that has an execution, in the terminal; the others are named after it.
fn replay(catalog: &Catalog, exercise: &Exercise, failing: &[Failing], changed: bool) -> Result<()> {
    let mut executions = failing.iter().filter(|failing| failing.execution().is_some());
    let Some((failing, failure)) = executions.next().and_then(|failing| Some((failing, failing.execution()?))) else {
        say(format!("No failing execution was recorded. What the models say: cargo xtask explain {}", exercise.name));
        return Ok(());
    };
    let read = format!("cargo xtask explain {} --model {}", exercise.name, printable(&failing.model));
    step_through(catalog, failure, &read, changed)?;
    for other in executions {
        say(format!("Another fails: cargo xtask explain {} --model {} --replay", exercise.name, printable(&other.model)));
    }
    Ok(())
}

fn step_through(catalog: &Catalog, failure: &Failure, read: &str, changed: bool) -> Result<()> {
    if !std::io::stdout().is_terminal() {
        return Err(Usage(format!("a replay needs a terminal; read the execution with: {read}")).into());
    }
    full::run(&mut Replay::new(failure, catalog.root.clone(), changed))
}

fn of_file(catalog: &Catalog, file: &Path, replay: bool, json: bool) -> Result<ExitCode> {
    let failure = explain::read(file).map_err(|error| Usage(format!("{error:#}")))?;
    match (json, replay && failure.has_execution()) {
        (true, _) => screen::json(&failure),
        (false, true) => step_through(catalog, &failure, &format!("cargo xtask explain {}", file.display()), false)?,
        (false, false) => tell(&failure),
    }
    Ok(code(true))
}
