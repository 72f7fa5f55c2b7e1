//! Every primitive once right, and once with its synchronisation weakened or left out: the checker must pass the one and
//! find the other. What a primitive does not promise to order is found, too, though a real one may happen to order it.

use lab::{
    cell::UnsafeCell,
    finding::WIDTH,
    model::{
        Class::{self, Assertion, DataRace, Deadlock},
        Kind::{self, Interleaving, MemoryOrdering, Spurious},
        Model, Report,
    },
    sync::{
        Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock,
        atomic::{
            AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
        mpsc,
    },
    thread,
};

/// A number that nothing protects.
struct Note(UnsafeCell<usize>);

// SAFETY: the models are there to tell whether it is used so.
unsafe impl Sync for Note {}
// SAFETY: a number.
unsafe impl Send for Note {}

impl Note {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn write(&self) {
        // SAFETY: as above.
        self.0.with_mut(|note| unsafe { *note = 7 });
    }

    fn read(&self) {
        // SAFETY: as above.
        let value = self.0.with(|note| unsafe { *note });
        assert!(value == 0 || value == 7);
    }
}

/// A note, a flag that only tells what has been, and what is tried.
struct Shared<T> {
    note: Note,
    flag: AtomicUsize,
    tried: T,
}

impl<T> Shared<T> {
    /// Orders nothing; what comes after it is still later.
    fn tell(&self) {
        self.flag.store(1, Relaxed);
    }

    fn told(&self) -> bool {
        self.flag.load(Relaxed) == 1
    }
}

/// Two threads and what they share.
fn two<T: Sync + 'static>(
    make: impl Fn() -> T + Send + Sync + 'static,
    one: impl Fn(&Shared<T>) + Send + Sync + 'static,
    other: impl Fn(&Shared<T>) + Send + Sync + 'static,
) -> Report {
    Model::new().explore(move || {
        let shared = Shared { note: Note::new(), flag: AtomicUsize::new(0), tried: make() };
        thread::scope(|scope| {
            scope.spawn(|| one(&shared));
            other(&shared);
        });
    })
}

/// Two threads, and a third that does the same as a second.
fn three<T: Sync + 'static>(
    make: impl Fn() -> T + Send + Sync + 'static,
    one: impl Fn(&Shared<T>) + Send + Sync + 'static,
    two: impl Fn(&Shared<T>) + Send + Sync + 'static,
    three: impl Fn(&Shared<T>) + Send + Sync + 'static,
) -> Report {
    Model::new().explore(move || {
        let shared = Shared { note: Note::new(), flag: AtomicUsize::new(0), tried: make() };
        thread::scope(|scope| {
            scope.spawn(|| one(&shared));
            scope.spawn(|| two(&shared));
            three(&shared);
        });
    })
}

/// Checks a verdict: `None` to pass.
#[track_caller]
fn verdict(what: &str, expected: Option<(Class, Kind)>, report: &Report) {
    let found = report.failure.as_ref().map(|failure| (failure.class, failure.kind));
    let text = report.failure.as_ref().map_or_else(String::new, |failure| failure.text(WIDTH));
    assert_eq!(found, expected.map(|(class, kind)| (class, Some(kind))), "{what}\n{text}");
}

const RACE: Option<(Class, Kind)> = Some((DataRace, Interleaving));
const WEAK: Option<(Class, Kind)> = Some((DataRace, MemoryOrdering));
const STUCK: Option<(Class, Kind)> = Some((Deadlock, Interleaving));
const CHANGES: [Ordering; 5] = [Relaxed, Acquire, Release, AcqRel, SeqCst];
const LOADS: [Ordering; 3] = [Relaxed, Acquire, SeqCst];
const STORES: [Ordering; 3] = [Relaxed, Release, SeqCst];

fn acquires(ordering: Ordering) -> bool {
    matches!(ordering, Acquire | AcqRel | SeqCst)
}

fn releases(ordering: Ordering) -> bool {
    matches!(ordering, Release | AcqRel | SeqCst)
}

