//! Panics that are meant to be caught: what they poison, what runs while they unwind, and what ends the model all the same.

use lab::{
    cell::UnsafeCell,
    finding::WIDTH,
    model::{Class, Failure, Kind, Model, Report, reach},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Barrier, Condvar, Mutex, RwLock, TryLockError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

#[track_caller]
fn passes(report: &Report) {
    println!("{:?} {:?}", report.passes, report.reached);
    if let Some(failure) = &report.failure {
        panic!("{}", failure.text(WIDTH));
    }
}

#[track_caller]
fn fails(report: &Report, class: Class, kind: Option<Kind>) -> &Failure {
    let Some(failure) = &report.failure else { panic!("it passed: {report:?}") };
    println!("{}", failure.text(WIDTH));
    assert_eq!((failure.class, failure.kind), (class, kind));
    failure
}

/// Panics with `guard` in hand, and catches that.
fn drop_in_a_panic<G>(guard: impl FnOnce() -> G) {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _guard = guard();
        panic!("on purpose");
    }));
    assert!(caught.is_err());
}

/// Tells what its thread was doing when it was dropped, and adds to a count.
struct Witness<'a> {
    count: &'a AtomicUsize,
    unwinding: bool,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        assert_eq!(thread::panicking(), self.unwinding, "this thread unwinds");
        self.count.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_guard_dropped_in_a_panic_poisons_its_mutex() {
    passes(&Model::new().must_reach(&["poisoned", "healthy"]).explore(|| {
        let lock = Mutex::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                drop_in_a_panic(|| {
                    let mut value = lock.lock().unwrap();
                    *value = 1;
                    value
                });
            });
            match lock.lock() {
                Ok(value) => {
                    assert_eq!(*value, 0);
                    reach("healthy");
                }
                Err(poison) => {
                    assert_eq!(*poison.into_inner(), 1);
                    reach("poisoned");
                }
            }
        });
        assert!(lock.is_poisoned());
        assert!(lock.lock().is_err(), "it stays so");
        assert!(matches!(lock.try_lock(), Err(TryLockError::Poisoned(_))));
        lock.clear_poison();
        assert!(!lock.is_poisoned() && lock.lock().is_ok());
    }));
}

#[test]
fn a_poisoned_mutex_gives_its_value_as_an_error() {
    passes(&Model::new().explore(|| {
        let mut lock = Mutex::new(7);
        thread::scope(|scope| {
            scope.spawn(|| drop_in_a_panic(|| lock.lock().unwrap()));
            drop(lock.lock());
        });
        assert_eq!(lock.get_mut().map_err(|poison| *poison.into_inner()), Err(7));
        assert_eq!(lock.into_inner().map_err(lab::sync::PoisonError::into_inner), Err(7));
    }));
}

#[test]
fn the_list_shows_the_panic_and_the_poison() {
    let line = line!() + 7;
    let report = Model::new().explore(|| {
        let lock = Mutex::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                drop(catch_unwind(|| {
                    let _guard = lock.lock().unwrap();
                    panic!("on purpose");
                }));
            });
            drop(lock.lock().expect("nobody panics"));
        });
    });
    let failure = fails(&report, Class::Assertion, Some(Kind::Interleaving));
    let told = |operation: &str| failure.steps.iter().rev().find(|step| step.operation == operation).expect("a step");
    assert_eq!((told("panic").line, told("panic").arguments.join("")), (line, "on purpose".to_owned()));
    assert_eq!([told("unlock").value.as_str(), told("lock").value.as_str()], ["poisoned", "poisoned"]);
}

#[test]
fn only_writers_poison_an_rwlock() {
    passes(&Model::new().must_reach(&["poisoned", "healthy"]).explore(|| {
        let mut lock = RwLock::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                drop_in_a_panic(|| lock.read().unwrap());
                assert!(!lock.is_poisoned());
                drop_in_a_panic(|| lock.write().unwrap());
                assert!(lock.is_poisoned());
            });
            reach(if lock.read().is_ok() { "healthy" } else { "poisoned" });
        });
        assert!(lock.read().is_err() && lock.write().is_err());
        assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
        assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
        assert!(lock.get_mut().is_err());
        lock.clear_poison();
        assert!(lock.write().is_ok() && lock.into_inner().is_ok());
    }));
}

