//! What a failure says: the cause in sentences with lines, the repair, the fewest interruptions, and a table that fits.

use lab::{
    cell::UnsafeCell,
    finding::WIDTH,
    hint,
    model::{Class, Failure, Kind, Model, Pass, Report, StepTold},
    sync::{
        Arc, Condvar, Mutex, RwLock,
        atomic::{
            AtomicBool, AtomicPtr, AtomicU8, AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release},
            fence,
        },
    },
    thread,
};

/// The failure of a report, whose text fits into a terminal of old.
#[track_caller]
fn failure(report: Report) -> Failure {
    let Some(failure) = report.failure else { panic!("it passed: {report:?}") };
    let text = failure.text(WIDTH);
    println!("{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH + 4, "too wide: {line}");
    }
    assert!(!text.contains("loom"), "a learner need not know of loom");
    failure
}

#[track_caller]
fn assert_says(failure: &Failure, words: &[&str]) {
    // However the lines are broken.
    let text = failure.sentences().join(" ").replace('\n', " ");
    for words in words {
        assert!(text.contains(words), "{words:?} is not said in: {text}");
    }
}

fn line_of(failure: &Failure, operation: &str) -> String {
    let step = failure.steps.iter().find(|step| step.operation == operation);
    step.map(StepTold::place).unwrap_or_else(|| panic!("no step is a {operation}"))
}

/// A value that is published by a flag.
struct Letter {
    sealed: AtomicBool,
    text: UnsafeCell<u32>,
}

// SAFETY: what the models are about to find out.
unsafe impl Sync for Letter {}

fn letter(store: Ordering, load: Ordering) -> Report {
    Model::new().explore(move || {
        let letter = Arc::new(Letter { sealed: AtomicBool::new(false), text: UnsafeCell::new(0) });
        let writer = thread::spawn({
            let letter = letter.clone();
            move || {
                // SAFETY: nobody reads before `sealed` is true; what that is worth is what is checked.
                letter.text.with_mut(|text| unsafe { *text = 42 });
                letter.sealed.store(true, store);
            }
        });
        if letter.sealed.load(load) {
            // SAFETY: as above.
            letter.text.with(|text| unsafe { *text });
        }
        writer.join().unwrap();
    })
}

#[test]
fn a_store_that_releases_nothing_is_named_with_its_repair() {
    let failure = failure(letter(Relaxed, Acquire));
    assert_eq!((failure.class, failure.kind), (Class::DataRace, Some(Kind::MemoryOrdering)));
    let (store, load) = (line_of(&failure, "store"), line_of(&failure, "load"));
    assert_says(
        &failure,
        &[
            "T1 and T0 use `text`, and nothing orders the two",
            &format!("T0's load at {load} did read what T1's store at {store} had written"),
            "that store is Relaxed: it releases nothing",
            &format!("Repair: Release instead of Relaxed in sealed.store at {store}."),
        ],
    );
    let read = failure.steps.iter().find(|step| step.operation == "load").unwrap();
    let store = failure.steps.iter().find(|step| step.operation == "store").unwrap();
    assert_eq!((read.reads_from, read.synchronises), (Some(store.step), false));
}

#[test]
fn a_load_that_acquires_nothing_is_named_with_its_repair() {
    let failure = failure(letter(Release, Relaxed));
    assert_says(&failure, &["that load is Relaxed: it acquires nothing", "Repair: Acquire instead of Relaxed in sealed.load"]);
}

#[test]
fn where_two_lines_are_too_weak_no_single_repair_is_named() {
    let failure = failure(letter(Relaxed, Relaxed));
    assert_eq!(failure.repair, None);
    assert_says(&failure, &["the one releases nothing (Relaxed) and the other acquires nothing (Relaxed)"]);
}

#[test]
fn a_right_letter_is_not_explained() {
    assert_eq!(letter(Release, Acquire).failure, None);
}

