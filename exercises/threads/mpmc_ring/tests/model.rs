//! The queue in every order of its steps, and with every stale value that its orderings allow.
//!
//! Most of these record what threads ask and what they are told, and fail if no order of the operations explains it. Where a
//! model has a bound, its threads are interrupted no more often than that in one execution: without it the search would take
//! minutes, and every mistake that we know of shows with two interruptions.

mod signatures;

#[path = "specification/queue.rs"]
mod queue;

use lab::{
    cell::UnsafeCell,
    model::{Model, reach},
    sync::Arc,
    thread,
    tracked::Tracked,
};
use mpmc_ring::{MpmcRing, PopError, PushError};
use queue::{
    Answer::{Closed, Empty, Full, Popped, Pushed, WasOpen},
    Recorded,
};

/// Runs `work` with the queue on a thread of its own.
fn beside<T: Send + 'static>(
    recorded: &Arc<Recorded>,
    work: impl FnOnce(&Recorded) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let recorded = recorded.clone();
    thread::spawn(move || work(&recorded))
}

/// Pops until nothing is left.
fn drain(recorded: &Recorded) -> Vec<u32> {
    std::iter::from_fn(|| if let Popped(element) = recorded.pop() { Some(element) } else { None }).collect()
}

/// One pushes, one pops: the element is there whole, or not at all.
#[test]
fn handed_over() {
    Model::new().must_reach(&["there", "too early"]).check(|| {
        let recorded = Arc::new(Recorded::new(2));
        let other = beside(&recorded, |recorded| assert_eq!(recorded.push(1), Pushed));
        reach(if recorded.pop() == Popped(1) { "there" } else { "too early" });
        other.join().unwrap();
        drain(&recorded);
        recorded.assert_linearizable();
    });
}

/// A push into the slot that another thread is emptying: the next lap may begin only when the last is over.
#[test]
fn slot_used_again() {
    Model::new().must_reach(&["room", "no room yet"]).check(|| {
        let recorded = Arc::new(Recorded::new(1));
        recorded.push(1);
        let other = beside(&recorded, |recorded| recorded.push(2));
        assert_eq!(recorded.pop(), Popped(1));
        let left = match other.join().unwrap() {
            Pushed => {
                reach("room");
                vec![2]
            }
            _ => {
                reach("no room yet");
                vec![]
            }
        };
        assert_eq!(drain(&recorded), left);
        recorded.assert_linearizable();
    });
}

/// Two pushes at a time: both are there, in an order.
#[test]
fn two_push() {
    Model::new().must_reach(&["main first", "other first"]).check(|| {
        let recorded = Arc::new(Recorded::new(2));
        let other = beside(&recorded, |recorded| recorded.push(1));
        assert_eq!(recorded.push(2), Pushed);
        assert_eq!(other.join().unwrap(), Pushed);
        match drain(&recorded)[..] {
            [1, 2] => reach("other first"),
            [2, 1] => reach("main first"),
            ref all => panic!("1 and 2 were pushed, and {all:?} popped"),
        }
        recorded.assert_linearizable();
    });
}

/// Two pops at a time: each gets an element of its own.
#[test]
fn two_pop() {
    Model::new().must_reach(&["main first", "other first"]).check(|| {
        let recorded = Arc::new(Recorded::new(2));
        recorded.push(1);
        recorded.push(2);
        let other = beside(&recorded, |recorded| recorded.pop());
        let mine = recorded.pop();
        match (mine, other.join().unwrap()) {
            (Popped(1), Popped(2)) => reach("main first"),
            (Popped(2), Popped(1)) => reach("other first"),
            pops => panic!("1 and 2 were there, and the two pops have returned {pops:?}"),
        }
        recorded.assert_linearizable();
    });
}

/// Two threads that each pop from a full queue and then push: there is room for both, whatever the other has not finished.
#[test]
fn full_only_if_full() {
    Model::new().preemptions(2).must_reach(&["pushed"]).check(|| {
        let recorded = Arc::new(Recorded::new(2));
        recorded.push(1);
        recorded.push(2);
        let pop_and_push = |element| {
            move |recorded: &Recorded| {
                recorded.pop();
                recorded.push(element)
            }
        };
        let other = beside(&recorded, pop_and_push(3));
        let mine = pop_and_push(4)(&recorded);
        let theirs = other.join().unwrap();
        recorded.assert_linearizable();
        assert_eq!((mine, theirs), (Pushed, Pushed));
        reach("pushed");
    });
}

/// Two threads that each push and then pop: there is something for both, whatever the other has not finished.
#[test]
fn empty_only_if_empty() {
    Model::new().preemptions(2).must_reach(&["my own", "the other's"]).check(|| {
        let recorded = Arc::new(Recorded::new(2));
        let push_and_pop = |element| {
            move |recorded: &Recorded| {
                recorded.push(element);
                recorded.pop()
            }
        };
        let other = beside(&recorded, push_and_pop(1));
        let mine = push_and_pop(2)(&recorded);
        other.join().unwrap();
        recorded.assert_linearizable();
        reach(if mine == Popped(2) { "my own" } else { "the other's" });
    });
}

/// One thread pushes until it finds the queue full, the other pops until it finds it empty. It cannot have been both at once.
#[test]
fn full_and_empty() {
    Model::new().preemptions(3).must_reach(&["full", "empty", "neither"]).check(|| {
        let recorded = Arc::new(Recorded::new(2));
        recorded.push(1);
        let other = beside(&recorded, |recorded| {
            recorded.push(2);
            recorded.push(3)
        });
        recorded.pop();
        let empty = recorded.pop() == Empty;
        let full = other.join().unwrap() == Full;
        recorded.assert_linearizable();
        assert!(!(full && empty), "nothing that was popped was pushed after");
        reach(if full {
            "full"
        } else if empty {
            "empty"
        } else {
            "neither"
        });
    });
}

