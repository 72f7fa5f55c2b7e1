//! What the lock does, on real threads. That it does so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    sync::mpsc::{RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use lab::{
    is,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};
use rw_lock::{ReadGuard, RwLock, WriteGuard};

/// How long anything here may wait. Right code needs a few milliseconds of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `body` on a thread of its own and gives back what it returns; if it does not return, the test fails and says
/// `meaning`.
fn or_hangs<T: Send + 'static>(meaning: &str, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        // Nobody listens any more if the time is over.
        let _ = sender.send(body());
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("after {PATIENCE:?} a thread still waits: {meaning}"),
        Err(RecvTimeoutError::Disconnected) => resume_unwind(thread.join().expect_err("it has not sent its result")),
    }
}

#[test]
fn the_guards_lend_the_value() {
    or_hangs("the lock is free, and nobody gets it", || {
        let lock = RwLock::new(vec![1]);
        lock.write().push(2);
        assert_eq!(*lock.read(), [1, 2]);
        assert_eq!(*lock.write(), [1, 2]);
    });
}

#[test]
fn readers_share() {
    or_hangs("a reader waits for another reader", || {
        let lock = RwLock::new(1);
        let (first, second) = (lock.read(), lock.read());
        assert_eq!(*first + *second, 2);
        assert!(lock.try_read().is_some(), "a third reader is not let in beside two others");
    });
}

#[test]
fn a_reader_keeps_writers_out() {
    or_hangs("a guard is gone, and the lock is still held", || {
        let lock = RwLock::new(0);
        let (first, second) = (lock.read(), lock.read());
        assert!(lock.try_write().is_none(), "a writer is let in beside two readers");
        drop(first);
        assert!(lock.try_write().is_none(), "one of two readers has left, and a writer is let in beside the other");
        drop(second);
        assert!(lock.try_write().is_some(), "both readers have left, and no writer is let in");
    });
}

#[test]
fn a_writer_keeps_everybody_out() {
    or_hangs("a guard is gone, and the lock is still held", || {
        let lock = RwLock::new(0);
        let guard = lock.write();
        assert!(lock.try_read().is_none(), "a reader is let in beside a writer");
        assert!(lock.try_write().is_none(), "a writer is let in beside another");
        drop(guard);
        assert!(lock.try_read().is_some(), "the writer has gone, and no reader is let in");
        let guard = lock.try_write().expect("everybody has gone");
        assert!(lock.try_read().is_none(), "a reader is let in beside a writer");
        drop(guard);
        drop(lock.write());
    });
}

#[test]
fn a_failed_attempt_leaves_no_trace() {
    or_hangs("a failed try_read or try_write has left the lock held", || {
        let lock = RwLock::new(0);
        let reader = lock.read();
        for _ in 0..2 {
            assert!(lock.try_write().is_none(), "a failed try_write has thrown the reader out");
            assert!(lock.try_read().is_some(), "a failed try_write still keeps readers out, as a writer that waits does");
        }
        drop(reader);
        let writer = lock.write();
        for _ in 0..2 {
            assert!(lock.try_read().is_none(), "a failed attempt has thrown the writer out");
            assert!(lock.try_write().is_none(), "a failed attempt has thrown the writer out");
        }
        drop(writer);
        assert!(lock.try_write().is_some(), "a failed attempt has left the lock held");
    });
}

#[test]
fn a_waiting_writer_stops_new_readers() {
    or_hangs("the last reader has left, and the writer that waits for it sleeps on", || {
        let lock = RwLock::new(0);
        thread::scope(|scope| {
            let mut reader = lock.read();
            let writer = scope.spawn(|| *lock.write() = 1);
            // There is always a reader inside: each leaves when the next has come. A writer must stop that all the same.
            let patience = Instant::now();
            while let Some(next) = lock.try_read() {
                reader = next;
                if patience.elapsed() > PATIENCE / 2 {
                    drop(reader);
                    panic!("for {:?} readers have come and gone, always one inside: the writer that waits starves", PATIENCE / 2);
                }
                thread::yield_now();
            }
            assert_eq!(*reader, 0, "the value has changed in the hands of a reader");
            drop(reader);
            writer.join().expect("it does not panic");
            assert_eq!(*lock.read(), 1, "the writer has gone, and its change is lost");
        });
    });
}

