//! What runs under every wrapper: who is running, what has happened, and the end of a search.
//!
//! loom runs all threads of a model as coroutines on one thread of the operating system, so a plain thread-local list is
//! the true order of execution. A coroutine is left only inside a call to loom, and every such call is made inside
//! [`perform`] or [`quietly`], which remember on the coroutine's own stack who was running.
//!
//! A failing execution is never unwound into loom: the panic hook sends the report, and the first wrapper that the
//! unwinding meets parks the thread for good ([`Halt`]). No destructor calls loom while panicking, so nothing panics
//! twice, and the process and its other tests live on.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    panic::{Location, PanicHookInfo},
    sync::{
        Arc, Once,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::Sender,
    },
    time::Instant,
};

pub(crate) use super::step::{Call, Object, Outcome, Step, Value};
use super::{Pass, step::ObjectInfo};

/// loom's limit, main thread included.
pub(crate) const MAX_THREADS: usize = loom::MAX_THREADS;

/// How the wrappers behave in the search that is running.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    /// What loads and weak operations do.
    pub(crate) pass: Pass,
    /// Every ordering is made as strong as it can be: what still fails then is no matter of orderings.
    pub(crate) strong: bool,
    /// Some `Mutex` is tried somewhere in this model: releasing one must be a step of its own.
    pub(crate) tried: bool,
    /// Every `SeqCst` access is a fence, too: it must be where the model uses `fence(SeqCst)`, and may be elsewhere.
    pub(crate) fenced: bool,
    /// Steps are recorded: always, but where the cost of that is measured.
    pub(crate) recorded: bool,
}

/// What a search saw, sent when it is over.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) executions: u64,
    pub(crate) reached: BTreeMap<String, u64>,
    pub(crate) steps: Vec<Step>,
    pub(crate) objects: Vec<ObjectInfo>,
    pub(crate) threads: usize,
    /// Some object was used by two threads.
    pub(crate) shared: bool,
    /// Some plain load was made: without one the pass for weak memory has nothing to vary.
    pub(crate) loads: bool,
    /// Some `SeqCst` load was made.
    pub(crate) sequenced: bool,
    /// Some operation was made that may fail or wake spuriously.
    pub(crate) spurious: bool,
    /// The most times that any execution went from one thread to another.
    pub(crate) switches: u32,
}

/// How a search ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything was explored.
    Finished,
    /// A panic: its message and, where it is known, its place.
    Panicked { message: String, place: Option<(String, u32)> },
    /// A hard limit.
    Cut,
    /// The search was made with a simpler `Mutex` than the model needs; it must be made again with [`Mode::tried`].
    Tried,
    /// The search was made with weaker `SeqCst` accesses than the model needs; it must be made again with [`Mode::fenced`].
    Fenced,
}

/// A hard limit on a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) executions: u64,
    pub(crate) deadline: Instant,
}

/// What keeps a thread from running.
#[derive(Debug, Clone, Default)]
pub(crate) enum Blocked {
    /// It has not begun, or is over.
    #[default]
    Absent,
    /// Nothing.
    No,
    /// It spins in vain.
    Spinning,
    /// It waits for this to turn true.
    Until(Arc<AtomicBool>),
    /// It waits for this to turn false.
    While(Arc<AtomicBool>),
    /// It waits for the end of a thread.
    Join(usize),
}

struct Engine {
    mode: Mode,
    limits: Limits,
    progress: Arc<AtomicU64>,
    sender: Sender<(End, Seen)>,
    ended: bool,
    /// The thread that is running.
    current: usize,
    /// What each thread has begun and not finished.
    pending: [Option<Step>; MAX_THREADS],
    spurned: Vec<(usize, &'static Location<'static>)>,
    /// How often something has changed that a thread could be waiting for.
    changes: u64,
    /// What keeps each thread from running.
    blocked: [Blocked; MAX_THREADS],
    /// loom's names of the threads.
    names: [Option<loom::thread::ThreadId>; MAX_THREADS],
    /// For each thread, how many times it has spun since the change of that number.
    spun: [(u64, u32); MAX_THREADS],
    reached_now: BTreeSet<String>,
    switches_now: u32,
    last: usize,
    seen: Seen,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Parks the thread of a failed search, for good, when a panic unwinds through it.
pub(crate) struct Halt;

impl Drop for Halt {
    fn drop(&mut self) {
        if std::thread::panicking() {
            halt();
        }
    }
}

/// The end of a failed search's thread. It is not unwound, since its coroutines cannot be.
fn halt() -> ! {
    loop {
        std::thread::park();
    }
}

fn with<R>(visit: impl FnOnce(&mut Engine) -> R) -> R {
    if std::thread::panicking() {
        // A destructor of the model's code, running because its execution has failed: already told, see `hook`.
        halt();
    }
    ENGINE.with_borrow_mut(|engine| match engine {
        Some(engine) => visit(engine),
        None => {
            panic!("with feature `model`, the types of `lab` live inside a model: make and use them in lab::model::model(|| ..)")
        }
    })
}

/// Starts a search on this thread.
pub(crate) fn install(mode: Mode, limits: Limits, progress: Arc<AtomicU64>, sender: Sender<(End, Seen)>) {
    hook();
    let engine = Engine {
        mode,
        limits,
        progress,
        sender,
        ended: false,
        current: 0,
        pending: [const { None }; MAX_THREADS],
        spurned: Vec::new(),
        changes: 0,
        blocked: Default::default(),
        names: [None; MAX_THREADS],
        spun: [(0, 0); MAX_THREADS],
        reached_now: BTreeSet::new(),
        switches_now: 0,
        last: 0,
        seen: Seen::default(),
    };
    ENGINE.set(Some(engine));
}

/// Ends a search on this thread: tells the one who waits for it.
pub(crate) fn end(end: End) {
    ENGINE.with_borrow_mut(|engine| {
        if let Some(engine) = engine {
            engine.end(end);
        }
    });
}

/// Silences the panics of models and reports them; every other panic goes to the hook that was there before.
fn hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !report(info) {
                previous(info);
            }
        }));
    });
}

