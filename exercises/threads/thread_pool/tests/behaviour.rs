//! What the pool does, on real threads. That no wakeup is lost in any order of the steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use lab::is;
use thread_pool::{Pool, Worker};

/// Runs a test on a thread of its own, so that a pool that hangs becomes a sentence.
#[track_caller]
fn within_seconds(test: impl FnOnce() + Send + 'static) {
    let (tell, told) = channel();
    thread::spawn(move || tell.send(catch_unwind(AssertUnwindSafe(test))));
    match told.recv_timeout(Duration::from_secs(10)) {
        Ok(Ok(())) => {}
        Ok(Err(payload)) => match payload.downcast::<String>() {
            Ok(text) => panic!("{text}"),
            Err(payload) => match payload.downcast::<&str>() {
                Ok(text) => panic!("{text}"),
                Err(payload) => resume_unwind(payload),
            },
        },
        Err(RecvTimeoutError::Timeout) => {
            panic!("after ten seconds the pool still does nothing: somebody sleeps who should not")
        }
        Err(RecvTimeoutError::Disconnected) => unreachable!("the thread tells how it ended"),
    }
}

/// Waits until `count` is `enough`; gives up after four seconds, well before the test is given up.
fn wait_for(count: &AtomicUsize, enough: usize) -> bool {
    let start = Instant::now();
    while count.load(SeqCst) < enough {
        if start.elapsed() > Duration::from_secs(4) {
            return false;
        }
        thread::sleep(Duration::from_micros(100));
    }
    true
}

/// Arrives, and waits for the others.
fn meet(count: &AtomicUsize, all: usize) -> bool {
    count.fetch_add(1, SeqCst);
    wait_for(count, all)
}

/// Panics with a number, and without a message on the terminal.
fn panic_with(number: u32) -> ! {
    resume_unwind(Box::new(number))
}

/// What `f` panics with.
#[track_caller]
fn payload_of<R>(f: impl FnOnce() -> R) -> u32 {
    let payload: Box<dyn Any + Send> = match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("a job has panicked, and the caller was not told"),
        Err(payload) => payload,
    };
    *payload.downcast().expect("the payload is another than the job panicked with")
}

/// The sum of `0..n`, by joins down to one number.
fn sum(worker: &Worker, from: u64, to: u64) -> u64 {
    if to - from == 1 {
        return from;
    }
    let middle = from.midpoint(to);
    let (left, right) = worker.join(|worker| sum(worker, from, middle), |worker| sum(worker, middle, to));
    left + right
}

#[test]
fn install_runs_on_a_worker_and_waits() {
    within_seconds(|| {
        let pool = Pool::new(2);
        let text = String::from("borrowed");
        let (id, length, index) = pool.install(|worker| (thread::current().id(), text.len(), worker.index()));
        assert_ne!(id, thread::current().id(), "the job ran on the caller's thread");
        assert_eq!(length, 8);
        assert!(index < pool.threads());
    });
}

#[test]
fn join_gives_both_results() {
    within_seconds(|| {
        for threads in 1..=3 {
            let pool = Pool::new(threads);
            let pair = pool.install(|worker| worker.join(|_| "left", |_| vec![1, 2, 3]));
            assert_eq!(pair, ("left", vec![1, 2, 3]), "with {threads} threads");
            assert_eq!(pool.install(|worker| sum(worker, 0, 20_000)), 199_990_000, "with {threads} threads");
        }
    });
}

#[test]
fn b_runs_while_a_does() {
    within_seconds(|| {
        let (pool, met) = (Pool::new(2), AtomicUsize::new(0));
        let (a, b) = pool.install(|worker| worker.join(|_| meet(&met, 2), |_| meet(&met, 2)));
        assert!(a && b, "the second worker had nothing to do, and `b` did not begin while `a` ran");
    });
}

