//! The noise study: programs whose truth is known are graded on a machine that is made busy, and every verdict is counted.
//!
//! What is graded goes the way of `cargo xtask grade`: two processes, [`crate::measure::compare`], and
//! [`crate::check::verdict_on_speed`]. [`Study`] is all that is stored; [`judge`], [`page`] and the charts are functions of it.

pub mod busy;
pub mod cores;
pub mod gradings;
pub mod judge;
pub mod page;
pub mod rules;
pub mod sorts;
pub mod spinning;
pub mod statistics;

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result, bail};
use lab::par::Cost;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use crate::results::{Machine, Verdict, write_whole};

/// The version of the format that this runner writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Up to this ratio of run times all points are given, as in the exercises that compare with their reference.
pub const FULL_AT: f64 = 1.2;

/// From this ratio on none are.
pub const ZERO_AT: f64 = 3.0;

/// Clean pairs that a grading needs, and pairs that it makes at the most: those of `cargo xtask grade`.
pub const PAIRS: [usize; 2] = [15, 60];

/// Everything that one study found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// [`FORMAT_VERSION`] of the runner that wrote it.
    pub format_version: u32,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// How long it took, in seconds, over all its parts where it was interrupted.
    pub seconds: f64,
    /// The commit of the course, with `+` where the tree had changes; absent outside a repository.
    pub commit: Option<String>,
    /// What it ran on.
    pub machine: Machine,
    /// What everything that is drawn by lot is drawn from.
    pub seed: u64,
    /// How much was to be done.
    pub extent: Extent,
    /// The cores that other programs kept busy in the second before it began; absent where the system does not tell.
    pub busy_before: Option<f64>,
    /// In the order in which they were made.
    pub gradings: Vec<Grading>,
    /// The counts of work and span.
    pub sorts: Vec<SortRun>,
    /// Effective cores beside the time on a core.
    pub rounds: Vec<Round>,
}

/// Numbers of gradings, in the order of [`Load::ALL`].
pub type ByLoad = [usize; Load::ALL.len()];

/// How much a study does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// Fewer of everything, for CI.
    pub quick: bool,
    /// Gradings of the reference against itself, by load.
    pub same: ByLoad,
    /// Gradings of each slower version: how many times as long it works, and how often it is graded, by load.
    pub slower: Vec<(f64, ByLoad)>,
    /// Seconds that the pairs of one grading may take.
    pub budget: f64,
    /// Keys that the three merge sorts sort.
    pub keys: usize,
    /// Runs of each merge sort.
    pub runs: usize,
    /// Comparisons of effective cores with the time on a core.
    pub rounds: usize,
}

impl Extent {
    /// The whole study, in up to three hours on two cores, as [`most_seconds`](Self::most_seconds) reckons. The heavier loads have
    /// fewer gradings: there, most are not measurable, and one that is not shows nothing and takes longest.
    pub fn full() -> Self {
        let slower = vec![(1.2, [6, 6, 3, 3]), (1.5, [40, 40, 20, 20]), (2.0, [6, 6, 3, 3])];
        Self { quick: false, same: [350, 350, 150, 150], slower, budget: 8.0, keys: 1 << 22, runs: 20, rounds: 100 }
    }

    /// The same questions with fewer samples, in about four minutes.
    pub fn quick() -> Self {
        let slower = vec![(1.2, [1, 1, 0, 0]), (1.5, [4, 4, 3, 1]), (2.0, [1, 1, 0, 0])];
        Self { quick: true, same: [10, 6, 4, 2], slower, budget: 8.0, keys: 1 << 18, runs: 20, rounds: 20 }
    }

    /// What is graded, if it does so many times the work. There are slower versions of one exercise only. A quick study has no time
    /// for that exercise on two threads: on a machine without load it takes 8 seconds for enough clean pairs.
    fn programs(&self, nominal: f64) -> Vec<Program> {
        let wanted = |program: &&Program| {
            let is_word_count = program.exercise == "word_count";
            (nominal == 1.0 || is_word_count) && !(self.quick && is_word_count && program.threads > 1)
        };
        PROGRAMS.iter().filter(wanted).copied().collect()
    }

