//! One traced run of a workload, over all its processes, in one Chrome trace file, and where its time went.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use lab::{
    trace::{
        TRACE_FOLDER_VARIABLE,
        file::{self, Trace},
    },
    workload::{Axis, Setup},
};

use crate::{
    catalog::Exercise,
    check,
    driver::{Fault, Timed, Workload},
    losses::{Account, Cores, Losses, Sample, Who, account, in_flight},
    measure::cores_to_lose,
};

/// A traced run.
#[derive(Debug)]
pub struct Traced {
    /// All its processes.
    pub trace: Trace,
    /// Where its time went, or what kept that from being found out: a wrong output, or a run on one thread that failed.
    pub losses: Result<Losses>,
}

/// Runs of the sequential program and of the submission on one thread, of which medians are taken. An odd number: the
/// median is then a run, which can be accounted for.
const RUNS: usize = 5;

/// A run that had not its cores is made again; so many are made at the most, and the least disturbed one is kept.
const ATTEMPTS: usize = 3;

/// Runs the submission of `program`, and writes the merged trace of all its processes to `out`. Then runs it on one thread,
/// and the sequential program, and says where the time of the traced run went.
///
/// # Errors
/// A [`Fault`] if the program fails, or if its trace is not valid: viewers would drop or misplace events without a word.
pub fn traced_run(program: &Path, exercise: &Exercise, setup: Setup, out: &Path) -> Result<Traced> {
    let mut kept = Attempt::make(program, exercise, setup)?;
    // More threads than cores wait for each other, whatever else the machine does.
    let attempts = if setup.threads > check::cores() { 1 } else { ATTEMPTS };
    for _ in 1..attempts {
        if kept.disturbed() <= cores_to_lose(kept.axis) {
            break;
        }
        // What went wrong only now does not undo what is there.
        let Ok(again) = Attempt::make(program, exercise, setup) else { break };
        if again.disturbed() < kept.disturbed() {
            kept = again;
        }
    }
    let Attempt { trace, run, digest, .. } = &kept;
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    file::write(trace, out).with_context(|| format!("cannot write {}", out.display()))?;
    let losses = match digest {
        None => Ok(Losses::InFlight(in_flight(trace, run, setup.threads))),
        Some(digest) => cores(program, exercise, setup, &kept, digest).map(|cores| Losses::Cores(Box::new(cores))),
    };
    Ok(Traced { trace: kept.trace, losses })
}

/// One traced run, in a process of its own.
struct Attempt {
    axis: Axis,
    /// Whose threads are accounted for.
    who: Who,
    trace: Trace,
    run: Timed,
    /// What the sequential program made; absent where requests wait for a network.
    digest: Option<String>,
}

impl Attempt {
    fn make(program: &Path, exercise: &Exercise, setup: Setup) -> Result<Self> {
        let mut process = Process::start(program, exercise)?;
        let (axis, who) = (process.workload.spec.axis, process.who());
        // The sequential program warms caches and pages up. It has no spans, so nothing of it is in the trace. Where requests
        // wait for a network nothing is warmed by it, and it is slow.
        let digest = if axis == Axis::InFlight { None } else { Some(process.workload.run("baseline", setup)?.digest) };
        let run = process.workload.run("submission", setup)?;
        let trace = process.trace()?;
        let faults = file::check(&trace);
        if !faults.is_empty() {
            let what = format!("its trace is not valid:\n  {}", faults.join("\n  "));
            return Err(Fault { what, stderr: String::new() }.into());
        }
        Ok(Self { axis, who, trace, run, digest })
    }

    /// The cores that its threads had to do without, on average.
    fn disturbed(&self) -> f64 {
        self.run.waited.unwrap_or(0.0) / self.run.seconds
    }
}

fn cores(program: &Path, exercise: &Exercise, setup: Setup, traced: &Attempt, digest: &str) -> Result<Cores> {
    let right = |run: Timed| {
        if run.digest == digest { Ok(run) } else { Err(anyhow::Error::new(Fault::wrong_output(&run.digest, digest))) }
    };
    right(traced.run.clone())?;
    let mut process = Process::start(program, exercise)?;
    let (main, who) = (process.workload.id(), process.who());
    let mut runs = |contender| -> Result<Vec<Timed>> {
        let setup = Setup { threads: 1, ..setup };
        // One more: the first warms up.
        let runs = (0..=RUNS).map(|_| process.workload.run(contender, setup).and_then(right)).collect::<Result<Vec<_>>>()?;
        Ok(runs.into_iter().skip(1).collect())
    };
    let (sequential, on_one) = (runs("baseline")?, runs("submission").context("on one thread")?);
    let one_thread = process.trace().context("on one thread")?;
    let mut accounts: Vec<Account> = on_one.iter().map(|run| account(&one_thread, run, 1, who)).collect();
    let own = |account: &Account| Sample { seconds: account.wall, own: account.own() };
    let one_samples = accounts.iter().map(own).collect();
    accounts.sort_by(|a, b| a.own().total_cmp(&b.own()));
    let waited = |run: &Timed| run.threads.get(&main).map_or(0.0, |told| told.waited);
    Ok(Cores {
        threads: setup.threads,
        sequential: sequential.iter().map(|run| Sample { seconds: run.seconds, own: run.seconds - waited(run) }).collect(),
        one_thread: one_samples,
        one: accounts.swap_remove(RUNS / 2),
        parallel: account(&traced.trace, &traced.run, setup.threads, traced.who),
    })
}

/// A workload that traces itself and its children into files that nobody keeps.
struct Process {
    workload: Workload,
    own: PathBuf,
    folder: tempfile::TempDir,
}

impl Process {
    fn start(program: &Path, exercise: &Exercise) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the trace")?;
        let own = folder.path().join("workload.json");
        let children = folder.path().join("children");
        let limit = exercise.limit("speed");
        let workload = Workload::start(program, Some(&own), &[(TRACE_FOLDER_VARIABLE, children.into())], limit)?;
        Ok(Self { workload, own, folder })
    }

    /// The process itself hands work out to its children, where those compute.
    fn who(&self) -> Who {
        match self.workload.spec.axis {
            Axis::Processes => Who::ProcessesBut(self.workload.id().into()),
            Axis::Threads | Axis::InFlight => Who::Threads,
        }
    }

    /// Ends it; the merged trace of all its processes.
    fn trace(self) -> Result<Trace> {
        self.workload.quit()?;
        let mut parts = vec![self.own];
        if let Ok(entries) = fs::read_dir(self.folder.path().join("children")) {
            let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            files.sort();
            parts.extend(files);
        }
        file::merge(&parts).context("cannot read the trace of the run")
    }
}
