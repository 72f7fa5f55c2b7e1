//! What `sum` promises, in every order of a few steps, and with every stale value that the orderings allow.

mod signatures;

use lab::{
    model::{Model, reach},
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    thread,
};
use sharded_counter::{BATCH, Counter};

/// A counter for so many threads, and a thread that adds each of `amounts` to it.
fn adding(threads: usize, amounts: &'static [u64]) -> (Arc<Counter>, thread::JoinHandle<()>) {
    let counter = Arc::new(Counter::new(threads));
    let adder = thread::spawn({
        let counter = counter.clone();
        move || amounts.iter().for_each(|amount| counter.add(*amount))
    });
    (counter, adder)
}

/// More threads than the counter was made for: some share a shard, if there are shards.
#[test]
fn more_threads_than_shards() {
    Model::new().must_reach(&["both are there"]).check(|| {
        let (counter, other) = adding(1, &[1]);
        counter.add(2);
        other.join().unwrap();
        assert_eq!(counter.sum(), 3, "two threads have added 1 and 2, and both are done");
        reach("both are there");
    });
}

/// A sum is read while another thread adds, and after this one has added.
#[test]
fn a_sum_while_others_add() {
    Model::new().must_reach(&["before the other", "after the other"]).check(|| {
        let (counter, other) = adding(2, &[2]);
        counter.add(1);
        match counter.sum() {
            1 => reach("before the other"),
            3 => reach("after the other"),
            sum => panic!("1 was added before, and 2 at the same time: the sum is 1 or 3, and not {sum}"),
        }
        other.join().unwrap();
        assert_eq!(counter.sum(), 3, "two threads have added 1 and 2, and both are done");
    });
}

/// Two sums, one after the other, while two threads add.
#[test]
fn sums_never_fall() {
    Model::new().must_reach(&["rises", "stays"]).check(|| {
        let (counter, other) = adding(2, &[1, 1]);
        let first = counter.sum();
        let second = counter.sum();
        assert!(second >= first, "{first} had been added already, and then the sum was {second}: nothing is ever taken away");
        assert!(second <= 2, "2 were added, and the sum was {second}");
        reach(if second > first { "rises" } else { "stays" });
        other.join().unwrap();
    });
}

/// Two threads read the sum at the same time, when two others have added and are done.
#[test]
fn two_readers() {
    Model::new().must_reach(&["the same"]).check(|| {
        let (counter, adder) = adding(2, &[4]);
        counter.add(1);
        adder.join().unwrap();
        let other = thread::spawn({
            let counter = counter.clone();
            move || counter.sum()
        });
        let mine = counter.sum();
        let theirs = other.join().unwrap();
        assert_eq!((mine, theirs), (5, 5), "5 were added before anybody read, and nobody adds any more");
        reach("the same");
    });
}

/// A thread adds and then says so: whoever hears it must find what was added.
#[test]
fn what_is_known_to_be_added_is_there() {
    Model::new().must_reach(&["said", "not yet"]).check(|| {
        let counter = Arc::new(Counter::new(2));
        let said = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let (counter, said) = (counter.clone(), said.clone());
            move || {
                counter.add(1);
                counter.add(1);
                said.store(true, Release);
            }
        });
        if said.load(Acquire) {
            let sum = counter.sum();
            assert_eq!(sum, 2, "2 were added before this sum, as the other thread has said, and the sum is {sum}");
            reach("said");
        } else {
            reach("not yet");
        }
        other.join().unwrap();
    });
}

/// A thread gathers what it adds; when its [`Local`](sharded_counter::Local) is gone, all of it is there.
#[test]
fn a_local_passes_everything_on() {
    Model::new().must_reach(&["nothing yet", "everything"]).check(|| {
        let counter = Arc::new(Counter::new(1));
        let other = thread::spawn({
            let counter = counter.clone();
            move || {
                let mut local = counter.local();
                local.add(BATCH);
                local.add(1);
            }
        });
        counter.add(1);
        match counter.sum() - 1 {
            0 => reach("nothing yet"),
            passed if passed == BATCH + 1 => reach("everything"),
            passed => assert_eq!(passed, BATCH, "the other thread adds BATCH and then 1"),
        }
        other.join().unwrap();
        assert_eq!(counter.sum(), BATCH + 2, "the other thread's Local is dropped, so all that it was given must be there");
    });
}

/// What is flushed is there for whoever knows of it, though the `Local` lives on.
#[test]
fn a_flush_is_seen() {
    Model::new().must_reach(&["said", "not yet"]).check(|| {
        let counter = Arc::new(Counter::new(2));
        let said = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let (counter, said) = (counter.clone(), said.clone());
            move || {
                let mut local = counter.local();
                local.add(1);
                local.flush();
                said.store(true, Release);
                local.add(1);
            }
        });
        if said.load(Acquire) {
            assert!(counter.sum() >= 1, "1 was flushed before this sum, as the other thread has said, and the sum is 0");
            reach("said");
        } else {
            reach("not yet");
        }
        other.join().unwrap();
        assert_eq!(counter.sum(), 2, "the other thread's Local is dropped, so all that it was given must be there");
    });
}
