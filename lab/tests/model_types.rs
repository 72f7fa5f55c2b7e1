//! The types that are built on top of loom: that they work, and that their mistakes are found.

use std::time::Duration;

use lab::{
    cell::UnsafeCell,
    hint,
    model::{Class, Kind, Model, Report, reach},
    sync::{
        Arc, Barrier, Condvar, Mutex, RwLock,
        atomic::{
            AtomicPtr, AtomicU8, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
        mpsc,
    },
    thread,
};

#[track_caller]
fn fails(report: &Report, class: Class, kind: Kind) {
    let Some(failure) = &report.failure else { panic!("it passed: {report:?}") };
    println!("{}", failure.text(76));
    assert_eq!((failure.class, failure.kind), (class, Some(kind)));
}

#[test]
fn scoped_threads_borrow_and_are_joined() {
    Model::new().must_reach(&["5", "6"]).check(|| {
        let mut words = vec![0; 2];
        let sum = AtomicUsize::new(0);
        let (left, right) = words.split_at_mut(1);
        let early = thread::scope(|scope| {
            let first = scope.spawn(|| {
                left[0] = 1;
                sum.fetch_add(1, Relaxed)
            });
            scope.spawn(|| {
                right[0] = 2;
                sum.fetch_add(2, Relaxed);
            });
            first.join().unwrap()
        });
        assert_eq!((words, sum.load(Relaxed)), (vec![1, 2], 3));
        reach(if early == 0 { "5" } else { "6" });
    });
}

/// Writes on one side, reads on the other; nothing but `meet` orders them.
fn meets(meet: fn(&AtomicUsize)) -> Report {
    Model::new().explore(move || {
        let flag = AtomicUsize::new(0);
        let note = Note(UnsafeCell::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                note.write(7);
                meet(&flag);
                flag.store(1, Relaxed);
            });
            if flag.load(Relaxed) == 1 {
                fence(Acquire);
                assert_eq!(note.read(), 7);
            }
        });
    })
}

struct Note(UnsafeCell<usize>);

// SAFETY: the models are there to tell whether it is used so.
unsafe impl Sync for Note {}

impl Note {
    fn write(&self, value: usize) {
        // SAFETY: as above.
        self.0.with_mut(|note| unsafe { *note = value });
    }

    fn read(&self) -> usize {
        // SAFETY: as above.
        self.0.with(|note| unsafe { *note })
    }
}

#[test]
fn fences_order() {
    assert!(meets(|_| fence(Release)).failure.is_none());
    fails(&meets(|_| ()), Class::DataRace, Kind::MemoryOrdering);
}

#[test]
fn a_barrier_has_one_leader_and_orders() {
    Model::new().must_reach(&["main leads", "other leads"]).check(|| {
        let barrier = Barrier::new(2);
        let notes = [Note(UnsafeCell::new(0)), Note(UnsafeCell::new(0))];
        let meet = |me: usize| {
            notes[me].write(1);
            let leads = barrier.wait().is_leader();
            assert_eq!(notes[1 - me].read(), 1);
            leads
        };
        let leads = thread::scope(|scope| {
            let other = scope.spawn(|| meet(1));
            [meet(0), other.join().unwrap()]
        });
        assert!(leads[0] != leads[1]);
        reach(if leads[0] { "main leads" } else { "other leads" });
    });
}

#[test]
fn readers_share_and_a_writer_is_alone() {
    Model::new().must_reach(&["both read", "busy", "free"]).check(|| {
        let lock = RwLock::new(0);
        let readers = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let value = lock.read().unwrap();
                readers.fetch_add(1, Relaxed);
                assert_eq!(*value, 0);
                readers.fetch_sub(1, Relaxed);
            });
            let value = lock.read().unwrap();
            let again = lock.read().unwrap();
            if readers.load(Relaxed) == 1 {
                reach("both read");
            }
            assert_eq!(*value + *again, 0);
            drop((value, again));
            reach(if lock.try_write().is_ok() { "free" } else { "busy" });
        });
    });
    Model::new().must_reach(&["0", "1"]).check(|| {
        let lock = RwLock::new((0, 0));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut both = lock.write().unwrap();
                both.0 += 1;
                both.1 += 1;
            });
            let both = lock.read().unwrap();
            assert_eq!(both.0, both.1, "half a write is seen");
            reach(&both.0.to_string());
        });
    });
}

