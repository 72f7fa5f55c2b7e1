//! Fork and join on rayon, able to count work and span.
//!
//! [`join`], [`scope`], [`for_each`] and [`tabulate`] run on rayon as they are; a pool that is not rayon's forks by [`fork_by`].
//! Inside [`measure`] they also count what the computation costs: not in seconds, but in units that the computation declares with [`tick`], or that keys of type [`Counted`] declare
//! by themselves. Work, span and forks are then the same on every machine, at every number of threads and under any load,
//! which is how scalability can be graded on two cores (Cormen et al., *Introduction to Algorithms*, ch. 26; the burden is
//! that of He, Leiserson and Leiserson, *The Cilkview Scalability Analyzer*, SPAA 2010).
//!
//! | | work | span |
//! | --- | --- | --- |
//! | `tick(n)` | `+ n` | `+ n` |
//! | `join(a, b)` | `a + b` | the longer of the two |
//! | `scope` | body and all spawns | the longest of: the body; for each spawn, the body's span where it was spawned, and its own |
//!
//! The burdened span follows the same rules and pays the burden once for each fork that it passes: the price of a steal.
//! A spawn costs its burden on its own path and not on that of the one who spawned it.
//!
//! [`record`] keeps the graph of strands beside the count: then the cost at any burden follows, the time on any number of
//! processors by simulation ([`Graph::schedule`]), and what the longest chain consists of. [`steal`] measures what a burden is
//! on this machine. Of a traced run the graph is kept by the clock ([`record_moments`]), for its critical path.
//!
//! # How it counts
//!
//! Nothing global is switched on. [`measure`] puts a *frame* into a thread-local variable, and the forks hand frames of their
//! own to their children, wherever rayon runs them; a thread without a frame counts nothing. A frame holds the length of the
//! path from the beginning of `measure` up to here, so a child starts where its parent stands, and the longer path wins
//! at the join. While a worker waits inside rayon its frame is put away: jobs of strangers that it runs meanwhile are not
//! counted.
//!
//! # What it does not see
//!
//! - Raw rayon (`par_iter`, `rayon::join`) knows nothing of frames: what stays on the thread counts as serial, what another
//!   worker steals is not counted at all. In a pool of one thread nothing is stolen, and `par_iter` and `rayon::join`
//!   count as serial: workloads measure there, `Pool::new(1).install(|| measure(..))`. A raw spawn that runs while a counted
//!   join waits is not counted even there.
//! - Threads of `std` have no frame; what they do is not counted, but by [`strays`].
//! - Locks and channels make strands wait for each other. Those edges are not in the graph, and the span comes out too short.
//! - A fork that panics adds nothing of its children.
//! - [`Counted`] sees comparisons and clones. Moves are invisible in Rust: `swap`, `mem::take` and `rotate` cost nothing.

use std::{
    cell::Cell,
    cmp::Ordering,
    hash::{Hash, Hasher},
    mem::MaybeUninit,
    ops::Range,
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use serde::{Deserialize, Serialize};

use crate::trace;
use graph::Step;
use tape::{Archive, Hole, Paused, Tape};

mod calibrate;
mod critical;
mod graph;
mod schedule;
mod tape;

pub use calibrate::{Steal, steal};
pub use critical::Clocked;
pub use graph::{Graph, Link};
pub use schedule::{PROCESSORS, Scheduled};
pub use tape::Moment;

/// What a parallel computation costs, counted in units that its workload declares, so that it is the same on every
/// machine, at every number of threads and under any load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// All units together: `T_1`.
    pub work: u64,
    /// The units on the longest chain of dependent strands: `T_inf`.
    pub span: u64,
    /// The span with a burden added for each fork on the chain: what the scheduler makes of it.
    pub burdened_span: u64,
    /// How often the computation forked.
    pub forks: u64,
}

impl Cost {
    /// Work over span: how many threads could be kept busy at the most. 1 where nothing was counted.
    #[must_use]
    pub fn parallelism(&self) -> f64 {
        ratio(self.work, self.span)
    }

