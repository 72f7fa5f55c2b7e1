//! The commands. Exit codes: 0 all good, 1 a check failed, 2 used wrongly, 3 the runner's own fault.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand, builder::RangedU64ValueParser};

use crate::{
    catalog::{Catalog, Exercise, find_root},
    results::{PeerOutcome, Results, Verdict},
    screen,
};

mod attacks;
mod bench;
pub mod check;
mod ci;
mod doctor;
mod explain;
mod grade;
mod hint;
mod instruments;
mod map;
mod new;
mod orderings;
mod patch;
mod report;
mod span;
mod study;
mod tidy;
mod verify;

/// The runner of Racecourse. Without a command it shows where you are and what comes next.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub struct Cli {
    /// Print JSON for programs instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All exercises, in order, with what is done.
    List,
    /// Test, model-check and lint your work on an exercise, and say what to do next.
    Check {
        /// The exercises; without any, those that you have begun.
        exercises: Vec<String>,
        /// Check the course's own solution instead.
        #[arg(long)]
        solution: bool,
    },
    /// Show the failing execution of a model again: as a table, a picture, a Chrome trace, or step by step.
    Explain(explain::Options),
    /// One hint, from a nudge to nearly the answer; again for the next.
    Hint {
        /// The exercise.
        exercise: String,
    },
    /// Run an exercise's workload: baseline, yours and the reference, once each.
    Run(OnOne),
    /// Write a Chrome trace of one run.
    Trace(OnOne),
    /// Work, span and parallelism, counted and not timed.
    Span(OnOne),
    /// Run times with Criterion: yours, the reference, the baseline and the peers.
    Bench(OnOne),
    /// Check, measure and trace everything, into reports/index.html.
    Report {
        /// The exercises; without any, all.
        exercises: Vec<String>,
        /// Small inputs and few samples, for a first look.
        #[arg(long)]
        quick: bool,
        /// Time programs in other languages, and on other crates, too: those that this machine has.
        #[arg(long, conflicts_with = "render")]
        peers: bool,
        /// The folder to write to.
        #[arg(long, default_value = "reports")]
        out: PathBuf,
        /// Only draw the page again from the stored results.
        #[arg(long)]
        render: bool,
    },
    /// Grade a submission: overlay its files on a clean tree, and run every check of what it touches.
    Grade {
        /// The folder of the submission: a whole repository, or one exercise's folder.
        #[arg(long)]
        submission: PathBuf,
        /// Grade these exercises only, whether the submission touches them or not.
        #[arg(long)]
        exercise: Vec<String>,
        /// The folder for results.json.
        #[arg(long, default_value = "grade")]
        out: PathBuf,
    },
    /// Prove the exercises: references pass, starters fail, mutants are killed, variants pass.
    Verify {
        /// The exercises; without any, all.
        exercises: Vec<String>,
        /// Prove their memory orderings instead: each one of a reference or a variant is weakened by a step, and the model
        /// check must catch that, or a comment there say why the stronger one stays: `// weaker is right: <reason>`, or
        /// `// no model shows it: <reason>` where it is needed all the same.
        #[arg(long)]
        orderings: bool,
        /// Prove the grader instead: those of `xtask/attacks` that are named, or all, gain nothing, and honest ones lose nothing.
        #[arg(long, conflicts_with = "orderings")]
        attacks: bool,
    },
    /// Lay out a new exercise, and its solution, that are proven from their first minute: a small example to be changed.
    New {
        /// `<track>/<name>`, such as `threads/spin_lock`.
        path: String,
        /// What a learner does with the starter.
        #[arg(long, value_enum, default_value_t = crate::new::Kind::Implement)]
        kind: crate::new::Kind,
    },
    /// Make the patch of a mutant or a variant: once to have a copy of the reference, again when the copy is edited. Without a
    /// name, make every patch again that no longer fits the reference.
    Patch {
        /// The exercise.
        exercise: String,
        /// The patch, without its ending.
        name: Option<String>,
        /// A new one is a variant, not a mutant.
        #[arg(long, requires = "name")]
        variant: bool,
    },
    /// Find what is out of step: manifests, the table of exercises, handouts, hints, solutions and patches.
    Tidy {
        /// Write what can be derived: the table, the starters' fingerprints, the solutions' manifests.
        #[arg(long)]
        fix: bool,
    },
    /// Prove that the course's own instruments are right.
    #[command(subcommand)]
    Study(study::Command),
    /// What this machine can and cannot check, and the command that mends it.
    Doctor,
    /// What CI runs: tidy, format, lints, tests, the proof of every exercise and of its memory orderings, that of a new exercise,
    /// and the quick noise study.
    Ci,
}

