//! Who has the lock when, recorded: each thread opens a span while it has a guard, and the spans tell the order.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{
    panic::resume_unwind,
    sync::{
        Mutex, PoisonError,
        mpsc::{RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use lab::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    trace::{Recording, Span, record},
};
use rw_lock::RwLock;

/// How long anything here may wait. Right code needs a few milliseconds of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The readers that come while the writer waits.
const LATE: usize = 2;

/// How long an early reader stays at least. So there are a few thousand of them at most, however long the writer starves.
const STAY: Duration = Duration::from_millis(1);

/// How long the late ones have to overtake the writer. A right lock lets none do so, and takes no longer for it.
const TEMPTATION: Duration = Duration::from_millis(200);

/// One visit of everybody: readers, one after the other; a writer that waits for the last of them; and readers that come while
/// it waits.
fn visit() {
    let lock = RwLock::new(());
    let meeting = Barrier::new(LATE);
    let overtaken = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut reader = (lock.read(), lab::span!("early read"));
        let writer = scope.spawn(|| {
            let waiting = lab::span!("wait to write", waits = true);
            let _guard = lock.write();
            drop(waiting);
            let _span = lab::span!("write");
        });
        // Each reader leaves when the next has come: until the writer waits, and no next one is let in.
        let patience = Instant::now();
        while let Some(next) = lock.try_read() {
            // The span ends before the next begins, else each would stand inside of the one before. The guard goes last.
            let (guard, span) = reader;
            drop(span);
            reader = (next, lab::span!("early read"));
            drop(guard);
            if patience.elapsed() > PATIENCE / 2 {
                drop(reader);
                panic!("for {:?} readers have come and gone, always one inside: the writer that waits starves", PATIENCE / 2);
            }
            thread::sleep(STAY);
        }
        for _ in 0..LATE {
            scope.spawn(|| {
                let waiting = lab::span!("wait to read", waits = true);
                let _guard = lock.read();
                drop(waiting);
                let _span = lab::span!("late read");
                overtaken.store(true, SeqCst);
                // All of them are inside, or none gets on.
                meeting.wait();
            });
        }
        let tempted = Instant::now();
        while !overtaken.load(SeqCst) && tempted.elapsed() < TEMPTATION {
            thread::yield_now();
        }
        let (guard, span) = reader;
        drop(span);
        drop(guard);
        writer.join().unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// What was recorded of a [`visit`].
fn recorded() -> Recording {
    /// There is one recording at a time, and the patience with one does not begin while another is made.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        // Nobody listens any more if the time is over.
        let _ = sender.send(record(visit).1);
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(recording) => recording,
        Err(RecvTimeoutError::Timeout) => {
            panic!(
                "after {PATIENCE:?} somebody still waits: the writer for readers, readers for the writer, or one reader for another"
            )
        }
        Err(RecvTimeoutError::Disconnected) => resume_unwind(thread.join().expect_err("it has not sent its recording")),
    }
}

fn the_write(recording: &Recording) -> Span {
    recording.named("write").next().expect("there was one writer").clone()
}

#[test]
fn the_writer_is_alone() {
    let recording = recorded();
    let write = the_write(&recording);
    for read in recording.named("early read").chain(recording.named("late read")) {
        assert!(
            read.end <= write.start || write.end <= read.start,
            "a reader was inside from {:?} to {:?}, and the writer from {:?} to {:?}",
            read.start,
            read.end,
            write.start,
            write.end
        );
    }
}

#[test]
fn who_comes_after_the_writer_reads_after_it() {
    let recording = recorded();
    let write = the_write(&recording);
    assert_eq!(recording.named("late read").count(), LATE);
    for read in recording.named("late read") {
        assert!(
            write.end <= read.start,
            "a reader that came while the writer was waiting was inside at {:?}, and the writer only at {:?}",
            read.start,
            write.start
        );
    }
}

#[test]
fn readers_are_let_in_together() {
    let recording = recorded();
    let most = recording.max_busy("late read");
    assert_eq!(most, LATE, "the writer has gone, and of {LATE} readers that waited for it at most {most} read at the same time");
}
