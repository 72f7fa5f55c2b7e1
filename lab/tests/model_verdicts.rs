//! What the model checker says about small programs whose right verdict is known.

use std::sync::PoisonError;

use lab::{
    cell::UnsafeCell,
    hint,
    model::{Class, Kind, Model, Pass, Report, reach},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
        },
    },
    thread,
};

/// Checks that `report` is of a failure, and says what a learner would read.
#[track_caller]
fn fails(report: &Report, class: Class, kind: Option<Kind>) -> String {
    println!("{:?}", report.passes);
    let Some(failure) = &report.failure else { panic!("it passed: {report:?}") };
    println!("{}", failure.text(76));
    assert_eq!((failure.class, failure.kind), (class, kind));
    for line in failure.text(76).lines() {
        assert!(line.chars().count() <= 84, "too wide: {line}");
    }
    failure.text(76)
}

#[track_caller]
fn passes(report: &Report) {
    println!("{:?} {:?}", report.passes, report.reached);
    if let Some(failure) = &report.failure {
        panic!("{}", failure.text(76));
    }
}

/// The textbook spin lock around a number.
struct Spin {
    locked: AtomicBool,
    value: UnsafeCell<usize>,
}

// SAFETY: what the models are about to find out.
unsafe impl Sync for Spin {}

impl Spin {
    fn new() -> Arc<Self> {
        Arc::new(Self { locked: AtomicBool::new(false), value: UnsafeCell::new(0) })
    }

    fn increment(&self, unlock: Ordering) {
        while self.locked.swap(true, Acquire) {
            hint::spin_loop();
        }
        // SAFETY: the lock is held.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.locked.store(false, unlock);
    }
}

fn spin_lock(unlock: Ordering) -> Report {
    Model::new().must_reach(&["counted"]).explore(move || {
        let lock = Spin::new();
        let other = thread::spawn({
            let lock = lock.clone();
            move || lock.increment(unlock)
        });
        lock.increment(unlock);
        other.join().unwrap();
        // SAFETY: the other thread has been joined.
        assert_eq!(lock.value.with(|value| unsafe { *value }), 2);
        reach("counted");
    })
}

#[test]
fn textbook_spin_lock_passes() {
    passes(&spin_lock(Release));
}

#[test]
fn relaxed_unlock_is_a_data_race_and_a_matter_of_orderings() {
    let text = fails(&spin_lock(Relaxed), Class::DataRace, Some(Kind::MemoryOrdering));
    assert!(text.contains("\n>  3 ") && text.contains("\n>  7 "), "both accesses are marked");
}

/// Two faults at once: a flag that orders nothing, and updates that are lost whatever the orderings.
#[test]
fn a_race_is_a_matter_of_orderings_though_the_model_fails_in_another_way_without_it() {
    let report = Model::new().explore(|| {
        struct Note(AtomicBool, UnsafeCell<usize>);
        // SAFETY: the model says whether that is true.
        unsafe impl Sync for Note {}
        let count = Arc::new(AtomicUsize::new(0));
        let note = Arc::new(Note(AtomicBool::new(false), UnsafeCell::new(0)));
        let other = thread::spawn({
            let (count, note) = (count.clone(), note.clone());
            move || {
                count.store(count.load(SeqCst) + 1, SeqCst);
                // SAFETY: as above.
                note.1.with_mut(|value| unsafe { *value = 1 });
                note.0.store(true, Relaxed);
            }
        });
        count.store(count.load(SeqCst) + 1, SeqCst);
        if note.0.load(Relaxed) {
            // SAFETY: as above.
            note.1.with(|value| unsafe { *value });
        }
        other.join().unwrap();
        assert_eq!(count.load(SeqCst), 2);
    });
    fails(&report, Class::DataRace, Some(Kind::MemoryOrdering));
}

/// <https://github.com/tokio-rs/loom/issues/254>: two threads that spin, and a third that holds the lock.
#[test]
fn three_threads_spin_and_it_ends() {
    let spin = |unlock: Ordering| {
        Model::new().explore(move || {
            let lock = Spin::new();
            let others = [lock.clone(), lock.clone()].map(|lock| thread::spawn(move || lock.increment(unlock)));
            lock.increment(unlock);
            for other in others {
                other.join().unwrap();
            }
        })
    };
    passes(&spin(Release));
    fails(&spin(Relaxed), Class::DataRace, Some(Kind::MemoryOrdering));
}

