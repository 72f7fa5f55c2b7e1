//! The pool in every order of its steps, and with every stale value that its orderings allow.
//!
//! Whoever sleeps and is not woken shows here as a deadlock.

mod signatures;

use lab::{
    cell::UnsafeCell,
    model::{Model, reach},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use thread_pool::{Pool, job::CountLatch, sleep::Sleep};

/// One thread sleeps until a flag is set, another sets it and wakes. The flag is Relaxed: that it is not overlooked is the
/// business of [`Sleep`].
#[test]
fn a_wakeup_is_not_lost() {
    Model::new().must_reach(&["did not sleep", "was woken"]).check(|| {
        let (sleep, flag) = (Arc::new(Sleep::new()), Arc::new(AtomicBool::new(false)));
        let worker = thread::spawn({
            let (sleep, flag) = (sleep.clone(), flag.clone());
            move || {
                let mut seen = false;
                while !flag.load(Relaxed) {
                    sleep.sleep_unless(0, || {
                        seen = flag.load(Relaxed);
                        seen
                    });
                    reach(if seen { "did not sleep" } else { "was woken" });
                }
            }
        });
        flag.store(true, Relaxed);
        sleep.wake_one();
        worker.join().unwrap();
    });
}

/// Two workers sleep, each until something of its own is done. To wake the other one is no help.
#[test]
fn each_is_woken_for_its_own() {
    Model::new().preemptions(3).must_reach(&["both done"]).check(|| {
        let sleep = Arc::new(Sleep::new());
        let done: Arc<[AtomicBool; 2]> = Arc::default();
        let workers = [0, 1].map(|index| {
            let (sleep, done) = (sleep.clone(), done.clone());
            thread::spawn(move || {
                while !done[index].load(Relaxed) {
                    sleep.sleep_unless(index, || done[index].load(Relaxed));
                }
            })
        });
        for index in [0, 1] {
            done[index].store(true, Relaxed);
            sleep.wake(index);
        }
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        reach("both done");
    });
}

/// Two jobs come, and each of two workers can do one of them. A job that waits while a worker sleeps is a wakeup lost.
#[test]
fn a_job_each() {
    Model::new().preemptions(2).must_reach(&["both done"]).check(|| {
        let (sleep, jobs) = (Arc::new(Sleep::new()), Arc::new(AtomicUsize::new(0)));
        let workers = [0, 1].map(|index| {
            let (sleep, jobs) = (sleep.clone(), jobs.clone());
            thread::spawn(move || {
                while jobs.fetch_update(Relaxed, Relaxed, |jobs| jobs.checked_sub(1)).is_err() {
                    sleep.sleep_unless(index, || jobs.load(Relaxed) > 0);
                }
            })
        });
        for _ in 0..2 {
            jobs.fetch_add(1, Relaxed);
            sleep.wake_one();
        }
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        reach("both done");
    });
}

/// Two jobs end, and a worker waits for both: whichever is the last, what both of them wrote is seen.
#[test]
fn all_have_ended() {
    Model::new().preemptions(3).must_reach(&["seen at once", "waited"]).check(|| {
        let jobs = Arc::new((CountLatch::new(0), Sleep::new(), [Place::new(), Place::new()]));
        let threads = [0, 1].map(|index| {
            jobs.0.add();
            let jobs = jobs.clone();
            thread::spawn(move || {
                jobs.2[index].write(42);
                // SAFETY: it was counted above, and the latch lives as long as `jobs`.
                unsafe { CountLatch::ended(&raw const jobs.0, &jobs.1) };
            })
        });
        // SAFETY: this thread is the one that `new` has counted.
        unsafe { CountLatch::ended(&raw const jobs.0, &jobs.1) };
        reach(if jobs.0.is_set() { "seen at once" } else { "waited" });
        while !jobs.0.is_set() {
            jobs.1.sleep_unless(0, || jobs.0.is_set());
        }
        assert_eq!(jobs.2[0].read() + jobs.2[1].read(), 84, "both have ended, but what they wrote is not there");
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A job from outside, and its result; the worker ends when the pool does.
#[test]
fn install() {
    Model::new().preemptions(3).must_reach(&["done"]).check(|| {
        let pool = Pool::new(1);
        assert_eq!(pool.install(|worker| worker.index() + 7), 7);
        reach("done");
    });
}

/// A fork whose second side is stolen in some orders. What that side wrote is seen afterwards.
#[test]
fn join() {
    Model::new().preemptions(2).must_reach(&["stolen", "taken back"]).check(|| {
        let pool = Pool::new(2);
        let written = Place::new();
        let (a, b) = pool.install(|worker| {
            let sides = worker.join(
                |worker| worker.index(),
                |worker| {
                    written.write(42);
                    worker.index()
                },
            );
            assert_eq!(written.read(), 42, "`b` is done, but what it wrote is not there");
            sides
        });
        reach(if a == b { "taken back" } else { "stolen" });
    });
}

/// The first side panics. The second borrows from the caller: it is over, or never begun, when the panic goes on.
#[test]
fn a_panics() {
    Model::new().preemptions(2).must_reach(&["b was done", "b was given up"]).check(|| {
        let pool = Pool::new(2);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.install(|worker| {
                let written = Place::new();
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    worker.join(|_| resume_unwind(Box::new("on purpose")), |_| written.write(42))
                }));
                assert!(panicked.is_err(), "`a` has panicked, and the caller was not told");
                reach(if written.read() == 42 { "b was done" } else { "b was given up" });
            });
        }));
        assert!(result.is_ok(), "a panic that was caught has come out of the pool");
    });
}

/// A spawned job, run by either worker. What it wrote is seen after the scope.
#[test]
fn scope() {
    Model::new().preemptions(2).must_reach(&["stolen", "kept"]).check(|| {
        let pool = Pool::new(2);
        let written = Place::new();
        let by = AtomicUsize::new(0);
        let opened_by = pool.install(|worker| {
            worker.scope(|scope| {
                scope.spawn(|scope| {
                    written.write(42);
                    by.store(scope.worker().index(), Relaxed);
                });
            });
            assert_eq!(written.read(), 42, "the scope is over, but what its job wrote is not there");
            worker.index()
        });
        reach(if by.load(Relaxed) == opened_by { "kept" } else { "stolen" });
    });
}

/// A number that one job writes and another reads: a race, unless the pool orders the two.
struct Place(UnsafeCell<u32>);

// SAFETY: whether the accesses are ordered is what the model finds out.
unsafe impl Sync for Place {}

impl Place {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn write(&self, value: u32) {
        // SAFETY: the model stops at a race.
        self.0.with_mut(|place| unsafe { *place = value });
    }

    fn read(&self) -> u32 {
        // SAFETY: the model stops at a race.
        self.0.with(|place| unsafe { *place })
    }
}
