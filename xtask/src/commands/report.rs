//! `cargo xtask report`: checks, measures and traces everything, and writes the page.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use lab::{trace::file, workload::Setup};

use super::{check::exercise_result, code_of, select};
use crate::{
    catalog::{Catalog, Exercise},
    ceilings,
    chart::timeline::Timeline,
    check::{Candidate, Checker, Purpose, SEED, printable, threads_for},
    curves::{self, Failure, Sampling},
    driver::Workload,
    machine::Begun,
    page,
    peers::{Peers, Places, Race, left_out},
    results::{Curves, ExerciseResult, Note, Results, Subject, TraceResult, Verdict, write_whole},
    screen::{self, Progress, bold, say, seconds, table},
    sweep::Field,
    traced::{Traced, traced_run},
};

/// What the command line says.
#[derive(Debug)]
pub struct Options {
    /// The exercises; without any, all.
    pub exercises: Vec<String>,
    /// Small inputs and few samples.
    pub quick: bool,
    /// Where to.
    pub out: PathBuf,
    /// Only draw again.
    pub render: bool,
    /// Print the results.
    pub json: bool,
    /// Time programs that are not of this workspace, too.
    pub peers: bool,
}

/// Makes the report.
pub fn report(catalog: &Catalog, options: &Options) -> Result<ExitCode> {
    let out = if options.out.is_absolute() { options.out.clone() } else { catalog.root.join(&options.out) };
    let stored = out.join("results.json");
    // Minutes of measuring are not to be lost at the end.
    fs::create_dir_all(&out)
        .and_then(|()| tempfile::tempfile_in(&out).map(drop))
        .with_context(|| format!("cannot write in {}; choose another folder with --out", out.display()))?;
    let results = if options.render {
        Results::read(&stored)?
    } else {
        let results = measure(catalog, options, &out)?;
        results.write(&stored)?;
        results
    };
    draw(&results, &out)?;
    if options.json {
        screen::json(&results);
        return Ok(code_of([&results]));
    }
    summary(&results);
    say(format!("{} {}", bold("report:"), out.join("index.html").display()));
    Ok(code_of([&results]))
}

fn measure(catalog: &Catalog, options: &Options, out: &Path) -> Result<Results> {
    let begun = Begun::now();
    let chosen = select(catalog, &options.exercises)?;
    let mut subjects = Vec::new();
    for exercise in chosen {
        let mut candidates: Vec<Candidate<'_>> = catalog.reference(exercise).into_iter().collect();
        if !catalog.is_starter(exercise)? {
            candidates.push(catalog.yours(exercise));
        }
        if !candidates.is_empty() {
            subjects.push((exercise, candidates));
        }
    }
    let mut steps = vec!["the memory's bandwidth".to_owned()];
    for (exercise, candidates) in &subjects {
        let name = &exercise.name;
        for candidate in candidates {
            steps.extend(exercise.checks().iter().map(|check| format!("{name}: {check} of {}", candidate.subject)));
        }
        let quick = if options.quick { " (quick)" } else { "" };
        steps.extend([format!("{name}: trace{quick}"), format!("{name}: curves{quick}")]);
        steps.extend(options.peers.then(|| format!("{name}: peers{quick}")));
    }
    let peers = if options.peers { Some(Peers::find(Places::of(catalog))?) } else { None };
    let mut progress = Progress::new(&catalog.scratch(), steps);
    let purpose = if options.quick { Purpose::Look } else { Purpose::Verdict };
    let checker = Checker { catalog, seed: SEED, quick: options.quick, purpose, opponents: Default::default() };
    progress.step();
    let ceilings =
        ceilings::measure(options.quick).map_err(|error| screen::warn(format!("no bandwidth is told: {error:#}"))).ok();
    let mut exercises = Vec::new();
    for (exercise, candidates) in &subjects {
        exercises.push(one(&checker, exercise, candidates, peers.as_ref(), out, &mut progress));
    }
    drop(progress);
    let options = [(options.quick, " --quick"), (options.peers, " --peers")];
    let said = options.into_iter().filter(|(given, _)| *given).map(|(_, option)| option);
    let command = std::iter::once("report").chain(said).collect::<String>();
    Ok(Results { ceilings, ..begun.results(&command, catalog, SEED, exercises) })
}