/// Whoever tries in vain has changed nothing, by whatever operation: else those who spin would wake each other for ever.
#[test]
fn spinning_on_any_read_modify_write_ends() {
    let spin = |taken: fn(&AtomicBool) -> bool| {
        Model::new().max_seconds(20.0).explore(move || {
            let lock = Spin::new();
            let increment = move |lock: &Spin| {
                while taken(&lock.locked) {
                    hint::spin_loop();
                }
                // SAFETY: the lock is held.
                lock.value.with_mut(|value| unsafe { *value += 1 });
                lock.locked.store(false, Release);
            };
            let others = [lock.clone(), lock.clone()].map(|lock| thread::spawn(move || increment(&lock)));
            increment(&lock);
            for other in others {
                other.join().unwrap();
            }
        })
    };
    passes(&spin(|locked| locked.fetch_or(true, Acquire)));
}

/// A ring for one producer and one consumer.
struct Ring {
    slots: [UnsafeCell<usize>; 2],
    head: AtomicUsize,
    tail: AtomicUsize,
}

// SAFETY: what the models are about to find out.
unsafe impl Sync for Ring {}

impl Ring {
    fn new() -> Arc<Self> {
        let slots = [UnsafeCell::new(0), UnsafeCell::new(0)];
        Arc::new(Self { slots, head: AtomicUsize::new(0), tail: AtomicUsize::new(0) })
    }

    fn push(&self, value: usize, publish: Ordering) {
        let tail = self.tail.load(Relaxed);
        while tail - self.head.load(Acquire) == 2 {
            hint::spin_loop();
        }
        // SAFETY: the slot is free.
        self.slots[tail % 2].with_mut(|slot| unsafe { *slot = value });
        self.tail.store(tail + 1, publish);
    }

    fn pop(&self) -> usize {
        let head = self.head.load(Relaxed);
        while self.tail.load(Acquire) == head {
            hint::spin_loop();
        }
        // SAFETY: the slot is full.
        let value = self.slots[head % 2].with(|slot| unsafe { *slot });
        self.head.store(head + 1, Release);
        value
    }
}

fn ring(publish: Ordering, main_consumes: bool) -> Report {
    Model::new().explore(move || {
        let ring = Ring::new();
        let shared = ring.clone();
        let produce = move |ring: &Ring| (1..=2).for_each(|value| ring.push(value, publish));
        let consume = |ring: &Ring| (1..=2).for_each(|value| assert_eq!(ring.pop(), value));
        let other = thread::spawn(move || if main_consumes { produce(&shared) } else { consume(&shared) });
        if main_consumes {
            consume(&ring)
        } else {
            produce(&ring)
        }
        other.join().unwrap();
    })
}

/// <https://github.com/tokio-rs/loom/issues/166>
#[test]
fn ring_with_a_relaxed_tail_fails_whoever_consumes() {
    for main_consumes in [true, false] {
        fails(&ring(Relaxed, main_consumes), Class::DataRace, Some(Kind::MemoryOrdering));
        passes(&ring(Release, main_consumes));
    }
}

fn store_buffering(store: Ordering, load: Ordering) -> Report {
    Model::new().must_reach(&["0 1", "1 0", "1 1"]).explore(move || {
        let (x, y) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let other = thread::spawn({
            let (x, y) = (x.clone(), y.clone());
            move || {
                y.store(1, store);
                x.load(load)
            }
        });
        x.store(1, store);
        let mine = y.load(load);
        let others = other.join().unwrap();
        reach(&format!("{mine} {others}"));
        assert!(mine + others > 0, "each has missed the other's store");
    })
}

#[test]
fn store_buffering_needs_seq_cst() {
    passes(&store_buffering(SeqCst, SeqCst));
    fails(&store_buffering(Release, Acquire), Class::Assertion, Some(Kind::MemoryOrdering));
}

