//! Histories in models: that every order of calls and returns is looked at, that recording orders nothing, and that under weak
//! memory "before" is happens-before.

use std::collections::BTreeSet;

use lab::{
    cell::UnsafeCell,
    history::{History, Specification},
    model::{Class, Kind, Model, Pass, Report, reach},
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    thread,
};

#[track_caller]
fn fails(report: &Report, class: Class, kind: Kind, words: &str) {
    let Some(failure) = &report.failure else { panic!("it passed: {report:?}") };
    let text = failure.text(76);
    println!("{text}");
    assert_eq!((failure.class, failure.kind), (class, Some(kind)));
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(words), "\"{words}\" is not there");
}

#[track_caller]
fn passes(report: &Report) {
    if let Some(failure) = &report.failure {
        panic!("{}", failure.text(76));
    }
}

/// A few numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Numbers([usize; 2]);

#[derive(Debug, Clone, Copy)]
enum Ask {
    Add(usize, usize),
    Write(usize, usize),
    Read(usize),
    Sum,
}

use Ask::{Add, Read, Sum, Write};

impl Specification for Numbers {
    type Operation = Ask;
    type Outcome = usize;

    fn apply(&mut self, ask: &Ask) -> usize {
        match *ask {
            Add(which, amount) => self.0[which] += amount,
            Write(which, value) => self.0[which] = value,
            Read(which) => return self.0[which],
            Sum => return self.0.iter().sum(),
        }
        0
    }
}

/// The same, an atomic each.
struct Shared {
    numbers: [AtomicUsize; 2],
    history: History<Numbers>,
    ordering: Ordering,
}

impl Shared {
    fn new(ordering: Ordering) -> Arc<Self> {
        let numbers = [AtomicUsize::new(0), AtomicUsize::new(0)];
        Arc::new(Self { numbers, history: History::new(Numbers([0; 2])), ordering })
    }

    fn ask(&self, ask: Ask) -> usize {
        let (load, store) = match self.ordering {
            SeqCst => (SeqCst, SeqCst),
            AcqRel => (Acquire, Release),
            _ => (Relaxed, Relaxed),
        };
        self.history.of(ask, || {
            match ask {
                Add(which, amount) => drop(self.numbers[which].fetch_add(amount, self.ordering)),
                Write(which, value) => self.numbers[which].store(value, store),
                Read(which) => return self.numbers[which].load(load),
                Sum => return self.numbers.iter().map(|number| number.load(load)).sum(),
            }
            0
        })
    }
}

fn beside(shared: &Arc<Shared>, asks: &'static [Ask]) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || {
        for ask in asks {
            shared.ask(*ask);
        }
    })
}

/// A sum that is read one number after the other: it may hold what was added late, and lack what was added early. The two
/// additions touch nothing in common, so without steps for calls and returns nothing would ask which was over first.
#[test]
fn which_was_over_first_is_asked_even_where_nothing_else_is_shared() {
    let report = Model::new().explore(|| {
        let shared = Shared::new(SeqCst);
        let others = [beside(&shared, &[Add(0, 1)]), beside(&shared, &[Add(1, 2)])];
        shared.ask(Sum);
        others.into_iter().for_each(|other| other.join().unwrap());
        shared.history.assert_linearizable();
    });
    fails(&report, Class::Assertion, Kind::Interleaving, "T0's Sum has returned 2");
}

/// Which operation was over before which other was called: all that can be, by going through every order of the calls and returns
/// of so many threads that make so many operations each.
fn orders_by_force(threads: usize, each: usize) -> BTreeSet<Vec<bool>> {
    fn go_on(events: &mut Vec<usize>, left: &mut [usize], each: usize, found: &mut BTreeSet<Vec<bool>>) {
        if left.iter().all(|left| *left == 0) {
            // Event 2 * n of a thread is the call of its operation n, event 2 * n + 1 the return.
            let when = |thread: usize, event: usize| {
                let mut of_thread = events.iter().enumerate().filter(|(_, other)| **other == thread).map(|(at, _)| at);
                of_thread.nth(event).expect("every thread has made all its calls")
            };
            let operations: Vec<(usize, usize)> =
                (0..left.len()).flat_map(|thread| (0..each).map(move |number| (thread, number))).collect();
            let times = operations.iter().map(|&(thread, number)| (when(thread, 2 * number), when(thread, 2 * number + 1)));
            found.insert(relation(&times.collect::<Vec<_>>()));
        }
        for thread in 0..left.len() {
            if left[thread] > 0 {
                left[thread] -= 1;
                events.push(thread);
                go_on(events, left, each, found);
                events.pop();
                left[thread] += 1;
            }
        }
    }
    let mut found = BTreeSet::new();
    go_on(&mut Vec::new(), &mut vec![2 * each; threads], each, &mut found);
    found
}

