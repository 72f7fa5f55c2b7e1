//! Spans in memory, to assert on.
//!
//! Every thread appends to a buffer of its own, which is registered when the thread first records and collected when the
//! recording ends. Nothing is left to a thread-local's destructor: `thread::scope` returns before those have run.

use std::{
    cell::{Cell, OnceCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Debug,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tracing::{
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Registry, layer::Context};

use super::taps;

/// What happened while a function ran; see [`record`].
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// All spans that were opened, in the order in which they were.
    pub spans: Vec<Span>,
}

/// One span of a [`Recording`]. Times are since the recording began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// The name of the thread that entered it first; `thread N` where it has none.
    pub thread: String,
    /// That thread's number in this process, from 1.
    pub thread_id: u64,
    /// When it was entered first: a future's first poll. When it was made, if it never was entered.
    pub start: Duration,
    /// When it was left for the last time; the end of the recording if it was still open then.
    pub end: Duration,
    /// From enter to exit, in order of time. A span on a thread has one; a future's has one for each poll.
    pub busy: Vec<(Duration, Duration)>,
    /// Its arguments, as text.
    pub fields: BTreeMap<String, String>,
    /// The span in which it was opened, as an index into [`Recording::spans`].
    pub parent: Option<usize>,
}

impl Recording {
    /// The spans of that name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(move |span| span.name == name)
    }

    /// How many spans of that name were open at once, at the most: started and not ended, waiting or not.
    pub fn max_in_flight(&self, name: &str) -> usize {
        most_at_once(self.named(name).map(|span| (span.start, span.end)))
    }

    /// How many spans of that name were running on a thread at once, at the most.
    pub fn max_busy(&self, name: &str) -> usize {
        most_at_once(self.named(name).flat_map(|span| span.busy.iter().copied()))
    }

    /// The numbers of the threads that entered the spans of that name first.
    pub fn threads(&self, name: &str) -> BTreeSet<u64> {
        self.named(name).map(|span| span.thread_id).collect()
    }
}

fn most_at_once(intervals: impl Iterator<Item = (Duration, Duration)>) -> usize {
    let (mut edges, mut most) = (Vec::new(), 0);
    for (start, end) in intervals {
        most = 1;
        // An empty one overlaps nothing.
        if start < end {
            edges.extend([(start, true), (end, false)]);
        }
    }
    // At one instant the ends come first (`false < true`): intervals that only touch do not overlap.
    edges.sort_unstable();
    let mut open = 0;
    for (_, starts) in edges {
        open = if starts { open + 1 } else { open - 1 };
        most = most.max(open);
    }
    most
}

/// Runs `f` and returns every span of this process that was opened meanwhile, on whichever thread.
///
/// Recordings of one process wait for each other. A test that does not record, run by plain `cargo test` beside one that
/// does, is recorded with it: keep tests that record in a test binary of their own. (The course's runner starts a process
/// for each test.)
///
/// # Panics
/// If called inside of itself on one thread, or if the process has installed a `tracing` subscriber of its own.
pub fn record<R>(f: impl FnOnce() -> R) -> (R, Recording) {
    if let Err(reason) = taps::install() {
        panic!("cannot record spans: {reason}");
    }
    assert!(!RECORDS.get(), "lab::trace::record was called inside of itself");
    let _turn = lock(&TURN);
    let active = Active::begin();
    let result = f();
    let end = Instant::now();
    let (epoch, began) = (active.epoch, active.began);
    drop(active);
    (result, collect(epoch, began, end))
}

/// The recording that listens, or 0. Spans carry the number of theirs, so that a straggler is told from the next one's.
static EPOCH: AtomicU64 = AtomicU64::new(0);
/// Held by the recording that listens.
static TURN: Mutex<()> = Mutex::new(());
/// One buffer for each thread that ever recorded and may still do so.
static BUFFERS: Mutex<Vec<Arc<Buffer>>> = Mutex::new(Vec::new());