/// One thread writes and tells it with `tell`; the other, if `told`, reads.
fn published(
    tell: impl Fn(&AtomicUsize) + Send + Sync + 'static,
    told: impl Fn(&AtomicUsize) -> bool + Send + Sync + 'static,
) -> Report {
    two(
        || (),
        move |shared| {
            shared.note.write();
            tell(&shared.flag);
        },
        move |shared| {
            if told(&shared.flag) {
                shared.note.read();
            }
        },
    )
}

fn ordered(right: bool) -> Option<(Class, Kind)> {
    if right { None } else { WEAK }
}

#[test]
fn a_store_and_a_load() {
    for store in STORES {
        for load in LOADS {
            let report = published(move |flag| flag.store(1, store), move |flag| flag.load(load) == 1);
            verdict(&format!("{store:?} {load:?}"), ordered(releases(store) && acquires(load)), &report);
        }
    }
}

#[test]
fn a_read_modify_write_that_tells() {
    for change in CHANGES {
        let right = ordered(releases(change));
        let told = |flag: &AtomicUsize| flag.load(Acquire) == 1;
        verdict(
            "swap",
            right,
            &published(
                move |flag| {
                    let _ = flag.swap(1, change);
                },
                told,
            ),
        );
        verdict(
            "fetch_add",
            right,
            &published(
                move |flag| {
                    let _ = flag.fetch_add(1, change);
                },
                told,
            ),
        );
        let exchange = move |flag: &AtomicUsize| {
            let _ = flag.compare_exchange(0, 1, change, Relaxed);
        };
        verdict("compare_exchange", right, &published(exchange, told));
        let weak = move |flag: &AtomicUsize| while flag.compare_exchange_weak(0, 1, change, Relaxed).is_err() {};
        verdict("compare_exchange_weak", right, &published(weak, told));
        let update = move |flag: &AtomicUsize| {
            let _ = flag.fetch_update(change, Relaxed, |old| Some(old + 1));
        };
        verdict("fetch_update", right, &published(update, told));
    }
}

#[test]
fn a_read_modify_write_that_is_told() {
    for change in CHANGES {
        let right = ordered(acquires(change));
        let tell = |flag: &AtomicUsize| flag.store(1, Release);
        verdict("swap", right, &published(tell, move |flag| flag.swap(2, change) == 1));
        verdict("fetch_add", right, &published(tell, move |flag| flag.fetch_add(1, change) == 1));
        let exchange = move |flag: &AtomicUsize| flag.compare_exchange(1, 2, change, Relaxed).is_ok();
        verdict("compare_exchange", right, &published(tell, exchange));
        let weak = move |flag: &AtomicUsize| flag.compare_exchange_weak(1, 2, change, Relaxed).is_ok();
        verdict("compare_exchange_weak", right, &published(tell, weak));
    }
}

#[test]
fn a_compare_exchange_that_fails() {
    for failure in LOADS {
        for success in CHANGES {
            let right = ordered(acquires(failure));
            let tell = |flag: &AtomicUsize| flag.store(1, Release);
            let exchange = move |flag: &AtomicUsize| flag.compare_exchange(5, 6, success, failure) == Err(1);
            verdict(&format!("{success:?} {failure:?}"), right, &published(tell, exchange));
            let weak = move |flag: &AtomicUsize| flag.compare_exchange_weak(5, 6, success, failure) == Err(1);
            verdict(&format!("weak {success:?} {failure:?}"), right, &published(tell, weak));
        }
    }
    // What has failed has told nobody anything.
    let tell = |flag: &AtomicUsize| {
        let _ = flag.compare_exchange(5, 6, AcqRel, Acquire);
    };
    let report = two(
        || (),
        move |shared| {
            shared.note.write();
            tell(&shared.flag);
        },
        |shared| {
            shared.flag.fetch_add(1, AcqRel);
            shared.note.read();
        },
    );
    verdict("a failure releases nothing", RACE, &report);
}

