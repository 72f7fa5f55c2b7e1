//! `cargo xtask grade`: one submission, a class, or a result that is there already, into the formats that graders read.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

use anyhow::{Context, Result};
use clap::builder::RangedU64ValueParser;

use super::{Usage, check::show, code, code_for, code_of, find};
use crate::{
    catalog::{Catalog, Exercise},
    class::{batch, folders::Shard, jplag, merge},
    formats::{self, Format},
    grade::{
        grader::{self, Grader},
        intake,
    },
    machine::this_program,
    results::{Layer, Results, State},
    screen::{self, bold, faint, say},
};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// The folder of one submission: a whole repository, one exercise's folder, or its files.
    #[arg(long, value_name = "DIR", group = "what")]
    submission: Option<PathBuf>,
    /// A class: the folder that holds one folder for each student.
    #[arg(long, value_name = "DIR", group = "what")]
    batch: Option<PathBuf>,
    /// Write this stored result in other formats, without a run.
    #[arg(long, value_name = "FILE", group = "what", requires = "format")]
    render: Option<PathBuf>,
    /// Say what submissions are graded with: toolchain, limits, walls, seed. Alone, or before grading.
    #[arg(long)]
    explain: bool,
    /// Grade these exercises only, whether a submission touches them or not; again for more.
    #[arg(long, value_name = "EX")]
    exercise: Vec<String>,
    /// The folder for results.json, and for the other formats.
    #[arg(long, value_name = "DIR", default_value = "grade")]
    out: PathBuf,
    #[arg(long, value_name = "FORMAT", help = format_help(), conflicts_with = "batch")]
    format: Vec<Format>,
    /// What the submission is called in its results; without, as its folder.
    #[arg(long, value_name = "NAME", requires = "submission")]
    id: Option<String>,
    /// The seed of every input; without, each submission has one of its own, the same wherever it is graded.
    #[arg(long)]
    seed: Option<u64>,
    /// Compare no run times: what is worth points for speed is not measured, and costs nothing.
    #[arg(long)]
    no_speed: bool,
    /// Of a class: how many submissions at a time. Run times are compared one at a time all the same.
    #[arg(long, value_name = "N", requires = "batch", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    jobs: usize,
    /// Of a class: only this share of it, such as 2/8 for the second of eight; `grade merge` brings them together.
    #[arg(long, value_name = "K/N", requires = "batch", value_parser = Shard::from_str)]
    shard: Option<Shard>,
    /// Of a class: points that are given by hand.
    #[arg(long, value_name = "FILE", requires = "batch")]
    overrides: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring the shards of a class together, and write what is written over all of it.
    Merge {
        /// The folders that the shards were graded into.
        #[arg(required = true)]
        outs: Vec<PathBuf>,
        /// The folder for all of them.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// Points that are given by hand.
        #[arg(long, value_name = "FILE")]
        overrides: Option<PathBuf>,
    },
    /// Lay out what a class handed in as JPlag takes it, with the starters as base code.
    Jplag {
        /// The folder that the class was graded into.
        out: PathBuf,
        /// The folder that holds one folder for each student.
        #[arg(long, value_name = "DIR")]
        batch: PathBuf,
        /// The folder to write to.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
}

fn format_help() -> String {
    let all: Vec<String> = formats::ALL.iter().map(|about| format!("{} ({})", about.name, about.what)).collect();
    format!("Another format to write; again for more: {}", all.join("; "))
}

/// Grades.
pub fn grade(catalog: &Catalog, options: &Options, json: bool) -> Result<ExitCode> {
    match &options.command {
        Some(Command::Merge { outs, into, overrides }) => {
            let merged = merge::merge(outs, into, overrides.as_deref());
            let files = merged.map_err(|error| Usage(format!("{error:#}")))?;
            files.iter().for_each(|file| say(format!("written: {}", file.display())));
            return Ok(code(true));
        }
        Some(Command::Jplag { out, batch, into }) => {
            let count = jplag::export(out, batch, catalog, into)?;
            say(format!("{count} submissions are laid out in {}; its README.md says how to compare them", into.display()));
            return Ok(code(true));
        }
        None => {}
    }
    let only = options.exercise.iter().map(|name| find(catalog, name)).collect::<Result<Vec<_>>>()?;
    if let Some(stored) = &options.render {
        let results = Results::read_made_by(stored, "cargo xtask grade").map_err(|error| Usage(format!("{error:#}")))?;
        return finish(&results, &only, options, json, false);
    }
    let (Some(what), is_batch) = (options.submission.as_ref().or(options.batch.as_ref()), options.batch.is_some()) else {
        if options.explain {
            explain(&open(catalog, &only, &prepared(catalog, &only, None)?, options)?, options);
            return Ok(code(true));
        }
        return Err(Usage("say what to grade: --submission DIR, or --batch DIR for a class".into()).into());
    };
    ours(catalog, what)?;
    let grader = open(catalog, &only, &prepared(catalog, &only, options.submission.as_deref())?, options)?;
    if options.explain {
        explain(&grader, options);
    }
    if is_batch {
        return class(catalog, &grader, what, options, json);
    }
    let results = grader.grade(&name_of(options, what), what);
    results.write(&options.out.join("results.json"))?;
    if !json && options.format.is_empty() {
        tell(catalog, &results);
        say(faint(format!("the whole result is in {}", options.out.join("results.json").display())));
    }
    finish(&results, &only, options, json, true)
}