thread_local! {
    static RECORDS: Cell<bool> = const { Cell::new(false) };
    static BUFFER: OnceCell<Arc<Buffer>> = const { OnceCell::new() };
}

struct Active {
    epoch: u64,
    began: Instant,
}

impl Active {
    fn begin() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let epoch = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        RECORDS.set(true);
        let began = Instant::now();
        EPOCH.store(epoch, Ordering::Release);
        Self { epoch, began }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        EPOCH.store(0, Ordering::Release);
        RECORDS.set(false);
    }
}

/// What one thread has seen, in its own order. The lock is contended only while a recording is collected.
struct Buffer {
    id: u64,
    name: String,
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    key: Key,
    at: Instant,
    what: What,
}

/// A span's identity. The registry's own ids are used again after a span is closed.
#[derive(Clone, Copy)]
struct Key {
    epoch: u64,
    span: u64,
}

enum What {
    New { name: &'static str, fields: BTreeMap<String, String>, parent: Option<u64> },
    Fields(BTreeMap<String, String>),
    Enter,
    Exit,
    Close,
}

pub(super) fn listens() -> bool {
    EPOCH.load(Ordering::Acquire) != 0
}

fn push(key: Key, what: What) {
    if EPOCH.load(Ordering::Acquire) != key.epoch {
        return;
    }
    let entry = Entry { key, at: Instant::now(), what };
    // Fails only while the thread's locals are being destroyed: nothing after that belongs to a span of the course.
    let _ = BUFFER.try_with(|buffer| {
        let buffer = buffer.get_or_init(|| {
            let buffer = Arc::new(Buffer { id: taps::thread_number(), name: taps::thread_name(), entries: Mutex::default() });
            lock(&BUFFERS).push(Arc::clone(&buffer));
            buffer
        });
        lock(&buffer.entries).push(entry);
    });
}

fn key_of(id: &Id, context: &Context<'_, Registry>) -> Option<Key> {
    context.span(id)?.extensions().get::<Key>().copied()
}

pub(super) fn on_new_span(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, Registry>) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let epoch = EPOCH.load(Ordering::Acquire);
    let Some(span) = context.span(id).filter(|_| epoch != 0) else { return };
    let key = Key { epoch, span: NEXT.fetch_add(1, Ordering::Relaxed) };
    let parent = span.parent().and_then(|parent| parent.extensions().get::<Key>().copied());
    let parent = parent.filter(|parent| parent.epoch == epoch).map(|parent| parent.span);
    span.extensions_mut().insert(key);
    let mut fields = Fields::default();
    attributes.record(&mut fields);
    push(key, What::New { name: attributes.metadata().name(), fields: fields.0, parent });
}

pub(super) fn on_record(id: &Id, values: &Record<'_>, context: &Context<'_, Registry>) {
    if let Some(key) = key_of(id, context) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        push(key, What::Fields(fields.0));
    }
}

pub(super) fn on_enter(id: &Id, context: &Context<'_, Registry>) {
    if let Some(key) = key_of(id, context) {
        push(key, What::Enter);
    }
}

pub(super) fn on_exit(id: &Id, context: &Context<'_, Registry>) {
    if let Some(key) = key_of(id, context) {
        push(key, What::Exit);
    }
}

pub(super) fn on_close(id: &Id, context: &Context<'_, Registry>) {
    if let Some(key) = key_of(id, context) {
        push(key, What::Close);
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }
}

/// A span while it is put together.
struct Draft {
    span: Span,
    parent: Option<u64>,
    /// When it was entered first, by any thread.
    entered: Option<Instant>,
    /// When it was left last, by any thread.
    left: Option<Instant>,
    /// When its last handle was dropped.
    closed: Option<Instant>,
}