#[test]
fn a_release_sequence() {
    let through = |between: fn(&AtomicUsize)| {
        three(
            || (),
            |shared| {
                shared.note.write();
                shared.flag.store(1, Release);
            },
            move |shared| between(&shared.flag),
            |shared| {
                if shared.flag.load(Acquire) >= 2 {
                    shared.note.read();
                }
            },
        )
    };
    verdict(
        "a read-modify-write goes on with it",
        None,
        &through(|flag| {
            let _ = flag.compare_exchange(1, 2, Relaxed, Relaxed);
        }),
    );
    let breaks = |flag: &AtomicUsize| {
        if flag.load(Relaxed) == 1 {
            flag.store(2, Relaxed);
        }
    };
    verdict("a store breaks it", WEAK, &through(breaks));
}

#[test]
fn fences() {
    for (release, acquire) in [(Release, Acquire), (AcqRel, AcqRel), (SeqCst, SeqCst), (Acquire, Acquire), (Release, Release)] {
        let tell = move |flag: &AtomicUsize| {
            fence(release);
            flag.store(1, Relaxed);
        };
        let told = move |flag: &AtomicUsize| {
            let told = flag.load(Relaxed) == 1;
            fence(acquire);
            told
        };
        verdict(&format!("{release:?} {acquire:?}"), ordered(releases(release) && acquires(acquire)), &published(tell, told));
    }
    let too_late = |flag: &AtomicUsize| {
        flag.store(1, Relaxed);
        fence(Release);
    };
    verdict("after the store", WEAK, &published(too_late, |flag| flag.load(Acquire) == 1));
    let too_soon = |flag: &AtomicUsize| {
        fence(Acquire);
        flag.load(Relaxed) == 1
    };
    verdict("before the load", WEAK, &published(|flag| flag.store(1, Release), too_soon));
}

#[test]
fn sequential_consistency() {
    let buffering = |between: fn()| {
        Model::new().explore(move || {
            let (left, right) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let miss = |mine: &AtomicUsize, other: &AtomicUsize| {
                mine.store(1, Relaxed);
                between();
                other.load(Relaxed) == 0
            };
            let both = thread::scope(|scope| {
                let other = scope.spawn(|| miss(&left, &right));
                miss(&right, &left) && other.join().unwrap()
            });
            assert!(!both, "each has missed the other's store");
        })
    };
    verdict("SeqCst", None, &buffering(|| fence(SeqCst)));
    verdict("AcqRel", Some((Assertion, MemoryOrdering)), &buffering(|| fence(AcqRel)));
}

#[test]
fn get_mut_of_an_atomic() {
    struct Number(std::cell::UnsafeCell<AtomicUsize>);
    // SAFETY: the models are there to tell.
    unsafe impl Sync for Number {}
    let alone = |wait: bool| {
        Model::new().explore(move || {
            let number = Number(std::cell::UnsafeCell::new(AtomicUsize::new(0)));
            // SAFETY: one reference for a shared use.
            let shared = unsafe { &*number.0.get() };
            thread::scope(|scope| {
                let other = scope.spawn(|| shared.fetch_add(1, Relaxed));
                if wait {
                    other.join().unwrap();
                }
                // SAFETY: what the model is about to find out. Both threads are on one thread of the system.
                *unsafe { &mut *number.0.get() }.get_mut() += 1;
            });
        })
    };
    // Alone there is nothing to explore.
    assert_eq!(alone(true).failure.map(|failure| failure.class), Some(Class::Vacuous));
    verdict("shared", RACE, &alone(false));
}

#[test]
fn mutex() {
    type Locks = [Mutex<bool>; 2];
    let locks = || [Mutex::new(false), Mutex::new(false)];
    let with = |other: usize| {
        two(
            locks,
            |shared: &Shared<Locks>| {
                let _guard = shared.tried[0].lock();
                shared.note.write();
            },
            move |shared: &Shared<Locks>| {
                let _guard = shared.tried[other].lock();
                shared.note.read();
            },
        )
    };
    verdict("one lock", None, &with(0));
    verdict("two locks", RACE, &with(1));
    let released = two(
        locks,
        |shared: &Shared<Locks>| {
            drop(shared.tried[0].lock());
            shared.note.write();
            shared.tell();
        },
        |shared: &Shared<Locks>| {
            if shared.told() {
                drop(shared.tried[0].lock());
                shared.note.read();
            }
        },
    );
    verdict("written after the release", WEAK, &released);
}