    /// Work over burdened span. 1 where nothing was counted.
    #[must_use]
    pub fn burdened_parallelism(&self) -> f64 {
        ratio(self.work, self.burdened_span)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read; 53 bits are plenty")]
fn ratio(work: u64, span: u64) -> f64 {
    if span == 0 { 1.0 } else { work as f64 / span as f64 }
}

/// Where a strand that is being counted stands.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    /// Units of this strand and of all its children that have ended.
    work: u64,
    /// Length of the longest path from the beginning of [`measure`] to here. Absolute, so that a spawn from however deep
    /// inside a scope knows where it starts.
    span: u64,
    /// The same with the burdens.
    burdened_span: u64,
    /// Forks of this strand and of all its children that have ended.
    forks: u64,
    /// What one fork adds to the burdened span.
    burden: u64,
    /// Whether the graph is kept, too, on the tape of this thread.
    records: bool,
}

impl Frame {
    /// Where a child starts: at its parent's place, with nothing done, and a burden behind it if it may be stolen.
    fn child(&self, burden: u64) -> Self {
        Self { work: 0, forks: 0, burdened_span: self.burdened_span.saturating_add(burden), ..*self }
    }

    /// Takes in a child that has ended: its work adds, the longer path wins.
    fn absorb(&mut self, child: &Self) {
        self.work += child.work;
        self.forks += child.forks;
        self.span = self.span.max(child.span);
        self.burdened_span = self.burdened_span.max(child.burdened_span);
    }

    /// What was counted from `start` to here.
    fn since(&self, start: &Self) -> Cost {
        Cost {
            work: self.work - start.work,
            span: self.span - start.span,
            burdened_span: self.burdened_span - start.burdened_span,
            forks: self.forks - start.forks,
        }
    }

