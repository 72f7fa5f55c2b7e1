//! The searches of one model, and the verdict over them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{self, Relaxed},
        },
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Class, Failure, Kind, Model, Pass, Repair, Report, Searched,
    engine::{self, End, Instead, Limits, Mode, Seen, Sequence},
    explain::{self, Failed},
    step::Step,
};
use crate::checked::threads;

/// How long past its deadline a search may take to notice that.
const GRACE: Duration = Duration::from_secs(2);

/// How long the search for a simpler execution may take, and the one for a repair: a failure is told soon, or not read.
const AFTERTHOUGHT: Duration = Duration::from_secs(4);

/// Up to how many interruptions a failure is looked for again.
const MOST_PREEMPTIONS: usize = 3;

type Body = Box<dyn Fn() + Send + Sync>;

/// One model being checked.
pub(super) struct Search<'a> {
    model: &'a Model,
    body: Arc<Body>,
    name: String,
    deadline: Instant,
    tried: bool,
    sequence: Sequence,
}

/// What was learnt over all passes.
#[derive(Default)]
struct Sum {
    passes: Vec<Searched>,
    reached: BTreeMap<String, u64>,
    shared: bool,
    loads: bool,
    spurious: bool,
    switches: u32,
}

impl Sum {
    fn add(&mut self, seen: &mut Seen) {
        for (outcome, executions) in std::mem::take(&mut seen.reached) {
            *self.reached.entry(outcome).or_default() += executions;
        }
        self.shared |= seen.shared;
        self.loads |= seen.loads;
        self.spurious |= seen.spurious;
        self.switches = self.switches.max(seen.switches);
    }

    /// Whether a pass has nothing to do: what the first pass has not met in all interleavings, no other pass can vary.
    fn leaves_idle(&self, pass: Pass) -> bool {
        let explored = self.passes.iter().any(|searched| searched.name == Pass::Interleavings);
        match pass {
            Pass::Interleavings => false,
            Pass::WeakMemory => explored && !self.loads,
            Pass::Spurious => explored && !self.spurious,
        }
    }
}

/// How far one search goes.
#[derive(Clone, Copy)]
struct Bounds {
    preemptions: Option<usize>,
    deadline: Instant,
}

impl<'a> Search<'a> {
    pub(super) fn new(model: &'a Model, name: String, body: Body) -> Self {
        Self {
            model,
            body: Arc::new(body),
            name,
            deadline: Instant::now() + model.duration,
            tried: false,
            sequence: Sequence::Execution,
        }
    }

    pub(super) fn run(mut self) -> Report {
        let mut sum = Sum::default();
        let failure = self.passes(&mut sum).or_else(|| self.worth(&sum));
        let bounded = self.model.preemptions.is_some_and(|bound| sum.switches as usize >= bound);
        let cut = bounded || failure.as_ref().is_some_and(|failure| failure.class == Class::Cut);
        Report {
            name: self.name,
            verdict: if failure.is_some() { "fail" } else { "pass" }.to_owned(),
            passes: sum.passes,
            preemption_bound: self.model.preemptions,
            cut,
            reached: sum.reached,
            failure,
        }
    }

    fn passes(&mut self, sum: &mut Sum) -> Option<Failure> {
        for &pass in &self.model.passes {
            if sum.leaves_idle(pass) {
                continue;
            }
            if let Some(failure) = self.pass(pass, sum) {
                return Some(failure);
            }
        }
        None
    }

    fn pass(&mut self, pass: Pass, sum: &mut Sum) -> Option<Failure> {
        let started = Instant::now();
        self.sequence = Sequence::Execution;
        let mut mode = self.mode(pass);
        let mut executions = 0;
        let (end, seen) = self.pass_of(&mut mode, self.bounds(), |seen| {
            executions += seen.executions;
            sum.add(seen);
        });
        // What one pass needs the others need, too; and a failure is looked for again where it was found.
        (self.tried, self.sequence) = (mode.tried, mode.sequence);
        sum.passes.push(Searched { name: pass, executions, seconds: started.elapsed().as_secs_f64() });
        match end {
            End::Finished => None,
            End::Cut | End::Tried | End::Fenced => Some(self.cut(pass, &seen)),
            End::Panicked { message, place } => {
                let class = explain::class(&message, &seen, pass);
                Some(self.explained(Failed { class, pass, panic: message, place, seen }))
            }
        }
    }