#[test]
fn try_lock() {
    let attempt = |when_taken: bool| {
        two(
            || Mutex::new(()),
            |shared: &Shared<Mutex<()>>| {
                let _guard = shared.tried.lock();
                shared.note.write();
            },
            move |shared: &Shared<Mutex<()>>| {
                let attempt = shared.tried.try_lock();
                if attempt.is_ok() == when_taken {
                    shared.note.read();
                }
            },
        )
    };
    verdict("taken", None, &attempt(true));
    verdict("to fail is to acquire nothing", RACE, &attempt(false));
}

#[test]
fn rwlock() {
    fn locked(
        one: impl Fn(&Shared<RwLock<()>>) + Send + Sync + 'static,
        other: impl Fn(&Shared<RwLock<()>>) + Send + Sync + 'static,
    ) -> Report {
        two(|| RwLock::new(()), one, other)
    }
    let reads = |shared: &Shared<RwLock<()>>| {
        let _guard = shared.tried.read();
        shared.note.read();
    };
    let writes = |shared: &Shared<RwLock<()>>| {
        let _guard = shared.tried.write();
        shared.note.write();
    };
    verdict("a writer and a reader", None, &locked(writes, reads));
    verdict("two writers", None, &locked(writes, writes));
    verdict("two readers", None, &locked(reads, reads));
    let writes_as_a_reader = |shared: &Shared<RwLock<()>>| {
        let _guard = shared.tried.read();
        shared.note.write();
    };
    verdict("a reader that writes", RACE, &locked(writes_as_a_reader, reads));
    let early = move |shared: &Shared<RwLock<()>>| {
        writes_as_a_reader(shared);
        shared.tell();
    };
    let late = move |shared: &Shared<RwLock<()>>| {
        if shared.told() {
            reads(shared);
        }
    };
    verdict("readers are not ordered among each other", WEAK, &locked(early, late));
    let attempt = |shared: &Shared<RwLock<()>>| {
        if shared.tried.try_write().is_err() {
            shared.note.read();
        }
    };
    verdict("to fail is to acquire nothing", RACE, &locked(writes, attempt));
}

#[test]
fn condvar() {
    type Gate = (Mutex<bool>, Condvar);
    let gate = || (Mutex::new(false), Condvar::new());
    let waits = |shared: &Shared<Gate>| {
        drop(shared.tried.1.wait_while(shared.tried.0.lock().unwrap(), |open| !*open));
        shared.note.read();
    };
    let opens = |shared: &Shared<Gate>| {
        shared.note.write();
        *shared.tried.0.lock().unwrap() = true;
        shared.tried.1.notify_one();
    };
    verdict("written before", None, &two(gate, opens, waits));
    let late = |shared: &Shared<Gate>| {
        *shared.tried.0.lock().unwrap() = true;
        shared.note.write();
        shared.tried.1.notify_one();
    };
    verdict("written after the lock", RACE, &two(gate, late, waits));
    let never = |shared: &Shared<Gate>| *shared.tried.0.lock().unwrap() = true;
    verdict("no notification", STUCK, &two(gate, never, waits));
    let alone = Model::new().explore(move || {
        let shared = Shared { note: Note::new(), flag: AtomicUsize::new(0), tried: gate() };
        thread::scope(|scope| {
            let guard = shared.tried.0.lock().unwrap();
            scope.spawn(|| {
                shared.note.write();
                drop(shared.tried.0.lock());
                shared.note.write();
                shared.tried.1.notify_one();
            });
            drop(shared.tried.1.wait(guard));
            shared.note.read();
        });
    });
    verdict("a notification orders nothing by itself", Some((DataRace, Spurious)), &alone);
}

#[test]
fn barrier() {
    let meet = |size: usize, early: bool| {
        two(
            move || Barrier::new(size),
            move |shared: &Shared<Barrier>| {
                if early {
                    shared.note.write();
                }
                shared.tried.wait();
                if !early {
                    shared.note.write();
                }
            },
            |shared: &Shared<Barrier>| {
                shared.tried.wait();
                shared.note.read();
            },
        )
    };
    verdict("before and after", None, &meet(2, true));
    verdict("after and after", RACE, &meet(2, false));
    verdict("for one only", RACE, &meet(1, true));
    verdict("for three", STUCK, &meet(3, true));
}