    /// Two children that have ended, as one that counts for both.
    fn merged(mut self, other: &Self) -> Self {
        self.absorb(other);
        self
    }
}

thread_local! {
    /// The frame of the strand that this thread runs; `None` outside [`measure`] and while rayon has the thread.
    static FRAME: Cell<Option<Frame>> = const { Cell::new(None) };
}

/// Whether this thread runs a strand whose graph is kept.
pub(crate) fn records() -> bool {
    FRAME.get().is_some_and(|frame| frame.records)
}

/// This strand, whose graph is kept, enters a span (its name) or leaves one.
pub(crate) fn span(name: Option<&'static str>) {
    if records() {
        tape::span(name);
    }
}

/// Puts back, when dropped, the frame that stood before: also when a panic unwinds.
struct Restore(Option<Frame>);

impl Drop for Restore {
    fn drop(&mut self) {
        FRAME.set(self.0);
    }
}

/// Runs `f` with `frame` in place and gives back the frame as `f` left it.
fn run_in<R>(frame: Frame, f: impl FnOnce() -> R) -> (R, Frame) {
    let restore = Restore(FRAME.replace(Some(frame)));
    let result = f();
    let frame = FRAME.get().unwrap_or(frame);
    drop(restore);
    (result, frame)
}

/// Lends this thread to rayon without its frame, and gives it the frame again afterwards, changed by `settle`; as it
/// was if `f` panics.
fn without_frame<R>(frame: Frame, f: impl FnOnce() -> R, settle: impl FnOnce(&mut Frame, &R)) -> R {
    let mut restore = Restore(Some(frame));
    FRAME.set(None);
    let result = f();
    if let Some(frame) = &mut restore.0 {
        settle(frame, &result);
    }
    result
}

/// Declares that this strand has done `units` of work. Does nothing outside [`measure`].
#[inline]
pub fn tick(units: u64) {
    FRAME.with(|cell| {
        if let Some(mut frame) = cell.get() {
            frame.work += units;
            frame.span += units;
            frame.burdened_span += units;
            cell.set(Some(frame));
        } else if LISTENING.load(Relaxed) > 0 {
            STRAY.fetch_add(units, Relaxed);
        }
    });
}

/// How many [`strays`] go on.
static LISTENING: AtomicUsize = AtomicUsize::new(0);

/// What was declared while they did, by whoever was not counted.
static STRAY: AtomicU64 = AtomicU64::new(0);

/// Runs `f`, and says how many units were declared meanwhile on strands that nobody counts, wherever they ran in this process:
/// on threads of `std`, or by rayon while it had the thread. Whoever grades a count charges for these, too: work that is
/// hidden from [`measure`] is work all the same.
pub fn strays<R>(f: impl FnOnce() -> R) -> (R, u64) {
    struct Listening;
    impl Drop for Listening {
        fn drop(&mut self) {
            LISTENING.fetch_sub(1, Relaxed);
        }
    }
    LISTENING.fetch_add(1, Relaxed);
    let listening = Listening;
    let before = STRAY.load(Relaxed);
    let result = f();
    // Who has joined the threads that worked for it has seen what they did.
    let stray = STRAY.load(Relaxed).wrapping_sub(before);
    drop(listening);
    (result, stray)
}

/// Runs `f` and counts what it costs; `burden` is what each fork adds to the burdened span, in the units of [`tick`].
///
/// Counts nothing that is left to raw rayon on other workers or to threads of `std`; see the [module's limits](self).
/// One `measure` inside another counts for both.
pub fn measure<R>(burden: u64, f: impl FnOnce() -> R) -> (R, Cost) {
    let outer = FRAME.get();
    let start = outer.unwrap_or_default();
    let (result, end) = run_in(Frame { burden, ..start }, f);
    if let Some(outer) = outer {
        FRAME.set(Some(Frame { burden: outer.burden, ..end }));
    }
    (result, end.since(&start))
}

/// Runs `f` and keeps its graph, from which the cost at any burden and the time on any number of processors follow; `None`
/// where it has more than some two million forks, which is more than can be scheduled in a few seconds.
///
/// Costs some hundred nanoseconds a fork, and 100 bytes or less while it runs, half of that afterwards. The cost that comes
/// with it is without a burden. The graph knows which [`span!`](crate::span) each strand was in, unless the process has a
/// `tracing` subscriber of its own. One `record` inside another counts for both, as [`measure`] does.
pub fn record<R>(f: impl FnOnce() -> R) -> (R, Cost, Option<Graph>) {
    trace::listen_to_spans();
    let outer = FRAME.get();
    let start = Frame { burden: 0, records: true, ..outer.unwrap_or_default() };
    let archive = Archive::of_units();
    // A recording around this one goes on after it, and takes its graph in.
    let mut around = outer.filter(|frame| frame.records).map(|_| Paused::begin());
    let scopes = around.as_ref().map_or(0, Paused::scopes);
    let ((result, words), end) = run_in(start, || tape::run_on(Tape::new(&archive, scopes), f));
    let graph = archive.assemble(words, scopes);
    if let Some(outer) = outer {
        FRAME.set(Some(Frame { burden: outer.burden, records: outer.records, ..end }));
    }
    if let (Some(around), Some(graph)) = (&mut around, &graph) {
        around.write(|outer| outer.take_in_graph(graph));
    }
    (result, end.since(&start), graph)
}

/// Runs `f` and keeps when each of its strands ran, on which thread: for the critical path of a traced run. `None` as in
/// [`record`]. Not to be used inside a [`measure`] or a [`record`], which would not count what it runs.
pub fn record_moments<R>(f: impl FnOnce() -> R) -> (R, Option<Clocked>) {
    let archive = Archive::of_moments();
    let start = Frame { records: true, ..Frame::default() };
    let ((result, words), _) = run_in(start, || tape::run_on(Tape::new(&archive, 0), f));
    let graph = archive.assemble(words, 0);
    (result, graph.map(|graph| Clocked { graph, moments: archive.take_moments() }))
}

/// Runs `a` and `b`, in parallel where a worker is free, and returns when both have ended: `rayon::join`, counted.
///
/// Outside [`measure`] it costs one look at a thread-local variable more than `rayon::join`: 1.5 ns on 14 ns a fork, on a
/// tree of 2^18 empty leaves. Counting costs about 65 ns a fork.
///
/// # Panics
/// If one of the two panics, with its message, after the other has ended or was given up before it began.
#[inline]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    if is_counting() { join_counted(a, b) } else { rayon::join(a, b) }
}

/// Kept out of [`join`], so that plain runs carry none of it.
#[cold]
fn join_counted<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    fork_by(|left, right| rayon::join(|| left.run(a), || right.run(b)))
}

/// Whether this thread runs a strand that is being counted: whether a pool that is not rayon's should fork by [`fork_by`].
#[inline]
#[must_use]
pub fn is_counting() -> bool {
    FRAME.get().is_some()
}