    /// The searches of one pass, each told to `saw`; the end and the last execution of the last. Under weak memory a model with
    /// `SeqCst` accesses is searched in every [`Sequence`] that is left.
    fn pass_of(&self, mode: &mut Mode, bounds: Bounds, mut saw: impl FnMut(&mut Seen)) -> (End, Seen) {
        let (mut end, mut seen) = self.search(mode, bounds);
        saw(&mut seen);
        for &sequence in mode.sequence.rest() {
            if mode.pass != Pass::WeakMemory || !seen.sequenced || !matches!(end, End::Finished) {
                break;
            }
            mode.sequence = sequence;
            (end, seen) = self.search(mode, bounds);
            saw(&mut seen);
        }
        (end, seen)
    }

    fn mode(&self, pass: Pass) -> Mode {
        Mode { pass, strong: false, instead: None, tried: self.tried, sequence: self.sequence, recorded: self.model.recorded }
    }

    fn bounds(&self) -> Bounds {
        Bounds { preemptions: self.model.preemptions, deadline: self.deadline }
    }

    /// Bounds of a search that only makes a failure easier to read: it ends soon, at the cost of that.
    fn brief(&self, preemptions: Option<usize>, began: Instant) -> Bounds {
        Bounds { preemptions, deadline: self.deadline.min(began + AFTERTHOUGHT) }
    }

    /// A failure, by the simplest execution that shows it, and with what would mend it.
    fn explained(&self, failed: Failed) -> Failure {
        let kind = self.kind(&failed);
        if kind.is_none() {
            return explain::failure(&self.name, kind, &failed);
        }
        let (failed, preemptions) = match self.simplest(&failed) {
            Some((simpler, preemptions)) => (simpler, Some(preemptions)),
            None => (failed, None),
        };
        let repair = if kind == Some(Kind::MemoryOrdering) { self.repair(&failed.seen) } else { None };
        Failure { preemptions, repair, ..explain::failure(&self.name, kind, &failed) }
    }

    /// The same failure with as few interruptions as can be. `None` where none is found with a few, or not in time.
    fn simplest(&self, failed: &Failed) -> Option<(Failed, usize)> {
        let began = Instant::now();
        let most = self.model.preemptions.unwrap_or(MOST_PREEMPTIONS).min(MOST_PREEMPTIONS);
        for preemptions in 0..=most {
            match self.search(&mut self.mode(failed.pass), self.brief(Some(preemptions), began)) {
                (End::Finished, _) => {}
                (End::Panicked { message, place }, seen) => {
                    let class = explain::class(&message, &seen, failed.pass);
                    if class == failed.class {
                        return Some((Failed { class, pass: failed.pass, panic: message, place, seen }, preemptions));
                    }
                }
                (End::Cut | End::Tried | End::Fenced, _) => return None,
            }
        }
        None
    }

    /// The ordering that alone is to blame: with another one there, and nowhere else, the model passes. `None` where none or
    /// more than one is such, or where it takes too long to say.
    fn repair(&self, seen: &Seen) -> Option<Repair> {
        let began = Instant::now();
        let mut found = None;
        for (step, fetches) in sites(&seen.steps) {
            let location = step.call.location;
            let slot = Instead { location, fetches, ordering: Ordering::Relaxed }.slot(step);
            let tries = stronger(step.call.operation, slot, step.call.orderings[slot]).into_iter();
            // SeqCst orders nothing by itself, only with another access or fence that is SeqCst; a model, which takes an access for
            // a fence, would call it a repair all the same.
            let others = seen.steps.iter().filter(|other| other.call.location != location);
            let paired = others.flat_map(|other| other.call.orderings).flatten().any(|ordering| ordering == Ordering::SeqCst);
            let tries = tries.filter(|ordering| paired || *ordering != Ordering::SeqCst);
            let mut tries = tries.map(|ordering| Instead { location, fetches, ordering });
            let Some(instead) = tries.find(|instead| self.mends(*instead, began)) else { continue };
            if found.replace((step, instead)).is_some() {
                return None;
            }
        }
        // A place that was not tried any more could be another one.
        let (step, instead) = found.filter(|_| began.elapsed() < AFTERTHOUGHT)?;
        Some(explain::repair(step, instead, seen))
    }