#[test]
fn once() {
    let first = |shared: &Shared<Once>| shared.tried.call_once(|| shared.note.write());
    let later = |shared: &Shared<Once>| {
        shared.tried.call_once(|| shared.note.write());
        shared.note.read();
    };
    verdict("written inside", None, &two(Once::new, first, later));
    let looks = |shared: &Shared<Once>| {
        if shared.tried.is_completed() {
            shared.note.read();
        }
    };
    verdict("read if done", None, &two(Once::new, first, looks));
    let hopes = |shared: &Shared<Once>| {
        shared.tried.is_completed();
        shared.note.read();
    };
    verdict("read at any time", RACE, &two(Once::new, first, hopes));
    let outside = |shared: &Shared<Once>| {
        shared.tried.call_once(|| ());
        shared.note.write();
    };
    verdict("written after", RACE, &two(Once::new, outside, later));
    let does = |shared: &Shared<Once>| shared.tried.call_once(|| ());
    let finds = |shared: &Shared<Once>| {
        if shared.tried.is_completed() {
            shared.note.write();
            shared.tried.call_once(|| unreachable!("it is done"));
            shared.tell();
        }
    };
    let finds_too = |shared: &Shared<Once>| {
        if shared.told() {
            shared.tried.call_once(|| unreachable!("it is done"));
            shared.note.read();
        }
    };
    verdict("those who find it done are not ordered", WEAK, &three(Once::new, does, finds, finds_too));
    let inside = |shared: &Shared<Once>| shared.tried.call_once(|| shared.tried.call_once(|| ()));
    verdict("inside of itself", STUCK, &two(Once::new, inside, first));
}

#[test]
fn once_lock() {
    type Slot = OnceLock<usize>;
    let puts = |shared: &Shared<Slot>| {
        shared.note.write();
        assert_eq!(shared.tried.set(1), Ok(()));
    };
    let gets = |shared: &Shared<Slot>| {
        if shared.tried.get() == Some(&1) {
            shared.note.read();
        }
    };
    verdict("written before", None, &two(Slot::new, puts, gets));
    let hopes = |shared: &Shared<Slot>| {
        if shared.tried.get().is_none() {
            shared.note.read();
        }
    };
    verdict("None orders nothing", RACE, &two(Slot::new, puts, hopes));
    let makes = |shared: &Shared<Slot>| {
        let value = shared.tried.get_or_init(|| {
            shared.note.write();
            1
        });
        assert_eq!(*value, 1);
        shared.note.read();
    };
    verdict("whoever makes it", None, &two(Slot::new, makes, makes));
    let late = |shared: &Shared<Slot>| {
        assert_eq!(shared.tried.set(1), Ok(()));
        shared.note.write();
    };
    verdict("written after", RACE, &two(Slot::new, late, gets));
}

#[test]
fn lazy_lock() {
    let with = |inside: bool| {
        Model::new().explore(move || {
            let note = Note::new();
            let lazy = LazyLock::new(|| {
                if inside {
                    note.write();
                }
                1
            });
            let force = || {
                assert_eq!(*lazy, 1);
                if inside {
                    note.read();
                } else {
                    note.write();
                }
            };
            thread::scope(|scope| {
                scope.spawn(force);
                force();
            });
        })
    };
    verdict("made inside", None, &with(true));
    verdict("after", RACE, &with(false));
}

/// Both ends of a channel, each taken by one thread.
struct Ends<S, T>([Mutex<Option<S>>; 2], Mutex<Option<mpsc::Receiver<T>>>);

impl<S: Clone, T> Ends<S, T> {
    fn new((sender, receiver): (S, mpsc::Receiver<T>)) -> Self {
        Self([sender.clone(), sender].map(|sender| Mutex::new(Some(sender))), Mutex::new(Some(receiver)))
    }