#[test]
fn readers_wait_for_the_writer() {
    or_hangs("the writer has gone, and readers that wait for it sleep on", || {
        let lock = RwLock::new("begun");
        let started = AtomicBool::new(false);
        thread::scope(|scope| {
            let mut writer = lock.write();
            let readers = [(); 3].map(|()| {
                scope.spawn(|| {
                    started.store(true, SeqCst);
                    *lock.read()
                })
            });
            while !started.load(SeqCst) {
                thread::yield_now();
            }
            *writer = "done";
            drop(writer);
            for reader in readers {
                assert_eq!(reader.join().expect("it does not panic"), "done", "a reader has not waited for the writer");
            }
        });
    });
}

#[test]
fn no_change_is_lost_and_none_is_seen_halfway() {
    const WRITERS: usize = 2;
    const EACH: usize = 2_000;
    let torn = or_hangs("somebody sleeps though the lock is free", || {
        let lock = Arc::new(RwLock::new((0, 0)));
        let writers = [(); WRITERS].map(|()| {
            let lock = lock.clone();
            thread::spawn(move || {
                for _ in 0..EACH {
                    let mut pair = lock.write();
                    pair.0 += 1;
                    pair.1 += 1;
                }
            })
        });
        let readers = [(); 2].map(|()| {
            let lock = lock.clone();
            thread::spawn(move || {
                let torn = |()| {
                    let pair = lock.read();
                    pair.0 != pair.1
                };
                [(); EACH].map(torn).into_iter().filter(|torn| *torn).count()
            })
        });
        for writer in writers {
            writer.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        let torn: usize = readers.map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic))).iter().sum();
        assert_eq!(*lock.read(), (WRITERS * EACH, WRITERS * EACH), "a change is lost");
        torn
    });
    assert_eq!(torn, 0, "a reader has seen a value that a writer had not finished");
}

/// Runs `body`, which is to panic on purpose. Any other panic goes on.
fn panics_on_purpose(body: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("the panic was on purpose, and somebody has swallowed it");
    if panic.downcast_ref::<&str>() != Some(&"on purpose") {
        resume_unwind(panic);
    }
}

#[test]
fn a_panic_frees_the_lock() {
    or_hangs("a thread has panicked with a guard, and the lock is still held", || {
        let lock = RwLock::new(0);
        panics_on_purpose(|| {
            let _guard = lock.read();
            panic!("on purpose");
        });
        panics_on_purpose(|| {
            let _guard = lock.try_write().expect("the reader that has panicked still holds the lock");
            panic!("on purpose");
        });
        for _ in 0..2 {
            assert!(lock.try_read().is_some(), "the writer that has panicked still holds the lock");
            assert!(
                lock.try_write().is_some(),
                "the writer that has panicked still keeps writers out. A Mutex that you hold while you write is poisoned by \
                 the panic: from then on lock() and try_lock() give you its guard inside of an Err"
            );
            let again = catch_unwind(AssertUnwindSafe(|| drop(lock.write())));
            assert!(
                again.is_ok(),
                "a writer has panicked, and now write() panics, too. A Mutex that you hold while you write is poisoned by \
                 the panic: from then on lock() gives you its guard inside of an Err"
            );
        }
    });
}

#[test]
fn threads_share_what_may_be_shared() {
    assert!(is!(Send: RwLock<u32>) && is!(Sync: RwLock<u32>));
    assert!(is!(Send: RwLock<Cell<u32>>), "a Cell may be sent, and so may a lock around it");
    assert!(!is!(Sync: RwLock<Cell<u32>>), "two readers would share the Cell itself: a lock for readers needs T: Sync");
    assert!(!is!(Sync: RwLock<Rc<u32>>), "an Rc may not be sent, and a lock does not change that");
    assert!(is!(Sync: ReadGuard<'static, u32>) && is!(Sync: WriteGuard<'static, u32>));
    assert!(!is!(Sync: WriteGuard<'static, Cell<u32>>), "two threads with one guard would share the Cell itself");
    assert!(!is!(Send: ReadGuard<'static, Cell<u32>>), "a guard on another thread would share the Cell");
}
