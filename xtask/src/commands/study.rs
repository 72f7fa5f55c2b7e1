//! `cargo xtask study noise`: proves that verdicts on speed survive a busy machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;

use super::code_for;
use crate::{
    catalog::Catalog,
    check::SEED,
    machine::{commit, here, this_program},
    results::{Verdict, write_whole},
    screen::{self, bold, say, seconds, status, status_over},
    study::{
        Extent, FORMAT_VERSION, Study,
        busy::{self, Account},
        cores,
        gradings::{Programs, grade},
        page, schedule, sorts,
    },
};

/// So often, in gradings, what has been found so far is written down.
const KEEP_EVERY: usize = 20;

/// A study of the course's own instruments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Grade programs whose truth is known on a machine that is made busy, and count the wrong verdicts: up to three hours.
    Noise(Options),
    /// Keep a core busy: what the study's load is made of.
    #[command(hide = true)]
    Busy {
        /// For half of the time only.
        #[arg(long)]
        bursts: bool,
        /// Of the lengths of the bursts.
        #[arg(long)]
        seed: u64,
    },
}

/// What the command line says.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Fewer of everything: about four minutes.
    #[arg(long)]
    pub quick: bool,
    /// The folder to write to; by default reports/noise, and reports/noise-quick for the quick one.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// What everything that is drawn by lot is drawn from.
    #[arg(long, default_value_t = SEED)]
    pub seed: u64,
    /// Only draw the page again from the stored results.
    #[arg(long)]
    pub render: bool,
}

/// Runs one of them.
pub fn study(catalog: &Catalog, command: Command, json: bool) -> Result<ExitCode> {
    match command {
        Command::Noise(options) => noise(catalog, &options, json),
        Command::Busy { bursts, seed } => busy::compute(bursts, seed, busy::LONGEST).map(|()| ExitCode::SUCCESS),
    }
}

fn noise(catalog: &Catalog, options: &Options, json: bool) -> Result<ExitCode> {
    let default = if options.quick { "reports/noise-quick" } else { "reports/noise" };
    // An absolute path stays what it is.
    let out = catalog.root.join(options.out.as_deref().unwrap_or(Path::new(default)));
    let study = if options.render { Study::read(&out.join("results.json"))? } else { make(catalog, options, &out)? };
    draw(&study, &out)?;
    show(&study);
    say(format!("\n{} {}", bold("study:"), out.join("index.html").display()));
    if json {
        let properties = study.properties();
        let told = properties.iter().map(|p| json!({ "property": p.name, "verdict": p.verdict, "says": p.says }));
        screen::json(&json!({ "properties": told.collect::<Vec<_>>(), "study": study }));
    }
    Ok(code(&study))
}

/// Makes the study, or what an interrupted one has left to do.
///
/// # Errors
/// If the folder cannot be written, or a program cannot be built or run.
pub(super) fn make(catalog: &Catalog, options: &Options, out: &Path) -> Result<Study> {
    // What an earlier study left stays until this one is whole.
    let stored = out.join("unfinished.json");
    fs::create_dir_all(out)
        .and_then(|()| tempfile::tempfile_in(out).map(drop))
        .with_context(|| format!("cannot write in {}; choose another folder with --out", out.display()))?;
    let mut study = begin(catalog, options, &stored);
    say(format!(
        "{} gradings, {} counts, {} rounds: up to {} on a machine that does nothing else",
        study.extent.gradings(),
        study.extent.runs * crate::study::Which::ALL.len(),
        study.extent.rounds,
        seconds(study.extent.most_seconds()),
    ));
    status("building the programs");
    let programs = Programs::build(catalog)?;
    let runner = this_program()?;
    let mut clock = Clock { since: Instant::now(), before: study.seconds };
    grade_all(&mut study, &runner, &programs, &mut clock, &stored)?;
    if !study.counted() {
        let runs = study.extent.runs;
        study.sorts = sorts::runs(&runner, &study.extent, study.seed, |run| {
            if run % runs == 0 {
                status(&format!("counting work and span, sort {} of 3", run / runs + 1));
            }
        })?;
        clock.keep(&mut study, &stored)?;
    }
    status("effective cores and the time on a core");
    while study.machine.schedstat && study.rounds.len() < study.extent.rounds {
        match cores::round(&runner, study.seed, study.rounds.len())? {
            Some(round) => study.rounds.push(round),
            None => break,
        }
    }
    clock.keep(&mut study, &stored)?;
    fs::rename(&stored, out.join("results.json")).with_context(|| format!("cannot write in {}", out.display()))?;
    status_over();
    Ok(study)
}