    /// What a thread takes is its own: no lock of the model orders it any further.
    fn sender(&self, which: usize) -> S {
        self.0[which].lock().unwrap().take().unwrap()
    }

    fn receiver(&self) -> mpsc::Receiver<T> {
        self.1.lock().unwrap().take().unwrap()
    }
}

type Unbounded = Ends<mpsc::Sender<()>, ()>;
type Bounded = Ends<mpsc::SyncSender<()>, ()>;

#[test]
fn unbounded_channel() {
    let ends = || Ends::new(mpsc::channel());
    let receives = |shared: &Shared<Unbounded>| {
        shared.tried.receiver().recv().unwrap();
        shared.note.read();
    };
    let sends = |shared: &Shared<Unbounded>| {
        let sender = shared.tried.sender(0);
        shared.note.write();
        sender.send(()).unwrap();
    };
    verdict("written before", None, &two(ends, sends, receives));
    let late = |shared: &Shared<Unbounded>| {
        let sender = shared.tried.sender(0);
        sender.send(()).unwrap();
        shared.note.write();
    };
    verdict("written after", RACE, &two(ends, late, receives));
    let tries = |shared: &Shared<Unbounded>| {
        if shared.tried.receiver().try_recv().is_err() {
            shared.note.read();
        }
    };
    verdict("empty orders nothing", RACE, &two(ends, sends, tries));

    let first = |shared: &Shared<Unbounded>| {
        let sender = shared.tried.sender(0);
        shared.note.write();
        sender.send(()).unwrap();
        shared.tell();
    };
    let second = |shared: &Shared<Unbounded>| {
        let sender = shared.tried.sender(1);
        if shared.told() {
            sender.send(()).unwrap();
            shared.note.read();
        }
    };
    verdict("senders are not ordered among each other", WEAK, &two(ends, first, second));
    let looks = |shared: &Shared<Unbounded>| {
        let receiver = shared.tried.receiver();
        shared.note.write();
        assert!(receiver.try_recv().is_err());
        shared.tell();
        // It stays, so that the other can send.
        std::mem::forget(receiver);
    };
    verdict("a send is not ordered after a look", WEAK, &two(ends, looks, second));

    let leaves = |shared: &Shared<Unbounded>| {
        let sender = shared.tried.sender(0);
        shared.note.write();
        drop(sender);
    };
    let other = |shared: &Shared<Unbounded>| shared.tried.sender(1).send(()).unwrap();
    verdict("one sender that goes tells nothing", RACE, &three(ends, leaves, other, receives));
    let goes = |shared: &Shared<Unbounded>| drop(shared.tried.sender(1));
    let end = |shared: &Shared<Unbounded>| {
        assert!(shared.tried.receiver().recv().is_err());
        shared.note.read();
    };
    verdict("all of them tell that they are gone", None, &three(ends, leaves, goes, end));
    let waits = |shared: &Shared<Unbounded>| {
        let receiver = shared.tried.receiver();
        assert!(receiver.recv().is_ok() && receiver.recv().is_err());
    };
    verdict("waiting for more than is sent", STUCK, &two(ends, sends, waits));
}

#[test]
fn bounded_channel() {
    let reused = |bound: usize| {
        two(
            move || Ends::new(mpsc::sync_channel(bound)),
            |shared: &Shared<Bounded>| {
                let sender = shared.tried.sender(0);
                sender.send(()).unwrap();
                sender.send(()).unwrap();
                // The room of the second message, if it is the only room, was made by taking the first.
                shared.note.read();
            },
            |shared: &Shared<Bounded>| {
                let receiver = shared.tried.receiver();
                shared.note.write();
                assert!(receiver.recv().is_ok() && receiver.recv().is_ok());
            },
        )
    };
    verdict("one place", None, &reused(1));
    verdict("two places", RACE, &reused(2));
    let first = |shared: &Shared<Bounded>| {
        let receiver = shared.tried.receiver();
        shared.note.write();
        receiver.recv().unwrap();
        shared.tell();
        let _ = receiver.recv();
    };
    let then = |shared: &Shared<Bounded>| {
        let sender = shared.tried.sender(0);
        sender.send(()).unwrap();
        let told = shared.told();
        sender.send(()).unwrap();
        if told {
            shared.note.read();
        }
    };
    let two_places = two(|| Ends::new(mpsc::sync_channel(2)), first, then);
    verdict("the second place was always there", WEAK, &two_places);
    let full = |shared: &Shared<Bounded>| {
        let sender = shared.tried.sender(0);
        shared.note.write();
        while sender.try_send(()).is_err() {
            thread::yield_now();
        }
    };
    let takes = |shared: &Shared<Bounded>| {
        let receiver = shared.tried.receiver();
        receiver.recv().unwrap();
        shared.note.read();
    };
    verdict("a message", None, &two(|| Ends::new(mpsc::sync_channel(1)), full, takes));
    verdict("nobody receives", STUCK, &two(|| Ends::new(mpsc::sync_channel(1)), then, |_| ()));
}