#[test]
fn lost_update_is_a_matter_of_interleaving() {
    let report = Model::new().explore(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let add = |count: &AtomicUsize| count.store(count.load(SeqCst) + 1, SeqCst);
        let other = thread::spawn({
            let count = count.clone();
            move || add(&count)
        });
        add(&count);
        other.join().unwrap();
        assert_eq!(count.load(SeqCst), 2, "an increment is lost");
    });
    let text = fails(&report, Class::Assertion, Some(Kind::Interleaving));
    assert!(text.contains("an increment is lost"));
}

#[test]
fn two_locks_in_two_orders_deadlock_with_both_lines() {
    let mut lines = (0, 0);
    lines.0 = line!() + 7;
    let report = Model::new().explore(|| {
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let other = thread::spawn({
            let locks = locks.clone();
            move || {
                let _second = locks.1.lock();
                let _first = locks.0.lock();
            }
        });
        let _first = locks.0.lock();
        let _second = locks.1.lock();
        drop((_first, _second));
        other.join().unwrap();
    });
    lines.1 = lines.0 + 4;
    let text = fails(&report, Class::Deadlock, Some(Kind::Interleaving));
    for line in [lines.0, lines.1] {
        assert!(text.contains(&format!("at model_verdicts.rs:{line}")), "line {line} is told");
    }
}

#[test]
fn code_on_types_of_std_is_vacuous() {
    let report = Model::new().explore(|| {
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let other = thread::spawn({
            let count = count.clone();
            move || count.store(count.load(SeqCst) + 1, SeqCst)
        });
        other.join().unwrap();
    });
    fails(&report, Class::Vacuous, None);
}

#[test]
fn one_execution_is_vacuous() {
    let report = Model::new().explore(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let shared = count.clone();
        thread::spawn(move || shared.fetch_add(1, Relaxed)).join().unwrap();
        assert_eq!(count.load(Relaxed), 1);
    });
    fails(&report, Class::Vacuous, None);
}

/// Two threads, two increments.
fn counts() {
    let count = Arc::new(AtomicUsize::new(0));
    let shared = count.clone();
    let add = |count: &AtomicUsize| {
        for _ in 0..3 {
            count.fetch_add(1, Relaxed);
        }
    };
    let other = thread::spawn(move || add(&shared));
    add(&count);
    other.join().unwrap();
    reach("counted");
}

#[test]
fn an_outcome_that_never_comes_fails() {
    let text = fails(&Model::new().must_reach(&["counted", "never"]).explore(counts), Class::Unreached, None);
    assert!(text.contains("\"never\""));
}

#[test]
fn a_limit_is_no_success() {
    for model in [Model::new().max_executions(3), Model::new().max_seconds(0.0)] {
        let report = model.explore(counts);
        let text = fails(&report, Class::Cut, None);
        assert!(report.cut && text.contains("nothing is proven"));
    }
}

#[test]
fn a_hanging_execution_is_cut() {
    let report = Model::new().max_seconds(0.1).explore(|| {
        let lock = Arc::new(std::sync::Mutex::new(()));
        let count = Arc::new(AtomicUsize::new(0));
        let other = thread::spawn({
            let (lock, count) = (lock.clone(), count.clone());
            move || {
                let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
                count.fetch_add(1, Relaxed);
            }
        });
        let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        count.fetch_add(1, Relaxed);
        drop(_guard);
        other.join().unwrap();
    });
    fails(&report, Class::Cut, None);
}

#[test]
fn a_preemption_bound_is_reported() {
    let report = Model::new().preemptions(1).explore(counts);
    passes(&report);
    assert!(report.cut && report.preemption_bound == Some(1));
}

#[test]
fn a_lock_never_released_is_a_livelock() {
    let report = Model::new().explore(|| {
        let lock = Arc::new(AtomicBool::new(true));
        let shared = lock.clone();
        let other = thread::spawn(move || {
            while shared.swap(true, Acquire) {
                hint::spin_loop();
            }
        });
        other.join().unwrap();
    });
    fails(&report, Class::Livelock, Some(Kind::Interleaving));
}

fn waits(wait: fn(&Mutex<bool>, &Condvar)) -> Report {
    Model::new().explore(move || {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = pair.clone();
        let other = thread::spawn(move || {
            *shared.0.lock().unwrap() = true;
            shared.1.notify_one();
        });
        wait(&pair.0, &pair.1);
        other.join().unwrap();
    })
}