/// For each pair of operations, of which the times of call and return are given, whether the one was over before the other began.
fn relation(times: &[(usize, usize)]) -> Vec<bool> {
    times.iter().flat_map(|(_, returned)| times.iter().map(move |(called, _)| returned < called)).collect()
}

/// The same, as a model comes across them. The operations do nothing.
fn orders_in_a_model(threads: usize, each: usize) -> BTreeSet<Vec<bool>> {
    let found = std::sync::Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let collected = found.clone();
    let report = Model::new().passes(&[Pass::Interleavings]).explore(move || {
        let shared = Shared::new(Relaxed);
        let work = move |shared: &Shared| {
            for _ in 0..each {
                shared.history.of(Read(0), || 0);
            }
        };
        // Or nothing would be shared, and the model vacuous. This comes before all else that T1 does.
        shared.numbers[0].load(Relaxed);
        let others: Vec<_> = (1..threads)
            .map(|number| {
                let shared = shared.clone();
                thread::spawn(move || {
                    if number == 1 {
                        shared.numbers[0].load(Relaxed);
                    }
                    work(&shared);
                })
            })
            .collect();
        work(&shared);
        others.into_iter().for_each(|other| other.join().unwrap());
        let mut entries = shared.history.entries();
        entries.sort_by_key(|entry| (entry.thread, entry.called));
        let times: Vec<_> = entries.iter().map(|entry| (entry.called, entry.returned.expect("all have returned"))).collect();
        collected.lock().unwrap().insert(relation(&times));
    });
    passes(&report);
    let found = found.lock().unwrap();
    found.clone()
}

#[test]
fn every_order_of_calls_and_returns_comes_up() {
    for (threads, each) in [(2, 1), (2, 2), (2, 3), (3, 1)] {
        let (expected, found) = (orders_by_force(threads, each), orders_in_a_model(threads, each));
        println!("{threads} threads with {each} operations: {} orders, {} of them in the model", expected.len(), found.len());
        assert!(found == expected, "{threads} threads with {each} operations: {} of {} orders", found.len(), expected.len());
    }
}

/// With one addition it is right: the sum takes place when the second number is read.
#[test]
fn what_is_linearizable_passes() {
    let report = Model::new().must_reach(&["0", "1"]).explore(|| {
        let shared = Shared::new(SeqCst);
        let other = beside(&shared, &[Add(0, 1)]);
        reach(&shared.ask(Sum).to_string());
        other.join().unwrap();
        shared.ask(Sum);
        shared.history.assert_linearizable();
    });
    passes(&report);
}

/// A value that one thread writes and another reads, with nothing between them but two recorded operations, and fences.
fn races(fences: bool) -> Report {
    /// Shared though it is not `Sync`: that is what the model is to find.
    struct Cell(UnsafeCell<u32>);
    // SAFETY: none; the model ends before the second access.
    unsafe impl Sync for Cell {}
    // SAFETY: it holds a number.
    unsafe impl Send for Cell {}

    Model::new().explore(move || {
        let shared = Shared::new(Relaxed);
        let cell = Arc::new(Cell(UnsafeCell::new(0)));
        let other = thread::spawn({
            let (shared, cell) = (shared.clone(), cell.clone());
            move || {
                // SAFETY: none, see above.
                cell.0.with_mut(|value| unsafe { *value = 1 });
                if fences {
                    fence(Release);
                }
                shared.ask(Read(0));
            }
        });
        shared.ask(Read(1));
        if fences {
            fence(Acquire);
        }
        // SAFETY: none, see above.
        cell.0.with(|value| unsafe { *value });
        other.join().unwrap();
    })
}

#[test]
fn recording_hides_no_data_race() {
    fails(&races(false), Class::DataRace, Kind::Interleaving, "data race");
    fails(&races(true), Class::DataRace, Kind::Interleaving, "data race");
}

/// Each thread writes one number and reads the other: store buffering. Both may read 0 unless all is `SeqCst`, and no order of
/// the four explains that, since each thread's own order counts.
fn buffers(ordering: Ordering) -> Report {
    Model::new().explore(move || {
        let shared = Shared::new(ordering);
        let other = beside(&shared, &[Write(0, 1), Read(1)]);
        shared.ask(Write(1, 1));
        shared.ask(Read(0));
        other.join().unwrap();
        shared.history.assert_linearizable();
    })
}

#[test]
fn store_buffering_is_not_linearizable() {
    fails(&buffers(Relaxed), Class::Assertion, Kind::MemoryOrdering, "happens before the other's call");
    fails(&buffers(AcqRel), Class::Assertion, Kind::MemoryOrdering, "happens before the other's call");
    passes(&buffers(SeqCst));
}