#[test]
fn rendezvous() {
    let meets = |bound: usize| {
        two(
            move || Ends::new(mpsc::sync_channel(bound)),
            |shared: &Shared<Bounded>| {
                shared.tried.sender(0).send(()).unwrap();
                shared.note.read();
            },
            |shared: &Shared<Bounded>| {
                let receiver = shared.tried.receiver();
                shared.note.write();
                receiver.recv().unwrap();
            },
        )
    };
    verdict("both wait", None, &meets(0));
    verdict("one waits", RACE, &meets(1));
    let alone = two(
        || Ends::new(mpsc::sync_channel(0)),
        |shared: &Shared<Bounded>| {
            let _ = shared.tried.sender(0).send(());
        },
        |shared: &Shared<Bounded>| shared.flag.store(1, Relaxed),
    );
    verdict("nobody comes", STUCK, &alone);
}

#[test]
fn park_and_unpark() {
    let parks = |shared: &Shared<thread::Thread>, times: usize| {
        for _ in 0..times {
            thread::park();
        }
        shared.note.read();
    };
    let wakes = |shared: &Shared<thread::Thread>| {
        shared.note.write();
        shared.tried.unpark();
    };
    verdict("written before", None, &two(thread::current, wakes, move |shared| parks(shared, 1)));
    verdict("twice", STUCK, &two(thread::current, wakes, move |shared| parks(shared, 2)));
    let late = |shared: &Shared<thread::Thread>| {
        shared.tried.unpark();
        shared.note.write();
    };
    verdict("written after", RACE, &two(thread::current, late, move |shared| parks(shared, 1)));
    let first = |shared: &Shared<thread::Thread>| {
        shared.note.write();
        shared.tried.unpark();
        shared.tell();
    };
    let second = |shared: &Shared<thread::Thread>| {
        if shared.told() {
            shared.tried.unpark();
            shared.note.read();
        }
    };
    verdict("those who wake are not ordered among each other", WEAK, &three(thread::current, first, second, |_| ()));
}

#[test]
fn spawn_and_join() {
    let with = |join: bool, late: bool| {
        Model::new().explore(move || {
            let shared = lab::sync::Arc::new(Shared { note: Note::new(), flag: AtomicUsize::new(0), tried: () });
            shared.note.write();
            let other = thread::spawn({
                let shared = shared.clone();
                move || {
                    shared.tell();
                    shared.note.write();
                }
            });
            shared.told();
            if late {
                shared.note.write();
            }
            if join {
                other.join().unwrap();
            }
            shared.note.read();
        })
    };
    verdict("joined", None, &with(true, false));
    verdict("not joined", RACE, &with(false, false));
    verdict("written after the spawn", RACE, &with(true, true));
}

#[test]
fn scope() {
    let with = |inside: bool| {
        Model::new().explore(move || {
            let shared = Shared { note: Note::new(), flag: AtomicUsize::new(0), tried: () };
            thread::scope(|scope| {
                scope.spawn(|| {
                    shared.note.write();
                    shared.tell();
                });
                shared.told();
                if inside {
                    shared.note.read();
                }
            });
            shared.note.read();
        })
    };
    verdict("read after", None, &with(false));
    verdict("read inside", RACE, &with(true));
}