/// Forks on a scheduler of your own, counted as [`join`] is.
///
/// `fork` is given the two sides, and must [run](Strand::run) one of its closures in each: wherever and in whatever order
/// it likes, and both before it returns. Outside [`measure`] nothing is counted, but a pool that cares for its
/// nanoseconds asks [`is_counting`] first.
///
/// ```
/// use lab::par;
///
/// let ((), cost) = par::measure(0, || {
///     let (a, b) = par::fork_by(|left, right| {
///         std::thread::scope(|threads| {
///             let right = threads.spawn(|| right.run(|| par::tick(3)));
///             (left.run(|| par::tick(2)), right.join().unwrap())
///         })
///     });
///     assert_eq!((a, b), ((), ()));
/// });
/// assert_eq!((cost.work, cost.span, cost.forks), (5, 3, 1));
/// ```
///
/// # Panics
/// If `fork` panics, with its message; nothing of the two sides is counted then.
pub fn fork_by<RA, RB>(fork: impl FnOnce(Strand, Strand) -> (Outcome<RA>, Outcome<RB>)) -> (RA, RB) {
    let Some(frame) = FRAME.get() else {
        let (a, b) = fork(Strand(None), Strand(None));
        return (a.result, b.result);
    };
    let mut paused = frame.records.then(Paused::begin);
    let child = frame.child(frame.burden);
    let [left, right] = [(); 2].map(|()| Strand(Some((child, paused.as_ref().and_then(|paused| paused.child(0))))));
    let (a, b) = without_frame(
        frame,
        || fork(left, right),
        |frame, (a, b)| {
            frame.forks += 1;
            [a.frame, b.frame].iter().flatten().for_each(|end| frame.absorb(end));
        },
    );
    if let Some(paused) = &mut paused {
        paused.write(|tape| {
            tape.push(Step::Fork);
            tape.take_in(a.words);
            tape.push(Step::Other);
            tape.take_in(b.words);
            tape.push(Step::Join);
        });
    }
    (a.result, b.result)
}

/// One side of a fork that a scheduler other than rayon's runs; see [`fork_by`].
#[derive(Debug)]
#[must_use = "a side that is not run is not counted"]
pub struct Strand(Option<(Frame, Option<Box<Tape>>)>);

impl Strand {
    /// Runs `f` on this thread as this side of the fork.
    ///
    /// # Panics
    /// If `f` panics, with its message.
    pub fn run<R>(self, f: impl FnOnce() -> R) -> Outcome<R> {
        let Some((frame, tape)) = self.0 else { return Outcome { result: f(), words: Vec::new(), frame: None } };
        let ((result, words), frame) = run_child(frame, tape, f);
        Outcome { result, words, frame: Some(frame) }
    }
}

/// What one side of a fork has come to: for [`fork_by`].
#[derive(Debug)]
pub struct Outcome<R> {
    result: R,
    /// Its tape.
    words: Vec<u64>,
    /// Where it stands; `None` where nothing is counted.
    frame: Option<Frame>,
}

/// Runs a child in its frame and, where there is one, on its tape.
fn run_child<R>(frame: Frame, tape: Option<Box<Tape>>, f: impl FnOnce() -> R) -> ((R, Vec<u64>), Frame) {
    run_in(frame, || match tape {
        Some(tape) => tape::run_on(tape, f),
        None => (f(), Vec::new()),
    })
}

/// Calls `f` for each index of `range`, in parallel in pieces of `grain` indices: by halves, down to one piece a strand.
///
/// The pieces are the same at every number of threads: they begin at `range.start` and each but the last has `grain`
/// indices. A piece runs on one thread and in order.
///
/// # Panics
/// If `grain` is 0, or if `f` panics.
pub fn for_each<F>(range: Range<usize>, grain: usize, f: F)
where
    F: Fn(usize) + Sync,
{
    assert!(grain > 0, "a piece of work must have at least one index: grain is 0");
    halve(range, grain, &f);
}

fn halve<F: Fn(usize) + Sync>(range: Range<usize>, grain: usize, f: &F) {
    if range.len() <= grain {
        range.for_each(f);
        return;
    }
    let pieces = range.len().div_ceil(grain);
    let middle = range.start + pieces / 2 * grain;
    join(|| halve(range.start..middle, grain, f), || halve(middle..range.end, grain, f));
}

/// The vector `[f(0), f(1), .., f(n - 1)]`, made in parallel in pieces of `grain`: what `(0..n).map(f).collect()` makes on one
/// thread. Splits as [`for_each`] does.
///
/// A copy of a slice in parallel is `tabulate(slice.len(), grain, |index| slice[index].clone())`.
///
/// # Panics
/// If `grain` is 0, or if `f` panics; what was made until then is dropped.
pub fn tabulate<T, F>(n: usize, grain: usize, f: F) -> Vec<T>
where
    T: Send,
    F: Fn(usize) -> T + Sync,
{
    assert!(grain > 0, "a piece of work must have at least one index: grain is 0");
    let mut values = Vec::with_capacity(n);
    let filled = fill(&mut values.spare_capacity_mut()[..n], 0, grain, &f);
    assert!(filled.len == n, "every place has its value");
    std::mem::forget(filled);
    // SAFETY: the capacity is at least n, and `filled` says that the first n values are there; it is forgotten, so that the
    // vector alone drops them.
    unsafe { values.set_len(n) };
    values
}