#[test]
fn two_readers_who_both_want_to_write_deadlock() {
    let report = Model::new().explore(|| {
        let lock = RwLock::new(0);
        let upgrade = || {
            let _reader = lock.read().unwrap();
            *lock.write().unwrap() += 1;
        };
        thread::scope(|scope| {
            scope.spawn(upgrade);
            upgrade();
        });
    });
    fails(&report, Class::Deadlock, Kind::Interleaving);
}

#[test]
fn channels_keep_the_order_and_disconnect() {
    Model::new().check(|| {
        let (sender, receiver) = mpsc::channel();
        let other = thread::spawn(move || (0..2).for_each(|value| sender.send(value).unwrap()));
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [0, 1]);
        assert!(receiver.recv().is_err(), "all senders are gone");
        other.join().unwrap();
    });
}

#[test]
fn a_send_orders_what_came_before_it() {
    Model::new().must_reach(&["empty", "there"]).check(|| {
        let (sender, receiver) = mpsc::channel();
        let note = Note(UnsafeCell::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                note.write(1);
                sender.send(()).unwrap();
            });
            match receiver.try_recv() {
                Ok(()) => {
                    assert_eq!(note.read(), 1);
                    reach("there");
                }
                Err(mpsc::TryRecvError::Empty) => reach("empty"),
                Err(mpsc::TryRecvError::Disconnected) => panic!("the sender lives"),
            }
        });
    });
}

#[test]
fn a_bounded_channel_fills_and_a_lost_receiver_is_told() {
    Model::new().must_reach(&["full", "room"]).check(|| {
        let (sender, receiver) = mpsc::sync_channel(1);
        let other = thread::spawn(move || receiver.recv().unwrap());
        sender.send(1).unwrap();
        match sender.try_send(2) {
            Ok(()) => reach("room"),
            Err(mpsc::TrySendError::Full(2)) => reach("full"),
            Err(mpsc::TrySendError::Disconnected(2)) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!(other.join().unwrap(), 1);
        assert!(sender.send(3).is_err());
    });
}

#[test]
fn a_rendezvous_waits_for_the_receiver() {
    Model::new().check(|| {
        let (sender, receiver) = mpsc::sync_channel(0);
        let taken = Arc::new(AtomicUsize::new(0));
        let other = thread::spawn({
            let taken = taken.clone();
            move || {
                taken.store(1, Relaxed);
                receiver.recv().unwrap()
            }
        });
        sender.send(7).unwrap();
        assert_eq!(taken.load(Relaxed), 1, "the send has not waited");
        assert_eq!(other.join().unwrap(), 7);
    });
}

#[test]
fn park_takes_the_token() {
    Model::new().must_reach(&["told first"]).check(|| {
        let told = Arc::new(AtomicUsize::new(0));
        let waiter = thread::current();
        let other = thread::spawn({
            let told = told.clone();
            move || {
                told.store(1, Relaxed);
                waiter.unpark();
            }
        });
        thread::park();
        assert_eq!(told.load(Relaxed), 1, "the token orders what came before it");
        reach("told first");
        other.join().unwrap();
    });
}

#[test]
fn a_thread_that_nobody_unparks_deadlocks() {
    let report = Model::new().explore(|| {
        let flag = Arc::new(AtomicUsize::new(0));
        let other = thread::spawn({
            let flag = flag.clone();
            move || {
                // The mistake: the token may come between the look and the park, and be for nothing.
                if flag.load(Acquire) == 0 {
                    thread::park();
                }
            }
        });
        flag.store(1, Release);
        other.join().unwrap();
    });
    fails(&report, Class::Deadlock, Kind::Interleaving);
}

#[test]
fn notify_all_wakes_all() {
    Model::new().preemptions(3).check(|| {
        let gate = Mutex::new(false);
        let changed = Condvar::new();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| drop(changed.wait_while(gate.lock().unwrap(), |open| !*open).unwrap()));
            }
            *gate.lock().unwrap() = true;
            changed.notify_all();
        });
    });
}

#[test]
fn notify_one_leaves_the_second_waiter_asleep() {
    let report = Model::new().preemptions(3).explore(|| {
        let gate = Mutex::new(false);
        let changed = Condvar::new();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| drop(changed.wait_while(gate.lock().unwrap(), |open| !*open).unwrap()));
            }
            *gate.lock().unwrap() = true;
            changed.notify_one();
        });
    });
    fails(&report, Class::Deadlock, Kind::Interleaving);
}

