//! The three tools in every order of their steps, and with wake-ups that nobody has caused.

mod signatures;

use std::array::from_fn;

use lab::{
    cell::UnsafeCell,
    model::{Model, reach},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};
use sync_kit::{Barrier, Event, Semaphore};

/// A tool, and a number that only the tool protects: two threads at it without an order between them are a data race, and
/// the model says so.
struct Guarded<T> {
    tool: T,
    number: UnsafeCell<u32>,
}

// SAFETY: the models below touch `number` only where the tool promises that nobody else does; the model checks it.
unsafe impl<T: Sync> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    fn new(tool: T) -> Arc<Self> {
        Arc::new(Self { tool, number: UnsafeCell::new(0) })
    }

    fn read(&self) -> u32 {
        // SAFETY: as the tool promises.
        self.number.with(|number| unsafe { *number })
    }

    /// Adds, and returns what there was before.
    fn add(&self, more: u32) -> u32 {
        self.number.with_mut(|number| {
            // SAFETY: as the tool promises.
            unsafe {
                *number += more;
                *number - more
            }
        })
    }
}

/// A model whose threads are interrupted twice at most. Those of three threads or two rounds would take minutes without a
/// bound for right answers of a few more steps, such as a barrier of two semaphores; and two interruptions show the mistakes
/// that they are for.
fn bounded() -> Model {
    Model::new().preemptions(2)
}

/// One permit lets one thread in at a time, and the next sees what the last has done.
#[test]
fn one_permit_is_a_lock() {
    Model::new().must_reach(&["main first", "other first"]).check(|| {
        let shared = Guarded::new(Semaphore::new(1));
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                let _permit = shared.tool.acquire();
                shared.add(1)
            }
        });
        {
            let _permit = shared.tool.acquire();
            shared.add(1);
        }
        reach(if other.join().unwrap() == 0 { "other first" } else { "main first" });
        assert_eq!(shared.tool.available(), 1, "both permits were dropped, and one permit should be free again");
    });
}

/// One permit for two threads: one that comes by the way may overtake one that has been woken, and must not take its
/// permit twice.
#[test]
fn overtaking() {
    Model::new().must_reach(&["taken", "busy"]).check(|| {
        let shared = Guarded::new(Semaphore::new(0));
        let sleeper = thread::spawn({
            let shared = shared.clone();
            move || {
                let _permit = shared.tool.acquire();
                shared.add(1);
            }
        });
        shared.tool.release(1);
        match shared.tool.try_acquire() {
            Some(_permit) => {
                shared.add(1);
                reach("taken");
            }
            None => reach("busy"),
        }
        sleeper.join().unwrap();
        assert_eq!(shared.tool.available(), 1, "one permit was released, and nobody holds it any more");
    });
}

/// Of two threads that try for one permit, one gets it, and the other is told so at once: nobody gives it back.
#[test]
fn one_of_two_tries_succeeds() {
    fn succeeds(semaphore: &Semaphore) -> bool {
        // Forgotten, and not dropped.
        semaphore.try_acquire().map(std::mem::forget).is_some()
    }

    Model::new().must_reach(&["main", "other"]).check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let other = thread::spawn({
            let semaphore = semaphore.clone();
            move || succeeds(&semaphore)
        });
        match (succeeds(&semaphore), other.join().unwrap()) {
            (true, false) => reach("main"),
            (false, true) => reach("other"),
            (true, true) => panic!("two threads hold the only permit"),
            (false, false) => panic!("the permit was free, and nobody got it"),
        }
        assert_eq!(semaphore.available(), 0, "the permit is taken for good");
    });
}

/// A permit released by one thread is the signal that another waits for.
#[test]
fn a_permit_is_a_signal() {
    Model::new().must_reach(&["there already", "waited for"]).check(|| {
        let shared = Guarded::new(Semaphore::new(0));
        let worker = thread::spawn({
            let shared = shared.clone();
            move || {
                // A step of this thread, at which a sleeper that wakes for no reason shows it.
                assert_eq!(shared.tool.available(), 0, "nobody has released a permit yet");
                shared.add(42);
                shared.tool.release(1);
            }
        });
        reach(if shared.tool.available() == 1 { "there already" } else { "waited for" });
        let permit = shared.tool.acquire();
        assert_eq!(shared.read(), 42, "acquire has returned, but the permit was not released yet");
        drop(permit);
        worker.join().unwrap();
    });
}

/// Takes a permit for good: who holds one is then no help to who waits.
fn take(semaphore: &Semaphore) {
    std::mem::forget(semaphore.acquire());
}

/// Two permits at once are for two threads.
#[test]
fn two_permits_at_once_wake_two() {
    bounded().check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let sleepers = [(); 2].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || take(&semaphore))
        });
        semaphore.release(2);
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
        assert_eq!(semaphore.available(), 0, "two were released, and two were taken");
    });
}

/// Two permits one after the other are for two threads, even if the first is still there when the second comes.
#[test]
fn two_permits_in_a_row_wake_two() {
    bounded().check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let sleepers = [(); 2].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || take(&semaphore))
        });
        semaphore.release(1);
        semaphore.release(1);
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
        assert_eq!(semaphore.available(), 0, "two were released, and two were taken");
    });
}