    /// Whether the model passes with that one ordering: in all of its passes, and with all that it must reach.
    fn mends(&self, instead: Instead, began: Instant) -> bool {
        let mut sum = Sum::default();
        for &pass in &self.model.passes {
            if sum.leaves_idle(pass) {
                continue;
            }
            let mut mode = Mode { instead: Some(instead), sequence: Sequence::Execution, ..self.mode(pass) };
            let mut executions = 0;
            let (end, _) = self.pass_of(&mut mode, self.brief(self.model.preemptions, began), |seen| {
                executions += seen.executions;
                sum.add(seen);
            });
            if !matches!(end, End::Finished) {
                return false;
            }
            sum.passes.push(Searched { name: pass, executions, seconds: 0.0 });
        }
        self.worth(&sum).is_none()
    }

    /// What a failure is a matter of.
    fn kind(&self, failed: &Failed) -> Option<Kind> {
        match (failed.class, failed.pass) {
            (Class::DataRace, Pass::Interleavings) => {
                // The race is a matter of orderings if none is left with the strongest ones.
                match self.search(&mut Mode { strong: true, ..self.mode(failed.pass) }, self.bounds()) {
                    (End::Finished, _) => Some(Kind::MemoryOrdering),
                    (End::Panicked { message, .. }, seen) => {
                        if explain::class(&message, &seen, failed.pass) == Class::DataRace {
                            return Some(Kind::Interleaving);
                        }
                        // Another fault has ended the search. It takes the executions in the same order: once it is past the one
                        // that raced, that one races no more.
                        (seen.executions > failed.seen.executions).then_some(Kind::MemoryOrdering)
                    }
                    (End::Cut | End::Tried | End::Fenced, _) => None,
                }
            }
            (class, pass) if class.is_bug() => Some(match pass {
                Pass::Interleavings => Kind::Interleaving,
                Pass::WeakMemory => Kind::MemoryOrdering,
                Pass::Spurious => Kind::Spurious,
            }),
            _ => None,
        }
    }

    fn cut(&self, pass: Pass, seen: &Seen) -> Failure {
        let limit = if seen.executions >= self.model.executions {
            format!("{} executions", self.model.executions)
        } else {
            format!("{:.1} seconds", self.model.duration.as_secs_f64())
        };
        let message = format!(
            "the search was cut after {limit}, in execution {} of pass \"{}\"; nothing is proven. A smaller model, or a \
             preemption bound, would let it end",
            seen.executions,
            pass.name()
        );
        explain::plain(&self.name, Class::Cut, message)
    }

    /// A search without a failure proves something only if it has explored something.
    fn worth(&self, sum: &Sum) -> Option<Failure> {
        let executions = sum.passes.iter().map(|searched| searched.executions).max().unwrap_or(0);
        if !sum.shared {
            let message = "no object of lab::sync or lab::cell was used by two threads: nothing was checked. A model sees only \
                           lab's types, made inside its closure";
            return Some(explain::plain(&self.name, Class::Vacuous, message.to_owned()));
        }
        if executions < 2 {
            let message = "there was only one execution to explore: nothing was checked. Is everything joined before it is used?";
            return Some(explain::plain(&self.name, Class::Vacuous, message.to_owned()));
        }
        let missing: Vec<&str> =
            self.model.must_reach.iter().filter(|outcome| !sum.reached.contains_key(*outcome)).map(String::as_str).collect();
        if missing.is_empty() {
            return None;
        }
        let reached: Vec<String> =
            sum.reached.iter().map(|(outcome, executions)| format!("\"{outcome}\" in {executions} executions")).collect();
        let reached = if reached.is_empty() { "none".to_owned() } else { reached.join(", ") };
        let message = format!("never reached: \"{}\". Right code can reach it. Reached: {reached}", missing.join("\", \""));
        Some(explain::plain(&self.name, Class::Unreached, message))
    }