/// An instrument on one exercise.
#[derive(Debug, clap::Args)]
struct OnOne {
    /// The exercise.
    exercise: String,
    /// Use the course's own solution instead of your work.
    #[arg(long)]
    solution: bool,
    /// Threads, processes or requests in flight; by default as many as there are cores, or as the exercise says.
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    threads: Option<usize>,
    /// The small input.
    #[arg(long)]
    quick: bool,
}

/// The command was used wrongly: exit code 2.
#[derive(Debug)]
pub struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Runs the command.
///
/// # Errors
/// Whatever keeps it from a verdict: wrong use, or the runner's own fault.
pub fn run(cli: Cli) -> Result<ExitCode> {
    if cli.json {
        screen::only_json();
    }
    let json = cli.json;
    let root = find_root()?;
    let catalog = match (Catalog::read(&root), &cli.command) {
        // A manifest that cannot be read is one of its findings.
        (Err(_), Some(Command::Tidy { .. })) => return tidy::tidy(&root, false, json),
        (catalog, _) => catalog?,
    };
    match cli.command {
        None => map::map(&catalog, json),
        Some(Command::List) => map::list(&catalog, json),
        Some(Command::Check { exercises, solution }) => check::check(&catalog, &exercises, solution, json),
        Some(Command::Explain(options)) => explain::explain(&catalog, &options, json),
        Some(Command::Hint { exercise }) => hint::hint(&catalog, &exercise, json),
        Some(Command::Run(on)) => instruments::run(&catalog, &on, json),
        Some(Command::Trace(on)) => instruments::trace(&catalog, &on, json),
        Some(Command::Span(on)) => span::span(&catalog, &on, json),
        Some(Command::Bench(on)) => bench::bench(&catalog, &on, json),
        Some(Command::Report { exercises, quick, peers, out, render }) => {
            report::report(&catalog, &report::Options { exercises, quick, out, render, json, peers })
        }
        Some(Command::Grade { submission, exercise, out }) => grade::grade(&catalog, &submission, &exercise, &out, json),
        Some(Command::Verify { exercises: names, attacks: true, .. }) => attacks::attacks(&catalog, &names, json),
        Some(Command::Verify { exercises, orderings: true, .. }) => orderings::orderings(&catalog, &exercises, json),
        Some(Command::Verify { exercises, orderings: false, .. }) => verify::verify(&catalog, &exercises, json),
        Some(Command::Study(command)) => study::study(&catalog, command, json),
        Some(Command::New { path, kind }) => new::new(&catalog, &path, kind, json),
        Some(Command::Patch { exercise, name, variant }) => patch::patch(&catalog, &exercise, name.as_deref(), variant, json),
        Some(Command::Tidy { fix }) => tidy::tidy(&catalog.root, fix, json),
        Some(Command::Doctor) => doctor::doctor(&catalog, json),
        Some(Command::Ci) => ci::ci(&catalog, json),
    }
}

/// A name that fits no exercise is wrong use.
fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Exercise> {
    catalog.find(name).map_err(|error| Usage(error.to_string()).into())
}

/// As [`find`], for several; all where none is named.
fn select<'a>(catalog: &'a Catalog, names: &[String]) -> Result<Vec<&'a Exercise>> {
    catalog.select(names).map_err(|error| Usage(error.to_string()).into())
}

/// 0 where all is good, 1 where a check failed.
fn code(good: bool) -> ExitCode {
    ExitCode::from(u8::from(!good))
}

/// 1 where a check failed, 3 where none did and one could not be made by the runner's own fault, else 0. Advice fails nobody.
fn code_of<'a>(results: impl IntoIterator<Item = &'a Results>) -> ExitCode {
    let exercises: Vec<_> = results.into_iter().flat_map(|results| &results.exercises).collect();
    let checks = exercises.iter().flat_map(|exercise| &exercise.subjects).flat_map(|subject| &subject.checks);
    let notes = exercises.iter().flat_map(|exercise| &exercise.notes).map(|note| note.verdict);
    let verdicts: Vec<Verdict> = checks.filter(|check| check.max_points > 0.0).map(|check| check.verdict).chain(notes).collect();
    let faulty_peer =
        exercises.iter().flat_map(|exercise| &exercise.peers).any(|peer| matches!(peer.outcome, PeerOutcome::Error(_)));
    code_for(verdicts.contains(&Verdict::Fail), faulty_peer || verdicts.contains(&Verdict::Error))
}

/// 1 where something failed, 3 where nothing did and something could not be made, else 0.
fn code_for(failed: bool, faulty: bool) -> ExitCode {
    match (failed, faulty) {
        (true, _) => code(false),
        (false, true) => ExitCode::from(3),
        (false, false) => code(true),
    }
}