fn collect(epoch: u64, began: Instant, end: Instant) -> Recording {
    let since = |at: Instant| at.min(end).saturating_duration_since(began);
    let threads = take_entries(epoch);
    let mut drafts: BTreeMap<u64, Draft> = BTreeMap::new();
    // A span may be made on one thread and entered on another, so first what was made, then what became of it.
    for (buffer, entries) in &threads {
        for entry in entries {
            if let What::New { name, fields, parent } = &entry.what {
                let span = Span {
                    name: (*name).into(),
                    thread: buffer.name.clone(),
                    thread_id: buffer.id,
                    start: since(entry.at),
                    end: since(end),
                    busy: Vec::new(),
                    fields: fields.clone(),
                    parent: None,
                };
                drafts.insert(entry.key.span, Draft { span, parent: *parent, entered: None, left: None, closed: None });
            }
        }
    }
    for (buffer, entries) in threads {
        // Enters and exits pair within one thread. A thread may enter a span again while inside: only the outermost counts.
        let mut inside: HashMap<u64, (u32, Instant)> = HashMap::new();
        for entry in entries {
            let Some(draft) = drafts.get_mut(&entry.key.span) else { continue };
            match entry.what {
                What::New { .. } => {}
                What::Fields(fields) => draft.span.fields.extend(fields),
                What::Enter => {
                    inside.entry(entry.key.span).or_insert((0, entry.at)).0 += 1;
                    if draft.entered.is_none_or(|first| entry.at < first) {
                        draft.entered = Some(entry.at);
                        draft.span.thread.clone_from(&buffer.name);
                        draft.span.thread_id = buffer.id;
                    }
                }
                What::Exit => {
                    draft.left = draft.left.max(Some(entry.at));
                    if let Some((depth, at)) = inside.get_mut(&entry.key.span) {
                        *depth -= 1;
                        if *depth == 0 {
                            draft.span.busy.push((since(*at), since(entry.at)));
                            inside.remove(&entry.key.span);
                        }
                    }
                }
                What::Close => draft.closed = Some(entry.at),
            }
        }
        for (span, (_, at)) in inside {
            if let Some(draft) = drafts.get_mut(&span) {
                draft.span.busy.push((since(at), since(end)));
            }
        }
    }
    let places: HashMap<u64, usize> = drafts.keys().enumerate().map(|(place, key)| (*key, place)).collect();
    let finish = |draft: Draft| {
        let Draft { mut span, parent, entered, left, closed } = draft;
        span.start = entered.map_or(span.start, since);
        // The last exit, not the close: a span is closed only after its last child, however late that ends.
        span.end = closed.map_or(since(end), |closed| since(left.unwrap_or(closed)));
        span.busy.sort_unstable();
        span.parent = parent.and_then(|parent| places.get(&parent).copied());
        span
    };
    Recording { spans: drafts.into_values().map(finish).collect() }
}