#[test]
fn a_lock_taken_and_released_while_unwinding_is_not_poisoned() {
    struct Locks<'a>(&'a Mutex<usize>);

    impl Drop for Locks<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }

    passes(&Model::new().must_reach(&["0", "1"]).explore(|| {
        let count = Mutex::new(0);
        thread::scope(|scope| {
            // To wait for a lock in a destructor lets other threads run, though a panic unwinds.
            scope.spawn(|| drop_in_a_panic(|| Locks(&count)));
            reach(&count.lock().unwrap().to_string());
        });
        assert_eq!(*count.lock().unwrap(), 1);
    }));
}

#[test]
fn two_threads_unwind_at_once_and_a_third_does_not() {
    passes(&Model::new().must_reach(&["0", "1", "2"]).explore(|| {
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| drop_in_a_panic(|| Witness { count: &count, unwinding: true }));
            }
            reach(&count.load(Relaxed).to_string());
            drop(Witness { count: &AtomicUsize::new(0), unwinding: false });
        });
        assert_eq!(count.load(Relaxed), 2);
    }));
}

#[test]
fn others_run_between_the_panic_and_the_release() {
    // Only there is the value half done and the lock still held.
    passes(&Model::new().must_reach(&["half done and held"]).explore(|| {
        let lock = Mutex::new(());
        let half = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                drop(catch_unwind(|| {
                    let _guard = lock.lock().unwrap();
                    half.store(1, Relaxed);
                    panic!("on purpose");
                }));
            });
            if half.load(Relaxed) == 1 && matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
                reach("half done and held");
            }
        });
    }));
}

#[test]
fn a_region_catches_only_its_own() {
    passes(&Model::new().explore(|| {
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            scope.spawn(|| drop(order.lock()));
            let outer = catch_unwind(|| {
                let inner = catch_unwind(|| panic!("inner"));
                order.lock().unwrap().push("caught inner");
                resume_unwind(inner.unwrap_err());
            });
            assert_eq!(outer.unwrap_err().downcast_ref::<&str>(), Some(&"inner"));
            assert!(!thread::panicking());
            order.lock().unwrap().push("caught outer");
        });
        assert_eq!(*order.lock().unwrap(), ["caught inner", "caught outer"]);
    }));
}

#[test]
fn a_destructor_may_catch_a_panic_of_its_own() {
    struct Catches<'a>(&'a Mutex<usize>);

    impl Drop for Catches<'_> {
        fn drop(&mut self) {
            drop(catch_unwind(|| panic!("in a destructor")));
            assert!(thread::panicking(), "the outer panic goes on");
            *self.0.lock().unwrap() += 1;
        }
    }

    passes(&Model::new().explore(|| {
        let count = Mutex::new(0);
        thread::scope(|scope| {
            scope.spawn(|| drop(count.lock()));
            drop_in_a_panic(|| Catches(&count));
        });
        assert_eq!(*count.lock().unwrap(), 1);
    }));
}

#[test]
fn a_panic_goes_past_those_who_wait() {
    passes(&Model::new().must_reach(&["woken", "at once"]).explore(|| {
        let lock = Mutex::new(false);
        let changed = Condvar::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                let guard = lock.lock().unwrap_or_else(|poison| poison.into_inner());
                let waits = !*guard;
                let woken = changed.wait_while(guard, |ready| !*ready);
                assert_eq!(woken.is_err(), waits, "to be woken is to find the lock poisoned");
                reach(if waits { "woken" } else { "at once" });
            });
            drop(catch_unwind(|| {
                let mut ready = lock.lock().unwrap();
                *ready = true;
                panic!("on purpose");
            }));
            changed.notify_one();
        });
    }));
}