    /// One search, begun again as often as it turns out to need more than `mode` says.
    fn search(&self, mode: &mut Mode, bounds: Bounds) -> (End, Seen) {
        loop {
            match self.search_once(*mode, bounds) {
                (End::Tried, _) => mode.tried = true,
                (End::Fenced, _) => mode.sequence = Sequence::FenceBefore,
                ended => return ended,
            }
        }
    }

    /// One search, on a thread of its own: if it fails, that thread is not unwound but left behind, see [`engine`].
    fn search_once(&self, mode: Mode, bounds: Bounds) -> (End, Seen) {
        let (sender, receiver) = channel();
        let progress = Arc::new(AtomicU64::new(0));
        let limits = Limits { executions: self.model.executions, deadline: bounds.deadline };
        let (preemptions, steps) = (bounds.preemptions, self.model.steps);
        let body = self.body.clone();
        let watched = progress.clone();
        let search = move || {
            engine::install(mode, limits, watched, sender);
            let halt = engine::Halt;
            builder(preemptions, steps).check(move || {
                let halt = engine::Halt;
                engine::start_execution();
                threads::begin();
                body();
                engine::leave_thread();
                std::mem::forget(halt);
            });
            std::mem::forget(halt);
            engine::end(End::Finished);
        };
        let spawned = thread::Builder::new().name(self.name.clone()).spawn(search);
        if let Err(error) = spawned {
            return (End::Panicked { message: format!("cannot start the search: {error}"), place: None }, Seen::default());
        }
        let left = bounds.deadline.saturating_duration_since(Instant::now()) + GRACE;
        match receiver.recv_timeout(left) {
            Ok(ended) => ended,
            // It hangs in one execution: a lock of `std`, or a loop that never calls `lab`.
            Err(RecvTimeoutError::Timeout) => (End::Cut, Seen { executions: progress.load(Relaxed), ..Seen::default() }),
            Err(RecvTimeoutError::Disconnected) => {
                (End::Panicked { message: "the search has ended without a word".to_owned(), place: None }, Seen::default())
            }
        }
    }
}

/// Every ordering in the source that these steps were made with: a step, and whether it is the one of what only reads.
fn sites(steps: &[Step]) -> Vec<(&Step, bool)> {
    let mut sites: Vec<(&Step, bool)> = Vec::new();
    for step in steps {
        let orderings = step.call.orderings.iter().enumerate().filter(|(_, ordering)| ordering.is_some());
        for fetches in orderings.map(|(slot, _)| slot == 1 || step.call.operation == "load") {
            if !sites.iter().any(|(site, fetched)| site.call.location == step.call.location && *fetched == fetches) {
                sites.push((step, fetches));
            }
        }
    }
    sites
}

/// The orderings that are stronger than the one that was written, the weakest first.
fn stronger(operation: &str, slot: usize, written: Option<Ordering>) -> Vec<Ordering> {
    use Ordering::{AcqRel, Acquire, Release, SeqCst};
    let Some(written) = written else { return Vec::new() };
    let all: &[Ordering] = match (operation, slot) {
        ("load", _) | (_, 1) => &[Acquire, SeqCst],
        ("store", _) => &[Release, SeqCst],
        _ => &[Acquire, Release, AcqRel, SeqCst],
    };
    let rank = |ordering: Ordering| match ordering {
        Ordering::Relaxed => 0,
        Acquire | Release => 1,
        AcqRel => 2,
        _ => 3,
    };
    all.iter().copied().filter(|ordering| rank(*ordering) > rank(written)).collect()
}

/// loom's search, with nothing left to the environment.
fn builder(preemptions: Option<usize>, steps: usize) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.max_threads = engine::MAX_THREADS;
    // A store is two branches, and a blocking operation may be more.
    builder.max_branches = steps.saturating_mul(2);
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = preemptions;
    builder.checkpoint_file = None;
    builder.checkpoint_interval = usize::MAX;
    builder.expect_explicit_explore = false;
    builder.location = false;
    builder.log = false;
    builder
}