#[test]
fn narrow_words_wrap_and_pointers_swap() {
    Model::new().check(|| {
        let byte = AtomicU8::new(250);
        let one = Box::into_raw(Box::new(1));
        let slot = AtomicPtr::new(one);
        thread::scope(|scope| {
            scope.spawn(|| byte.fetch_add(5, SeqCst));
            byte.fetch_add(5, SeqCst);
            scope.spawn(|| slot.swap(std::ptr::null_mut(), AcqRel).is_null());
            let _ = slot.compare_exchange(one, one, AcqRel, Acquire);
        });
        assert_eq!(byte.into_inner(), 4);
        assert!(slot.load(Acquire).is_null());
        // SAFETY: made by `Box::into_raw` above, and in nobody's hands any more.
        drop(unsafe { Box::from_raw(one) });
    });
}

#[test]
fn a_value_lent_uniquely_is_written_back() {
    Model::new().check(|| {
        let mut count = AtomicUsize::new(1);
        *count.get_mut() += 1;
        assert_eq!(*count.get_mut(), 2);
        thread::scope(|scope| {
            scope.spawn(|| count.fetch_add(1, Relaxed));
            count.fetch_add(1, Relaxed);
        });
        assert_eq!(count.into_inner(), 4);
    });
}

/// A timed wait, whose result `handle` gets, beside a notification that comes if `notified`.
fn timed(notified: bool, handle: fn(bool, bool)) -> Report {
    Model::new().explore(move || {
        let gate = Mutex::new(false);
        let changed = Condvar::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                *gate.lock().unwrap() = true;
                if notified {
                    changed.notify_one();
                }
            });
            let guard = gate.lock().unwrap();
            if !*guard {
                let (guard, result) = changed.wait_timeout(guard, Duration::from_millis(1)).unwrap();
                handle(*guard, result.timed_out());
            }
        });
    })
}

#[test]
fn a_timed_wait_gives_up_where_nothing_else_can_happen() {
    let report = timed(false, |_, timed_out| assert!(timed_out, "nobody notifies"));
    assert!(report.failure.is_none(), "{report:?}");
}

#[test]
fn a_timed_wait_that_is_notified_has_not_timed_out_but_may() {
    // With a notification to come, only the pass for spurious wake-ups lets it give up.
    let handled = timed(true, |open, timed_out| assert!(open || timed_out));
    assert!(handled.failure.is_none(), "{handled:?}");
    fails(&timed(true, |open, _| assert!(open, "it has given up")), Class::Assertion, Kind::Spurious);
}

#[test]
fn a_timed_wait_with_a_condition_tells_whether_it_came_true() {
    let wait = |opens: bool| {
        Model::new().must_reach(&["open", "gave up"]).explore(move || {
            let gate = Mutex::new(false);
            let changed = Condvar::new();
            thread::scope(|scope| {
                scope.spawn(|| {
                    *gate.lock().unwrap() = opens;
                    changed.notify_one();
                });
                let wait = changed.wait_timeout_while(gate.lock().unwrap(), Duration::from_millis(1), |open| !*open);
                let (open, result) = wait.unwrap();
                assert_eq!(*open, !result.timed_out());
                reach(if *open { "open" } else { "gave up" });
            });
        })
    };
    assert!(wait(true).failure.is_none());
    assert_eq!(wait(false).failure.map(|failure| failure.class), Some(Class::Unreached));
}

#[test]
fn a_timed_park_needs_nobody() {
    let park = |told: bool, handle: fn(bool)| {
        Model::new().explore(move || {
            let flag = Arc::new(AtomicUsize::new(0));
            let waiter = thread::current();
            let other = thread::spawn({
                let flag = flag.clone();
                move || {
                    flag.store(1, Release);
                    if told {
                        waiter.unpark();
                    }
                }
            });
            thread::park_timeout(Duration::from_millis(1));
            handle(flag.load(Acquire) == 1);
            other.join().unwrap();
        })
    };
    assert!(park(false, |_| ()).failure.is_none());
    fails(&park(true, |told| assert!(told, "it has given up")), Class::Assertion, Kind::Spurious);
}

#[test]
fn a_timed_wait_ends_though_others_spin_for_it() {
    let report = Model::new().explore(|| {
        let over = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::park_timeout(Duration::from_millis(1));
                over.store(1, Release);
            });
            while over.load(Acquire) == 0 {
                hint::spin_loop();
            }
        });
    });
    assert!(report.failure.is_none(), "{report:?}");
}