/// Fences may do what the orderings of the accesses do not.
#[test]
fn a_fence_that_is_missing_on_one_side_is_seen() {
    let with_fences = |before: bool, after: bool| {
        Model::new().explore(move || {
            let letter = Arc::new(Letter { sealed: AtomicBool::new(false), text: UnsafeCell::new(0) });
            let writer = thread::spawn({
                let letter = letter.clone();
                move || {
                    // SAFETY: what is checked.
                    letter.text.with_mut(|text| unsafe { *text = 42 });
                    if before {
                        fence(Release);
                    }
                    letter.sealed.store(true, Relaxed);
                }
            });
            if letter.sealed.load(Relaxed) {
                if after {
                    fence(Acquire);
                }
                // SAFETY: what is checked.
                letter.text.with(|text| unsafe { *text });
            }
            writer.join().unwrap();
        })
    };
    assert_eq!(with_fences(true, true).failure, None);
    assert_says(&failure(with_fences(true, false)), &["that load is Relaxed: it acquires nothing"]);
    assert_says(&failure(with_fences(false, true)), &["that store is Relaxed: it releases nothing"]);
}

#[test]
fn a_race_that_no_ordering_could_mend_is_an_interleaving_bug() {
    let failure = failure(Model::new().explore(|| {
        let letter = Arc::new(Letter { sealed: AtomicBool::new(false), text: UnsafeCell::new(0) });
        let writer = thread::spawn({
            let letter = letter.clone();
            // SAFETY: the mistake.
            move || letter.text.with_mut(|text| unsafe { *text = 42 })
        });
        // SAFETY: the mistake.
        letter.text.with(|text| unsafe { *text });
        writer.join().unwrap();
    }));
    assert_eq!((failure.class, failure.kind), (Class::DataRace, Some(Kind::Interleaving)));
    assert_says(&failure, &["so it cannot know that"]);
}

#[test]
fn a_lost_update_is_told_with_its_three_lines() {
    let failure = failure(Model::new().explore(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let add = |count: &AtomicUsize| {
            let before = count.load(Acquire);
            count.store(before + 1, Release);
        };
        let other = thread::spawn({
            let count = count.clone();
            move || add(&count)
        });
        add(&count);
        other.join().unwrap();
        assert_eq!(count.load(Acquire), 2);
    }));
    assert_eq!((failure.class, failure.kind, failure.preemptions), (Class::Assertion, Some(Kind::Interleaving), Some(1)));
    let (load, store) = (line_of(&failure, "load"), line_of(&failure, "store"));
    let lost = format!("read `count` at {load}, T1 wrote it at {store}, and T0 wrote over that at {store}");
    assert_says(&failure, &["Perhaps an update is lost", &lost, "a thread must be interrupted once for it"]);
}

#[test]
fn a_deadlock_says_who_holds_what_since_where() {
    let failure = failure(Model::new().explore(|| {
        let both = Arc::new((Mutex::new(0), Mutex::new(0)));
        let other = thread::spawn({
            let both = both.clone();
            move || {
                let right = both.1.lock().unwrap();
                drop((both.0.lock().unwrap(), right));
            }
        });
        let left = both.0.lock().unwrap();
        drop((both.1.lock().unwrap(), left));
        other.join().unwrap();
    }));
    assert_eq!((failure.class, failure.preemptions), (Class::Deadlock, Some(1)));
    let stuck: Vec<_> = failure.steps.iter().filter(|step| !step.finished).map(|step| (step.thread, step.waits_for)).collect();
    assert_eq!(stuck.len(), 2);
    assert!(stuck.contains(&(0, Some(1))) && stuck.contains(&(1, Some(0))), "{stuck:?}");
    let held = line_of(&failure, "lock");
    assert_says(&failure, &["No thread can go on.", &format!("which T0 holds since {held}")]);
}

#[test]
fn a_lock_taken_twice_is_held_by_the_one_who_waits() {
    let failure = failure(Model::new().explore(|| {
        let lock = Arc::new(RwLock::new(0));
        let other = thread::spawn({
            let lock = lock.clone();
            move || drop(lock.read().unwrap())
        });
        let reader = lock.read().unwrap();
        drop((lock.write().unwrap(), reader));
        other.join().unwrap();
    }));
    assert_says(&failure, &["which it holds itself since"]);
}

#[test]
fn a_lost_wakeup_names_the_notification_that_woke_nobody() {
    let failure = failure(Model::new().explore(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let other = thread::spawn({
            let pair = pair.clone();
            move || {
                *pair.0.lock().unwrap() = true;
                pair.1.notify_one();
            }
        });
        let ready = *pair.0.lock().unwrap();
        if !ready {
            drop(pair.1.wait(pair.0.lock().unwrap()));
        }
        other.join().unwrap();
    }));
    assert_eq!((failure.class, failure.kind), (Class::LostWakeup, Some(Kind::Interleaving)));
    let notify = line_of(&failure, "notify_one");
    assert_says(&failure, &[&format!("notify_one by T1 at {notify} woke nobody")]);
}

