//! What runs under every wrapper: who is running, what has happened, and the end of a search.
//!
//! loom runs all threads of a model as coroutines on one thread of the operating system, so a plain thread-local list is
//! the true order of execution. A coroutine is left only inside a call to loom, and every such call is made inside
//! [`perform`] or [`quietly`], which remember on the coroutine's own stack who was running.
//!
//! A failing execution is never unwound into loom: the panic hook sends the report, and the first wrapper that the
//! unwinding meets parks the thread for good ([`Halt`]). No destructor calls loom once a model has failed, so nothing
//! panics twice, and the process and its other tests live on.
//!
//! A panic that is meant to be caught ([`open_region`]) fails nothing. Its destructors are steps like any other, and other
//! threads run between them. So `std::thread::panicking` means nothing here, for it is true of all coroutines as soon as
//! one of them unwinds; [`panicking`] asks for one thread of the model.

use std::{
    any::Any,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    panic::{Location, PanicHookInfo},
    sync::{
        Arc, Once,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{self, Relaxed},
        },
        mpsc::Sender,
    },
    time::Instant,
};

pub(crate) use super::step::{Call, Object, Outcome, Step, Value};
use super::{Pass, explain::place, step::ObjectInfo};

/// loom's limit, main thread included.
pub(crate) const MAX_THREADS: usize = loom::MAX_THREADS;

/// How the wrappers behave in the search that is running.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    /// What loads and weak operations do.
    pub(crate) pass: Pass,
    /// Every ordering is made as strong as it can be: what still fails then is no matter of orderings.
    pub(crate) strong: bool,
    /// The orderings of one line are replaced by another one: what passes then is mended by that.
    pub(crate) instead: Option<Instead>,
    /// Some `Mutex` is tried somewhere in this model, or dropped by a panic: it must be more than loom's.
    pub(crate) tried: bool,
    /// What `SeqCst` accesses are under weak memory.
    pub(crate) sequence: Sequence,
    /// Steps are recorded: always, but where the cost of that is measured.
    pub(crate) recorded: bool,
}

/// What makes `SeqCst` accesses have one order. None of the three shows an outcome that C++20 forbids, and each shows allowed ones
/// that the others hide: so the pass for weak memory takes all three, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequence {
    /// A load reads nothing older than the `SeqCst` access of the object before it. Not where the model uses `fence(SeqCst)`.
    Execution,
    /// Each is an Acquire or Release access with a fence before it.
    FenceBefore,
    /// The same with the fence after it. Only this one tells a `SeqCst` load from a fence: it orders nothing that is before it.
    FenceAfter,
}

impl Sequence {
    /// Those that are to be searched after this one.
    pub(crate) fn rest(self) -> &'static [Self] {
        match self {
            Self::Execution => &[Self::FenceBefore, Self::FenceAfter],
            Self::FenceBefore => &[Self::FenceAfter],
            Self::FenceAfter => &[],
        }
    }
}

/// Another ordering for one argument of one operation in the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instead {
    pub(crate) location: &'static Location<'static>,
    /// It is the ordering of what only reads: of a load, and of a compare-exchange that fails. `fetch_update` is made of both,
    /// and takes one ordering for them.
    pub(crate) fetches: bool,
    pub(crate) ordering: Ordering,
}

impl Instead {
    /// Which of the orderings of a step it replaces.
    pub(crate) fn slot(self, step: &Step) -> usize {
        usize::from(self.fetches && step.call.operation != "load")
    }
}

impl Mode {
    /// The ordering of the operation that is running, which was written as `ordering`, where it writes or is a fence.
    pub(crate) fn ordering(&self, ordering: Ordering) -> Ordering {
        self.replaced(ordering, false)
    }

    /// The same of what only reads.
    pub(crate) fn ordering_of_fetch(&self, ordering: Ordering) -> Ordering {
        self.replaced(ordering, true)
    }

