//! What the counter does, on real threads. What its sums promise in every order of the steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::panic::{AssertUnwindSafe, catch_unwind};

use lab::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};
use sharded_counter::{BATCH, Counter, Local};

const THREADS: u64 = 4;
const EACH: u64 = 200_000;

#[test]
fn it_counts() {
    let counter = Counter::new(2);
    assert_eq!(counter.sum(), 0);
    counter.add(2);
    counter.add(3);
    assert_eq!(counter.sum(), 5);
}

#[test]
fn it_is_made_for_any_number_of_threads() {
    for threads in [0, 1, 3, 64] {
        let counter = Counter::new(threads);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| counter.add(1));
            }
        });
        assert_eq!(counter.sum(), THREADS, "a counter for {threads} threads, and each of {THREADS} has added 1");
    }
}

#[test]
fn no_addition_is_lost() {
    // As many shards as threads, and fewer: then some are shared.
    for threads in [THREADS as usize, 1] {
        let counter = Counter::new(threads);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EACH).for_each(|_| counter.add(1)));
            }
        });
        assert_eq!(counter.sum(), THREADS * EACH, "each of {THREADS} threads has added 1 for {EACH} times");
    }
}

#[test]
fn nothing_that_a_local_is_given_is_lost() {
    let counter = Counter::new(THREADS as usize);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut local = counter.local();
                (0..EACH).for_each(|step| local.add(step % 8));
            });
        }
    });
    assert_eq!(
        counter.sum(),
        THREADS * EACH / 8 * 28,
        "each of {THREADS} threads has added 0 to 7 in turn, and dropped its Local"
    );
}

#[test]
fn a_local_holds_back_less_than_a_batch() {
    assert_eq!(BATCH, 4096, "it is part of the promise");
    let counter = Counter::new(1);
    let mut local = counter.local();
    for given in 1..=3 * BATCH {
        local.add(1);
        let passed_on = counter.sum();
        assert!(passed_on <= given, "{given} were added, and {passed_on} are there");
        assert!(given - passed_on < BATCH, "{given} were added, and {passed_on} are there: {BATCH} and more are held back");
    }
    local.add(5 * BATCH);
    assert!(8 * BATCH - counter.sum() < BATCH, "more than a batch at a time must be passed on, too");
}

#[test]
fn what_is_flushed_is_there() {
    let counter = Counter::new(1);
    let mut local = counter.local();
    local.add(1);
    local.flush();
    assert_eq!(counter.sum(), 1, "1 was added and flushed");
    local.flush();
    assert_eq!(counter.sum(), 1, "a second flush has nothing to pass on");
    local.add(1);
    drop(local);
    assert_eq!(counter.sum(), 2, "what a Local holds back is passed on when it is dropped, and only once");
}

#[test]
fn two_locals_of_one_thread_do_not_mix() {
    let (one, other) = (Counter::new(2), Counter::new(2));
    let (mut first, mut second, mut third) = (one.local(), one.local(), other.local());
    first.add(1);
    second.add(2);
    third.add(4);
    drop((first, second, third));
    assert_eq!((one.sum(), other.sum()), (3, 4), "1 and 2 were added to the one counter, and 4 to the other");
}

#[test]
fn a_panic_loses_nothing() {
    let counter = Counter::new(1);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut local = counter.local();
        local.add(1);
        panic!("on purpose");
    }));
    assert!(outcome.is_err());
    assert_eq!(counter.sum(), 1, "a panic drops the Local like any other way out of its scope");
}

#[test]
fn sums_never_fall() {
    const SUMS: usize = 20_000;
    let counter = Counter::new(2);
    let over = AtomicBool::new(false);
    let fallen = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut local = counter.local();
                while !over.load(SeqCst) {
                    counter.add(1);
                    local.add(1);
                }
            });
        }
        let mut last = 0;
        let fallen = (0..SUMS).map(|_| counter.sum()).find_map(|sum| {
            let before = std::mem::replace(&mut last, sum);
            (sum < before).then_some((before, sum))
        });
        over.store(true, SeqCst);
        fallen
    });
    assert_eq!(fallen, None, "nothing is ever taken away, and a sum is less than the one before");
}

#[test]
fn it_may_be_shared_and_a_local_may_be_sent() {
    fn shared<T: Sync>() {}
    fn sent<T: Send>() {}
    shared::<Counter>();
    sent::<Counter>();
    sent::<Local<'static>>();
}
