//! `run` and `trace`: one instrument on one exercise.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use lab::workload::{Setup, Spec};

use super::{OnOne, Usage, code, code_for, find};
use crate::{
    catalog::{Catalog, Exercise},
    chart::number,
    check::{Candidate, SEED, on_how_many, printable, threads_for},
    driver::Workload,
    losses::sentences::{self, Told},
    results::Verdict,
    screen::{self, bold, faint, say, table},
    traced::{Traced, traced_run},
};

/// Whose work the command line means.
pub(super) fn candidate<'a>(catalog: &'a Catalog, on: &OnOne) -> Result<Candidate<'a>> {
    let exercise = find(catalog, &on.exercise)?;
    if !on.solution {
        return Ok(catalog.yours(exercise));
    }
    catalog.reference(exercise).ok_or_else(|| Usage("this checkout has no solutions".into()).into())
}

/// The program of a candidate, or the exit code after rustc's own words.
pub fn built(catalog: &Catalog, candidate: &Candidate<'_>) -> Result<Result<PathBuf, ExitCode>> {
    let why = match candidate.workload(catalog)? {
        Ok(program) => return Ok(Ok(program)),
        Err(why) => why,
    };
    screen::warn(&why);
    let name = &candidate.exercise.name;
    if why.verdict == Verdict::Fail {
        screen::warn(format!("it does not compile; mend it, then: cargo xtask check {name}"));
    } else {
        screen::warn(format!("{}; see what this machine lacks: cargo xtask doctor", why.summary()));
    }
    Ok(Err(code_for(why.verdict == Verdict::Fail, why.verdict == Verdict::Error)))
}

fn setup(exercise: &Exercise, spec: &Spec, on: &OnOne) -> Setup {
    let usual = exercise.about.speed.as_ref().map_or(2, |pace| pace.threads);
    let threads = on.threads.unwrap_or_else(|| threads_for(spec.axis, usual));
    Setup { size: if on.quick { spec.quick } else { spec.full }, seed: SEED, threads, at: None }
}

/// Prints what kept a workload from its end, with exit code 1: it is the program's failure, not the runner's.
pub fn failed(exercise: &Exercise, error: &anyhow::Error) -> ExitCode {
    screen::warn(printable(&format!("{error:#}")));
    screen::warn(format!("see which test it fails: cargo xtask check {}", exercise.name));
    code(false)
}

/// Baseline, the learner's and the reference, once each.
pub fn run(catalog: &Catalog, on: &OnOne, json: bool) -> Result<ExitCode> {
    let own = candidate(catalog, on)?;
    let exercise = own.exercise;
    let program = match built(catalog, &own)? {
        Ok(program) => program,
        Err(code) => return Ok(code),
    };
    let start = || Workload::start(&program, None, &[], exercise.limit("speed"));
    let workload = match start() {
        Ok(workload) => workload,
        Err(error) => return Ok(failed(exercise, &error)),
    };
    let setup = setup(exercise, &workload.spec, on);
    let spec = workload.spec.clone();
    let mut rows = Vec::new();
    let mut digest = None;
    let mut good = true;
    for contender in workload.contenders.clone() {
        // Each in a process of its own, for its memory. The first run warms up and the second is shown; a single run is a look,
        // not a measurement.
        let run = || {
            let mut workload = start()?;
            workload.run(&contender, setup)?;
            let timed = workload.run(&contender, setup)?;
            let peak = workload.memory().map(|memory| memory.peak);
            workload.quit().map(|()| (timed, peak))
        };
        let (timed, peak) = match run() {
            Ok(run) => run,
            Err(error) if contender == "submission" => return Ok(failed(exercise, &error)),
            Err(error) => {
                screen::warn(printable(&format!("{contender}, which is the course's own: {error:#}")));
                return Ok(code_for(false, true));
            }
        };
        let expected = digest.get_or_insert_with(|| timed.digest.clone());
        let right = *expected == timed.digest;
        good &= right;
        let label = if contender == "submission" { own.subject.to_string() } else { contender };
        rows.push((label, timed.seconds, right, peak));
    }
    workload.quit()?;
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(contender, seconds, right, peak)| {
                serde_json::json!({ "contender": contender, "seconds": seconds, "right": right, "peak_memory": peak })
            })
            .collect();
        screen::json(&serde_json::json!({ "exercise": exercise.path(), "setup": setup, "runs": rows }));
        return Ok(code(good));
    }
    say(format!("{}: {} {}, {}", bold(&exercise.name), setup.size, spec.size_unit, on_how_many(spec.axis, setup.threads)));
    let baseline = rows.first().map_or(0.0, |row| row.1);
    let lines = rows.iter().map(|(contender, time, right, peak)| {
        let verdict = if *right { "" } else { "wrong output" };
        let peak = peak.map_or_else(String::new, |peak| format!("{} at the most", number::bytes(peak)));
        let (time, times) = (format!("{:.1} ms", time * 1e3), format!("{:.2}x", baseline / time));
        vec![format!("  {contender}"), time, times, peak, verdict.to_owned()]
    });
    for line in table(&lines.collect::<Vec<_>>()) {
        say(line);
    }
    say(faint(format!("one run each; for figures that hold: cargo xtask bench {}", exercise.name)));
    Ok(code(good))
}

