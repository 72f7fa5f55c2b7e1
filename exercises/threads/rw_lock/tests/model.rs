//! The lock in every order of its steps, and with every stale value that its orderings allow.

mod signatures;

use lab::{
    model::{Model, reach},
    sync::Arc,
    thread,
};
use rw_lock::RwLock;

/// A model whose threads are interrupted three times at most. Without a bound, models of three threads would take minutes for
/// right locks of a few more steps; the mistakes that these are for need two interruptions.
fn of_three_threads() -> Model {
    Model::new().preemptions(3)
}

/// Two numbers that are always the same, except while somebody is changing them.
type Pair = (u32, u32);

/// Changes a pair in two steps.
fn step(pair: &mut Pair) {
    pair.0 += 1;
    pair.1 += 1;
}

/// What a pair says.
fn whole(pair: &Pair) -> u32 {
    assert_eq!(pair.0, pair.1, "a reader has seen a value that a writer had not finished");
    pair.0
}

/// Two writers: one after the other, and the second sees what the first has written.
#[test]
fn two_writers() {
    Model::new().must_reach(&["main first", "other first"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let other = thread::spawn({
            let lock = lock.clone();
            move || {
                let mut pair = lock.write();
                step(&mut pair);
                whole(&pair)
            }
        });
        step(&mut lock.write());
        reach(if other.join().unwrap() == 1 { "other first" } else { "main first" });
        assert_eq!(whole(&lock.read()), 2, "a change is lost");
    });
}

/// A writer and a reader: the reader sees everything or nothing.
#[test]
fn a_writer_and_a_reader() {
    Model::new().must_reach(&["before", "after"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let reader = thread::spawn({
            let lock = lock.clone();
            move || whole(&lock.read())
        });
        step(&mut lock.write());
        reach(if reader.join().unwrap() == 0 { "before" } else { "after" });
        assert_eq!(whole(&lock.read()), 1, "a change is lost");
    });
}

/// Two readers and a writer: the last of the readers lets the writer in, and the writer lets in both.
#[test]
fn two_readers_and_a_writer() {
    of_three_threads().must_reach(&["both before", "both after", "in between"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let readers = [(); 2].map(|()| {
            let lock = lock.clone();
            thread::spawn(move || whole(&lock.read()))
        });
        step(&mut lock.write());
        let seen = readers.map(|reader| reader.join().unwrap());
        reach(match seen {
            [0, 0] => "both before",
            [1, 1] => "both after",
            _ => "in between",
        });
        assert_eq!(whole(&lock.read()), 1, "a change is lost");
    });
}

/// Two writers and a reader: whoever goes lets in whoever waits.
#[test]
fn two_writers_and_a_reader() {
    of_three_threads().must_reach(&["before", "in between", "after"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let reader = thread::spawn({
            let lock = lock.clone();
            move || whole(&lock.read())
        });
        let writer = thread::spawn({
            let lock = lock.clone();
            move || step(&mut lock.write())
        });
        step(&mut lock.write());
        writer.join().unwrap();
        reach(["before", "in between", "after"][reader.join().unwrap() as usize]);
        assert_eq!(whole(&lock.read()), 2, "a change is lost");
    });
}

/// A reader goes in while another is there, and waits for nothing.
#[test]
fn readers_share() {
    Model::new().check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let other = thread::spawn({
            let lock = lock.clone();
            move || whole(&lock.read())
        });
        let mine = lock.read();
        // If it waits until this one has left, it waits for ever.
        assert_eq!(other.join().unwrap(), whole(&mine));
        drop(mine);
        assert!(lock.try_write().is_some(), "all readers have left, and the lock is not free");
    });
}

/// Where there are only readers, `try_read` succeeds, whatever the others are doing.
#[test]
fn try_read_among_readers() {
    Model::new().check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let other = thread::spawn({
            let lock = lock.clone();
            move || drop(lock.read())
        });
        assert!(lock.try_read().is_some(), "try_read has failed, and nobody writes or waits to write");
        other.join().unwrap();
        assert!(lock.try_write().is_some(), "all readers have left, and the lock is not free");
    });
}

/// `try_read` beside a writer that comes twice: it sees everything or nothing, or fails and leaves no trace.
#[test]
fn try_read_and_a_writer() {
    Model::new().must_reach(&["before", "in between", "after", "busy"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let writer = thread::spawn({
            let lock = lock.clone();
            move || {
                step(&mut lock.write());
                step(&mut lock.write());
            }
        });
        reach(match lock.try_read().map(|pair| whole(&pair)) {
            Some(0) => "before",
            Some(1) => "in between",
            Some(_) => "after",
            None => "busy",
        });
        writer.join().unwrap();
        assert!(lock.try_write().is_some(), "everybody has left, and the lock is not free");
    });
}

/// `try_write` beside a reader: it is alone, or fails and leaves no trace.
#[test]
fn try_write_and_a_reader() {
    Model::new().must_reach(&["taken", "busy"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let reader = thread::spawn({
            let lock = lock.clone();
            move || whole(&lock.read())
        });
        let taken = lock.try_write().map(|mut pair| step(&mut pair)).is_some();
        reach(if taken { "taken" } else { "busy" });
        let seen = reader.join().unwrap();
        assert!(taken || seen == 0, "try_write has failed, but it has changed the value");
        assert_eq!(whole(&lock.try_read().expect("everybody has left, and the lock is not free")), u32::from(taken));
    });
}

/// `try_write` beside a writer.
#[test]
fn try_write_and_a_writer() {
    Model::new().must_reach(&["taken", "busy"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let writer = thread::spawn({
            let lock = lock.clone();
            move || step(&mut lock.write())
        });
        let taken = lock.try_write().map(|mut pair| step(&mut pair)).is_some();
        reach(if taken { "taken" } else { "busy" });
        writer.join().unwrap();
        assert_eq!(whole(&lock.read()), 1 + u32::from(taken), "a change is lost");
    });
}

/// While a writer waits, a reader that comes now is not let in; and when the writer has gone it is.
#[test]
fn a_waiting_writer_stops_new_readers() {
    Model::new().must_reach(&["the writer has not come", "a writer waits and stops a new reader"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let mine = lock.read();
        let writer = thread::spawn({
            let lock = lock.clone();
            move || step(&mut lock.write())
        });
        reach(if lock.try_read().is_some() { "the writer has not come" } else { "a writer waits and stops a new reader" });
        assert_eq!(whole(&mine), 0, "the value has changed in the hands of a reader");
        drop(mine);
        writer.join().unwrap();
        assert_eq!(whole(&lock.read()), 1, "a change is lost");
    });
}

/// A reader that comes while a writer waits for another reader comes after the writer.
#[test]
fn nobody_overtakes_a_waiting_writer() {
    of_three_threads().must_reach(&["a writer waits and stops a new reader"]).check(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let mine = lock.read();
        let writer = thread::spawn({
            let lock = lock.clone();
            move || step(&mut lock.write())
        });
        if lock.try_read().is_none() {
            reach("a writer waits and stops a new reader");
            let late = thread::spawn({
                let lock = lock.clone();
                move || whole(&lock.read())
            });
            drop(mine);
            assert_eq!(late.join().unwrap(), 1, "a reader has overtaken a writer that was waiting when it came");
        } else {
            drop(mine);
        }
        writer.join().unwrap();
    });
}