    /// The most that it takes on a machine that does nothing else, in seconds: every grading uses up its budget. Starting two
    /// processes, making their input and the baseline take a third of a second besides; the counts and rounds as much as they
    /// were seen to take.
    pub fn most_seconds(&self) -> f64 {
        let gradings = self.gradings() as f64 * (self.budget + 0.35);
        let sorts = (Which::ALL.len() * self.runs * self.keys) as f64 * 1.2e-6;
        gradings + sorts + self.rounds as f64 * 0.5
    }

    /// Gradings in all.
    pub fn gradings(&self) -> usize {
        self.same.iter().chain(self.slower.iter().flat_map(|(_, times)| times)).sum()
    }
}

pub use crate::study_sorts::Which;

/// What else the machine is made to do meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Nothing.
    None,
    /// One process that computes for half of the time, in bursts of 50 to 500 ms, as a compiler or a browser does.
    Half,
    /// One process that never rests.
    One,
    /// Two of those.
    Two,
}

impl Load {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Half, Self::One, Self::Two];

    /// Cores that it keeps busy.
    pub fn cores(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Half => 0.5,
            Self::One => 1.0,
            Self::Two => 2.0,
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no load",
            Self::Half => "0.5 busy cores",
            Self::One => "1 busy core",
            Self::Two => "2 busy cores",
        })
    }
}

/// What is graded: an exercise at a size at which one run takes 20 to 30 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The exercise.
    pub exercise: &'static str,
    /// Units of its size.
    pub size: u64,
    /// Threads.
    pub threads: usize,
}

/// The programs that are graded against themselves. One has a single thread: where one of two cores is busy, nothing else can
/// be measured, and a study in which all is not measurable shows nothing.
pub const PROGRAMS: [Program; 3] = [
    Program { exercise: "merge_sort", size: 1 << 21, threads: 2 },
    Program { exercise: "word_count", size: 7 << 20, threads: 2 },
    Program { exercise: "word_count", size: 4 << 20, threads: 1 },
];

/// `the same program`, `1.5 times the work`.
pub fn work(nominal: f64) -> String {
    if nominal > 1.0 { format!("{nominal} times the work") } else { "the same program".into() }
}

/// One grading that is to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planned {
    /// What is graded.
    pub program: Program,
    /// How many times as much it works as the reference does.
    pub nominal: f64,
    /// Meanwhile.
    pub load: Load,
    /// Of the input and of the order of the runs.
    pub seed: u64,
}

/// All gradings, the loads and programs mixed by lot: whatever the machine does in some minutes of the study meets all of them.
pub fn schedule(extent: &Extent, seed: u64) -> Vec<Planned> {
    let mut lot = Pcg64Mcg::seed_from_u64(seed);
    let mut all = Vec::new();
    for (place, load) in Load::ALL.into_iter().enumerate() {
        for (nominal, by_load) in std::iter::once((1.0, extent.same)).chain(extent.slower.iter().copied()) {
            let programs = extent.programs(nominal);
            let planned = |index: usize| Planned { program: programs[index % programs.len()], nominal, load, seed: 0 };
            all.extend((0..by_load[place]).map(planned));
        }
    }
    // Fisher and Yates.
    for end in (1..all.len()).rev() {
        let place = (lot.next_u64() % (end as u64 + 1)) as usize;
        all.swap(end, place);
    }
    all.iter_mut().for_each(|planned| planned.seed = u64::from(lot.next_u32()));
    all
}