/// The first `len` places of a slice, which hold values that this owns: dropped with it where a panic unwinds.
struct Filled<'a, T> {
    places: &'a mut [MaybeUninit<T>],
    len: usize,
}

impl<T> Drop for Filled<'_, T> {
    fn drop(&mut self) {
        let filled: *mut [MaybeUninit<T>] = &mut self.places[..self.len];
        // SAFETY: `len` counts the places that were written, and nobody else has access to them or drops them.
        unsafe { ptr::drop_in_place(filled as *mut [T]) };
    }
}

/// Puts `f(first)`, `f(first + 1)`, .. into the places.
fn fill<'a, T, F>(places: &'a mut [MaybeUninit<T>], first: usize, grain: usize, f: &F) -> Filled<'a, T>
where
    T: Send,
    F: Fn(usize) -> T + Sync,
{
    if places.len() <= grain {
        let mut filled = Filled { places, len: 0 };
        for (index, place) in filled.places.iter_mut().enumerate() {
            place.write(f(first + index));
            filled.len = index + 1;
        }
        return filled;
    }
    let middle = places.len().div_ceil(grain) / 2 * grain;
    let whole: *mut [MaybeUninit<T>] = places;
    // SAFETY: the same slice, borrowed again for as long; `places` is not used after this line.
    let (left, right) = unsafe { &mut *whole }.split_at_mut(middle);
    let (left, right) = join(|| fill(left, first, grain, f), || fill(right, first + middle, grain, f));
    let len = left.len + right.len;
    std::mem::forget((left, right));
    // SAFETY: both halves are forgotten, so this is the only borrow of the slice; all of it is filled.
    Filled { places: unsafe { &mut *whole }, len }
}

/// Where [`scope`] and what it spawned may spawn more.
#[derive(Debug)]
pub struct Scope<'a, 'scope> {
    rayon: &'a rayon::Scope<'scope>,
    /// What the spawns that have ended come to. `None` in a plain run. Behind an `Arc`, because a spawned job may be
    /// the last to use it; a mutex, because jobs end on any thread, once for each spawn.
    ended: Option<&'a Ended>,
    /// How many scopes are open around this one, where the graph is kept.
    around: usize,
}

/// What the spawns of a scope that have ended come to; `None` before the first.
type Ended = std::sync::Arc<Mutex<Option<Frame>>>;

/// Runs `body`, which may spawn jobs that borrow from outside, and returns when all of them have ended: `rayon::scope`, counted.
///
/// # Panics
/// If the body or a job panics, after all of them have ended.
pub fn scope<'scope, F, R>(body: F) -> R
where
    F: FnOnce(&Scope<'_, 'scope>) -> R + Send,
    R: Send,
{
    let Some(frame) = FRAME.get() else {
        return rayon::scope(|rayon| body(&Scope { rayon, ended: None, around: 0 }));
    };
    let ended = Ended::default();
    let start = frame.child(0);
    let mut paused = frame.records.then(Paused::begin);
    let tape = paused.as_ref().and_then(|paused| paused.child(1));
    let around = tape.as_ref().map_or(0, |tape| tape.scopes);
    let ((result, words), _) = without_frame(
        frame,
        || rayon::scope(|rayon| run_child(start, tape, || body(&Scope { rayon, ended: Some(&ended), around }))),
        |frame, (_, body)| {
            frame.absorb(body);
            if let Some(spawns) = &*ended.lock().unwrap_or_else(PoisonError::into_inner) {
                frame.absorb(spawns);
            }
        },
    );
    if let Some(paused) = &mut paused {
        paused.write(|tape| {
            tape.push(Step::Scope);
            tape.take_in(words);
            tape.push(Step::ScopeEnd);
        });
    }
    result
}