/// Empties every thread's buffer; keeps the entries of that recording, and forgets the threads that have ended.
fn take_entries(epoch: u64) -> Vec<(Arc<Buffer>, Vec<Entry>)> {
    let mut buffers = lock(&BUFFERS);
    let take = |buffer: &Arc<Buffer>| {
        let mut entries = std::mem::take(&mut *lock(&buffer.entries));
        entries.retain(|entry| entry.key.epoch == epoch);
        (Arc::clone(buffer), entries)
    };
    let threads = buffers.iter().map(take).collect();
    // Two owners are this list and `threads`; the third is the thread itself.
    buffers.retain(|buffer| Arc::strong_count(buffer) > 2);
    threads
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of the code under test must not take the recorder with it; no entry is ever left half made.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        sync::Barrier,
        task::{Context, Poll, Waker},
        thread,
    };

    use tracing::Instrument;

    use super::*;

    #[test]
    fn spans_carry_names_fields_parents_and_threads() {
        let ((), recording) = record(|| {
            let _outer = crate::span!("outer", n = 3, text = "plain", shown = %"shown");
            let _inner = crate::span!("inner");
        });
        let [outer, inner] = &recording.spans[..] else { panic!("{recording:?}") };
        assert_eq!((outer.name.as_str(), inner.name.as_str()), ("outer", "inner"));
        assert_eq!((outer.parent, inner.parent), (None, Some(0)));
        let fields: Vec<(&str, &str)> = outer.fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("n", "3"), ("shown", "shown"), ("text", "plain")]);
        assert_eq!(outer.thread_id, inner.thread_id);
        assert!(outer.start <= inner.start && inner.end <= outer.end, "{recording:?}");
        assert_eq!(outer.busy, [(outer.start, outer.end)]);
    }

    #[test]
    fn threads_at_work_together_are_counted() {
        let meet = Barrier::new(3);
        let ((), recording) = record(|| {
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let _span = crate::span!("work");
                        meet.wait();
                    });
                }
            });
            let _alone = crate::span!("work");
        });
        assert_eq!(recording.named("work").count(), 4);
        assert_eq!(recording.max_in_flight("work"), 3);
        assert_eq!(recording.max_busy("work"), 3);
        assert_eq!(recording.threads("work").len(), 4);
    }

    #[test]
    fn a_future_is_in_flight_between_its_polls_and_busy_in_them() {
        let twice = || {
            let mut polled = false;
            std::future::poll_fn(move |_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
        };
        let ((), recording) = record(|| {
            let mut first = pin!(twice().instrument(crate::task_span!("fetch", id = 1)));
            let mut second = pin!(twice().instrument(crate::task_span!("fetch", id = 2)));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..2 {
                let _ = first.as_mut().poll(&mut context);
                let _ = second.as_mut().poll(&mut context);
            }
        });
        assert_eq!(recording.max_in_flight("fetch"), 2);
        assert_eq!(recording.max_busy("fetch"), 1);
        assert!(recording.named("fetch").all(|span| span.busy.len() >= 2), "{recording:?}");
    }

    #[test]
    fn what_is_open_at_the_end_is_closed_there_and_nothing_is_recorded_outside() {
        // Opened in a recording of its own: an unrecorded span here could fall into that of a test that runs beside this one.
        let (before, _) = record(|| crate::span!("before"));
        let (open, recording) = record(|| crate::span!("open"));
        drop(before);
        drop(open);
        assert_eq!(recording.spans.len(), 1, "{recording:?}");
        assert_eq!(recording.spans[0].busy, [(recording.spans[0].start, recording.spans[0].end)]);
        let ((), next) = record(|| ());
        assert!(next.spans.is_empty(), "{next:?}");
    }

    #[test]
    fn recordings_take_turns() {
        thread::scope(|scope| {
            for n in 0..4_u32 {
                scope.spawn(move || {
                    for _ in 0..20 {
                        let ((), recording) = record(|| {
                            let _span = crate::span!("mine", n);
                        });
                        let seen: Vec<&str> = recording.named("mine").map(|span| span.fields["n"].as_str()).collect();
                        assert_eq!(seen, [n.to_string()]);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_ends_its_recording() {
        let panicked = std::panic::catch_unwind(|| record(|| panic!("the code under test panics")));
        assert!(panicked.is_err());
        let ((), recording) = record(|| drop(crate::span!("after")));
        assert_eq!(recording.named("after").count(), 1);
    }

    #[test]
    fn a_recording_inside_a_recording_is_refused() {
        let (refused, _) = record(|| std::panic::catch_unwind(|| record(|| ())).is_err());
        assert!(refused);
    }

    #[test]
    fn touching_and_empty_intervals_do_not_overlap() {
        let at = Duration::from_micros;
        assert_eq!(most_at_once([(at(0), at(1)), (at(1), at(2))].into_iter()), 1);
        assert_eq!(most_at_once([(at(0), at(3)), (at(1), at(1)), (at(2), at(4))].into_iter()), 2);
        assert_eq!(most_at_once([(at(1), at(1))].into_iter()), 1);
        assert_eq!(most_at_once(std::iter::empty()), 0);
    }
}