/// A stale value is no fault where nothing has told the reader of the write, whatever the order of execution: not even when it
/// has waited for something else, and asked before.
#[test]
fn a_stale_value_is_no_fault_without_happens_before() {
    let report = Model::new().must_reach(&["0", "1", "0 after the write"]).explore(|| {
        let shared = Shared::new(Relaxed);
        let written = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let reader = thread::spawn({
            let (shared, written) = (shared.clone(), written.clone());
            move || {
                shared.ask(Read(1));
                thread::yield_now();
                shared.ask(Read(1));
                let was_written = written.load(Relaxed);
                let read = shared.ask(Read(0));
                reach(&read.to_string());
                if read == 0 && was_written {
                    reach("0 after the write");
                }
            }
        });
        shared.ask(Write(0, 1));
        written.store(true, Relaxed);
        reader.join().unwrap();
        shared.history.assert_linearizable();
    });
    passes(&report);
}

/// What is told by a flag or a join happens before: a stale value after it is a fault. The number read is another one than
/// was written, so that only the history can know.
fn told_by_a_flag(store: Ordering) -> Report {
    Model::new().passes(&[Pass::Interleavings, Pass::WeakMemory]).must_reach(&["told"]).explore(move || {
        let shared = Shared::new(Relaxed);
        let flag = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let (shared, flag) = (shared.clone(), flag.clone());
            move || {
                // Recorded as a write of the other number.
                shared.history.of(Write(1, 1), || {
                    shared.numbers[0].store(1, Relaxed);
                    0
                });
                flag.store(true, store);
            }
        });
        if flag.load(Acquire) {
            reach("told");
            shared.ask(Read(1));
        }
        other.join().unwrap();
        shared.history.assert_linearizable();
    })
}

#[test]
fn what_happens_before_counts() {
    // The write went elsewhere: wrong wherever it is known to be over.
    fails(&told_by_a_flag(Release), Class::Assertion, Kind::Interleaving, "T0's Read(1) has returned 0");
}

/// The same in the pass for weak memory alone: only a flag that releases makes it a fault there.
#[test]
fn under_weak_memory_only_happens_before_counts() {
    let explore = |store: Ordering| {
        Model::new().passes(&[Pass::WeakMemory]).must_reach(&["told"]).explore(move || {
            let shared = Shared::new(Relaxed);
            let flag = Arc::new(AtomicBool::new(false));
            let other = thread::spawn({
                let (shared, flag) = (shared.clone(), flag.clone());
                move || {
                    shared.history.of(Write(1, 1), || 0);
                    flag.store(true, store);
                }
            });
            // The thread that has made the history waits: what it has made is still as stale as may be.
            thread::yield_now();
            if flag.load(Acquire) {
                reach("told");
                shared.ask(Read(1));
            }
            other.join().unwrap();
            shared.history.assert_linearizable();
        })
    };
    let report = explore(Release);
    fails(&report, Class::Assertion, Kind::MemoryOrdering, "T1's Write(1, 1) = 0");
    fails(&report, Class::Assertion, Kind::MemoryOrdering, "(drawn in the order of execution) event T0");
    passes(&explore(Relaxed));
}

#[test]
fn a_join_happens_before() {
    let report = Model::new().passes(&[Pass::WeakMemory]).explore(|| {
        let shared = Shared::new(Relaxed);
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.ask(Read(0));
                shared.history.of(Write(1, 1), || 0);
            }
        });
        shared.ask(Read(0));
        other.join().unwrap();
        shared.ask(Read(1));
        shared.history.assert_linearizable();
    });
    fails(&report, Class::Assertion, Kind::MemoryOrdering, "T0's Read(1) has returned 0");
}

#[test]
fn too_many_operations_are_refused() {
    let report = Model::new().explore(|| {
        let shared = Shared::new(Relaxed);
        let other = beside(&shared, &[Read(0), Read(0), Read(0), Read(0), Read(0), Read(0)]);
        shared.ask(Write(0, 1));
        other.join().unwrap();
        shared.ask(Read(0));
    });
    let failure = report.failure.expect("six operations of one thread");
    assert!(failure.message.contains("5 operations of one thread"), "{}", failure.message);
}

#[test]
fn a_history_made_outside_is_refused() {
    let history = Arc::new(History::new(Numbers([0; 2])));
    let report = Model::new().explore(move || {
        history.of(Read(0), || 0);
    });
    let failure = report.failure.expect("no thread of the model is known to it");
    assert!(failure.message.contains("inside the model's closure"), "{}", failure.message);
}

/// Outside a model, the real threads count: the type is one and the same.
#[test]
fn a_history_outside_a_model_takes_real_threads() {
    let history = History::new(Numbers([0; 2]));
    std::thread::scope(|scope| {
        scope.spawn(|| history.of(Write(0, 1), || 0));
    });
    history.of(Read(0), || 1);
    history.assert_linearizable();
}