/// True if this panic is a model's.
fn report(info: &PanicHookInfo<'_>) -> bool {
    let end = || End::Panicked {
        message: message(info.payload()),
        place: info.location().map(|location| (location.file().to_owned(), location.line())),
    };
    ENGINE
        .try_with(|engine| match engine.try_borrow_mut() {
            Ok(mut engine) => engine.as_mut().map(|engine| engine.end(end())).is_some(),
            Err(_) => true,
        })
        .unwrap_or(false)
}

/// What a panic says.
pub(crate) fn message(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

impl Engine {
    fn end(&mut self, end: End) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if matches!(end, End::Finished) {
            self.close_execution();
        }
        // What a thread has begun and not finished is where it stands; the one that was running comes last.
        let last = self.pending[self.current].take();
        self.seen.steps.extend(self.pending.iter_mut().filter_map(Option::take).chain(last));
        // Nobody listens any longer: the deadline has passed, and the verdict is told.
        let _ = self.sender.send((end, std::mem::take(&mut self.seen)));
    }

    /// The threads that can run, and do not spin in vain.
    fn can_run(&self) -> impl Iterator<Item = usize> {
        (0..MAX_THREADS).filter(|thread| match &self.blocked[*thread] {
            Blocked::Absent | Blocked::Spinning => false,
            Blocked::No => true,
            Blocked::Until(flag) => flag.load(Relaxed),
            Blocked::While(flag) => !flag.load(Relaxed),
            Blocked::Join(thread) => matches!(self.blocked[*thread], Blocked::Absent),
        })
    }

    fn gives_way(&self, thread: usize) -> bool {
        self.pending[thread].is_some_and(|step| step.call.spins())
    }

    fn close_execution(&mut self) {
        self.seen.switches = self.seen.switches.max(self.switches_now);
        for outcome in std::mem::take(&mut self.reached_now) {
            *self.seen.reached.entry(outcome).or_default() += 1;
        }
    }
}

/// Starts one execution; ends the search if a hard limit is reached.
pub(crate) fn start_execution() {
    let cut = with(|engine| {
        engine.close_execution();
        let over = engine.seen.executions >= engine.limits.executions || Instant::now() >= engine.limits.deadline;
        if over {
            engine.end(End::Cut);
            return true;
        }
        engine.seen.executions += 1;
        engine.progress.store(engine.seen.executions, Relaxed);
        engine.seen.steps.clear();
        engine.seen.objects.clear();
        engine.seen.threads = 1;
        engine.pending = [const { None }; MAX_THREADS];
        engine.spurned.clear();
        engine.spun = [(engine.changes, 0); MAX_THREADS];
        engine.blocked = Default::default();
        engine.names = [None; MAX_THREADS];
        engine.switches_now = 0;
        engine.current = 0;
        engine.last = 0;
        false
    });
    if cut {
        halt();
    }
    enter_thread(0);
}

/// The model uses `try_lock`: this search must be made again with [`Mode::tried`].
pub(crate) fn demand_tried() {
    demand(|mode| mode.tried, End::Tried);
}

/// The model uses `fence(SeqCst)`: this search must be made again with [`Mode::fenced`].
pub(crate) fn demand_fenced() {
    demand(|mode| mode.fenced, End::Fenced);
}

fn demand(met: impl FnOnce(Mode) -> bool, end: End) {
    let again = with(|engine| {
        let again = !met(engine.mode);
        if again {
            engine.end(end);
        }
        again
    });
    if again {
        halt();
    }
}

/// How the wrappers must behave.
pub(crate) fn mode() -> Mode {
    with(|engine| engine.mode)
}

/// The thread that is running.
pub(crate) fn current() -> usize {
    with(|engine| engine.current)
}

/// Names a new thread: its number.
pub(crate) fn new_thread() -> usize {
    let number = with(|engine| {
        engine.seen.threads += 1;
        engine.seen.threads - 1
    });
    assert!(number < MAX_THREADS, "a model has at most {MAX_THREADS} threads, its main thread and every spawn included");
    with(|engine| engine.blocked[number] = Blocked::No);
    number
}