/// Also the job that is pushed last must find its worker: whoever pushes wakes, and whoever is woken is another one each time.
#[test]
fn every_worker_is_woken() {
    within_seconds(|| {
        const THREADS: usize = 4;
        let pool = Pool::new(THREADS);
        for round in 0..20 {
            let (met, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
            pool.install(|worker| {
                worker.scope(|scope| {
                    for _ in 0..THREADS {
                        scope.spawn(|_| {
                            if !meet(&met, THREADS) {
                                missed.fetch_add(1, SeqCst);
                            }
                        });
                    }
                });
            });
            assert_eq!(missed.into_inner(), 0, "round {round}: four jobs were there for four workers, and some worker slept");
        }
    });
}

#[test]
fn callers_share_the_pool() {
    within_seconds(|| {
        let pool = Pool::new(2);
        thread::scope(|threads| {
            for caller in 0..4_u64 {
                let pool = &pool;
                threads.spawn(move || {
                    for round in 0..50 {
                        let n = 1 + caller * 50 + round % 64;
                        assert_eq!(pool.install(|worker| sum(worker, 0, n)), n * (n - 1) / 2);
                    }
                });
            }
        });
    });
}

/// Between two of these the workers fall asleep, or are about to: a wakeup that gets lost is a caller that waits for ever.
#[test]
fn one_after_another() {
    within_seconds(|| {
        let pool = Pool::new(2);
        for round in 0..600_u64 {
            let (a, b) = pool.install(|worker| worker.join(|_| round, |_| round + 1));
            assert_eq!(b, a + 1);
            if round % 16 == 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
    });
}

#[test]
fn a_panic_comes_home() {
    within_seconds(|| {
        let pool = Pool::new(2);
        assert_eq!(payload_of(|| pool.install(|_| panic_with(1))), 1, "of install");
        assert_eq!(payload_of(|| pool.install(|worker| worker.join(|_| panic_with(2), |_| ()))), 2, "of a");
        assert_eq!(payload_of(|| pool.install(|worker| worker.join(|_| (), |_| panic_with(3)))), 3, "of b");
    });
}

#[test]
fn a_stolen_panic_comes_home() {
    within_seconds(|| {
        let (pool, met) = (Pool::new(2), AtomicUsize::new(0));
        let payload = payload_of(|| {
            pool.install(|worker| {
                worker.join(
                    |_| assert!(meet(&met, 2), "`b` did not begin while `a` ran"),
                    |_| {
                        meet(&met, 2);
                        panic_with(4)
                    },
                )
            })
        });
        assert_eq!(payload, 4);
    });
}

/// Both sides panic, on two threads: the caller is told of `a`'s, and not before `b` has ended, which borrows from it.
#[test]
fn both_sides_panic() {
    within_seconds(|| {
        let pool = Pool::new(2);
        let (met, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let payload = payload_of(|| {
            pool.install(|worker| {
                worker.join(
                    |_| {
                        assert!(meet(&met, 2), "`b` did not begin while `a` ran");
                        panic_with(5)
                    },
                    |_| {
                        meet(&met, 2);
                        // Long enough for a caller that does not wait to be seen; one that does may be as late as it likes.
                        thread::sleep(Duration::from_millis(50));
                        ended.store(1, SeqCst);
                        panic_with(6)
                    },
                )
            })
        });
        assert_eq!(ended.load(SeqCst), 1, "the caller was let go while `b`, which borrows from it, still ran");
        assert_eq!(payload, 5, "if both panic, it is the payload of `a` that counts");
    });
}

#[test]
fn panics_cost_no_worker() {
    within_seconds(|| {
        const THREADS: usize = 3;
        let pool = Pool::new(THREADS);
        for _ in 0..2 * THREADS {
            payload_of(|| pool.install(|_| panic_with(1)));
            payload_of(|| pool.install(|worker| worker.join(|_| panic_with(2), |_| panic_with(3))));
            payload_of(|| pool.install(|worker| worker.scope(|scope| scope.spawn(|_| panic_with(4)))));
        }
        let met = AtomicUsize::new(0);
        let all = pool.install(|worker| {
            let ((a, b), c) =
                worker.join(|worker| worker.join(|_| meet(&met, THREADS), |_| meet(&met, THREADS)), |_| meet(&met, THREADS));
            a && b && c
        });
        assert!(all, "some jobs panicked, and now the pool has fewer workers than before");
    });
}

#[test]
fn a_scope_waits_for_its_jobs() {
    within_seconds(|| {
        let pool = Pool::new(2);
        let mut parts = vec![0; 100];
        let told = pool.install(|worker| {
            worker.scope(|scope| {
                for (index, part) in parts.iter_mut().enumerate() {
                    scope.spawn(move |_| *part = index);
                }
                "the body's"
            })
        });
        assert_eq!(told, "the body's");
        assert!(parts.iter().copied().eq(0..100), "the scope returned before all of its jobs had ended");
    });
}

#[test]
fn scopes_nest() {
    /// A job that spawns two, down to the leaves; every other level opens a scope of its own.
    fn grow<'scope>(scope: &thread_pool::Scope<'_, 'scope>, leaves: &'scope AtomicUsize, levels: u32) {
        if levels == 0 {
            leaves.fetch_add(1, SeqCst);
        } else if levels.is_multiple_of(2) {
            scope.worker().scope(|inner| {
                inner.spawn(|scope| grow(scope, leaves, levels - 1));
                inner.spawn(|scope| grow(scope, leaves, levels - 1));
            });
        } else {
            scope.spawn(move |scope| grow(scope, leaves, levels - 1));
            scope.spawn(move |scope| grow(scope, leaves, levels - 1));
        }
    }
    within_seconds(|| {
        for threads in 1..=3 {
            let (pool, leaves) = (Pool::new(threads), AtomicUsize::new(0));
            pool.install(|worker| worker.scope(|scope| grow(scope, &leaves, 9)));
            assert_eq!(leaves.into_inner(), 512, "with {threads} threads");
        }
    });
}

#[test]
fn a_scope_ends_before_its_panic_goes_on() {
    within_seconds(|| {
        let (pool, ended) = (Pool::new(2), AtomicUsize::new(0));
        let payload = payload_of(|| {
            pool.install(|worker| {
                worker.scope(|scope| {
                    scope.spawn(|_| {
                        thread::sleep(Duration::from_millis(20));
                        ended.fetch_add(1, SeqCst);
                    });
                    scope.spawn(|_| panic_with(7));
                    scope.spawn(|_| {
                        ended.fetch_add(1, SeqCst);
                    });
                })
            })
        });
        assert_eq!(payload, 7);
        assert_eq!(ended.load(SeqCst), 2, "one job has panicked: the others must end before the caller goes on");
        let payload = payload_of(|| {
            pool.install(|worker| {
                worker.scope(|scope| {
                    scope.spawn(|_| {
                        thread::sleep(Duration::from_millis(20));
                        ended.fetch_add(1, SeqCst);
                    });
                    panic_with(8)
                })
            })
        });
        assert_eq!(payload, 8);
        assert_eq!(ended.load(SeqCst), 3, "the body has panicked: its jobs must end before the caller goes on");
    });
}

#[test]
fn dropping_the_pool_ends_its_threads() {
    thread_local! {
        static AT_THE_END: Mutex<Option<Last>> = const { Mutex::new(None) };
    }
    /// Counts when its thread ends.
    struct Last(Arc<AtomicUsize>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    within_seconds(|| {
        const THREADS: usize = 3;
        let (pool, met, ended) = (Pool::new(THREADS), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        pool.install(|worker| {
            worker.scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|_| {
                        AT_THE_END.with(|last| *last.lock().unwrap() = Some(Last(Arc::clone(&ended))));
                        assert!(meet(&met, THREADS), "three jobs were there for three workers, and some worker slept");
                    });
                }
            });
        });
        assert_eq!(ended.load(SeqCst), 0, "a worker has ended, and the pool is still there");
        drop(pool);
        assert_eq!(ended.load(SeqCst), THREADS, "the pool is gone, and some of its threads are not");
    });
}

