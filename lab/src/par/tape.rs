//! What a strand writes down while its computation is recorded.
//!
//! Each strand that runs has a *tape*, a list of words that only its thread writes. Children have tapes of their own, and
//! their parent takes them in when they have ended, in the order of the program. A spawned job may end much later than its
//! parent, so the parent leaves a hole, a number under which the job hands in its tape. Long tapes are handed in too and not
//! copied, so that a deep recursion does not copy its leaves once a level.

use std::{
    cell::Cell,
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    FRAME,
    graph::{Graph, Step},
};
use crate::trace;

/// A child's tape of at most so many words is copied into its parent's.
const COPIED: usize = 64;

/// Words that are kept at the most, 128 MB of them: some two and a half million forks. A program without a grain forks once
/// for each key: it must not take the machine with it, and must be scheduled well within the limit of a check.
const MOST_WORDS: usize = 1 << 24;

thread_local! {
    /// The tape of the strand that this thread runs; `None` wherever [`FRAME`] does not say that it records.
    static TAPE: Cell<Option<Box<Tape>>> = const { Cell::new(None) };
}

/// When a piece of a strand ran, and on which thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The thread, by the number that the trace file knows it by.
    pub thread: u64,
    /// Nanoseconds, by the clock of the trace.
    pub start: u64,
    /// Nanoseconds, by the clock of the trace.
    pub end: u64,
}

/// What the strands of one recording share.
#[derive(Debug, Default)]
pub(super) struct Archive {
    /// What stands in the holes. A mutex, because jobs hand in their tapes from any thread, once for each.
    parts: Mutex<Vec<Box<[u64]>>>,
    /// Words in `parts`.
    words: AtomicUsize,
    /// Of a recording by the clock: when each piece of a strand ran. A mutex, because strands end on any thread.
    moments: Option<Mutex<Vec<Moment>>>,
    /// The names of spans, in the order in which they came. A mutex, because any strand may open one.
    labels: Mutex<Vec<&'static str>>,
}

impl Archive {
    pub(super) fn of_units() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn of_moments() -> Arc<Self> {
        Arc::new(Self { moments: Some(Mutex::default()), ..Self::default() })
    }

    /// Only a bound on memory: some words too many do no harm.
    fn is_full(&self) -> bool {
        self.words.load(Ordering::Relaxed) > MOST_WORDS
    }

    /// Numbers a hole.
    fn reserve(&self) -> usize {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.push(Box::default());
        // A hole and its place take about as much as these.
        self.words.fetch_add(4, Ordering::Relaxed);
        parts.len() - 1
    }

    fn fill(&self, hole: usize, words: Vec<u64>) {
        if self.words.fetch_add(words.len(), Ordering::Relaxed) <= MOST_WORDS {
            self.parts.lock().unwrap_or_else(PoisonError::into_inner)[hole] = words.into_boxed_slice();
        }
    }

