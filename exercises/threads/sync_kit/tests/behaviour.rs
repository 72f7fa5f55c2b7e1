//! What the three tools do, on real threads. That they do so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use lab::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use sync_kit::{Barrier, Event, Permit, Semaphore};

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
fn a_permit_is_taken_and_given_back() {
    or_hangs("acquire waits though permits are free", || {
        let semaphore = Semaphore::new(2);
        let first = semaphore.acquire();
        assert_eq!(semaphore.available(), 1, "one of two permits is taken");
        let second = semaphore.acquire();
        assert_eq!(semaphore.available(), 0, "two of two permits are taken");
        drop(first);
        assert_eq!(semaphore.available(), 1, "a permit that is dropped is free again");
        drop(second);
        assert_eq!(semaphore.available(), 2, "a permit that is dropped is free again");
    });
}

#[test]
fn try_acquire_never_waits() {
    or_hangs("try_acquire must not wait", || {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.try_acquire().expect("the permit is free");
        assert!(semaphore.try_acquire().is_none(), "there is one permit, and somebody holds it");
        drop(permit);
        assert!(semaphore.try_acquire().is_some(), "the permit is free again");
    });
}

#[test]
fn a_failed_try_acquire_changes_nothing() {
    or_hangs("try_acquire must not wait", || {
        let semaphore = Semaphore::new(0);
        assert!(semaphore.try_acquire().is_none());
        assert_eq!(semaphore.available(), 0, "a failed try_acquire has made or taken a permit");
        semaphore.release(1);
        assert_eq!(semaphore.available(), 1, "a failed try_acquire has made or taken a permit");
    });
}

#[test]
fn a_forgotten_permit_is_gone() {
    or_hangs("acquire waits though permits are free", || {
        let semaphore = Semaphore::new(2);
        std::mem::forget(semaphore.acquire());
        assert_eq!(semaphore.available(), 1, "a permit that nobody drops does not come back");
    });
}

#[test]
fn release_adds_permits() {
    or_hangs("acquire waits though permits are free", || {
        let semaphore = Semaphore::new(0);
        semaphore.release(3);
        assert_eq!(semaphore.available(), 3, "release adds as many as it is told");
        semaphore.release(0);
        assert_eq!(semaphore.available(), 3, "release adds as many as it is told");
        let permits: Vec<Permit<'_>> = (0..3).map(|_| semaphore.acquire()).collect();
        assert_eq!(semaphore.available(), 0, "all three can be taken");
        drop(permits);
        assert_eq!(semaphore.available(), 3, "and come back");
    });
}

#[test]
fn many_permits_are_released_in_no_time() {
    or_hangs("release has been told usize::MAX permits, and must not count them one by one, nor ring once for each", || {
        let semaphore = Semaphore::new(0);
        semaphore.release(usize::MAX);
        assert_eq!(semaphore.available(), usize::MAX, "release adds as many as it is told");
        drop(semaphore.acquire());
    });
}

#[test]
fn acquire_waits_for_a_permit() {
    or_hangs("a permit was given back, and who waits for it sleeps on", || {
        let semaphore = Semaphore::new(1);
        let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            let permit = semaphore.acquire();
            let waiter = scope.spawn(|| {
                started.store(true, SeqCst);
                let _permit = semaphore.acquire();
                done.load(SeqCst)
            });
            while !started.load(SeqCst) {
                thread::yield_now();
            }
            done.store(true, SeqCst);
            drop(permit);
            assert!(waiter.join().expect("it does not panic"), "acquire has returned while the only permit was taken");
        });
    });
}

#[test]
fn no_more_threads_than_permits() {
    const PERMITS: usize = 2;
    let most = or_hangs("a permit was given back, and who waits for it sleeps on", || {
        let semaphore = Semaphore::new(PERMITS);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _permit = semaphore.acquire();
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(semaphore.available(), PERMITS, "all threads are done, so all permits are free");
        most.into_inner()
    });
    assert!(most <= PERMITS, "{most} threads were inside at the same time, with {PERMITS} permits");
}

#[test]
fn a_panic_gives_the_permit_back() {
    or_hangs("a thread has panicked with a permit, and nobody can have it any more", || {
        let semaphore = Semaphore::new(1);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _permit = semaphore.acquire();
            panic!("on purpose");
        }));
        assert!(outcome.is_err());
        assert_eq!(semaphore.available(), 1, "the holder has panicked, and its permit is lost");
        drop(semaphore.acquire());
    });
}