fn one(
    checker: &Checker<'_>,
    exercise: &Exercise,
    candidates: &[Candidate<'_>],
    peers: Option<&Peers>,
    out: &Path,
    progress: &mut Progress,
) -> ExerciseResult {
    let catalog = checker.catalog;
    let mut checked = Vec::new();
    let mut programs = Vec::new();
    let mut notes = Vec::new();
    // What keeps one from being checked is told in the report, and everything else in it stands.
    let lost = |candidate: &Candidate<'_>, lacks: &str, error: &anyhow::Error| Note {
        what: format!("{} was not {lacks}: {error:#}", candidate.subject),
        verdict: Verdict::Error,
    };
    for candidate in candidates {
        let mut made = 0;
        let step = |_: &str| {
            made += 1;
            progress.step();
        };
        let subject = match checker.all(candidate, step) {
            Ok(subject) => subject,
            Err(error) => {
                notes.push(lost(candidate, "checked", &error));
                progress.skip(exercise.checks().len() - made);
                continue;
            }
        };
        // What gives wrong output or does not run is neither timed nor traced: the checks say why.
        let runs = subject
            .checks
            .iter()
            .filter(|check| check.check != "model")
            .all(|check| !check.cases.iter().any(|case| matches!(case.verdict, Verdict::Fail | Verdict::Error)));
        checked.push(subject);
        if !runs {
            continue;
        }
        match candidate.workload(catalog) {
            Ok(Ok(program)) => programs.push((candidate.subject, program)),
            // The checks say why.
            Ok(Err(_)) => {}
            Err(error) => notes.push(lost(candidate, "timed", &error)),
        }
    }
    let mut result = ExerciseResult { notes, ..exercise_result(exercise, checked) };

    progress.step();
    // The learner's run where there is one: it is what one wants to see.
    if let Some((subject, program)) = programs.last() {
        match traced(checker, exercise, *subject, program, out) {
            Ok((trace, lost)) => {
                result.trace = Some(trace);
                result.notes.extend(lost.map(|error| note(&Failure::new(&subject.to_string(), &error), "accounted for")));
            }
            Err(error) => result.notes.push(note(&Failure::new(&subject.to_string(), &error), "traced")),
        }
    }

    progress.step();
    if !programs.is_empty() {
        match benched(checker, exercise, &programs) {
            Ok((curves, failures)) => {
                result.curves = curves;
                result.notes.extend(failures.iter().map(|failure| note(failure, "timed")));
            }
            Err(error) => result.notes.push(note(&Failure::new("the workload", &error), "timed")),
        }
        swept(checker, exercise, &programs, &mut result);
    }

    if let Some(peers) = peers {
        progress.step();
        if let (Some(curves), Some((_, program))) = (&mut result.curves, programs.first()) {
            match peers.measure(&Race::of(exercise, program, checker, curves), curves) {
                Ok(measured) => result.peers = measured,
                Err(error) => result.notes.push(note(&Failure::new("every peer in another language", &error), "timed")),
            }
        }
    }
    result
}

/// The traced run, and what kept its losses from being found out.
fn traced(
    checker: &Checker<'_>,
    exercise: &Exercise,
    subject: Subject,
    program: &Path,
    out: &Path,
) -> Result<(TraceResult, Option<anyhow::Error>)> {
    let spec = Workload::start(program, None, &[], exercise.limit("speed"))?.spec.clone();
    let usual = exercise.about.speed.as_ref().map_or(2, |pace| pace.threads);
    let setup = Setup { size: checker.size(&spec), seed: checker.seed, threads: threads_for(spec.axis, usual), at: None };
    let file = format!("traces/{}.json", exercise.name);
    let Traced { trace, losses } = traced_run(program, exercise, setup, &out.join(&file))?;
    let (losses, lost) = match losses {
        Ok(losses) => (Some(losses), None),
        Err(error) => (None, Some(error)),
    };
    let critical_path = trace.critical_paths().first().map(ToString::to_string);
    Ok((TraceResult { file, subject, threads: setup.threads, losses, critical_path }, lost))
}

fn benched(
    checker: &Checker<'_>,
    exercise: &Exercise,
    programs: &[(Subject, PathBuf)],
) -> Result<(Option<Curves>, Vec<Failure>)> {
    let labelled: Vec<_> = programs.iter().map(|(subject, program)| (subject.to_string(), program.clone())).collect();
    let (spec, series) = curves::plan(exercise, &labelled, checker.seed, checker.quick, Sampling::REPORT)?;
    let benched = curves::run_criterion(checker.catalog, series)?;
    Ok((benched.curves(&spec)?, benched.failures))
}

