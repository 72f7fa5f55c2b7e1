//! What the bank does, on real threads. That it does so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{sync::mpsc, time::Duration};

use lab::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};
use racy_counter::{Bank, Counter, statement};

/// Runs `body` on a thread of its own and waits for it, but not for ever: what hangs becomes a sentence.
fn ends<T: Send + 'static>(promise: &str, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || done.send(body()));
    outcome.recv_timeout(Duration::from_secs(5)).unwrap_or_else(|error| match error {
        mpsc::RecvTimeoutError::Timeout => panic!("{promise}; after five seconds it has not come back"),
        mpsc::RecvTimeoutError::Disconnected => panic!("{promise}; it has panicked instead"),
    })
}

#[test]
fn a_counter_counts() {
    let counter = Counter::new();
    assert_eq!(counter.value(), 0);
    assert_eq!((counter.add(2), counter.add(3)), (2, 5), "`add` returns the count that it has made");
    assert_eq!(counter.value(), 5);
}

#[test]
fn no_addition_is_lost() {
    const THREADS: u64 = 4;
    // Long enough for the threads to be at it together, on one core too.
    const EACH: u64 = 10_000_000;
    let counter = Counter::new();
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..EACH {
                    counter.add(1);
                }
            });
        }
    });
    let lost = THREADS * EACH - counter.value();
    assert_eq!(lost, 0, "{THREADS} threads have added 1 for {EACH} times each, and {lost} of these are lost");
}

#[test]
fn a_transfer_moves_money() {
    let bank = Bank::new(&[5, 0, 7]);
    assert!(bank.transfer(0, 1, 2), "account 0 holds 5, and 2 are to be moved");
    assert!(bank.transfer(2, 0, 7), "an account may be emptied");
    assert_eq!((bank.balance(0), bank.balance(1), bank.balance(2)), (10, 2, 0));
    assert_eq!(bank.total(), 12);
}

#[test]
fn what_is_not_there_cannot_be_paid() {
    let bank = Bank::new(&[5, 1]);
    assert!(!bank.transfer(0, 1, 6), "account 0 holds 5, and 6 were moved");
    assert_eq!((bank.balance(0), bank.balance(1)), (5, 1), "a transfer that is refused changes nothing");
}

#[test]
fn a_transfer_to_itself_changes_nothing() {
    let bank = Arc::new(Bank::new(&[5]));
    let moved = ends("a transfer from an account to itself is over at once", {
        let bank = bank.clone();
        move || (bank.transfer(0, 0, 3), bank.transfer(0, 0, 6))
    });
    assert_eq!(moved, (true, false), "3 of 5 can be moved and 6 of 5 cannot, wherever they go");
    assert_eq!(bank.balance(0), 5, "no money is made or lost");
}

/// Threads that all move the same coin, to and fro between two accounts.
#[test]
fn no_coin_is_paid_twice() {
    const THREADS: usize = 3;
    const EACH: usize = 2_000_000;
    let bank = Bank::new(&[1, 0]);
    let start = Barrier::new(THREADS);
    let overdrawn = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for from in [0, 1].into_iter().cycle().take(EACH).take_while(|_| !overdrawn.load(SeqCst)) {
                    bank.transfer(from, 1 - from, 1);
                    if bank.balance(from) < 0 {
                        overdrawn.store(true, SeqCst);
                    }
                }
            });
        }
    });
    assert!(!overdrawn.load(SeqCst), "there is one coin, and an account has paid it twice: it was overdrawn");
    assert_eq!(bank.balance(0) + bank.balance(1), 1, "no money is made or lost");
}

/// Somebody counts all the money, again and again, while some of it is always on its way.
#[test]
fn every_audit_is_right() {
    const AUDITS: usize = 500_000;
    let bank = Bank::new(&[10, 10, 10]);
    let over = AtomicBool::new(false);
    let wrong = thread::scope(|scope| {
        scope.spawn(|| {
            for step in (0..3).cycle().take_while(|_| !over.load(SeqCst)) {
                bank.transfer(step, (step + 1) % 3, 1);
            }
        });
        let wrong = (0..AUDITS).map(|_| bank.total()).find(|total| *total != 30);
        over.store(true, SeqCst);
        wrong
    });
    assert_eq!(wrong, None, "there are 30 coins in the bank at every moment, and an audit has counted another number");
}

/// Each of two accounts pays into the other one, at the same time.
#[test]
fn transfers_in_opposite_directions_both_end() {
    const EACH: usize = 20_000;
    let bank = ends("two threads that pay to and fro between two accounts come to an end", || {
        let bank = Bank::new(&[EACH as i64, EACH as i64]);
        thread::scope(|scope| {
            scope.spawn(|| (0..EACH).for_each(|_| assert!(bank.transfer(0, 1, 1), "account 0 always holds enough")));
            scope.spawn(|| (0..EACH).for_each(|_| assert!(bank.transfer(1, 0, 1), "account 1 always holds enough")));
        });
        bank
    });
    assert_eq!((bank.balance(0), bank.balance(1)), (EACH as i64, EACH as i64), "as much went to as went fro");
}

#[test]
fn a_statement_is_there_once_it_is_published() {
    let (draft, statement) = statement();
    assert_eq!(statement.read(), None, "nobody has published it");
    thread::scope(|scope| scope.spawn(|| draft.publish(42)).join().expect("it does not panic"));
    assert_eq!(statement.read(), Some(42));
}

/// A thread publishes while another one looks. An x86-64 core keeps two stores in their order, and two loads in theirs, so
/// there the starter passes this every time; of other processors nothing could be said beforehand.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_statement_is_seen_whole_on_real_threads() {
    const STATEMENTS: i64 = 500;
    for total in 1..=STATEMENTS {
        let (draft, statement) = statement();
        thread::scope(|scope| {
            scope.spawn(|| draft.publish(total));
            let seen = loop {
                match statement.read() {
                    Some(seen) => break seen,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(seen, total, "the statement is published, but what it says is not there");
        });
    }
}