    /// The number of a span's name.
    pub(super) fn label(&self, name: &'static str) -> usize {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.iter().position(|label| *label == name).unwrap_or_else(|| {
            labels.push(name);
            labels.len() - 1
        })
    }

    /// The times of all pieces of strands, by their numbers.
    pub(super) fn take_moments(&self) -> Vec<Moment> {
        let Some(moments) = &self.moments else { return Vec::new() };
        mem::take(&mut *moments.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The whole computation as one list; `None` where it was too large to keep. `base` is how many scopes were open where it
    /// began.
    pub(super) fn assemble(&self, words: Vec<u64>, base: usize) -> Option<Graph> {
        if self.is_full() {
            return None;
        }
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whole = Vec::with_capacity(words.len() + self.words.load(Ordering::Relaxed));
        // Names are numbered anew as they come in the graph, and not as they came in time.
        let names = mem::take(&mut *self.labels.lock().unwrap_or_else(PoisonError::into_inner));
        let mut labels: Vec<&'static str> = Vec::new();
        let mut open = vec![words.into_boxed_slice().into_iter()];
        while let Some(words) = open.last_mut() {
            let Some(word) = words.next() else {
                open.pop();
                continue;
            };
            match Step::of(word) {
                // A job that panicked handed nothing in, and its hole is empty.
                Step::Part(part) => open.push(mem::take(&mut parts[part]).into_iter()),
                Step::SpawnEnd(scope) => whole.push(Step::SpawnEnd(scope.saturating_sub(base)).word()),
                Step::Enter(label) => {
                    let label = labels.iter().position(|known| *known == names[label]).unwrap_or_else(|| {
                        labels.push(names[label]);
                        labels.len() - 1
                    });
                    whole.push(Step::Enter(label).word());
                }
                _ => whole.push(word),
            }
        }
        whole.shrink_to_fit();
        Some(Graph::new(whole, labels))
    }
}

/// The tape of one strand.
#[derive(Debug)]
pub(super) struct Tape {
    words: Vec<u64>,
    /// Where the piece began that is not yet written: the frame's work then, or the time.
    since: u64,
    /// How many scopes are open around the strand.
    pub(super) scopes: usize,
    archive: Arc<Archive>,
}

impl Tape {
    pub(super) fn new(archive: &Arc<Archive>, scopes: usize) -> Box<Self> {
        Box::new(Self { words: Vec::new(), since: 0, scopes, archive: Arc::clone(archive) })
    }

    fn now(&self) -> u64 {
        match self.archive.moments {
            Some(_) => trace::clock(),
            None => FRAME.get().map_or(0, |frame| frame.work),
        }
    }

    /// The strand goes on.
    fn open(&mut self) {
        if self.archive.moments.is_some() {
            trace::mark_thread();
        }
        self.since = self.now();
    }

    /// The strand pauses or ends: writes what it has done since [`open`](Self::open).
    fn close(&mut self) {
        // The graph is given up: when its strands ran is not kept either.
        if self.archive.is_full() {
            return;
        }
        let now = self.now();
        let Some(moments) = &self.archive.moments else {
            // A `measure` inside that panicked takes back what it has counted.
            let units = now.saturating_sub(self.since);
            if units > 0 {
                self.push(Step::Strand(units));
            }
            return;
        };
        let moment = Moment { thread: trace::thread_number(), start: self.since, end: now };
        let mut moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
        moments.push(moment);
        let number = moments.len() as u64 - 1;
        drop(moments);
        self.push(Step::Strand(number));
    }

    pub(super) fn push(&mut self, step: Step) {
        if self.words.len() > MOST_WORDS {
            self.archive.words.fetch_add(self.words.len(), Ordering::Relaxed);
            self.words.clear();
        }
        self.words.push(step.word());
    }

    /// Takes in the graph of a recording inside this one.
    pub(super) fn take_in_graph(&mut self, graph: &Graph) {
        let labels: Vec<usize> = graph.labels().iter().map(|name| self.archive.label(name)).collect();
        self.take_in(graph.inside(self.scopes, &labels));
    }

    /// Takes in the tape of a child that has ended.
    pub(super) fn take_in(&mut self, child: Vec<u64>) {
        if self.archive.is_full() {
            self.words.clear();
        } else if child.len() <= COPIED {
            self.words.extend(child);
        } else {
            let hole = self.archive.reserve();
            self.archive.fill(hole, child);
            self.push(Step::Part(hole));
        }
    }
}

/// Puts back, when dropped, the tape that stood before: also when a panic unwinds.
struct Restore(Option<Box<Tape>>);

impl Drop for Restore {
    fn drop(&mut self) {
        TAPE.set(self.0.take());
    }
}

/// Runs `f`, whose frame is set, on a tape, and gives back what was written.
pub(super) fn run_on<R>(mut tape: Box<Tape>, f: impl FnOnce() -> R) -> (R, Vec<u64>) {
    tape.open();
    let restore = Restore(TAPE.replace(Some(tape)));
    let result = f();
    let words = TAPE.take().map_or_else(Vec::new, |mut tape| {
        tape.close();
        tape.words
    });
    drop(restore);
    (result, words)
}

/// The tape of a strand that waits for its children: off this thread while rayon has it.
pub(super) struct Paused(Option<Box<Tape>>);

impl Paused {
    /// Takes this thread's tape, whose strand pauses here.
    pub(super) fn begin() -> Self {
        let mut tape = TAPE.take();
        if let Some(tape) = &mut tape {
            tape.close();
        }
        Self(tape)
    }

    /// An empty tape for a child, in so many scopes more.
    pub(super) fn child(&self, scopes: usize) -> Option<Box<Tape>> {
        self.0.as_ref().map(|tape| Tape::new(&tape.archive, tape.scopes + scopes))
    }

    /// How many scopes are open around the strand.
    pub(super) fn scopes(&self) -> usize {
        self.0.as_ref().map_or(0, |tape| tape.scopes)
    }

    /// Writes on it.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Tape)) {
        if let Some(tape) = &mut self.0 {
            write(tape);
        }
    }
}

impl Drop for Paused {
    /// The strand goes on, with its frame in place again. After a panic nothing of its children is written.
    fn drop(&mut self) {
        if let Some(mut tape) = self.0.take() {
            tape.open();
            TAPE.set(Some(tape));
        }
    }
}

/// Says on this thread's tape, where units are recorded, that the strand enters a span (its name) or leaves one.
pub(super) fn span(name: Option<&'static str>) {
    let Some(mut tape) = TAPE.take() else { return };
    // By the clock, the trace itself knows of spans.
    if tape.archive.moments.is_none() {
        tape.close();
        let step = name.map_or(Step::Exit, |name| Step::Enter(tape.archive.label(name)));
        tape.push(step);
        tape.open();
    }
    TAPE.set(Some(tape));
}

/// A hole in a parent's tape, for the tape of a spawned job.
pub(super) struct Hole {
    tape: Box<Tape>,
    number: usize,
}

impl Hole {
    /// Leaves a hole at this place of this thread's strand for a job of the scope that `scope` scopes are open around.
    pub(super) fn leave(scope: usize) -> Option<Self> {
        let mut paused = Paused::begin();
        let tape = paused.child(0)?;
        if tape.archive.is_full() {
            paused.write(|parent| parent.words.clear());
            return None;
        }
        let number = tape.archive.reserve();
        paused.write(|parent| {
            parent.push(Step::Spawn);
            parent.push(Step::Part(number));
            parent.push(Step::SpawnEnd(scope));
        });
        Some(Self { tape, number })
    }

    /// Runs the job and fills the hole; leaves it empty if the job panics.
    pub(super) fn run<R>(self, job: impl FnOnce() -> R) -> R {
        let archive = Arc::clone(&self.tape.archive);
        let (result, words) = run_on(self.tape, job);
        archive.fill(self.number, words);
        result
    }
}
