//! Values that are dropped too seldom, too often and too soon.

use std::{mem::ManuallyDrop, ptr::NonNull};

use lab::{
    finding::WIDTH,
    model::{
        Class::{self, DataRace, DoubleDrop, Leak, UseAfterDrop},
        Kind::{self, Interleaving, MemoryOrdering},
        Model, Report,
    },
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicUsize,
            Ordering::{self, Acquire, Relaxed, Release},
            fence,
        },
    },
    thread,
    tracked::Tracked,
};

#[track_caller]
fn fails(report: &Report, class: Class, kind: Kind) -> String {
    let Some(failure) = &report.failure else { panic!("it passed: {report:?}") };
    println!("{}", failure.text(WIDTH));
    assert_eq!((failure.class, failure.kind), (class, Some(kind)));
    failure.message.clone()
}

#[track_caller]
fn passes(report: &Report) {
    if let Some(failure) = &report.failure {
        panic!("{}", failure.text(WIDTH));
    }
}

/// An `Arc` by hand.
struct Counted(NonNull<Inner>);

struct Inner {
    count: AtomicUsize,
    value: Tracked<usize>,
}

// SAFETY: the models are there to tell.
unsafe impl Send for Counted {}

impl Counted {
    fn new() -> Self {
        let inner = Inner { count: AtomicUsize::new(1), value: Tracked::new(7) };
        Self(NonNull::from(Box::leak(Box::new(inner))))
    }

    fn share(&self) -> Self {
        self.inner().count.fetch_add(1, Relaxed);
        Self(self.0)
    }

    fn inner(&self) -> &Inner {
        // SAFETY: what the models are about to find out.
        unsafe { self.0.as_ref() }
    }

    fn release(self, last: impl Fn(&AtomicUsize) -> bool) {
        if last(&self.inner().count) {
            // SAFETY: as above.
            unsafe { std::ptr::drop_in_place(&raw mut (*self.0.as_ptr()).value) };
        }
    }
}

/// To write a value is no look at it: two who do race.
#[test]
fn two_unordered_writes_race() {
    struct Shared(NonNull<Tracked<usize>>);
    // SAFETY: the mistake.
    unsafe impl Send for Shared {}
    let writes = |locked: bool| {
        Model::new().explore(move || {
            let value = NonNull::from(Box::leak(Box::new(Tracked::new(7))));
            let lock = Arc::new(Mutex::new(()));
            let write = move |lock: &Mutex<()>, mut value: NonNull<Tracked<usize>>| {
                let guard = locked.then(|| lock.lock().unwrap());
                // SAFETY: what is checked.
                unsafe { **value.as_mut() += 1 };
                drop(guard);
            };
            let (shared, theirs) = (Shared(value), lock.clone());
            let other = thread::spawn(move || {
                let Shared(value) = { shared };
                write(&theirs, value);
            });
            write(&lock, value);
            other.join().unwrap();
            // SAFETY: the other thread has been joined, and the box was leaked above.
            drop(unsafe { Box::from_raw(value.as_ptr()) });
        })
    };
    passes(&writes(true));
    fails(&writes(false), DataRace, Interleaving);
}

fn counted(last: impl Fn(&AtomicUsize) -> bool + Send + Sync + Copy + 'static) -> Report {
    Model::new().explore(move || {
        let mine = Counted::new();
        let theirs = mine.share();
        let inner = mine.0;
        let other = thread::spawn(move || {
            assert_eq!(*theirs.inner().value, 7);
            theirs.release(last);
        });
        assert_eq!(*mine.inner().value, 7);
        mine.release(last);
        other.join().unwrap();
        // SAFETY: made by a `Box`; its value is dropped already, or has failed the model.
        drop(unsafe { Box::from_raw(inner.as_ptr().cast::<ManuallyDrop<Inner>>()) });
    })
}

#[test]
fn a_count_by_hand_drops_once() {
    passes(&counted(|count| {
        let last = count.fetch_sub(1, Release) == 1;
        if last {
            fence(Acquire);
        }
        last
    }));
}

#[test]
fn a_count_without_order_races_with_the_last_look() {
    fails(&counted(|count| count.fetch_sub(1, Relaxed) == 1), DataRace, MemoryOrdering);
    fails(&counted(|count| count.fetch_sub(1, Release) == 1), DataRace, MemoryOrdering);
}

#[test]
fn a_count_that_is_looked_at_twice_drops_twice() {
    let line = line!();
    let report = counted(|count| {
        count.fetch_sub(1, Ordering::AcqRel);
        count.load(Acquire) == 0
    });
    let message = fails(&report, DoubleDrop, Interleaving);
    assert!(message.contains("by T0 after") && message.contains("by T1 after"), "{message}");
    assert!(message.matches(&format!("model_tracked.rs:{}", line + 3)).count() >= 1, "{message}");
}

#[test]
fn a_count_that_nobody_finds_zero_leaks() {
    let message = fails(&counted(|count| count.fetch_sub(1, Ordering::AcqRel) == 0), Leak, Interleaving);
    assert!(message.starts_with("never dropped: the value made at model_tracked.rs:"), "{message}");
}

#[test]
fn a_count_that_drops_too_soon_is_a_use_after_drop() {
    let report = counted(|count| count.fetch_sub(1, Ordering::AcqRel) == 2);
    let Some(failure) = &report.failure else { panic!("it passed") };
    assert!(matches!(failure.class, UseAfterDrop | DataRace), "{}", failure.text(WIDTH));

    let alone = Model::new().explore(|| {
        let mut value = ManuallyDrop::new(Tracked::new(7));
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| count.fetch_add(1, Relaxed));
            count.fetch_add(1, Relaxed);
        });
        // SAFETY: dropped once.
        unsafe { ManuallyDrop::drop(&mut value) };
        // The mistake.
        assert_eq!(*value.get(), 7);
    });
    let message = fails(&alone, UseAfterDrop, Interleaving);
    assert!(message.contains("is now used by T0"), "{message}");
}

#[test]
fn a_cycle_of_std_leaks() {
    struct Node(Mutex<Option<Arc<Node>>>, #[expect(dead_code, reason = "it is there to be dropped")] Tracked<()>);

    let cycle = |cut: bool| {
        Model::new().explore(move || {
            let count = AtomicUsize::new(0);
            thread::scope(|scope| {
                scope.spawn(|| count.fetch_add(1, Relaxed));
                count.fetch_add(1, Relaxed);
            });
            let node = Arc::new(Node(None.into(), Tracked::new(())));
            *node.0.lock().unwrap() = Some(node.clone());
            if cut {
                let cut = node.0.lock().unwrap().take();
                drop(cut);
            }
        })
    };
    passes(&cycle(true));
    fails(&cycle(false), Leak, Interleaving);
}

#[test]
fn what_is_taken_out_is_not_dropped() {
    passes(&Model::new().explore(|| {
        let mut value = Tracked::new(String::from("seven"));
        value.push('!');
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| count.fetch_add(1, Relaxed));
            count.fetch_add(1, Relaxed);
        });
        assert_eq!(value.into_inner(), "seven!");
    }));
}
