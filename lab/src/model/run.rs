//! The searches of one model, and the verdict over them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Class, Failure, Kind, Model, Pass, Report, Searched,
    engine::{self, End, Limits, Mode, Seen},
    explain,
};
use crate::checked::threads;

/// How long past its deadline a search may take to notice that.
const GRACE: Duration = Duration::from_secs(2);

type Body = Box<dyn Fn() + Send + Sync>;

/// One model being checked.
pub(super) struct Search<'a> {
    model: &'a Model,
    body: Arc<Body>,
    name: String,
    deadline: Instant,
    tried: bool,
    fenced: bool,
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
}

/// How one search ended.
enum Ended {
    Finished,
    Failed(Failure),
}

impl<'a> Search<'a> {
    pub(super) fn new(model: &'a Model, name: String, body: Body) -> Self {
        Self { model, body: Arc::new(body), name, deadline: Instant::now() + model.duration, tried: false, fenced: false }
    }

    pub(super) fn run(mut self) -> Report {
        let mut sum = Sum::default();
        let failure = self.passes(&mut sum).or_else(|| self.worth(&sum));
        let bounded = self.model.preemptions.is_some_and(|bound| sum.switches as usize >= bound);
        let cut = bounded || failure.as_ref().is_some_and(|failure| failure.class == Class::Cut);
        Report {
            name: self.name,
            verdict: if failure.is_some() { "fail" } else { "pass" },
            passes: sum.passes,
            preemption_bound: self.model.preemptions,
            cut,
            reached: sum.reached,
            failure,
        }
    }

    fn passes(&mut self, sum: &mut Sum) -> Option<Failure> {
        for &pass in &self.model.passes {
            // What the first pass has not met in all interleavings, no other pass can vary.
            let explored = sum.passes.iter().any(|searched| searched.name == Pass::Interleavings);
            let idle = match pass {
                Pass::Interleavings => false,
                Pass::WeakMemory => explored && !sum.loads,
                Pass::Spurious => explored && !sum.spurious,
            };
            if idle {
                continue;
            }
            if let Ended::Failed(failure) = self.pass(pass, sum) {
                return Some(failure);
            }
        }
        None
    }

    /// One pass. Under weak memory a model with `SeqCst` accesses is searched in both ways that these can be made to
    /// behave: neither shows what C++20 forbids, and each shows something that the other does not.
    fn pass(&mut self, pass: Pass, sum: &mut Sum) -> Ended {
        let started = Instant::now();
        let (mut end, mut seen) = self.finished(pass);
        let mut executions = seen.executions;
        sum.add(&mut seen);
        if pass == Pass::WeakMemory && seen.sequenced && !self.fenced && matches!(end, End::Finished) {
            self.fenced = true;
            (end, seen) = self.finished(pass);
            executions += seen.executions;
            sum.add(&mut seen);
        }
        sum.passes.push(Searched { name: pass, executions, seconds: started.elapsed().as_secs_f64() });
        match end {
            End::Finished => Ended::Finished,
            End::Cut | End::Tried | End::Fenced => Ended::Failed(self.cut(pass, &seen)),
            End::Panicked { message, place } => {
                let class = explain::class(&message);
                let kind = self.kind(pass, class);
                Ended::Failed(explain::failure(&self.name, (class, kind), pass, &message, place, &seen))
            }
        }
    }

    /// One search, begun again if it turns out that it needs the better `Mutex`, or `SeqCst` accesses that know of fences.
    fn finished(&mut self, pass: Pass) -> (End, Seen) {
        loop {
            match self.search(self.mode(pass, false)) {
                (End::Tried, _) => self.tried = true,
                (End::Fenced, _) => self.fenced = true,
                ended => return ended,
            }
        }
    }

    fn mode(&self, pass: Pass, strong: bool) -> Mode {
        Mode { pass, strong, tried: self.tried, fenced: self.fenced, recorded: self.model.recorded }
    }

    /// What a failure is a matter of.
    fn kind(&self, pass: Pass, class: Class) -> Option<Kind> {
        match (class, pass) {
            (Class::DataRace, Pass::Interleavings) => {
                // The race is a matter of orderings if none is left with the strongest ones.
                match self.search(self.mode(pass, true)).0 {
                    End::Finished => Some(Kind::MemoryOrdering),
                    End::Panicked { .. } => Some(Kind::Interleaving),
                    End::Cut | End::Tried | End::Fenced => None,
                }
            }
            (Class::DataRace | Class::Deadlock | Class::Assertion | Class::Leak | Class::Livelock, pass) => Some(match pass {
                Pass::Interleavings => Kind::Interleaving,
                Pass::WeakMemory => Kind::MemoryOrdering,
                Pass::Spurious => Kind::Spurious,
            }),
            (Class::Vacuous | Class::Unreached | Class::Cut | Class::Unfit, _) => None,
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

    /// One search, on a thread of its own: if it fails, that thread is not unwound but left behind, see [`engine`].
    fn search(&self, mode: Mode) -> (End, Seen) {
        let (sender, receiver) = channel();
        let progress = Arc::new(AtomicU64::new(0));
        let limits = Limits { executions: self.model.executions, deadline: self.deadline };
        let (preemptions, steps) = (self.model.preemptions, self.model.steps);
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
        let left = self.deadline.saturating_duration_since(Instant::now()) + GRACE;
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