/// A new study, or the one that was interrupted in that folder: of the same course, machine, seed and extent.
fn begin(catalog: &Catalog, options: &Options, stored: &Path) -> Study {
    let extent = if options.quick { Extent::quick() } else { Extent::full() };
    let new = Study {
        format_version: FORMAT_VERSION,
        started: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
        seconds: 0.0,
        commit: commit(&catalog.root),
        machine: here(),
        seed: options.seed,
        extent,
        busy_before: None,
        gradings: Vec::new(),
        sorts: Vec::new(),
        rounds: Vec::new(),
    };
    match Study::read(stored) {
        Ok(old) if !old.complete() && old.goes_on_as(&new) => {
            say(format!("going on with the study begun at {}: {} gradings are made", old.started, old.gradings.len()));
            old
        }
        old => {
            if old.is_ok() {
                say(format!("a new study: {} is of another one", stored.display()));
            }
            Study { busy_before: busy_now(), ..new }
        }
    }
}

fn busy_now() -> Option<f64> {
    let before = Account::now()?;
    std::thread::sleep(Duration::from_secs(1));
    Some((Account::now()?.others_since(&before) * 100.0).round() / 100.0)
}

/// The time that a study has taken, also before it was interrupted.
struct Clock {
    since: Instant,
    before: f64,
}

impl Clock {
    fn keep(&mut self, study: &mut Study, stored: &Path) -> Result<()> {
        study.seconds = self.before + self.since.elapsed().as_secs_f64();
        study.write(stored)
    }
}

fn grade_all(study: &mut Study, runner: &Path, programs: &Programs, clock: &mut Clock, stored: &Path) -> Result<()> {
    let planned = schedule(&study.extent, study.seed);
    let (first, budget) = (study.gradings.len(), study.extent.budget);
    for (index, planned) in planned.iter().enumerate().skip(first) {
        if index % KEEP_EVERY == 0 || index == first {
            clock.keep(study, stored)?;
            let made = (index - first) as f64;
            let each = if made > 0.0 { clock.since.elapsed().as_secs_f64() / made } else { budget };
            let left = seconds(each * (study.extent.gradings() - index) as f64);
            status(&format!("[{index}/{}] gradings, about {left} left", study.extent.gradings()));
        }
        study.gradings.push(grade(runner, programs, *planned, budget)?);
    }
    clock.keep(study, stored)
}

/// The page, and its charts as files of their own.
pub(super) fn draw(study: &Study, out: &Path) -> Result<()> {
    write_whole(&out.join("index.html"), page::render(study).as_bytes())?;
    for (name, chart) in page::charts(study) {
        write_whole(&out.join("charts").join(name), chart.as_bytes())?;
    }
    Ok(())
}

/// What it shows, a line for each property.
pub(super) fn show(study: &Study) {
    say(bold(page::headline(study)));
    for property in study.properties() {
        say(format!("{}  {}: {}", screen::verdict(property.verdict, 14), property.name, property.says));
    }
}

/// 1 where a property does not hold, 3 where the study itself could not be made.
fn code(study: &Study) -> ExitCode {
    let verdicts: Vec<Verdict> = study.properties().iter().map(|property| property.verdict).collect();
    code_for(verdicts.contains(&Verdict::Fail), verdicts.contains(&Verdict::Error))
}
