//! What the lock does, on real threads. That it does so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use lab::{
    is,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};
use spin_lock::{Guard, SpinLock};

#[test]
fn the_guard_lends_the_value() {
    let lock = SpinLock::new(vec![1]);
    let mut guard = lock.lock();
    guard.push(2);
    assert_eq!(*guard, [1, 2]);
}

#[test]
fn dropping_the_guard_frees_the_lock() {
    let lock = SpinLock::new(());
    drop(lock.lock());
    assert!(lock.try_lock().is_some(), "the guard is gone, but the lock is still held");
}

#[test]
fn try_lock_fails_while_a_guard_exists() {
    let lock = SpinLock::new(0);
    let guard = lock.lock();
    assert!(lock.try_lock().is_none(), "two guards at a time");
    drop(guard);
    let guard = lock.try_lock().expect("the lock is free");
    assert!(lock.try_lock().is_none(), "two guards at a time");
    drop(guard);
}

#[test]
fn a_failed_try_lock_leaves_the_lock_alone() {
    let lock = SpinLock::new(0);
    let guard = lock.lock();
    assert!(lock.try_lock().is_none());
    assert!(lock.try_lock().is_none(), "the failed try_lock has freed the lock");
    drop(guard);
    assert!(lock.try_lock().is_some(), "the failed try_lock has left the lock held");
}

#[test]
fn no_increment_is_lost() {
    const THREADS: usize = 4;
    // More threads than cores: a fair lock then waits for whoever is not running, some milliseconds for each turn.
    const EACH: usize = 500;
    let lock = SpinLock::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| *lock.lock() += 1));
        }
    });
    assert_eq!(*lock.lock(), THREADS * EACH);
}

#[test]
fn lock_waits_for_the_holder() {
    let lock = SpinLock::new("held");
    let started = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut guard = lock.lock();
        let waiter = scope.spawn(|| {
            started.store(true, SeqCst);
            *lock.lock()
        });
        while !started.load(SeqCst) {
            thread::yield_now();
        }
        *guard = "let go";
        drop(guard);
        assert_eq!(waiter.join().expect("it does not panic"), "let go");
    });
}

#[test]
fn a_panic_of_the_holder_frees_the_lock() {
    let lock = SpinLock::new(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _guard = lock.lock();
        panic!("on purpose");
    }));
    assert!(outcome.is_err());
    assert!(lock.try_lock().is_some(), "the lock is held by a thread that has panicked");
}

#[test]
fn threads_share_what_may_be_sent() {
    assert!(is!(Send: SpinLock<u32>) && is!(Sync: SpinLock<u32>));
    assert!(is!(Sync: SpinLock<Cell<u32>>), "a Cell may be sent, so a lock makes it shareable");
    assert!(!is!(Sync: SpinLock<Rc<u32>>), "an Rc may not be sent, and a lock does not change that");
    assert!(!is!(Sync: Guard<'static, Cell<u32>>), "two threads with one guard would share the Cell itself");
}