#[test]
fn if_around_a_wait_fails_by_a_spurious_wake_up() {
    let report = waits(|ready, changed| {
        let mut guard = ready.lock().unwrap();
        if !*guard {
            guard = changed.wait(guard).unwrap();
        }
        assert!(*guard, "woke up too soon");
    });
    fails(&report, Class::Assertion, Some(Kind::Spurious));
}

#[test]
fn while_around_a_wait_passes() {
    passes(&waits(|ready, changed| {
        let mut guard = ready.lock().unwrap();
        while !*guard {
            guard = changed.wait(guard).unwrap();
        }
    }));
    passes(&waits(|ready, changed| {
        let guard = changed.wait_while(ready.lock().unwrap(), |ready| !*ready).unwrap();
        assert!(*guard);
    }));
}

#[test]
fn a_notification_before_the_wait_is_lost() {
    let report = waits(|ready, changed| {
        // The mistake: between the look and the wait, the lock is free.
        let seen = *ready.lock().unwrap();
        if !seen {
            drop(changed.wait(ready.lock().unwrap()));
        }
    });
    let text = fails(&report, Class::LostWakeup, Some(Kind::Interleaving));
    assert!(text.contains("notify_one -> nobody"));
}

#[test]
fn try_lock_sees_a_lock_that_is_held() {
    passes(&Model::new().must_reach(&["taken", "held", "free again"]).explore(|| {
        let lock = Arc::new(Mutex::new(0));
        let shared = lock.clone();
        let other = thread::spawn(move || *shared.lock().unwrap() += 1);
        match lock.try_lock() {
            Ok(guard) => reach(if *guard == 0 { "taken" } else { "free again" }),
            Err(_) => reach("held"),
        }
        other.join().unwrap();
        assert_eq!(*lock.lock().unwrap(), 1);
    }));
}

#[test]
fn a_weak_exchange_without_a_loop_fails() {
    let claim = |weak: bool| {
        Model::new().explore(move || {
            let owner = Arc::new(AtomicUsize::new(0));
            let claim = move |owner: &AtomicUsize, me| {
                let claimed = if weak {
                    owner.compare_exchange_weak(0, me, AcqRel, Relaxed)
                } else {
                    owner.compare_exchange(0, me, AcqRel, Relaxed)
                };
                claimed.is_ok()
            };
            let shared = owner.clone();
            let other = thread::spawn(move || claim(&shared, 1));
            let mine = claim(&owner, 2);
            assert!(mine != other.join().unwrap(), "one of them must own it");
        })
    };
    passes(&claim(false));
    fails(&claim(true), Class::Assertion, Some(Kind::Spurious));
}

#[test]
fn a_sixth_thread_is_told() {
    let report = Model::new().explore(|| drop((0..5).map(|_| thread::spawn(|| ())).collect::<Vec<_>>()));
    let text = fails(&report, Class::Unfit, None);
    assert!(text.contains("at most 5 threads"));
}

#[test]
fn only_these_passes_are_made() {
    let report = Model::new().passes(&[Pass::Interleavings]).explore(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let shared = flag.clone();
        let other = thread::spawn(move || shared.store(true, Relaxed));
        flag.load(Relaxed);
        other.join().unwrap();
    });
    passes(&report);
    assert_eq!(report.passes.iter().map(|searched| searched.name).collect::<Vec<_>>(), [Pass::Interleavings]);
}

/// A failing `check` panics once, as any test does; the tests after it go on.
#[test]
fn a_failing_check_is_an_ordinary_panic() {
    /// Whose destructor would call loom while the model panics.
    struct Bad(Arc<AtomicUsize>);

    impl Drop for Bad {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    let checked = std::panic::catch_unwind(|| {
        Model::new().check(|| {
            let bad = Bad(Arc::new(AtomicUsize::new(0)));
            let shared = bad.0.clone();
            let other = thread::spawn(move || shared.fetch_add(1, SeqCst));
            assert_eq!(bad.0.fetch_add(1, SeqCst), 0, "the other was first");
            other.join().unwrap();
        });
    });
    let payload = checked.expect_err("it fails");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.contains("assertion in a_failing_check") && message.contains("the other was first"), "{message}");
}