/// A thread sleeps anywhere in a push while another uses the only slot, lap after lap.
#[test]
fn asleep_for_laps() {
    Model::new().preemptions(2).must_reach(&["pushed", "full"]).check(|| {
        let recorded = Arc::new(Recorded::new(1));
        let other = beside(&recorded, |recorded| recorded.push(9));
        recorded.push(1);
        recorded.pop();
        recorded.push(2);
        recorded.pop();
        reach(if other.join().unwrap() == Pushed { "pushed" } else { "full" });
        drain(&recorded);
        recorded.assert_linearizable();
    });
}

/// A thread sleeps anywhere in a pop while another uses the only slot, lap after lap.
#[test]
fn a_pop_asleep_for_laps() {
    Model::new().preemptions(2).must_reach(&["1", "2", "nothing"]).check(|| {
        let recorded = Arc::new(Recorded::new(1));
        let other = beside(&recorded, |recorded| recorded.pop());
        recorded.push(1);
        recorded.pop();
        recorded.push(2);
        match other.join().unwrap() {
            Popped(1) => reach("1"),
            Popped(2) => reach("2"),
            _ => reach("nothing"),
        }
        drain(&recorded);
        recorded.assert_linearizable();
    });
}

/// What is pushed is popped, or refused: no element gets in behind the end.
#[test]
fn closed_while_pushing() {
    Model::new().must_reach(&["before the end", "after the end"]).check(|| {
        let recorded = Arc::new(Recorded::new(2));
        let other = beside(&recorded, |recorded| recorded.push(1));
        assert_eq!(recorded.close(), WasOpen(true));
        let end = recorded.pop();
        let pushed = other.join().unwrap();
        let rest = drain(&recorded);
        recorded.assert_linearizable();
        assert_eq!(pushed == Pushed, end == Popped(1) || rest == [1], "pushed, or refused");
        reach(if pushed == Pushed { "before the end" } else { "after the end" });
    });
}

/// Whoever pops until the end has all there was, though another closes the queue meanwhile.
#[test]
fn closed_while_popping() {
    Model::new().preemptions(3).must_reach(&["empty", "closed", "popped"]).check(|| {
        let recorded = Arc::new(Recorded::new(1));
        let other = beside(&recorded, |recorded| {
            let pushed = recorded.push(1);
            recorded.close();
            pushed
        });
        let answers = [recorded.pop(), recorded.pop()];
        assert_eq!(other.join().unwrap(), Pushed);
        drain(&recorded);
        recorded.assert_linearizable();
        reach(match answers {
            [_, Closed] => "closed",
            [Popped(_), _] | [_, Popped(_)] => "popped",
            _ => "empty",
        });
    });
}

/// One pushes, one pops, one closes.
#[test]
fn three_threads() {
    Model::new().preemptions(2).must_reach(&["all"]).check(|| {
        let recorded = Arc::new(Recorded::new(1));
        let pusher = beside(&recorded, |recorded| recorded.push(1));
        let popper = beside(&recorded, |recorded| recorded.pop());
        recorded.close();
        let pushed = pusher.join().unwrap();
        let popped = popper.join().unwrap();
        let rest = drain(&recorded);
        recorded.assert_linearizable();
        let came_out = usize::from(matches!(popped, Popped(_))) + rest.len();
        assert_eq!(came_out, usize::from(pushed == Pushed), "what was pushed is popped once");
        reach("all");
    });
}

/// Whoever is told of the end sees what was written before it.
#[test]
fn the_end_is_a_publication() {
    /// A note that is written before the queue is closed.
    struct Notes {
        ring: MpmcRing<u32>,
        note: UnsafeCell<u32>,
    }
    // SAFETY: `note` is written before the end, and read after.
    unsafe impl Sync for Notes {}

    Model::new().must_reach(&["the end", "not yet"]).check(|| {
        let notes = Arc::new(Notes { ring: MpmcRing::new(1), note: UnsafeCell::new(0) });
        let writer = thread::spawn({
            let notes = notes.clone();
            move || {
                // SAFETY: nobody reads before the end.
                notes.note.with_mut(|note| unsafe { *note = 42 });
                notes.ring.close();
            }
        });
        match notes.ring.pop() {
            Err(PopError::Closed) => {
                // SAFETY: this is the end.
                assert_eq!(notes.note.with(|note| unsafe { *note }), 42, "the end, but the note is not there");
                reach("the end");
            }
            Err(PopError::Empty) => reach("not yet"),
            Ok(element) => panic!("nobody has pushed {element}"),
        }
        writer.join().unwrap();
    });
}

/// Every element is dropped once: by who has popped it, by who got it back, or with the queue.
#[test]
fn dropped_once() {
    Model::new().preemptions(3).must_reach(&["refused", "popped", "left behind"]).check(|| {
        let ring = Arc::new(MpmcRing::new(1));
        let other = thread::spawn({
            let ring = ring.clone();
            move || match ring.push(Tracked::new(1)) {
                Err(PushError::Full(element) | PushError::Closed(element)) => {
                    drop(element);
                    true
                }
                Ok(()) => false,
            }
        });
        let mut refused = ring.push(Tracked::new(2)).is_err();
        let popped = ring.pop().is_ok();
        refused |= other.join().unwrap();
        if popped {
            reach("popped");
        }
        reach(if refused { "refused" } else { "left behind" });
    });
}
