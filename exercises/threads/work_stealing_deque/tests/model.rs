//! The deque in every order of its owner's and its thieves' steps, and with every stale value that its orderings allow.

mod signatures;

mod common;

use common::Kept;
use lab::{
    model::{Model, reach},
    thread,
    tracked::Tracked,
};
use work_stealing_deque::{Steal, Stealer, Worker};

/// What is in the deque: a number that the model watches, so that a look at it that nothing orders after its making is a data
/// race, and one that is never dropped is a leak.
type Element = Tracked<usize>;

/// What one thread has taken.
///
/// Kept as pointers until all is known: an element that was taken twice must be reported, not freed twice.
#[derive(Default)]
struct Taken(Vec<(usize, *mut Element)>);

// SAFETY: it is handed over when its thread is joined.
unsafe impl Send for Taken {}

impl Taken {
    fn take(&mut self, element: Box<Element>) -> usize {
        let number = *element.get();
        self.0.push((number, Box::into_raw(element)));
        number
    }

    /// One attempt; whether there was something to attempt.
    fn steal(&mut self, stealer: &Stealer<Element>) -> bool {
        match stealer.steal() {
            Steal::Success(element) => {
                self.take(element);
                true
            }
            Steal::Retry => true,
            Steal::Empty => false,
        }
    }

    fn pop(&mut self, worker: &mut Worker<Element>) -> Option<usize> {
        worker.pop().map(|element| self.take(element))
    }

    fn numbers(&self) -> Vec<usize> {
        self.0.iter().map(|(number, _)| *number).collect()
    }
}

fn deque(capacity: usize) -> (Kept<Worker<Element>>, Stealer<Element>) {
    let (worker, stealer) = work_stealing_deque::deque(capacity);
    (Kept::new(worker), stealer)
}

fn push(worker: &mut Worker<Element>, number: usize) {
    let mut element = Box::new(Tracked::default());
    // A write of its own, so that a data race with it can be told with its line.
    **element = number;
    worker.push(element);
}

/// All threads are joined: empties the deque, and counts what has become of the first `pushed` numbers.
fn settle(pushed: usize, worker: &mut Worker<Element>, takers: Vec<Taken>) {
    let mut all: Vec<_> = takers.into_iter().flat_map(|taken| taken.0).collect();
    let mut rest = Taken::default();
    while rest.pop(worker).is_some() {
        assert!(rest.0.len() <= pushed, "`pop` finds more elements than were pushed");
    }
    all.append(&mut rest.0);
    for number in 0..pushed {
        match all.iter().filter(|(taken, _)| *taken == number).count() {
            0 => panic!("the element that was pushed as number {number} is lost"),
            1 => {}
            times => panic!("the element that was pushed as number {number} was taken {times} times"),
        }
    }
    for (_, pointer) in all {
        // SAFETY: from `Box::into_raw`, and here once.
        drop(unsafe { Box::from_raw(pointer) });
    }
}

/// A thief that tries so many times.
fn thief(stealer: Stealer<Element>, attempts: usize) -> thread::JoinHandle<Taken> {
    thread::spawn(move || {
        let mut taken = Taken::default();
        for _ in 0..attempts {
            taken.steal(&stealer);
        }
        taken
    })
}

/// One element, and two who want it.
#[test]
fn last_element() {
    Model::new().must_reach(&["popped", "stolen"]).check(|| {
        let (mut worker, stealer) = deque(1);
        push(&mut worker, 0);
        let other = thief(stealer, 1);
        let mut mine = Taken::default();
        reach(if mine.pop(&mut worker).is_some() { "popped" } else { "stolen" });
        let theirs = other.join().unwrap();
        settle(1, &mut worker, vec![mine, theirs]);
    });
}

/// The owner comes down, the thief goes up, and they meet: each must see how far the other one has come.
#[test]
fn they_meet() {
    Model::new().must_reach(&["thief one", "thief both"]).check(|| {
        let (mut worker, stealer) = deque(2);
        push(&mut worker, 0);
        push(&mut worker, 1);
        let other = thief(stealer, 2);
        let mut mine = Taken::default();
        mine.pop(&mut worker);
        let theirs = other.join().unwrap();
        reach(["thief none", "thief one", "thief both"][theirs.0.len()]);
        settle(2, &mut worker, vec![mine, theirs]);
    });
}