impl<'scope> Scope<'_, 'scope> {
    /// Leaves `job` to any worker, to be run before the [`scope`] returns. The job may spawn more on the scope it is given.
    pub fn spawn<F>(&self, job: F)
    where
        F: FnOnce(&Scope<'_, 'scope>) + Send + 'scope,
    {
        let (Some(ended), Some(mut frame)) = (self.ended, FRAME.get()) else {
            self.rayon.spawn(|rayon| job(&Scope { rayon, ended: None, around: 0 }));
            return;
        };
        frame.forks += 1;
        FRAME.set(Some(frame));
        let around = self.around;
        let hole = if frame.records { Hole::leave(around) } else { None };
        let (ended, start) = (Ended::clone(ended), frame.child(frame.burden));
        self.rayon.spawn(move |rayon| {
            let run = || job(&Scope { rayon, ended: Some(&ended), around });
            let ((), frame) = run_in(start, || match hole {
                Some(hole) => hole.run(run),
                None => run(),
            });
            let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            *ended = Some(ended.map_or(frame, |before| before.merged(&frame)));
        });
    }
}

/// Worker threads of its own, named `worker 1`, `worker 2`, ..: so that a trace says who did what.
#[derive(Debug)]
pub struct Pool(rayon::ThreadPool);

impl Pool {
    /// Starts `threads` workers; they end when the pool is dropped.
    ///
    /// # Panics
    /// If `threads` is 0 (rayon would take that for "as many as there are cores"), or if the system refuses the threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        assert!(threads > 0, "a pool needs at least one thread");
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("worker {}", index + 1)).build();
        match pool {
            Ok(pool) => Self(pool),
            Err(error) => panic!("cannot start {threads} worker threads: {error}"),
        }
    }

    /// How many workers it has.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `f` on a worker of this pool: every `join`, `scope` and `par_iter` inside uses this pool. Waits for it.
    ///
    /// # Panics
    /// If `f` panics, with its message.
    pub fn install<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        let Some(frame) = FRAME.get() else { return self.0.install(f) };
        let mut paused = frame.records.then(Paused::begin);
        let tape = paused.as_ref().and_then(|paused| paused.child(0));
        let run = || self.0.install(|| run_child(frame, tape, f));
        let ((result, words), _) = without_frame(frame, run, |frame, (_, end)| *frame = *end);
        if let Some(paused) = &mut paused {
            paused.write(|tape| tape.take_in(words));
        }
        result
    }
}

/// A key that counts itself: one [`tick`] for each comparison and one for each clone.
///
/// A sort that is generic over its keys is counted by running it over these; its code need not tick and cannot forget
/// to. It is not `Copy`, so that copies do not go unseen.
#[derive(Debug, Default)]
pub struct Counted<T>(pub T);

impl<T: Clone> Clone for Counted<T> {
    #[inline]
    fn clone(&self) -> Self {
        tick(1);
        Self(self.0.clone())
    }
}

impl<T: Eq> PartialEq for Counted<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        tick(1);
        self.0 == other.0
    }
}

impl<T: Eq> Eq for Counted<T> {}

impl<T: Ord> PartialOrd for Counted<T> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Ord for Counted<T> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        tick(1);
        self.0.cmp(&other.0)
    }
}

impl<T: Hash> Hash for Counted<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn no_frame_is_left_behind_by_a_panic() {
        assert!(catch_unwind(|| measure(1, || panic!("inside"))).is_err());
        assert!(FRAME.get().is_none(), "this thread still counts after its measure");

        let pool = Pool::new(1);
        let programs: [fn(); 3] = [
            || panic!("on a worker"),
            || {
                join(|| panic!("left"), || panic!("right"));
            },
            || scope(|s| s.spawn(|_| panic!("a job"))),
        ];
        for (index, program) in programs.into_iter().enumerate() {
            assert!(catch_unwind(AssertUnwindSafe(|| pool.install(|| measure(1, program)))).is_err());
            assert!(pool.install(|| FRAME.get().is_none()), "a worker still counts after the measure of program {index}");
        }
    }

    #[test]
    fn rayon_waits_without_a_frame() {
        // What a worker runs while it waits may be a stranger's: raw rayon inside a counted join shows what it would see.
        measure(1, || scope(|s| s.spawn(|_| assert!(FRAME.get().is_some(), "a spawned job counts"))));
        let mut inside = None;
        measure(1, || {
            let frame = FRAME.get().expect("counting");
            without_frame(frame, || inside = Some(FRAME.get().is_some()), |_, ()| ());
            assert!(FRAME.get().is_some(), "the frame is back");
        });
        assert_eq!(inside, Some(false));
    }
}