#[test]
fn a_stale_read_names_the_write_that_was_not_seen() {
    let failure = failure(Model::new().explore(|| {
        let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
        let other = thread::spawn({
            let flags = flags.clone();
            move || {
                flags.0.store(true, Release);
                flags.1.load(Acquire)
            }
        });
        flags.1.store(true, Release);
        let mine = flags.0.load(Acquire);
        assert!(other.join().unwrap() || mine, "both went in");
    }));
    assert_eq!(
        (failure.class, failure.kind, failure.pass),
        (Class::Assertion, Some(Kind::MemoryOrdering), Some(Pass::WeakMemory))
    );
    assert_says(&failure, &["still read the old value of", "nothing orders that write before this read"]);
    assert!(failure.steps.iter().any(|step| step.stale));
}

/// Of a compare-exchange that fails only the failure ordering reads, and only that one mends.
#[test]
fn the_ordering_of_a_failed_exchange_is_the_one_to_mend() {
    struct Post {
        state: AtomicUsize,
        text: UnsafeCell<u32>,
    }
    // SAFETY: what is checked.
    unsafe impl Sync for Post {}

    let failure = failure(Model::new().explore(|| {
        let post = Arc::new(Post { state: AtomicUsize::new(0), text: UnsafeCell::new(0) });
        let writer = thread::spawn({
            let post = post.clone();
            move || {
                // SAFETY: as above.
                post.text.with_mut(|text| unsafe { *text = 42 });
                post.state.store(1, Release);
            }
        });
        if post.state.compare_exchange(0, 2, AcqRel, Relaxed).is_err() {
            // SAFETY: as above.
            post.text.with(|text| unsafe { *text });
        }
        writer.join().unwrap();
    }));
    let repair = failure.repair.expect("one ordering is to blame");
    assert_eq!((repair.from.as_str(), repair.to.as_str()), ("Relaxed", "Acquire"));
    assert!(repair.operation.starts_with("the failure ordering of "), "{}", repair.operation);
}

/// A fence hands over what came before it, and nothing that came after.
#[test]
fn a_fence_that_stands_too_early_releases_nothing_later() {
    let failure = failure(Model::new().explore(|| {
        let letter = Arc::new(Letter { sealed: AtomicBool::new(false), text: UnsafeCell::new(0) });
        let writer = thread::spawn({
            let letter = letter.clone();
            move || {
                fence(Release);
                // SAFETY: what is checked.
                letter.text.with_mut(|text| unsafe { *text = 42 });
                letter.sealed.store(true, Relaxed);
            }
        });
        if letter.sealed.load(Acquire) {
            // SAFETY: what is checked.
            letter.text.with(|text| unsafe { *text });
        }
        writer.join().unwrap();
    }));
    let (store, load) = (line_of(&failure, "store"), line_of(&failure, "load"));
    assert_says(&failure, &[&format!("T0's load at {load} did read what T1's store at {store} had written")]);
}

/// A Relaxed read-modify-write hands on the release of another, and not what its own thread has done.
#[test]
fn who_continues_a_release_sequence_releases_nothing_of_its_own() {
    let failure = failure(Model::new().explore(|| {
        let letter = Arc::new((AtomicUsize::new(0), Letter { sealed: AtomicBool::new(false), text: UnsafeCell::new(0) }));
        let first = thread::spawn({
            let letter = letter.clone();
            move || letter.0.fetch_add(1, Release)
        });
        let second = thread::spawn({
            let letter = letter.clone();
            move || {
                // SAFETY: what is checked.
                letter.1.text.with_mut(|text| unsafe { *text = 42 });
                letter.0.fetch_add(1, Relaxed);
            }
        });
        if letter.0.load(Acquire) == 2 {
            // SAFETY: what is checked.
            letter.1.text.with(|text| unsafe { *text });
        }
        first.join().unwrap();
        second.join().unwrap();
    }));
    assert_says(&failure, &["T2 and T0 use `text`", "fetch_add is Relaxed: it releases nothing"]);
}