/// A Chrome trace of one run.
pub fn trace(catalog: &Catalog, on: &OnOne, json: bool) -> Result<ExitCode> {
    let own = candidate(catalog, on)?;
    let exercise = own.exercise;
    let program = match built(catalog, &own)? {
        Ok(program) => program,
        Err(code) => return Ok(code),
    };
    let spec = match Workload::start(&program, None, &[], exercise.limit("speed")) {
        Ok(workload) => workload.spec.clone(),
        Err(error) => return Ok(failed(exercise, &error)),
    };
    let out = catalog.scratch().join("traces").join(format!("{}-{}.json", exercise.name, own.subject));
    let Traced { trace, losses } = match traced_run(&program, exercise, setup(exercise, &spec, on), &out) {
        Ok(traced) => traced,
        Err(error) => return Ok(failed(exercise, &error)),
    };
    if let Err(error) = &losses {
        screen::warn(printable(&format!("where its time went is not known: {error:#}")));
        screen::warn(format!("see which test it fails: cargo xtask check {}", exercise.name));
    }
    let rows: Vec<_> = trace.threads().into_iter().filter(|row| !row.is_critical_path()).collect();
    let critical_path = trace.critical_paths().first().map(ToString::to_string);
    if json {
        let spans: usize = rows.iter().map(|row| row.slices.len()).sum();
        let (path, threads, losses) = (exercise.path(), rows.len(), losses.ok());
        screen::json(&serde_json::json!({
            "exercise": path, "file": out, "threads": threads, "spans": spans, "losses": losses, "critical_path": critical_path,
        }));
        return Ok(code(true));
    }
    say(format!("{}: {}", bold(&exercise.name), out.display()));
    let start = rows.iter().flat_map(|row| &row.slices).map(|slice| slice.start_us).fold(f64::INFINITY, f64::min);
    let end = rows.iter().flat_map(|row| &row.slices).map(|slice| slice.end_us).fold(0.0, f64::max);
    let lines = rows.iter().map(|row| {
        // Slices of depth 0 do not overlap.
        let outermost = row.slices.iter().filter(|slice| slice.depth == 0);
        let busy = outermost.fold(0.0, |sum, slice| sum + slice.end_us - slice.start_us);
        let share = if end > start { format!("{:.0} % in spans", 100.0 * busy / (end - start)) } else { "no spans".into() };
        vec![format!("  {} {}", row.process, row.pid), row.thread.clone(), format!("{} spans", row.slices.len()), share]
    });
    for line in table(&lines.collect::<Vec<_>>()) {
        say(line);
    }
    if let Ok(losses) = &losses {
        say_losses(&sentences::tell(losses));
    }
    if let Some(path) = critical_path {
        say(printable(&path));
    }
    say(faint("open it in chrome://tracing or in Perfetto (drag and drop)"));
    Ok(code(true))
}

fn say_losses(told: &Told) {
    say(printable(&told.headline));
    told.lines.iter().for_each(|line| say(format!("  {}", printable(line))));
    told.notes.iter().for_each(|note| say(faint(printable(note))));
}