/// The time for which the calling thread has kept a processor.
#[cfg(target_os = "linux")]
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a thread's time is not negative")
}

#[cfg(not(target_os = "linux"))]
fn busy() -> Duration {
    Duration::ZERO
}

/// Two looks at a worker's clock, with nothing to do for it in between.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "not measurable: this system keeps no clock for each thread")]
fn an_idle_worker_sleeps() {
    within_seconds(|| {
        let pool = Pool::new(1);
        let before = pool.install(|_| busy());
        thread::sleep(Duration::from_millis(200));
        let spent = pool.install(|_| busy()) - before;
        assert!(
            spent < Duration::from_millis(20),
            "with nothing to do for 200 ms, the worker kept a processor busy for {} ms of them",
            spent.as_millis()
        );
    });
}

/// A worker whose job was stolen, and who finds nothing else to do, sleeps until it is done.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "not measurable: this system keeps no clock for each thread")]
fn a_waiting_worker_sleeps() {
    within_seconds(|| {
        let (pool, met) = (Pool::new(2), AtomicUsize::new(0));
        let spent = pool.install(|worker| {
            let (before, ()) = worker.join(
                |_| {
                    assert!(meet(&met, 2), "`b` did not begin while `a` ran");
                    busy()
                },
                |_| {
                    meet(&met, 2);
                    thread::sleep(Duration::from_millis(200));
                },
            );
            busy() - before
        });
        assert!(
            spent < Duration::from_millis(20),
            "while it waited 200 ms for a job that was stolen, the worker kept a processor busy for {} ms of them",
            spent.as_millis()
        );
    });
}

#[test]
fn map_reduce_keeps_the_order() {
    within_seconds(|| {
        let pool = Pool::new(2);
        let digits: Vec<u32> = (0..1_000).collect();
        let whole: String = digits.iter().map(u32::to_string).collect();
        for grain in [1, 7, 1_000, 5_000] {
            let text = pool.install(|worker| worker.map_reduce(&digits, grain, &|digit| digit.to_string(), &|a, b| a + &b));
            assert_eq!(text, whole, "with pieces of {grain}");
        }
    });
}

#[test]
fn map_reduce_does_a_piece_on_one_thread() {
    within_seconds(|| {
        let pool = Pool::new(1);
        let forks = |grain| {
            let items = [1_u64; 64];
            let ((sum, cost), threads) = pool.install(|worker| {
                (lab::par::measure(0, || worker.map_reduce(&items, grain, &|item| *item, &|a, b| a + b)), worker.index())
            });
            assert_eq!((sum, threads), (64, 0));
            cost.forks
        };
        assert_eq!(forks(64), 0, "one piece needs no fork");
        assert_eq!(forks(16), 3, "four pieces of 16 are three forks");
        assert_eq!(forks(1), 63, "64 items are 63 forks");
    });
}

#[test]
fn a_worker_stays_on_its_thread() {
    assert!(is!(Send: Pool) && is!(Sync: Pool), "any thread may ask the pool");
    assert!(!is!(Sync: Worker), "two threads with one worker would pop from one end of one deque");
}