/// The first thing a new thread does.
pub(crate) fn enter_thread(number: usize) {
    let name = loom::thread::current().id();
    with(|engine| {
        engine.current = number;
        engine.names[number] = Some(name);
        engine.blocked[number] = Blocked::No;
    });
}

/// Names a new object.
pub(crate) fn new_object(kind: &'static str, created: &'static Location<'static>) -> Object {
    with(|engine| {
        let number = 1 + engine.seen.objects.iter().filter(|object| object.kind == kind).count();
        engine.seen.objects.push(ObjectInfo { kind, number, created, users: 0 });
        Object::from_index(engine.seen.objects.len() - 1)
    })
}

/// An outcome of this execution.
pub(crate) fn reach(outcome: &str) {
    with(|engine| {
        if !engine.reached_now.contains(outcome) {
            engine.reached_now.insert(outcome.to_owned());
        }
    });
}

/// A plain load is made.
pub(crate) fn note_load(sequenced: bool) {
    with(|engine| {
        engine.seen.loads = true;
        engine.seen.sequenced |= sequenced;
    });
}

/// True if an operation that may fail or wake spuriously must do so now: the first time per thread and line.
pub(crate) fn spurious(location: &'static Location<'static>) -> bool {
    with(|engine| {
        engine.seen.spurious = true;
        let here = (engine.current, location);
        let now = engine.mode.pass == Pass::Spurious && !engine.spurned.contains(&here);
        if now {
            engine.spurned.push(here);
        }
        now
    })
}

/// Does one operation of the model: the one place through which every wrapper goes.
///
/// The step is pending while `act` runs, for as long as that blocks, and takes its place in the list when `act` returns.
pub(crate) fn perform<R>(call: Call, act: impl FnOnce(Mode) -> R, outcome: impl FnOnce(&R) -> Outcome) -> R {
    let (me, mode) = with(|engine| {
        let me = engine.current;
        // Whether a thread spins must be known in any case.
        if engine.mode.recorded || call.spins() {
            engine.pending[me] = Some(Step { thread: me, call, outcome: None });
        }
        (me, engine.mode)
    });
    let halt = Halt;
    let result = act(mode);
    std::mem::forget(halt);
    let outcome = outcome(&result);
    with(|engine| {
        engine.current = me;
        engine.switches_now += u32::from(engine.last != me);
        engine.last = me;
        engine.pending[me] = None;
        engine.blocked[me] = Blocked::No;
        engine.changes += u64::from(call.changes(outcome));
        if let Some(object) = call.object.index() {
            let users = &mut engine.seen.objects[object].users;
            *users |= 1 << me;
            engine.seen.shared |= users.count_ones() > 1;
        }
        if engine.mode.recorded {
            engine.seen.steps.push(Step { thread: me, call, outcome: Some(outcome) });
        }
    });
    result
}

/// A thread is over: others may have waited for that.
pub(crate) fn leave_thread() {
    with(|engine| {
        engine.changes += 1;
        engine.blocked[engine.current] = Blocked::Absent;
    });
}

/// Says, inside a step, what keeps its thread from going on until the step is over.
pub(crate) fn block(blocked: Blocked) {
    let name = loom::thread::current().id();
    with(|engine| {
        if let Some(me) = engine.names.iter().position(|other| *other == Some(name)) {
            engine.blocked[me] = blocked;
        }
    });
}

/// How often a thread may spin in vain before it must wait for a change.
const PATIENCE: u32 = 1;

/// Lets other threads run, inside a step.
///
/// A thread that spins although nothing has changed since it spun last waits until another has changed something, or until
/// no other can run. Without that, two threads that spin on one lock would be explored for ever, each of their attempts in
/// every order, while the third, which holds the lock, stands still. An execution in which such a thread is made to run
/// too soon is no other than the one in which it is not, so it is not explored any further.
pub(crate) fn spin() {
    let (me, mine, waits) = with(|engine| {
        let spun = &mut engine.spun[engine.current];
        *spun = if spun.0 == engine.changes { (spun.0, spun.1 + 1) } else { (engine.changes, 1) };
        let waits = spun.1 > PATIENCE;
        if waits {
            engine.blocked[engine.current] = Blocked::Spinning;
        }
        (engine.current, engine.changes, waits)
    });
    loop {
        loom::thread::yield_now();
        let (done, too_soon) = with(|engine| {
            engine.current = me;
            let done = !waits || engine.changes != mine || engine.can_run().next().is_none();
            (done, engine.can_run().any(|thread| !engine.gives_way(thread)))
        });
        if done {
            return;
        }
        if too_soon {
            loom::skip_branch();
        }
    }
}

/// Calls loom for something that is no step of the model.
pub(crate) fn quietly<R>(act: impl FnOnce() -> R) -> R {
    let me = current();
    let halt = Halt;
    let result = act();
    std::mem::forget(halt);
    with(|engine| engine.current = me);
    result
}

/// Does what must not be torn apart, right after a call to loom: no other thread runs in between.
pub(crate) fn whole<R>(act: impl FnOnce() -> R) -> R {
    loom::stop_exploring();
    let result = act();
    loom::explore();
    result
}