/// A thread that panics gives its permit back, and whoever waits for it gets it.
#[test]
fn a_panic_gives_the_permit_back() {
    Model::new().must_reach(&["after the panic", "before the panic"]).check(|| {
        let shared = Guarded::new(Semaphore::new(1));
        let unlucky = thread::spawn({
            let shared = shared.clone();
            move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let _permit = shared.tool.acquire();
                    shared.add(1);
                    panic!("on purpose");
                }));
                assert!(outcome.is_err(), "the panic was on purpose, and somebody has swallowed it");
            }
        });
        let before = {
            let _permit = shared.tool.acquire();
            shared.add(1)
        };
        reach(if before == 1 { "after the panic" } else { "before the panic" });
        unlucky.join().unwrap();
        assert_eq!(shared.tool.available(), 1, "a permit was lost in a panic, or given back twice");
    });
}

/// Whoever waits, early or late, is let go, and sees what was done before `set`.
#[test]
fn no_set_is_missed() {
    Model::new().must_reach(&["came before set", "came after set"]).check(|| {
        let shared = Guarded::new(Event::new());
        let waiter = thread::spawn({
            let shared = shared.clone();
            move || {
                let early = !shared.tool.is_set();
                shared.tool.wait();
                reach(if early { "came before set" } else { "came after set" });
                shared.read()
            }
        });
        // A step of this thread, at which a sleeper that wakes for no reason shows it.
        assert!(!shared.tool.is_set(), "nobody has set it yet");
        shared.add(42);
        shared.tool.set();
        assert_eq!(waiter.join().unwrap(), 42, "wait has returned, but the event is not set");
        assert!(shared.tool.is_set(), "who waits for an event leaves it set");
    });
}

/// One `set` lets everybody go.
#[test]
fn set_lets_everybody_go() {
    bounded().check(|| {
        let event = Arc::new(Event::new());
        let waiters = [(); 2].map(|()| {
            let event = event.clone();
            thread::spawn(move || event.wait())
        });
        event.set();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

/// An event that was cleared makes threads wait again.
#[test]
fn cleared_is_as_new() {
    Model::new().check(|| {
        let shared = Guarded::new(Event::new());
        shared.tool.set();
        shared.tool.wait();
        shared.tool.clear();
        let waiter = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.tool.wait();
                shared.read()
            }
        });
        shared.add(42);
        shared.tool.set();
        assert_eq!(waiter.join().unwrap(), 42, "wait has returned, but the event was cleared and not set again");
    });
}

/// A number for each of two threads in each of two rounds: each writes its own before the barrier and reads the other's
/// after it.
struct Meeting {
    barrier: Barrier,
    numbers: [[UnsafeCell<u32>; 2]; 2],
}

// SAFETY: a number is written by one thread, and read by the other on the other side of the barrier; the model checks it.
unsafe impl Sync for Meeting {}

impl Meeting {
    fn new() -> Arc<Self> {
        Arc::new(Self { barrier: Barrier::new(2), numbers: from_fn(|_| from_fn(|_| UnsafeCell::new(0))) })
    }

    /// What thread `me` does in one round: write, meet, and read. Returns whether it was the leader.
    fn come(&self, me: usize, round: usize) -> bool {
        // SAFETY: the other reads it only after the barrier.
        self.numbers[round][me].with_mut(|mine| unsafe { *mine = 1 });
        let leader = self.barrier.wait();
        // SAFETY: the other wrote it before the barrier.
        let seen = self.numbers[round][1 - me].with(|other| unsafe { *other });
        assert_eq!(seen, 1, "the barrier has let a thread through before the other had come");
        leader
    }
}

/// Nobody leaves before everybody has come, and one of them is told to be the leader.
#[test]
fn nobody_passes_alone() {
    Model::new().must_reach(&["main leads", "other leads"]).check(|| {
        let meeting = Meeting::new();
        let other = thread::spawn({
            let meeting = meeting.clone();
            move || meeting.come(1, 0)
        });
        match (meeting.come(0, 0), other.join().unwrap()) {
            (true, false) => reach("main leads"),
            (false, true) => reach("other leads"),
            (true, true) => panic!("both threads are the leader of one round"),
            (false, false) => panic!("no thread is the leader of the round"),
        }
    });
}

/// The last to come wakes all the others, and not only one.
#[test]
fn three_meet() {
    bounded().check(|| {
        let barrier = Arc::new(Barrier::new(3));
        let others = [(); 2].map(|()| {
            let barrier = barrier.clone();
            thread::spawn(move || barrier.wait())
        });
        let leaders = usize::from(barrier.wait()) + others.map(|other| usize::from(other.join().unwrap())).iter().sum::<usize>();
        assert_eq!(leaders, 1, "{leaders} leaders in one round");
    });
}

/// A thread that comes back at once belongs to the next round, though the others have not left this one yet.
#[test]
fn used_again_at_once() {
    bounded().must_reach(&["the same leader", "another leader"]).check(|| {
        let meeting = Meeting::new();
        let other = thread::spawn({
            let meeting = meeting.clone();
            move || [0, 1].map(|round| meeting.come(1, round))
        });
        let leads = [0, 1].map(|round| meeting.come(0, round));
        let other_leads = other.join().unwrap();
        assert!(leads[0] != other_leads[0] && leads[1] != other_leads[1], "a round has one leader, neither none nor two");
        reach(if leads[0] == leads[1] { "the same leader" } else { "another leader" });
    });
}