/// The access that races is the one that nothing orders, not the last one there was.
#[test]
fn an_access_that_is_ordered_is_not_named_in_a_race() {
    let failure = failure(Model::new().explore(|| {
        let letter = Arc::new(Letter { sealed: AtomicBool::new(false), text: UnsafeCell::new(0) });
        let read = |letter: &Arc<Letter>| {
            let letter = letter.clone();
            // SAFETY: what is checked.
            thread::spawn(move || letter.text.with(|text| unsafe { *text }))
        };
        let (first, second) = (read(&letter), read(&letter));
        second.join().unwrap();
        // SAFETY: the mistake: only one of the two is over.
        letter.text.with_mut(|text| unsafe { *text = 42 });
        first.join().unwrap();
    }));
    assert_says(&failure, &["T1", "T0 writes it"]);
    let named = failure.sentences().join(" ");
    assert!(!named.contains("T2"), "T2 was joined: {named}");
}

/// Who was notified waits for the lock again, and for whoever holds it.
#[test]
fn a_lock_held_over_a_join_is_what_the_notified_wait_for() {
    let failure = failure(Model::new().explore(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let sleeper = thread::spawn({
            let pair = pair.clone();
            move || drop(pair.1.wait_while(pair.0.lock().unwrap(), |ready| !*ready).unwrap())
        });
        let mut ready = pair.0.lock().unwrap();
        *ready = true;
        pair.1.notify_one();
        sleeper.join().unwrap();
        drop(ready);
    }));
    assert_eq!(failure.class, Class::Deadlock);
    assert_says(&failure, &["T1 waits for `pair`", "which T0 holds since"]);
}

#[test]
fn a_livelock_shows_one_round() {
    let failure = failure(Model::new().explore(|| {
        let locked = Arc::new(AtomicBool::new(true));
        let other = thread::spawn({
            let locked = locked.clone();
            move || {
                while locked.swap(true, Acquire) {
                    hint::spin_loop();
                }
            }
        });
        other.join().unwrap();
    }));
    assert_eq!(failure.class, Class::Livelock);
    let text = failure.text(WIDTH);
    assert!(text.contains("and so on: these 2 steps"), "{text}");
    assert!(text.lines().count() < 25, "one round is enough:\n{text}");
}

#[test]
fn three_threads_fit_into_a_terminal_of_old() {
    let failure = failure(Model::new().explore(|| {
        let letter = Arc::new(Letter { sealed: AtomicBool::new(false), text: UnsafeCell::new(0) });
        let first = thread::spawn({
            let letter = letter.clone();
            move || {
                // SAFETY: what is checked.
                letter.text.with_mut(|text| unsafe { *text = 1 });
                letter.sealed.store(true, Relaxed);
            }
        });
        let second = thread::spawn({
            let letter = letter.clone();
            move || {
                if letter.sealed.load(Acquire) {
                    // SAFETY: what is checked.
                    letter.text.with(|text| unsafe { *text });
                }
            }
        });
        first.join().unwrap();
        second.join().unwrap();
    }));
    assert_eq!((failure.threads, failure.class), (3, Class::DataRace));
    assert_says(&failure, &["T1 and T2 use `text`", "Repair: Release instead of Relaxed in sealed.store"]);
    let text = failure.text(WIDTH);
    let head = text.lines().find(|line| line.starts_with("step")).unwrap();
    assert!(["T0", "T1", "T2"].iter().all(|thread| head.contains(thread)), "{head}");
}

/// What is stored can be shown again: by the runner, which never sees a model.
#[test]
fn a_failure_survives_its_json() {
    let failure = failure(letter(Relaxed, Acquire));
    let text = serde_json::to_string(&failure).unwrap();
    assert_eq!(serde_json::from_str::<Failure>(&text).unwrap(), failure);
}

/// The step of a thread that does this, the last of several.
#[track_caller]
fn step<'a>(failure: &'a Failure, thread: usize, operation: &str) -> &'a StepTold {
    let found = failure.steps.iter().rfind(|step| step.thread == thread && step.operation == operation);
    found.unwrap_or_else(|| panic!("no step of T{thread} is a {operation}"))
}

#[track_caller]
fn assert_silent(failure: &Failure, words: &str) {
    let text = failure.sentences().join(" ");
    assert!(!text.contains(words), "{words:?} is said in: {text}");
}

/// A value and two flags.
struct Desk {
    flag: AtomicUsize,
    gate: AtomicUsize,
    one: UnsafeCell<u32>,
}

