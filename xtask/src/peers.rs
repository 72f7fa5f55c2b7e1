//! Peers: programs that are not of this workspace, in any language, timed on the exercises' own inputs.
//!
//! A peer speaks the lines of [`lab::workload`] and is not asked for figures: the course's workload makes its input and judges
//! its output, this process holds the clock, and each peer is a process group of its own. What a machine lacks is said and
//! never installed. Every peer is declared in `benches/peers/peers.toml`, and read by a person before it is: nothing here tells work
//! that is put off until after `done` from the writing of the output.
//!
//! Criterion takes ten samples at the least, which an interpreter that needs half a minute for a run cannot give in time; so
//! peers are sampled here, by the same rule ([`least_disturbed`]) and with the same clock, and fewer times where they are slow.
//! Every few samples come from a fresh process: one process may settle in a regime of its own, and start-up is to be measured.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use lab::workload::{Axis, Setup};
use serde::Deserialize;

use crate::{
    catalog::{Catalog, Exercise},
    check::{Checker, printable},
    curves::least_disturbed,
    results::{Curves, PeerOutcome, PeerResult, Point, Subject},
};

mod installed;
mod judge;
mod running;

use installed::{Installed, Start};
use judge::Judge;
use running::Running;

/// Every place of a curve has so many processes at the least, however slow the peer is.
const FEWEST_PROCESSES: usize = 3;

/// A virtual machine takes its time before its first answer, and an interpreter over its work.
const LIMIT: Duration = Duration::from_secs(60);

/// Of what a peer printed before it failed, so many lines are kept.
const LAST_WORDS: usize = 12;

/// Where peers are found, and where what they leave is kept.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of `peers.toml`.
    pub folder: PathBuf,
    /// Where they may write, and where a virtual environment named `python` is looked for.
    pub scratch: PathBuf,
    /// The workspace that holds the peers in Rust.
    pub workspace: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

impl Places {
    /// Those of the course.
    pub fn of(catalog: &Catalog) -> Self {
        let (workspace, target) = (catalog.root.clone(), catalog.target.clone());
        Self { folder: workspace.join("benches").join("peers"), scratch: catalog.scratch(), workspace, target }
    }
}

/// One `[[peer]]` of `peers.toml`.
#[derive(Debug, Clone, Deserialize)]
struct Declared {
    /// Its name in charts: what it is made of.
    name: String,
    /// The exercise that it does.
    exercise: String,
    /// Runs of a fresh process that do not count; more than one where code is compiled while it runs.
    #[serde(default = "one")]
    warm_up: usize,
    #[serde(flatten)]
    made: Made,
}

fn one() -> usize {
    1
}

/// What a peer is written in, and what it takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "language")]
enum Made {
    /// An entry of the program `peers` of the package `benches`.
    Rust,
    /// A script beside `peers.toml`.
    Python {
        /// Its path from there.
        script: PathBuf,
        /// Packages, by their names in `python/requirements.txt`.
        #[serde(default)]
        packages: Vec<String>,
        /// Programs that have to be found, too.
        #[serde(default)]
        programs: Vec<String>,
    },
    /// A source file beside `peers.toml`.
    #[serde(rename = "C++")]
    Cpp {
        /// Its path from there.
        source: PathBuf,
        /// What `g++` is told.
        #[serde(default)]
        flags: Vec<String>,
    },
}

impl Made {
    fn language(&self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python { .. } => "Python",
            Self::Cpp { .. } => "C++",
        }
    }
}

#[derive(Deserialize)]
struct Manifest {
    peer: Vec<Declared>,
}

/// What all peers of one exercise run.
#[derive(Debug, Clone)]
pub struct Race {
    /// The exercise's name.
    pub exercise: String,
    /// The course's own workload: it makes the input and judges the output.
    pub workload: PathBuf,
    /// Size of the input.
    pub size: u64,
    /// Its seed.
    pub seed: u64,
    /// What [`places`](Self::places) count.
    pub axis: Axis,
    /// The numbers of threads, processes or requests in flight.
    pub places: Vec<usize>,
    /// From so many processes at each, one after the other.
    pub processes: usize,
    /// Samples of each.
    pub per_process: usize,
    /// A place gets no further process after this time, once it has had a few.
    pub patience: Duration,
    /// No single answer may take longer.
    pub limit: Duration,
}

impl Race {
    /// The same size as everybody has, at the places of the course's own program; for a first look, where those end.
    pub fn of(exercise: &Exercise, workload: &Path, checker: &Checker<'_>, curves: &Curves) -> Self {
        let own = [Subject::Reference, Subject::Yours].map(|subject| subject.to_string());
        let own = own.iter().find_map(|subject| curves.contenders.get(subject));
        let mut places: Vec<_> = own.into_iter().flatten().map(|point| point.threads).collect();
        let (per_process, patience) = if checker.quick { (1, 10) } else { (2, 40) };
        if checker.quick {
            places.drain(..places.len().saturating_sub(1));
        }
        Self {
            exercise: exercise.name.clone(),
            workload: workload.to_owned(),
            size: curves.size,
            seed: checker.seed,
            axis: curves.axis,
            places,
            // Fewer give no interval at 95 % for a ratio of two medians.
            processes: 7,
            per_process,
            patience: Duration::from_secs(patience),
            limit: exercise.limit("speed").max(LIMIT),
        }
    }
}