/// Run times over the workload's parameter, and everybody's memory.
fn swept(checker: &Checker<'_>, exercise: &Exercise, programs: &[(Subject, PathBuf)], result: &mut ExerciseResult) {
    let programs: Vec<_> = programs.iter().map(|(subject, program)| (subject.to_string(), program.clone())).collect();
    let field = Field { exercise, programs: &programs, seed: checker.seed, quick: checker.quick };
    match field.sweep() {
        Ok(Some((sweep, failures))) => {
            result.sweep = Some(sweep);
            result.notes.extend(failures.iter().map(|failure| note(failure, "timed at every value of its parameter")));
        }
        Ok(None) => {}
        Err(error) => result.notes.push(note(&Failure::new("the workload", &error), "timed by its parameter")),
    }
    match field.memory() {
        Ok(memory) => result.memory = memory,
        Err(error) => result.notes.push(note(&Failure::new("the workload", &error), "looked at for its memory")),
    }
}

/// What the report lacks. Only the learner's program can be to blame for that; the course's own is the course's fault.
fn note(failure: &Failure, lacks: &str) -> Note {
    let learners = failure.contender == Subject::Yours.to_string();
    let verdict = if failure.own && learners { Verdict::Fail } else { Verdict::Error };
    Note { what: format!("{} was not {lacks}: {}", failure.contender, failure.why), verdict }
}

/// Writes the page and the charts: pure functions of the results and the trace files beside them.
fn draw(results: &Results, out: &Path) -> Result<()> {
    let mut timelines = BTreeMap::new();
    for exercise in &results.exercises {
        if let Some(trace) = &exercise.trace {
            let path = out.join(&trace.file);
            let trace = file::read(&path)
                .with_context(|| format!("cannot read {}; make it again with: cargo xtask report", path.display()))?;
            timelines.insert(exercise.path.clone(), Timeline::from(&trace));
        }
    }
    let charts = out.join("charts");
    let drawn = page::charts(results, &timelines);
    remove_old(&charts, |name| drawn.contains_key(name))?;
    for (name, drawn) in &drawn {
        write_whole(&charts.join(name), drawn.as_bytes())?;
    }
    write_whole(&out.join("index.html"), page::render(results, &timelines).as_bytes())
}

/// How the names of the charts end that a report draws.
const OURS: [&str; 6] = ["-speedup.svg", "-weak.svg", "-sweep.svg", "-parallelism.svg", "-timeline.svg", "-losses.svg"];

/// A chart of an earlier report that this one does not draw must not be taken for its own. What a report never writes stays:
/// `--out` can name any folder.
fn remove_old(charts: &Path, drawn: impl Fn(&str) -> bool) -> Result<()> {
    let Ok(entries) = fs::read_dir(charts) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if OURS.iter().any(|end| name.ends_with(end)) && !drawn(name) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}, a chart of an earlier report", path.display()))?;
        }
    }
    Ok(())
}

fn summary(results: &Results) {
    let mut rows = Vec::new();
    for exercise in &results.exercises {
        for subject in &exercise.subjects {
            let name = if subject.subject == Subject::Reference { exercise.path.clone() } else { String::new() };
            let mut row = vec![name, subject.subject.to_string(), format!("{} of {}", subject.points, subject.max_points)];
            row.extend(subject.checks.iter().map(|check| format!("{} {}", check.check, screen::verdict(check.verdict, 0))));
            rows.push(row);
        }
    }
    for line in table(&rows) {
        say(line);
    }
    for exercise in &results.exercises {
        exercise.notes.iter().for_each(|note| say(format!("{}: {}", bold(&exercise.path), printable(&note.what))));
        left_out(&exercise.peers).iter().for_each(|(peer, why)| say(format!("{}: {peer} {why}", bold(&exercise.path))));
    }
    say(format!("{} on {} cores", seconds(results.seconds), results.machine.cores));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_charts_of_an_earlier_report_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = ["mine.svg", "notes.txt"].map(String::from);
        for name in OURS.map(|end| format!("b{end}")).into_iter().chain(theirs).chain(["a-speedup.svg".into()]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_old(folder.path(), |name| name == "a-speedup.svg").unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["a-speedup.svg", "mine.svg", "notes.txt"]);
        remove_old(&folder.path().join("missing"), |_| false).unwrap();
    }
}