impl Desk {
    fn new() -> Self {
        Self { flag: AtomicUsize::new(0), gate: AtomicUsize::new(0), one: UnsafeCell::new(0) }
    }
}

// SAFETY: what the models are about to find out.
unsafe impl Sync for Desk {}

fn write(cell: &UnsafeCell<u32>) {
    // SAFETY: what is checked.
    cell.with_mut(|cell| unsafe { *cell = 1 });
}

fn read(cell: &UnsafeCell<u32>) -> u32 {
    // SAFETY: what is checked.
    cell.with(|cell| unsafe { *cell })
}

/// A model of a [`Desk`], with one thread that does `other`, while the main thread does `main`.
fn desk(other: fn(&Desk), main: fn(&Desk)) -> Report {
    Model::new().explore(move || {
        let desk = Arc::new(Desk::new());
        let thread = thread::spawn({
            let desk = desk.clone();
            move || other(&desk)
        });
        main(&desk);
        thread.join().unwrap();
    })
}

#[test]
fn a_fence_before_the_access_that_it_should_publish_is_said_to_be_too_early() {
    let failure = failure(desk(
        |desk| {
            fence(Release);
            write(&desk.one);
            desk.flag.store(1, Relaxed);
        },
        |desk| {
            if desk.flag.load(Acquire) == 1 {
                read(&desk.one);
            }
        },
    ));
    let early = step(&failure, 1, "fence").place();
    assert_says(
        &failure,
        &[&format!("that store is Relaxed, and the fence at {early} hands on only what came before that fence")],
    );
}

/// T0 hands on what it has taken over, but takes it over only afterwards.
#[test]
fn what_stands_before_the_fence_that_acquires_is_not_ordered() {
    let failure = failure(Model::new().explore(|| {
        let desk = Arc::new(Desk::new());
        let first = thread::spawn({
            let desk = desk.clone();
            move || {
                write(&desk.one);
                desk.flag.store(1, Release);
            }
        });
        let second = thread::spawn({
            let desk = desk.clone();
            move || {
                if desk.gate.load(Acquire) == 1 {
                    read(&desk.one);
                }
            }
        });
        if desk.flag.load(Relaxed) == 1 {
            desk.gate.store(1, Release);
            fence(Acquire);
        }
        first.join().unwrap();
        second.join().unwrap();
    }));
    let late = step(&failure, 0, "fence").place();
    assert_says(
        &failure,
        &["T1 and T2 use `one`", &format!("that load is Relaxed, and the fence at {late} comes too late for it")],
    );
}

/// The read-modify-write hands on what the store before it has released, and nothing of its own thread.
#[test]
fn a_relaxed_change_continues_a_release_sequence_but_releases_nothing_itself() {
    let failure = failure(desk(
        |desk| {
            desk.flag.store(1, Release);
            write(&desk.one);
            desk.flag.fetch_add(1, Relaxed);
        },
        |desk| {
            if desk.flag.load(Acquire) == 2 {
                read(&desk.one);
            }
        },
    ));
    assert_says(&failure, &["that fetch_add is Relaxed: it releases nothing"]);
    let load = step(&failure, 0, "load");
    assert_eq!((load.reads_from, load.synchronises), (Some(step(&failure, 1, "fetch_add").step), true));
}

/// T2's read is the last before T0's write, and ordered before it; T1's is not, for the gate hands nothing on.
#[test]
fn an_access_that_is_ordered_is_not_the_first_of_a_race() {
    let failure = failure(Model::new().explore(|| {
        let desk = Arc::new(Desk::new());
        let first = thread::spawn({
            let desk = desk.clone();
            move || {
                read(&desk.one);
                desk.gate.store(1, Relaxed);
            }
        });
        let second = thread::spawn({
            let desk = desk.clone();
            move || {
                if desk.gate.load(Relaxed) == 1 {
                    read(&desk.one);
                    desk.flag.store(1, Release);
                }
            }
        });
        if desk.flag.load(Acquire) == 1 {
            write(&desk.one);
        }
        first.join().unwrap();
        second.join().unwrap();
    }));
    let (load, store) = (step(&failure, 2, "load").place(), step(&failure, 1, "store").place());
    let link = format!("T2's load at {load} did read what T1's store at {store} had written");
    assert_says(&failure, &["T1 and T0 use `one`", &link, "the one releases nothing (Relaxed)"]);
}

