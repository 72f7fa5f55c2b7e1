//! `run`, `trace` and `bench`: one instrument on one exercise.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use lab::workload::{Setup, Spec};

use super::{OnOne, Usage, code, code_for, find};
use crate::{
    catalog::{Catalog, Exercise},
    check::{Candidate, SEED, on_how_many, printable, threads_for},
    curves,
    driver::Workload,
    measure::median_interval,
    results::Verdict,
    screen::{self, bold, faint, say, table},
    traced::traced_run,
};

pub(super) fn candidate<'a>(catalog: &'a Catalog, on: &OnOne) -> Result<Candidate<'a>> {
    let exercise = find(catalog, &on.exercise)?;
    if !on.solution {
        return Ok(catalog.yours(exercise));
    }
    catalog.reference(exercise).ok_or_else(|| Usage("this checkout has no solutions".into()).into())
}

/// The program of a candidate, or the exit code after rustc's own words.
fn built(catalog: &Catalog, candidate: &Candidate<'_>) -> Result<Result<PathBuf, ExitCode>> {
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
    let threads = on.threads.map_or_else(|| threads_for(spec.axis, usual), |threads| threads.max(1));
    Setup { size: if on.quick { spec.quick } else { spec.full }, seed: SEED, threads }
}

/// Prints what kept a workload from its end, with exit code 1: it is the program's failure, not the runner's.
fn failed(exercise: &Exercise, error: &anyhow::Error) -> ExitCode {
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
    let mut workload = match Workload::start(&program, None, &[], exercise.limit("speed")) {
        Ok(workload) => workload,
        Err(error) => return Ok(failed(exercise, &error)),
    };
    let setup = setup(exercise, &workload.spec, on);
    let spec = workload.spec.clone();
    let mut rows = Vec::new();
    let mut digest = None;
    let mut good = true;
    let contenders = workload.contenders.clone();
    for contender in contenders {
        // The first run warms up and the second is shown; a single run is a look, not a measurement.
        let timed = workload.run(&contender, setup).and_then(|_| workload.run(&contender, setup));
        let timed = match timed {
            Ok(timed) => timed,
            Err(error) => return Ok(failed(exercise, &error)),
        };
        let expected = digest.get_or_insert_with(|| timed.digest.clone());
        let right = *expected == timed.digest;
        good &= right;
        let label = if contender == "submission" { own.subject.to_string() } else { contender };
        rows.push((label, timed.seconds, right));
    }
    workload.quit()?;
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(contender, seconds, right)| serde_json::json!({ "contender": contender, "seconds": seconds, "right": right }))
            .collect();
        screen::json(&serde_json::json!({ "exercise": exercise.path(), "setup": setup, "runs": rows }));
        return Ok(code(good));
    }
    say(format!("{}: {} {}, {}", bold(&exercise.name), setup.size, spec.size_unit, on_how_many(spec.axis, setup.threads)));
    let baseline = rows.first().map_or(0.0, |row| row.1);
    let lines = rows.iter().map(|(contender, time, right)| {
        let verdict = if *right { "" } else { "wrong output" };
        vec![format!("  {contender}"), format!("{:.1} ms", time * 1e3), format!("{:.2}x", baseline / time), verdict.to_owned()]
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
    let trace = match traced_run(&program, exercise, setup(exercise, &spec, on), &out) {
        Ok(trace) => trace,
        Err(error) => return Ok(failed(exercise, &error)),
    };
    let rows: Vec<_> = trace.threads().into_iter().filter(|row| !row.is_critical_path()).collect();
    let path = trace.critical_paths().first().map(ToString::to_string);
    if json {
        let spans: usize = rows.iter().map(|row| row.slices.len()).sum();
        screen::json(&serde_json::json!({
            "exercise": exercise.path(), "file": out, "threads": rows.len(), "spans": spans, "critical_path": path,
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
    if let Some(path) = path {
        say(printable(&path));
    }
    say(faint("open it in chrome://tracing or in Perfetto (drag and drop)"));
    Ok(code(true))
}

/// Criterion's groups of one exercise.
pub fn bench(catalog: &Catalog, on: &OnOne, json: bool) -> Result<ExitCode> {
    let own = candidate(catalog, on)?;
    let exercise = own.exercise;
    let program = match built(catalog, &own)? {
        Ok(program) => program,
        Err(code) => return Ok(code),
    };
    let mut programs = vec![(own.subject.to_string(), program)];
    if let Some(reference) = catalog.reference(exercise).filter(|_| !on.solution)
        && let Ok(program) = built(catalog, &reference)?
    {
        programs.insert(0, ("reference".into(), program));
    }
    let samples = if on.quick { 10 } else { 20 };
    let (spec, mut series) = match curves::plan(exercise, &programs, SEED, on.quick, samples) {
        Ok(planned) => planned,
        Err(error) => return Ok(failed(exercise, &error)),
    };
    if let Some(threads) = on.threads {
        series.iter_mut().filter(|series| series.contender != "baseline").for_each(|series| series.threads = vec![threads]);
    }
    let size = series.first().map_or(spec.full, |series| series.size);
    let benched = curves::run_criterion(catalog, series)?;
    let all_timed = benched.failures.is_empty();
    for failure in &benched.failures {
        screen::warn(printable(&failure.to_string()));
    }
    let Some(curves) = curves::read(&benched.folder(), exercise, &spec, size, &benched.failures)? else {
        return Ok(failed(exercise, &anyhow::anyhow!("Criterion stored no sample")));
    };
    if json {
        screen::json(&curves);
        return Ok(code(all_timed));
    }
    say(format!("{}: {size} {}, {samples} samples each", bold(&exercise.name), spec.size_unit));
    let median = |samples: &[f64]| median_interval(samples.to_vec());
    let baseline = curves.contenders.get("baseline").and_then(|points| median(&points.first()?.samples)).map(|found| found.0);
    let mut lines = vec![["  contender", "on", "median", "95 % interval", "speedup"].map(String::from).to_vec()];
    for (contender, points) in &curves.contenders {
        for point in points {
            let Some((time, [low, high], _)) = median(&point.samples) else { continue };
            let speedup = baseline.map_or_else(String::new, |baseline| format!("{:.2}x", baseline / time));
            lines.push(vec![
                format!("  {contender}"),
                on_how_many(spec.axis, point.threads),
                format!("{:.1} ms", time * 1e3),
                format!("{:.1} to {:.1} ms", low * 1e3, high * 1e3),
                speedup,
            ]);
        }
    }
    for line in table(&lines) {
        say(line);
    }
    if let Some(folder) = benched.keep(catalog, exercise) {
        say(faint(format!("Criterion's own files: {}", folder.display())));
    }
    Ok(code(all_timed))
}