    fn replaced(&self, ordering: Ordering, fetches: bool) -> Ordering {
        self.instead.filter(|instead| instead.fetches == fetches).map_or(ordering, |instead| instead.ordering)
    }
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
    /// The model uses `fence(SeqCst)`; the search must be made again with another [`Sequence`].
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

/// The thread that has dropped a value, and its last step before that: a destructor does not know where it is called.
type Death = (usize, &'static Location<'static>);

/// A thread that waits for this to turn true, or for its time to be over.
struct Timed {
    woken: Arc<AtomicBool>,
    thread: loom::thread::Thread,
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
    /// For each thread, the regions that it is in, the innermost last: whether a panic unwinds towards it.
    regions: [Vec<bool>; MAX_THREADS],
    /// A call to loom is being made that is no step: what panics now is loom.
    quiet: bool,
    /// No other thread may run.
    whole: bool,
    /// The values whose drop is watched: which object, and by whom and after which line it was dropped.
    lives: Vec<(Object, Option<Death>)>,
    /// Who waits for no longer than a time, the one who began first first.
    timed: Vec<Timed>,
    reached_now: BTreeSet<String>,
    switches_now: u32,
    last: usize,
    seen: Seen,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Parks the thread of a failed search, for good, when a panic unwinds through it that nobody catches.
pub(crate) struct Halt;

impl Drop for Halt {
    fn drop(&mut self) {
        let caught = ENGINE.with_borrow_mut(|engine| {
            engine.as_mut().is_some_and(|engine| {
                let caught = !engine.ended && !engine.regions[engine.current].is_empty();
                if !caught {
                    // Told already, but for a panic that no hook has seen: `std`'s `resume_unwind`.
                    engine.end(End::Panicked { message: "a panic was resumed that nobody catches".to_owned(), place: None });
                }
                caught
            })
        });
        if !caught {
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
    ENGINE.with_borrow_mut(|engine| match engine {
        // A destructor of the model's code, running because its execution has failed: already told, see `hook`.
        Some(Engine { ended: true, .. }) => halt(),
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
        regions: Default::default(),
        quiet: false,
        whole: false,
        lives: Vec::new(),
        timed: Vec::new(),
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
    let told = ENGINE.try_with(|engine| match engine.try_borrow_mut() {
        Ok(mut engine) => engine.as_mut().map(|engine| engine.panicked("panic", info.payload(), info.location())),
        Err(_) => Some(Panic::Fatal),
    });
    match told {
        Ok(Some(Panic::Caught | Panic::Fatal)) => true,
        Ok(Some(Panic::Twice) | None) | Err(_) => false,
    }
}

/// What becomes of a panic.
enum Panic {
    /// It unwinds to the region that catches it.
    Caught,
    /// It has ended the search.
    Fatal,
    /// It comes while another unwinds, and aborts the process as it would abort a program: whoever prints panics must. A
    /// hook cannot stop it by never returning, since the process then hangs when the next hook is set.
    Twice,
}

/// A region of the running thread begins in which a panic is meant to be caught. Outside a model it means nothing.
pub(crate) fn open_region() {
    if inside() {
        demand_tried();
        with(|engine| engine.regions[engine.current].push(false));
    }
}

/// The region that was opened last ends.
pub(crate) fn close_region() {
    if inside() {
        with(|engine| engine.regions[engine.current].pop());
    }
}

/// A panic begins that no hook sees.
pub(crate) fn resume(payload: &(dyn Any + Send), location: &'static Location<'static>) {
    // A second panic aborts the process, as `std` has it: see `Panic::Twice`.
    if inside() && matches!(with(|engine| engine.panicked("resume_unwind", payload, Some(location))), Panic::Fatal) {
        halt();
    }
}

/// True if a panic unwinds the thread of the model that is running; outside a model, the thread that asks.
pub(crate) fn panicking() -> bool {
    if inside() { with(|engine| engine.regions[engine.current].contains(&true)) } else { std::thread::panicking() }
}

/// True on the thread of a search.
pub(crate) fn inside() -> bool {
    ENGINE.with_borrow(Option::is_some)
}

/// What a panic says.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
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
        let end = match end {
            End::Finished => {
                self.close_execution();
                self.leak().map_or(End::Finished, |message| End::Panicked { message, place: None })
            }
            other => other,
        };
        // What a thread has begun and not finished is where it stands; the one that was running comes last.
        let last = self.pending[self.current].take();
        self.seen.steps.extend(self.pending.iter_mut().filter_map(Option::take).chain(last));
        // Nobody listens any longer: the deadline has passed, and the verdict is told.
        let _ = self.sender.send((end, std::mem::take(&mut self.seen)));
    }

    /// A panic begins on the thread that is running.
    fn panicked(&mut self, operation: &'static str, payload: &(dyn Any + Send), location: Option<&Location<'_>>) -> Panic {
        let place = location.map(|location| (location.file().to_owned(), location.line()));
        // What panics inside a step is the checker itself, which has found something: that nobody catches.
        let found = self.quiet || self.pending[self.current].is_some();
        match self.regions[self.current].last_mut() {
            Some(unwinding @ false) if !found && !self.ended => *unwinding = true,
            Some(true) if !found && !self.ended => return Panic::Twice,
            _ => {
                self.end(End::Panicked { message: message(payload), place });
                return Panic::Fatal;
            }
        }
        if let Some(location) = location {
            let mut call = Call::new(Object::NONE, operation, known(location));
            if let Some(text) = payload.downcast_ref::<&'static str>() {
                call = call.argument(Value::Text(text));
            }
            self.record(Step { thread: self.current, call, outcome: Some(Outcome::Done) });
        }
        Panic::Caught
    }

    /// What the execution that is over has left behind.
    fn leak(&self) -> Option<String> {
        let (object, _) = self.lives.iter().find(|(_, death)| death.is_none())?;
        Some(format!("never dropped: the value made at {}", self.made(*object)))
    }

    /// Where an object was made.
    fn made(&self, object: Object) -> String {
        object.index().and_then(|index| self.seen.objects.get(index)).map_or_else(String::new, |object| place(object.created))
    }

    /// What is wrong with a value that is used, or dropped, now.
    fn fault(&self, life: usize, drops: bool, now: Death) -> Option<String> {
        let Some((object, death)) = self.lives.get(life) else {
            return Some("used after its drop: the memory of a value, which holds no value any more".to_owned());
        };
        let (thread, after) = (*death)?;
        let (what, again) = if drops { ("dropped twice", "") } else { ("used after its drop", "used ") };
        Some(format!(
            "{what}: the value made at {} was dropped by T{thread} after {}, and is now {again}by T{} after {}",
            self.made(*object),
            place(after),
            now.0,
            place(now.1)
        ))
    }

    /// A step is over.
    fn record(&mut self, step: Step) {
        self.switches_now += u32::from(self.last != step.thread);
        self.last = step.thread;
        if self.mode.recorded {
            self.seen.steps.push(step);
        }
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
        if let Some(message) = engine.leak() {
            engine.end(End::Panicked { message, place: None });
            return true;
        }
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
        engine.regions = Default::default();
        engine.lives.clear();
        engine.timed.clear();
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

/// The model needs a better `Mutex` than loom's: this search must be made again with [`Mode::tried`].
pub(crate) fn demand_tried() {
    demand(|mode| mode.tried, End::Tried);
}

/// The model uses `fence(SeqCst)`: this search must be made again if its [`Sequence`] knows no fences.
pub(crate) fn demand_fenced() {
    demand(|mode| mode.sequence != Sequence::Execution, End::Fenced);
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

/// Watches a new value until it is dropped: which object it is, and which life.
pub(crate) fn begin_life(created: &'static Location<'static>) -> (Object, usize) {
    let object = new_object("Tracked", created);
    with(|engine| {
        engine.lives.push((object, None));
        (object, engine.lives.len() - 1)
    })
}

/// The last step of the thread that is running, where it has made one; else `otherwise`.
pub(crate) fn last_place(otherwise: &'static Location<'static>) -> &'static Location<'static> {
    with(|engine| {
        let mine = engine.seen.steps.iter().rev().find(|step| step.thread == engine.current);
        mine.map_or(otherwise, |step| step.call.location)
    })
}

/// A watched value is used, or dropped, at or after `place`. The model fails if it is not there any more.
pub(crate) fn use_life(life: usize, drops: bool, place: &'static Location<'static>) {
    let failed = with(|engine| {
        let now = (engine.current, place);
        let fault = engine.fault(life, drops, now);
        if let Some(message) = fault {
            engine.end(End::Panicked { message, place: None });
            return true;
        }
        if drops {
            engine.lives[life].1 = Some(now);
        }
        false
    });
    if failed {
        halt();
    }
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
        let instead = engine.mode.instead.filter(|instead| instead.location == call.location);
        (me, Mode { instead, ..engine.mode })
    });
    let halt = Halt;
    let result = act(mode);
    std::mem::forget(halt);
    let outcome = outcome(&result);
    with(|engine| {
        engine.current = me;
        engine.pending[me] = None;
        engine.blocked[me] = Blocked::No;
        engine.changes += u64::from(call.changes(outcome));
        if let Some(object) = call.object.index() {
            let users = &mut engine.seen.objects[object].users;
            *users |= 1 << me;
            engine.seen.shared |= users.count_ones() > 1;
        }
        engine.record(Step { thread: me, call, outcome: Some(outcome) });
    });
    result
}

/// The place of a panic, which its hook is lent for no more than the call.
fn known(location: &Location<'_>) -> &'static Location<'static> {
    // SAFETY: only the lifetimes change, and they are these: the place of a panic is `Location::caller()`, a constant that
    // the compiler puts into the program.
    unsafe { std::mem::transmute::<&Location<'_>, &'static Location<'static>>(location) }
}

/// A thread is over: others may have waited for that.
pub(crate) fn leave_thread() {
    with(|engine| {
        engine.changes += 1;
        engine.blocked[engine.current] = Blocked::Absent;
    });
    expire();
}

/// Says, inside a step, what keeps its thread from going on until the step is over.
pub(crate) fn block(blocked: Blocked) {
    let name = loom::thread::current().id();
    with(|engine| {
        if let Some(me) = engine.names.iter().position(|other| *other == Some(name)) {
            engine.blocked[me] = blocked;
        }
    });
    expire();
}

/// Says, inside a step, that its thread waits for `woken`, or until no other thread can run: then its time is over, and
/// `woken` turns true all the same.
pub(crate) fn block_timed(woken: &Arc<AtomicBool>) {
    let timed = Timed { woken: woken.clone(), thread: loom::thread::current() };
    with(|engine| engine.timed.push(timed));
    block(Blocked::Until(woken.clone()));
}

/// The wait is over; true if that was because of the time.
pub(crate) fn timed_out(woken: &Arc<AtomicBool>) -> bool {
    with(|engine| {
        let place = engine.timed.iter().position(|timed| Arc::ptr_eq(&timed.woken, woken));
        place.map(|place| engine.timed.remove(place)).is_none()
    })
}

/// Lets time pass if nothing else can happen: the wait that began first is over.
fn expire() {
    let expired = with(|engine| {
        let idle = !engine.timed.is_empty() && engine.can_run().next().is_none();
        idle.then(|| engine.timed.remove(0))
    });
    if let Some(Timed { woken, thread }) = expired {
        woken.store(true, Relaxed);
        thread.unpark();
    }
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
    if waits {
        expire();
    }
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
    let (me, quiet) = with(|engine| (engine.current, std::mem::replace(&mut engine.quiet, true)));
    let halt = Halt;
    let result = act();
    std::mem::forget(halt);
    with(|engine| {
        engine.current = me;
        engine.quiet = quiet;
    });
    result
}

/// Does what must not be torn apart, right after a call to loom: no other thread runs in between.
pub(crate) fn whole<R>(act: impl FnOnce() -> R) -> R {
    if with(|engine| std::mem::replace(&mut engine.whole, true)) {
        return act();
    }
    loom::stop_exploring();
    let result = act();
    loom::explore();
    with(|engine| engine.whole = false);
    result
}