#[test]
fn a_thread_that_was_notified_waits_for_the_lock() {
    let failure = failure(Model::new().explore(|| {
        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        let sleeper = thread::spawn({
            let pair = pair.clone();
            move || {
                let mut state = pair.0.lock().unwrap();
                *state = 1;
                while *state == 1 {
                    state = pair.1.wait(state).unwrap();
                }
            }
        });
        let mut state = pair.0.lock().unwrap();
        while *state == 0 {
            drop(state);
            thread::yield_now();
            state = pair.0.lock().unwrap();
        }
        *state = 2;
        pair.1.notify_one();
        // The mistake: the lock is still held.
        sleeper.join().unwrap();
        drop(state);
    }));
    assert_eq!(failure.class, Class::Deadlock);
    let wake = step(&failure, 1, "wake");
    assert_eq!((wake.finished, wake.waits_for), (false, Some(0)));
    let (lock, held, at) = (&step(&failure, 0, "lock").object, step(&failure, 0, "lock").place(), wake.place());
    assert_says(&failure, &[&format!("T1 waits for `{lock}` at {at}, which T0 holds since {held}")]);
    assert_silent(&failure, "sleeps on");
}

#[test]
fn a_wait_frees_its_lock_and_a_wake_takes_it() {
    let failure = failure(Model::new().explore(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let sleeper = thread::spawn({
            let pair = pair.clone();
            move || {
                let mut ready = pair.0.lock().unwrap();
                while !*ready {
                    ready = pair.1.wait(ready).unwrap();
                    assert!(!*ready, "it has slept");
                }
            }
        });
        let mut ready = pair.0.lock().unwrap();
        *ready = true;
        pair.1.notify_one();
        drop(ready);
        sleeper.join().unwrap();
    }));
    let (wait, wake) = (step(&failure, 1, "wait"), step(&failure, 1, "wake"));
    let (lock, unlock) = (step(&failure, 0, "lock"), step(&failure, 0, "unlock"));
    assert_eq!((lock.reads_from, lock.synchronises), (Some(wait.step), true));
    assert_eq!((wake.reads_from, wake.synchronises), (Some(unlock.step), true));
    assert_eq!(wait.arguments, [lock.object.as_str()]);
}

/// A notification came too early, but the later one could have woken the sleeper, and woke another.
#[test]
fn a_sleeper_that_a_later_notification_passed_over_is_no_lost_wakeup() {
    let failure = failure(Model::new().passes(&[Pass::Interleavings]).explore(|| {
        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        pair.1.notify_one();
        let sleepers = [(); 2].map(|()| {
            let pair = pair.clone();
            thread::spawn(move || {
                let mut asleep = pair.0.lock().unwrap();
                *asleep += 1;
                drop(pair.1.wait(asleep));
            })
        });
        while *pair.0.lock().unwrap() < 2 {
            thread::yield_now();
        }
        pair.1.notify_one();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    }));
    assert_eq!(failure.class, Class::Deadlock);
    assert_says(&failure, &["sleeps on"]);
    assert_silent(&failure, "woke nobody");
}

#[test]
fn readers_take_nothing_from_readers() {
    let failure = failure(Model::new().explore(|| {
        let both = Arc::new((RwLock::new(0), Desk::new()));
        let other = thread::spawn({
            let both = both.clone();
            move || {
                let guard = both.0.read().unwrap();
                write(&both.1.one);
                drop(guard);
                both.1.gate.store(1, Relaxed);
            }
        });
        if both.1.gate.load(Relaxed) == 1 {
            let guard = both.0.read().unwrap();
            read(&both.1.one);
            drop(guard);
        }
        other.join().unwrap();
    }));
    assert_eq!(failure.class, Class::DataRace);
    let shared = step(&failure, 0, "read");
    assert_eq!((shared.reads_from, shared.synchronises), (None, false));
    assert_says(&failure, &["the one releases nothing (Relaxed) and the other acquires nothing (Relaxed)"]);
}