/// Two thieves and the owner over the last element.
#[test]
fn two_thieves() {
    // Without a bound it is more than 100,000 executions. Two interruptions bring all three to the exchange at once; this is one
    // more than that.
    Model::new().preemptions(3).must_reach(&["owner", "first thief", "second thief"]).check(|| {
        let (mut worker, stealer) = deque(1);
        push(&mut worker, 0);
        let others = [thief(stealer.clone(), 1), thief(stealer, 1)];
        let mut takers = vec![Taken::default()];
        takers[0].pop(&mut worker);
        takers.extend(others.map(|other| other.join().unwrap()));
        for (taken, who) in takers.iter().zip(["owner", "first thief", "second thief"]) {
            if !taken.0.is_empty() {
                reach(who);
            }
        }
        settle(1, &mut worker, takers);
    });
}

/// What is stolen was written by another thread: the thief must see it whole.
#[test]
fn pushed_while_stealing() {
    Model::new().must_reach(&["too early", "stolen"]).check(|| {
        let (mut worker, stealer) = deque(2);
        let other = thief(stealer, 2);
        push(&mut worker, 0);
        push(&mut worker, 1);
        let theirs = other.join().unwrap();
        reach(if theirs.0.is_empty() { "too early" } else { "stolen" });
        settle(2, &mut worker, vec![theirs]);
    });
}

/// A thief may learn of an element from what `pop` says of the deque, not from `push`.
#[test]
fn popped_while_stealing() {
    Model::new().must_reach(&["too early", "stolen"]).check(|| {
        let (mut worker, stealer) = deque(2);
        let other = thief(stealer, 1);
        push(&mut worker, 0);
        push(&mut worker, 1);
        let mut mine = Taken::default();
        mine.pop(&mut worker);
        let theirs = other.join().unwrap();
        reach(if theirs.0.is_empty() { "too early" } else { "stolen" });
        settle(2, &mut worker, vec![mine, theirs]);
    });
}

/// The buffer is full when the thief comes: it is replaced, or has room again.
#[test]
fn growing_while_stealing() {
    Model::new().must_reach(&["one", "both"]).check(|| {
        let (mut worker, stealer) = deque(1);
        push(&mut worker, 0);
        let other = thief(stealer, 2);
        push(&mut worker, 1);
        let theirs = other.join().unwrap();
        reach(["nothing", "one", "both"][theirs.0.len()]);
        settle(2, &mut worker, vec![theirs]);
    });
}

/// The deque grows and goes on while a thief is on its way: at a later position, the old buffer holds an older element.
#[test]
fn used_after_growing() {
    Model::new().must_reach(&["the thief 0", "the thief 1"]).check(|| {
        let (mut worker, stealer) = deque(1);
        push(&mut worker, 0);
        let other = thief(stealer.clone(), 1);
        push(&mut worker, 1);
        // A thief on the owner's own thread: one thread less to explore.
        let mut mine = Taken::default();
        mine.steal(&stealer);
        let theirs = other.join().unwrap();
        if let [number] = theirs.numbers()[..] {
            reach(&format!("the thief {number}"));
        }
        settle(2, &mut worker, vec![mine, theirs]);
    });
}

/// There is always something in the deque, and nobody else is there: a thief finds it, and at once.
#[test]
fn never_empty() {
    Model::new().check(|| {
        let (mut worker, stealer) = deque(2);
        push(&mut worker, 0);
        push(&mut worker, 1);
        let other = thread::spawn(move || {
            let mut taken = Taken::default();
            assert!(taken.steal(&stealer), "`steal` finds the deque empty, and it never was");
            taken
        });
        let mut mine = Taken::default();
        mine.pop(&mut worker);
        let theirs = other.join().unwrap();
        assert_eq!(theirs.numbers(), [0], "nobody else wanted the oldest element, and the thief has not got it");
        assert_eq!(mine.numbers(), [1], "nobody else wanted the youngest element, and the owner has not got it");
        settle(2, &mut worker, vec![mine, theirs]);
    });
}

/// What is left in the deque is dropped with it, and so is every buffer.
#[test]
fn dropped_with_elements() {
    Model::new().must_reach(&["one left", "two left"]).check(|| {
        let (mut worker, stealer) = deque(1);
        let other = thread::spawn(move || matches!(stealer.steal(), Steal::Success(_)));
        push(&mut worker, 0);
        push(&mut worker, 1);
        reach(if other.join().unwrap() { "one left" } else { "two left" });
    });
}
