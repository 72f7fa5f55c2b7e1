//! The lock in every order of its steps, and with every stale value that its orderings allow.

mod signatures;

use lab::{
    cell::UnsafeCell,
    model::{Model, reach},
    sync::Arc,
    thread,
};
use spin_lock::SpinLock;

/// Two threads add to one number. If both are inside at a time, or one does not see what the other wrote, that is a data
/// race or a lost update.
#[test]
fn mutual_exclusion() {
    Model::new().must_reach(&["main first", "other first"]).check(|| {
        let lock = Arc::new(SpinLock::new(0));
        let other = thread::spawn({
            let lock = lock.clone();
            move || {
                let mut value = lock.lock();
                *value += 1;
                *value
            }
        });
        *lock.lock() += 1;
        match other.join().unwrap() {
            1 => reach("other first"),
            2 => reach("main first"),
            more => panic!("two increments have made {more}"),
        }
        assert_eq!(*lock.lock(), 2, "an increment is lost");
    });
}

/// `try_lock` gets the lock or leaves it alone, whatever the holder is doing: who has failed may still wait for it.
#[test]
fn try_lock() {
    Model::new().must_reach(&["taken", "busy"]).check(|| {
        let lock = Arc::new(SpinLock::new(0));
        let other = thread::spawn({
            let lock = lock.clone();
            move || *lock.lock() += 1
        });
        let mut value = match lock.try_lock() {
            Some(value) => {
                reach("taken");
                value
            }
            None => {
                reach("busy");
                lock.lock()
            }
        };
        *value += 1;
        drop(value);
        other.join().unwrap();
        assert_eq!(*lock.lock(), 2, "an increment is lost");
    });
}

/// A lock orders more than its own value: what a thread wrote before it unlocked is seen by whoever locks after it.
#[test]
fn publication() {
    /// A note that is written once, and a lock that says whether it is written.
    struct Letter {
        sealed: SpinLock<bool>,
        text: UnsafeCell<u32>,
    }
    // SAFETY: `text` is written before `sealed` turns true, and read after.
    unsafe impl Sync for Letter {}

    Model::new().must_reach(&["sealed", "not yet"]).check(|| {
        let letter = Arc::new(Letter { sealed: SpinLock::new(false), text: UnsafeCell::new(0) });
        let writer = thread::spawn({
            let letter = letter.clone();
            move || {
                // SAFETY: nobody reads before `sealed` is true.
                letter.text.with_mut(|text| unsafe { *text = 42 });
                *letter.sealed.lock() = true;
            }
        });
        let sealed = *letter.sealed.lock();
        if sealed {
            // SAFETY: `sealed` is true, so nobody writes any more.
            assert_eq!(letter.text.with(|text| unsafe { *text }), 42, "sealed, but the text is not there");
            reach("sealed");
        } else {
            reach("not yet");
        }
        writer.join().unwrap();
    });
}

/// The lock can be handed to and fro.
#[test]
fn taken_again() {
    Model::new().must_reach(&["in between", "in a row"]).check(|| {
        let lock = Arc::new(SpinLock::new(Vec::new()));
        let other = thread::spawn({
            let lock = lock.clone();
            move || lock.lock().push("other")
        });
        lock.lock().push("main");
        lock.lock().push("main");
        other.join().unwrap();
        let order = lock.lock();
        assert_eq!(order.len(), 3, "a visit is lost");
        reach(if order[1] == "other" { "in between" } else { "in a row" });
    });
}