/// The course must not be what is graded: in a learner's checkout that looks like one it would be the learner's tests that
/// count.
fn ours(catalog: &Catalog, submission: &Path) -> Result<()> {
    let told = |error| Usage(format!("cannot read {}: {error}; name the folder of the submission", submission.display()));
    let submission = submission.canonicalize().map_err(told)?;
    let root = catalog.root.canonicalize().context("the course has a folder")?;
    if root.starts_with(&submission) {
        let shown = submission.display();
        return Err(
            Usage(format!("{shown} holds the course that grades; go to the folder of your own course and try again")).into()
        );
    }
    Ok(())
}

fn name_of(options: &Options, folder: &Path) -> String {
    let own = || folder.canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned());
    options.id.clone().or_else(own).unwrap_or_else(|| "submission".into())
}

fn open<'a>(catalog: &'a Catalog, only: &[&'a Exercise], prepared: &[&'a Exercise], options: &Options) -> Result<Grader<'a>> {
    let program = this_program()?;
    screen::status("building what submissions depend on: minutes the first time");
    let grader =
        Grader::open(catalog, only, prepared, grader::Options { seed: options.seed, timed: !options.no_speed }, &program);
    screen::status_over();
    grader
}

/// The exercises that have to be made ready: those asked for; of one submission those that it touches, else all.
fn prepared<'a>(catalog: &'a Catalog, only: &[&'a Exercise], submission: Option<&Path>) -> Result<Vec<&'a Exercise>> {
    if !only.is_empty() {
        return Ok(only.to_vec());
    }
    let Some(submission) = submission else { return Ok(catalog.exercises.iter().collect()) };
    let taken = intake::take(catalog, submission, &[]);
    // What cannot be read is told by the grader.
    let taken = taken.ok().and_then(Result::ok);
    Ok(taken.map(|taken| taken.all.iter().map(|handed| handed.exercise).collect()).unwrap_or_default())
}

fn class(catalog: &Catalog, grader: &Grader<'_>, submissions: &Path, options: &Options, json: bool) -> Result<ExitCode> {
    let again: Vec<String> = std::env::args().skip(1).collect();
    let outcome = batch::batch(
        grader,
        &batch::Options {
            submissions,
            out: &options.out,
            jobs: options.jobs,
            shard: options.shard,
            overrides: options.overrides.as_deref(),
            catalog,
            again: &format!("cargo xtask {}", again.join(" ")),
        },
    )?;
    if json {
        screen::json(&outcome);
    }
    outcome.told(&options.out).iter().for_each(say);
    Ok(code_for(false, !outcome.errors.is_empty()))
}

/// Writes the other formats, and tells the outcome by the exit code.
fn finish(results: &Results, asked: &[&Exercise], options: &Options, json: bool, is_fresh: bool) -> Result<ExitCode> {
    let worth = |exercise: &&Exercise| (exercise.path(), exercise.max_points() + exercise.worth(crate::catalog::HIDDEN));
    let context = formats::Context::gather(asked.iter().map(worth).collect())?;
    let (mut printed, mut judged) = (String::new(), true);
    let mut wrong = None;
    for format in &options.format {
        // One that cannot be written keeps no other from being written.
        let written = match formats::write(results, *format, &context, &options.out) {
            Ok(written) => written,
            Err(error) => {
                wrong = Some(error);
                continue;
            }
        };
        printed.push_str(&written.printed);
        judged &= written.judged;
        if !is_fresh && written.printed.is_empty() {
            written.files.iter().for_each(|file| say(format!("written: {}", file.display())));
        }
    }
    if json {
        screen::json(results);
    }
    // As it is: a platform reads it.
    std::io::stdout().write_all(printed.as_bytes()).context("cannot write to standard output")?;
    if let Some(error) = wrong {
        return Err(error);
    }
    Ok(match results.submission.as_ref().map(|submission| &submission.state) {
        _ if !judged => code_for(false, true),
        Some(State::Error(_)) => code_for(false, true),
        Some(State::Rejected(_)) => code(false),
        _ => code_of([results]),
    })
}

/// What there is to know of how submissions are graded here.
fn explain(grader: &Grader<'_>, options: &Options) {
    say(bold("what submissions are graded with"));
    let limits = Grader::limits();
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let seed = options.seed.map_or("each submission's own, from its files".into(), |seed| seed.to_string());
    let machine = crate::machine::here();
    let rows = [
        ("toolchain", machine.rustc),
        ("machine", format!("{}, {} cores", machine.platform, machine.cores)),
        ("course", grader.course_commit()),
        ("seed", seed),
        (
            "compiling",
            format!("{} s on the processors a call, nothing but the toolchain and the libraries", limits.build_seconds),
        ),
        ("memory", format!("{} for a program", mebibytes(limits.memory))),
        ("processes", format!("{} and threads at a time", limits.processes)),
        ("files", format!("{} each", mebibytes(limits.file_size))),
        ("output", mebibytes(limits.output)),
    ];
    for (name, value) in rows {
        say(format!("  {name:14} {value}"));
    }
    for Layer { name, active, detail } in grader.layers() {
        let how = if *active { "active" } else { "absent" };
        say(format!("  {name:14} {how}: {detail}"));
    }
    for (exercise, checks) in grader.time_limits() {
        say(format!("  {exercise:14} seconds a process: {checks}"));
    }
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
    for remark in &submission.remarks {
        say(faint(format!("to look at: {} {}: {}", remark.exercise, remark.place, remark.what)));
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