/// One grading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grading {
    /// The exercise.
    pub exercise: String,
    /// Units of its size.
    pub size: u64,
    /// Threads.
    pub threads: usize,
    /// How many times as much the program works as the one that it is compared with: 1 for a program against itself.
    pub nominal: f64,
    /// What else the machine was made to do.
    pub load: Load,
    /// Of the input and of the order of the runs.
    pub seed: u64,
    /// Pass, fail, not measurable; an error where a process did wrong.
    pub verdict: Verdict,
    /// The share of the points.
    pub share: f64,
    /// The median of the clean pairs' ratios; absent where there were too few.
    pub ratio: Option<f64>,
    /// In which that lies.
    pub interval: Option<[f64; 2]>,
    /// The cores that the load really had, and those that other programs had; absent where the system does not tell.
    pub present: Option<[f64; 2]>,
    /// How long it took in all, in seconds.
    pub seconds: f64,
    /// What went wrong.
    pub fault: Option<String>,
    /// All pairs.
    pub pairs: Vec<RawPair>,
}

/// A pair of runs: milliseconds of the program and of the one that it is compared with, the effective cores of both, and
/// whether it counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RawPair(pub f64, pub f64, pub Option<[f64; 2]>, pub bool);

impl RawPair {
    /// The ratio of the two times.
    pub fn ratio(&self) -> f64 {
        self.0 / self.1
    }
}

/// What one run of a merge sort cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SortRun {
    /// Which of the three.
    pub sort: String,
    /// Threads.
    pub threads: usize,
    /// What was counted.
    pub cost: Cost,
}

/// One comparison of effective cores with the time on a core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Threads that computed all the time.
    pub threads: usize,
    /// Meanwhile.
    pub load: Load,
    /// The length of the run.
    pub seconds: f64,
    /// Threads less the time that they waited for a core, over the length.
    pub effective: f64,
    /// The time that they were on a core, over the length.
    pub truth: f64,
}

impl Study {
    /// Whether everything has been done.
    pub fn complete(&self) -> bool {
        let extent = &self.extent;
        let rounds = if self.machine.schedstat { extent.rounds } else { 0 };
        self.gradings.len() >= extent.gradings() && self.counted() && self.rounds.len() >= rounds
    }

    /// Whether all sorts have been counted.
    pub fn counted(&self) -> bool {
        self.sorts.len() >= Which::ALL.len() * self.extent.runs
    }

    /// Whether this one, interrupted, is what `new` would begin again: of the same course, machine, seed and extent. A tree
    /// with changes can be another one by now.
    pub fn goes_on_as(&self, new: &Self) -> bool {
        let known = self.commit.as_ref().is_some_and(|commit| !commit.ends_with('+'));
        known && (&self.commit, &self.machine, self.seed, &self.extent) == (&new.commit, &new.machine, new.seed, &new.extent)
    }

    /// Reads a stored study.
    ///
    /// # Errors
    /// If the file is missing, damaged, or of a newer format; the message names the file and the command that makes a new one.
    pub fn read(path: &Path) -> Result<Self> {
        let (shown, make) = (path.display(), "cargo xtask study noise");
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}; make it with: {make}"))?;
        let damaged = || format!("{shown} is damaged; make a new one with: {make}");
        let value: serde_json::Value = serde_json::from_str(&text).with_context(damaged)?;
        match value.get("format_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(FORMAT_VERSION) => bail!(
                "{shown} has format {version}, and this runner reads up to {FORMAT_VERSION}; update the course, or make a new \
                    one with: {make}"
            ),
            Some(_) => serde_json::from_value(value).with_context(damaged),
            None => bail!("{shown} carries no format_version; make a new one with: {make}"),
        }
    }

    /// Writes it whole or not at all, with one line for each grading, count and round.
    ///
    /// # Errors
    /// If the folder cannot be made or written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let serde_json::Value::Object(fields) = serde_json::to_value(self)? else { bail!("a study is an object") };
        let mut lines = Vec::new();
        for (name, value) in fields {
            let shown = match value {
                serde_json::Value::Array(items) if !items.is_empty() => {
                    let items: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
                    format!("[\n{}\n  ]", items.join(",\n"))
                }
                other => other.to_string(),
            };
            lines.push(format!("  {name:?}: {shown}"));
        }
        write_whole(path, format!("{{\n{}\n}}\n", lines.join(",\n")).as_bytes())
    }
}
