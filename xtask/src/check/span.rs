//! The check `span`: work and span of a submission, counted, and what that comes to on many processors.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use lab::{
    par::{self, Link},
    workload::{Burden, Setup},
};

use super::{Candidate, CheckResult, Checker, Evidence, Verdict, Workload, ended, fault, not_compiled};
use crate::results::{self, Place, Span};

/// Runs on one thread, of which the fastest gives the time of a unit: whatever else the machine does only adds to a run.
const RUNS: usize = 3;

impl Checker<'_> {
    /// Makes the check. Points are by work over span, which are the same on every machine; the burden, and the schedule that
    /// it is charged in, are this machine's and cost no points.
    pub(super) fn span(&self, candidate: &Candidate<'_>) -> Result<CheckResult> {
        let about = candidate.exercise.about.span.as_ref().context("an exercise with points for span says how they are given")?;
        let program = match candidate.workload(self.catalog)? {
            Ok(program) => program,
            Err(why) => return Ok(not_compiled("span", why)),
        };
        let started = Instant::now();
        let span = match self.counted(candidate, &program, about.full_at) {
            Ok(Ok(span)) => span,
            Ok(Err(why)) => return Ok(ended("span", Verdict::Fail, why)),
            Err(error) => return fault("span", candidate.subject, error),
        };
        let parallelism = span.work as f64 / span.span.max(1) as f64;
        let share = ((parallelism - about.zero_at) / (about.full_at - about.zero_at)).clamp(0.0, 1.0);
        Ok(CheckResult {
            verdict: if share >= 1.0 { Verdict::Pass } else { Verdict::Fail },
            points: share,
            seconds: started.elapsed().as_secs_f64(),
            summary: summary(&span, parallelism, share),
            evidence: Some(Evidence::Span(span)),
            ..ended("span", Verdict::Pass, String::new())
        })
    }

    /// Counts; `Ok(Err(..))` where the program gives no count that means anything.
    fn counted(&self, candidate: &Candidate<'_>, program: &Path, wanted: f64) -> Result<Result<Span, String>> {
        let mut workload = candidate.start(program, candidate.exercise.limit("span"))?;
        let spec = workload.spec.clone();
        // Counts do not depend on the machine, so the small size serves.
        let setup = Setup { size: spec.quick, seed: self.seed, threads: 2, at: None };
        let expected = workload.run("baseline", setup)?.digest;
        let digest = workload.run("submission", setup)?.digest;
        if digest != expected {
            return Ok(Err(format!("the output is wrong: digest {digest} where the baseline's is {expected}")));
        }
        let run = one_thread(&mut workload, setup)?;
        let steal = par::steal();
        let run = u64::try_from(run.as_nanos()).unwrap_or(u64::MAX);
        let Some(priced) = workload.cost(Burden::Nanoseconds { steal: steal.nanoseconds, run })? else {
            return Ok(Err("the workload counts no work and span".into()));
        };
        workload.quit()?;
        let burden = priced.burden.map(|units| results::Burden {
            units,
            nanoseconds: steal.nanoseconds,
            steals: steal.seen,
            nanoseconds_per_unit: run as f64 / priced.cost.work.max(1) as f64,
        });
        Ok(Ok(Span {
            unit: spec.cost_unit.unwrap_or_else(|| "units".into()),
            size: setup.size,
            work: priced.cost.work,
            span: priced.cost.span,
            burdened_span: priced.cost.burdened_span,
            forks: priced.cost.forks,
            wanted,
            burden,
            schedule: priced.schedule,
            unburdened: priced.unburdened,
            place: place(&priced.chain, priced.cost.span),
        }))
    }
}

/// What most of the longest chain is.
fn place(chain: &[Link], span: u64) -> Option<Place> {
    let most = chain.first().filter(|_| span > 0)?;
    let share = |units: u64| units as f64 / span as f64;
    Some(Place { name: most.name.clone(), share: share(most.units), longest: share(most.longest) })
}

/// The fastest of some runs on one thread, without what that thread waited for a core.
fn one_thread(workload: &mut Workload, setup: Setup) -> Result<Duration> {
    let setup = Setup { threads: 1, ..setup };
    let mut fastest = f64::INFINITY;
    for _ in 0..RUNS {
        let run = workload.run("submission", setup)?;
        // Waits of other threads of the process are in it, so it may come out as more than the run.
        let had = run.seconds - run.waited.unwrap_or(0.0);
        fastest = fastest.min(if had > 0.0 { had } else { run.seconds });
    }
    Ok(Duration::from_secs_f64(fastest))
}

fn summary(span: &Span, parallelism: f64, share: f64) -> String {
    let counted = format!("parallelism {parallelism:.1} (work {} over span {} {})", span.work, span.span, span.unit);
    let wanted = span.wanted;
    if share >= 1.0 {
        return format!("{counted}; {wanted} is enough");
    }
    format!("{counted}, and {wanted} is wanted: no number of threads makes this more than {parallelism:.1} times as fast as one")
}