#[test]
fn a_release_that_panics_changes_nothing() {
    or_hangs("a release has panicked, and the semaphore is of no use any more", || {
        let semaphore = Semaphore::new(0);
        semaphore.release(1);
        assert_eq!(semaphore.available(), 1, "release adds as many as it is told");
        let outcome = catch_unwind(AssertUnwindSafe(|| semaphore.release(usize::MAX)));
        assert!(outcome.is_err(), "there are {} + 1 permits, and release should have panicked", usize::MAX);
        let Ok(permits) = catch_unwind(AssertUnwindSafe(|| semaphore.available())) else {
            panic!("a release has panicked, and after it nobody can use the semaphore: what does a panic leave on a Mutex?");
        };
        assert_eq!(permits, 1, "a release that panics must not change the number of permits");
        drop(semaphore.acquire());
    });
}

#[test]
fn an_event_is_set_until_it_is_cleared() {
    or_hangs("wait does not return though the event is set", || {
        let event = Event::new();
        assert!(!event.is_set(), "nothing has happened yet");
        event.set();
        assert!(event.is_set(), "it has happened");
        event.wait();
        event.wait();
        assert!(event.is_set(), "to wait for an event does not change it");
        event.set();
        assert!(event.is_set(), "to set it once more changes nothing");
        event.clear();
        assert!(!event.is_set(), "it was cleared");
    });
}

#[test]
fn set_lets_everybody_go() {
    or_hangs("the event is set, and who waits for it sleeps on", || {
        let event = Event::new();
        let (started, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let waiters = [(); 4].map(|()| {
                scope.spawn(|| {
                    started.fetch_add(1, SeqCst);
                    event.wait();
                    done.load(SeqCst)
                })
            });
            while started.load(SeqCst) < waiters.len() {
                thread::yield_now();
            }
            done.store(true, SeqCst);
            event.set();
            for waiter in waiters {
                assert!(waiter.join().expect("it does not panic"), "wait has returned before the event was set");
            }
        });
    });
}

#[test]
fn a_barrier_for_one_lets_it_through() {
    or_hangs("a barrier for one thread waits for another", || {
        let barrier = Barrier::new(1);
        assert!(barrier.wait(), "the only thread is the leader");
        assert!(barrier.wait(), "in every round");
    });
}

#[test]
fn a_barrier_for_nobody_is_refused() {
    assert!(catch_unwind(|| Barrier::new(0)).is_err(), "a barrier for 0 threads should panic, as its docs say");
}

/// Comes to all rounds, and notes in `rounds` where it is; says what is wrong.
fn come_to_all_rounds(barrier: &Barrier, me: usize, rounds: &[AtomicUsize], leaders: &AtomicUsize) -> Result<(), String> {
    for round in 1..=ROUNDS {
        rounds[me].store(round, SeqCst);
        leaders.fetch_add(barrier.wait().into(), SeqCst);
        for other in rounds {
            // One that is a round ahead has come back already, and waits for this one there.
            let other = other.load(SeqCst);
            if other != round && other != round + 1 {
                return Err(format!("a thread has come through round {round} while another was in round {other}"));
            }
        }
    }
    Ok(())
}

const ROUNDS: usize = 300;

#[test]
fn rounds_do_not_mix() {
    const THREADS: usize = 3;
    or_hangs("not everybody has come through all rounds of the barrier", || {
        let shared = Arc::new((Barrier::new(THREADS), [(); THREADS].map(|()| AtomicUsize::new(0)), AtomicUsize::new(0)));
        let (sender, receiver) = channel();
        // Not in a scope: where one has found something wrong the others wait for it in vain, and nobody should for them.
        let threads = [0, 1, 2].map(|me| {
            let (shared, sender) = (shared.clone(), sender.clone());
            thread::spawn(move || {
                let (barrier, rounds, leaders) = &*shared;
                // Nobody listens any more where another has found something wrong.
                let _ = sender.send(come_to_all_rounds(barrier, me, rounds, leaders));
            })
        });
        drop(sender);
        for outcome in receiver.iter().take(THREADS) {
            outcome.unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        assert_eq!(shared.2.load(SeqCst), ROUNDS, "each of {ROUNDS} rounds should have exactly one leader");
    });
}

#[test]
fn threads_share_all_three() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Semaphore>();
    is_shared::<Event>();
    is_shared::<Barrier>();
    is_shared::<Permit<'static>>();
}