#[test]
fn a_scope_waits_before_it_unwinds() {
    passes(&Model::new().explore(|| {
        let count = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|scope| {
                scope.spawn(|| count.fetch_add(1, Relaxed));
                count.fetch_add(1, Relaxed);
                panic!("on purpose");
            });
        }));
        assert!(caught.is_err());
        assert_eq!(count.load(Relaxed), 2);
    }));
}

#[test]
fn an_access_ends_with_the_panic_that_leaves_it() {
    passes(&Model::new().explore(|| {
        let cell = UnsafeCell::new(0);
        let meet = Arc::new(Barrier::new(2));
        let other = thread::spawn({
            let meet = meet.clone();
            move || meet.wait().is_leader()
        });
        drop(catch_unwind(AssertUnwindSafe(|| cell.with_mut(|_| panic!("on purpose")))));
        meet.wait();
        other.join().unwrap();
        // SAFETY: no other thread knows the cell.
        assert_eq!(cell.with(|value| unsafe { *value }), 0);
    }));
}

#[test]
fn a_sender_dropped_in_a_panic_disconnects() {
    passes(&Model::new().explore(|| {
        let (sender, receiver) = mpsc::channel::<usize>();
        let other = thread::spawn(move || {
            drop_in_a_panic(|| {
                sender.send(1).unwrap();
                sender
            });
        });
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);
        other.join().unwrap();
    }));
}

/// What ends the model though it happens inside of a region.
#[test]
fn what_the_checker_finds_is_not_caught() {
    struct Shared(UnsafeCell<usize>);
    // SAFETY: it is not; the model is there to tell.
    unsafe impl Sync for Shared {}

    impl Shared {
        fn write(&self) {
            // SAFETY: as above.
            drop(catch_unwind(AssertUnwindSafe(|| self.0.with_mut(|value| unsafe { *value += 1 }))));
        }
    }

    let race = Model::new().explore(|| {
        let shared = Shared(UnsafeCell::new(0));
        thread::scope(|scope| {
            scope.spawn(|| shared.write());
            shared.write();
        });
    });
    fails(&race, Class::DataRace, Some(Kind::Interleaving));

    let deadlock = Model::new().explore(|| {
        let lock = Mutex::new(());
        thread::scope(|scope| {
            scope.spawn(|| drop(lock.lock()));
            let _guard = lock.lock();
            drop(catch_unwind(|| drop(lock.lock())));
        });
    });
    fails(&deadlock, Class::Deadlock, Some(Kind::Interleaving));
}

#[test]
fn a_panic_outside_ends_the_model() {
    let elsewhere = Model::new().explore(|| {
        let lock = Mutex::new(());
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|scope| {
                // The region is the spawner's, not this thread's.
                scope.spawn(|| {
                    let _guard = lock.lock();
                    panic!("nobody catches this");
                });
            });
        }));
        drop(caught);
    });
    let failure = fails(&elsewhere, Class::Assertion, Some(Kind::Interleaving));
    assert!(failure.message.contains("nobody catches this"));

    let resumed = Model::new().explore(|| {
        let caught = catch_unwind(|| panic!("first caught"));
        resume_unwind(caught.unwrap_err());
    });
    let failure = fails(&resumed, Class::Assertion, Some(Kind::Interleaving));
    assert!(failure.message.contains("first caught"));
}

#[test]
fn std_catches_nothing_in_a_model() {
    let report = Model::new().explore(|| {
        let lock = Mutex::new(());
        drop(std::panic::catch_unwind(AssertUnwindSafe(|| panic!("on purpose"))));
        drop(lock.lock());
    });
    let failure = fails(&report, Class::Assertion, Some(Kind::Interleaving));
    assert!(failure.message.contains("on purpose"));
}

#[test]
fn outside_a_model_it_is_that_of_std() {
    let caught = catch_unwind(|| panic!("on purpose"));
    let caught = catch_unwind(AssertUnwindSafe(|| resume_unwind(caught.unwrap_err())));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
}