/// All peers of the course, and what of their needs this machine has.
#[derive(Debug)]
pub struct Peers {
    places: Places,
    declared: Vec<Declared>,
    installed: Installed,
}

impl Peers {
    /// Reads `peers.toml` and looks around on this machine. Nothing is built yet.
    ///
    /// # Errors
    /// If a file beside it cannot be read, or is damaged.
    pub fn find(places: Places) -> Result<Self> {
        let file = places.folder.join("peers.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let manifest: Manifest = toml_edit::de::from_str(&text).with_context(|| format!("{} is not right", file.display()))?;
        fs::create_dir_all(&places.scratch).with_context(|| format!("cannot make {}", places.scratch.display()))?;
        let installed = Installed::look(&places)?;
        Ok(Self { places, declared: manifest.peer, installed })
    }

    /// Times every peer of the race's exercise and adds its points to `curves`. One that is missing or goes wrong is told, gets
    /// no curve, and takes no other with it.
    ///
    /// # Errors
    /// If the course's own workload fails, or there is no place to write to.
    pub fn measure(&self, race: &Race, curves: &mut Curves) -> Result<Vec<PeerResult>> {
        let mut declared = self.declared.iter().filter(|peer| peer.exercise == race.exercise).peekable();
        if declared.peek().is_none() {
            return Ok(Vec::new());
        }
        let mut judge = Judge::start(race)?;
        declared.map(|peer| self.measure_one(peer, race, &mut judge, curves)).collect()
    }

    fn measure_one(&self, peer: &Declared, race: &Race, judge: &mut Judge, curves: &mut Curves) -> Result<PeerResult> {
        let mut result = PeerResult {
            name: peer.name.clone(),
            language: peer.made.language().to_owned(),
            version: None,
            start_up: Vec::new(),
            prepare: Vec::new(),
            outcome: PeerOutcome::Measured,
        };
        let start = match self.installed.start(peer, &self.places) {
            Ok(Ok(start)) => start,
            Ok(Err(missing)) => return Ok(PeerResult { outcome: PeerOutcome::Skipped(missing), ..result }),
            Err(error) => return Ok(PeerResult { outcome: PeerOutcome::Error(self.in_words(&error)), ..result }),
        };
        let folder = tempfile::Builder::new().prefix("peer-").tempdir_in(&self.places.scratch);
        let folder = folder.with_context(|| format!("cannot write in {}", self.places.scratch.display()))?;
        judge.export(&folder.path().join(running::INPUT))?;
        match points(peer, &start, race, judge, folder.path(), &mut result) {
            // The names of the course's own programs are not for others.
            Ok(_) if curves.contenders.contains_key(&peer.name) => {
                let taken = format!("another contender is called {:?}; give the peer another name in peers.toml", peer.name);
                result.outcome = PeerOutcome::Error(taken);
            }
            Ok(points) => drop(curves.contenders.insert(peer.name.clone(), points)),
            Err(error) if judge.failed() => return Err(error.context(format!("{} could not be judged", peer.name))),
            Err(error) => result.outcome = PeerOutcome::Error(self.in_words(&error)),
        }
        Ok(result)
    }

    /// An error for a page: what happened, and the end of what the peer printed, with paths from the folder of the course on.
    fn in_words(&self, error: &anyhow::Error) -> String {
        let root = format!("{}/", self.places.workspace.display());
        let text = printable(&format!("{error:#}")).replace(&root, "");
        let lines: Vec<_> = text.lines().collect();
        match lines[..] {
            [first, .., _] if lines.len() > LAST_WORDS + 1 => {
                [&[first, ".."], &lines[lines.len() - LAST_WORDS..]].concat().join("\n")
            }
            _ => lines.join("\n"),
        }
    }
}

/// The samples of a peer at every place.
fn points(
    peer: &Declared,
    start: &Start,
    race: &Race,
    judge: &mut Judge,
    folder: &Path,
    result: &mut PeerResult,
) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for &threads in &race.places {
        let begun = Instant::now();
        let mut samples = Vec::new();
        let mut processes = 0;
        while processes < race.processes && (processes < FEWEST_PROCESSES || begun.elapsed() < race.patience) {
            let mut running = Running::start(start, &peer.name, race.limit, folder)?;
            result.start_up.push(running.start_up);
            result.version = Some(running.version.clone());
            let setup = Setup { size: race.size, seed: race.seed, threads, at: None };
            for _ in 0..peer.warm_up.max(1) {
                running.run(setup, judge)?;
            }
            for _ in 0..race.per_process {
                samples.push(least_disturbed(race.axis, threads, || running.run(setup, judge))?.as_secs_f64());
            }
            result.prepare.extend(running.first_prepare);
            running.quit()?;
            processes += 1;
        }
        points.push(Point { threads, samples, per_process: race.per_process });
    }
    Ok(points)
}

/// What a report says of the peers that have no curve, a line each.
pub fn left_out(peers: &[PeerResult]) -> BTreeMap<&str, String> {
    let told = peers.iter().filter_map(|peer| match &peer.outcome {
        PeerOutcome::Measured => None,
        PeerOutcome::Skipped(why) => Some((peer.name.as_str(), format!("skipped: {why}"))),
        PeerOutcome::Error(why) => Some((peer.name.as_str(), format!("error: {why}"))),
    });
    told.collect()
}