#[test]
fn a_receive_that_failed_has_received_nothing() {
    let failure = failure(Model::new().explore(|| {
        let (sender, receiver) = lab::sync::mpsc::channel();
        let other = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let early = receiver.try_recv();
        let late = receiver.recv().unwrap();
        other.join().unwrap();
        assert!(early.is_ok() || late != 1, "the first try found nothing");
    }));
    let (tried, received) = (step(&failure, 0, "try_recv"), step(&failure, 0, "recv"));
    let sent = failure.steps.iter().find(|step| step.operation == "send").unwrap();
    assert_eq!((tried.value.as_str(), tried.reads_from), ("Err", None));
    assert_eq!(received.reads_from, Some(sent.step));
}

#[test]
fn a_number_that_wraps_is_not_stale() {
    let failure = failure(Model::new().passes(&[Pass::WeakMemory]).explore(|| {
        let count = Arc::new(AtomicU8::new(255));
        let other = thread::spawn({
            let count = count.clone();
            move || {
                count.fetch_add(1, Relaxed);
            }
        });
        other.join().unwrap();
        let again = thread::spawn(|| ());
        assert_eq!(count.load(Relaxed), 1, "it wraps");
        again.join().unwrap();
    }));
    let load = step(&failure, 0, "load");
    assert_eq!((load.stale, load.reads_from), (false, Some(step(&failure, 1, "fetch_add").step)));
    assert_silent(&failure, "still read the old value");
}

#[test]
fn a_failure_ordering_is_named_as_such_in_a_repair() {
    let failure = failure(desk(
        |desk| {
            write(&desk.one);
            desk.flag.store(1, Release);
        },
        |desk| {
            if desk.flag.compare_exchange(7, 8, Acquire, Relaxed) == Err(1) {
                read(&desk.one);
            }
        },
    ));
    assert_says(&failure, &["Repair: Acquire instead of Relaxed in the failure ordering of flag.compare_exchange"]);
}

#[test]
fn a_repair_of_fetch_update_says_which_of_its_orderings() {
    let failure = failure(desk(
        |desk| {
            write(&desk.one);
            desk.flag.store(1, Release);
        },
        |desk| {
            // It finds 0 at first, so it goes on to a compare-exchange, which fails.
            let mut tries = 0;
            let update = |flag| {
                tries += 1;
                (flag == 0).then_some(8)
            };
            if desk.flag.fetch_update(AcqRel, Relaxed, update) == Err(1) && tries == 2 {
                read(&desk.one);
            }
        },
    ));
    assert_says(&failure, &["Repair: Acquire instead of Relaxed in the fetch ordering of flag.fetch_update"]);
}

#[test]
fn a_repair_that_makes_an_outcome_impossible_is_none() {
    let failure = failure(Model::new().must_reach(&["old text"]).explore(|| {
        let desk = Arc::new(Desk::new());
        let other = thread::spawn({
            let desk = desk.clone();
            move || {
                write(&desk.one);
                desk.flag.store(1, Relaxed);
            }
        });
        if desk.flag.load(Acquire) == 1 {
            read(&desk.one);
        }
        other.join().unwrap();
    }));
    assert_eq!((failure.class, failure.repair), (Class::DataRace, None));
}

#[test]
fn a_leak_is_no_matter_of_a_lost_update() {
    let failure = failure(Model::new().explore(|| {
        let flag = Arc::new(AtomicUsize::new(0));
        flag.load(Relaxed);
        let other = thread::spawn({
            let flag = flag.clone();
            move || flag.store(1, Relaxed)
        });
        other.join().unwrap();
        flag.store(2, Relaxed);
        std::mem::forget(lab::tracked::Tracked::new(1));
    }));
    assert_eq!(failure.class, Class::Leak);
    assert_silent(&failure, "update is lost");
}

#[test]
fn an_atomic_that_is_seen_before_it_is_made_is_told_with_its_line() {
    let failure = failure(Model::new().explore(|| {
        let place = Arc::new(AtomicPtr::new(std::ptr::null_mut::<AtomicUsize>()));
        let other = thread::spawn({
            let place = place.clone();
            move || {
                let made = Box::leak(Box::new(AtomicUsize::new(1)));
                place.store(made, Relaxed);
            }
        });
        let found = place.load(Relaxed);
        if !found.is_null() {
            // SAFETY: it is leaked, so it is there for good; whether it is made yet is what is checked.
            unsafe { (*found).load(Relaxed) };
        }
        other.join().unwrap();
    }));
    assert_eq!(failure.class, Class::DataRace);
    assert_says(&failure, &["nothing orders that after the line that makes it"]);
}
