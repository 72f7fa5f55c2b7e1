//! What the deque does, on real threads. That it does so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

mod common;

use std::{
    cell::Cell,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use common::Kept;
use lab::{is, sync::Arc, thread};
use work_stealing_deque::{Steal, Stealer, Worker};

fn deque<T>(capacity: usize) -> (Kept<Worker<T>>, Stealer<T>) {
    let (worker, stealer) = work_stealing_deque::deque(capacity);
    (Kept::new(worker), stealer)
}

/// Pushes the numbers `0..count`.
fn filled(capacity: usize, count: usize) -> (Kept<Worker<usize>>, Stealer<usize>) {
    let (mut worker, stealer) = deque(capacity);
    (0..count).for_each(|number| worker.push(Box::new(number)));
    (worker, stealer)
}

/// What a thief gets where nobody else is about.
fn stolen(stealer: &Stealer<usize>) -> Option<usize> {
    match stealer.steal() {
        Steal::Success(element) => Some(*element),
        Steal::Empty => None,
        Steal::Retry => panic!("`steal` says that somebody was faster, and there is nobody else"),
    }
}

fn popped(worker: &mut Worker<usize>) -> Option<usize> {
    worker.pop().map(|element| *element)
}

#[test]
fn the_owner_takes_the_youngest() {
    let (mut worker, _stealer) = filled(4, 3);
    assert_eq!([popped(&mut worker), popped(&mut worker), popped(&mut worker)], [Some(2), Some(1), Some(0)]);
    assert_eq!(popped(&mut worker), None);
}

#[test]
fn a_thief_takes_the_oldest() {
    let (_worker, stealer) = filled(4, 3);
    assert_eq!([stolen(&stealer), stolen(&stealer), stolen(&stealer)], [Some(0), Some(1), Some(2)]);
    assert_eq!(stolen(&stealer), None);
}

#[test]
fn an_empty_deque_can_be_asked_often() {
    let (mut worker, stealer) = deque(2);
    for round in 0..5 {
        assert_eq!(popped(&mut worker), None);
        assert_eq!(popped(&mut worker), None);
        assert_eq!(stolen(&stealer), None);
        worker.push(Box::new(round));
        assert_eq!(popped(&mut worker), Some(round), "`pop` found nothing, and then one was pushed");
        worker.push(Box::new(round));
        assert_eq!(stolen(&stealer), Some(round), "`pop` found nothing, and then one was pushed");
    }
}

#[test]
fn it_grows() {
    let (mut worker, stealer) = filled(1, 1_000);
    for number in 0..500 {
        assert_eq!(stolen(&stealer), Some(number));
        assert_eq!(popped(&mut worker), Some(999 - number));
    }
    assert_eq!((stolen(&stealer), popped(&mut worker)), (None, None));
}

#[test]
fn it_grows_where_it_does_not_begin_at_slot_0() {
    let (mut worker, stealer) = filled(4, 4);
    assert_eq!([stolen(&stealer), stolen(&stealer), stolen(&stealer)], [Some(0), Some(1), Some(2)]);
    (4..12).for_each(|number| worker.push(Box::new(number)));
    for number in 3..12 {
        assert_eq!(stolen(&stealer), Some(number));
    }
}

#[test]
fn any_capacity_will_do() {
    for capacity in [0, 1, 3, 5, 100] {
        let (_worker, stealer) = filled(capacity, 20);
        for number in 0..20 {
            assert_eq!(stolen(&stealer), Some(number), "with a capacity of {capacity} at first");
        }
    }
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn each_element_is_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (mut worker, stealer) = deque(2);
    (0..7).for_each(|_| worker.push(Box::new(Counted(drops.clone()))));
    drop(worker.pop());
    assert!(matches!(stealer.steal(), Steal::Success(_)));
    assert_eq!(drops.load(SeqCst), 2, "two have been taken, and were dropped by who had taken them");
    drop(stealer);
    assert_eq!(drops.load(SeqCst), 2, "the owner is still there, and its five elements with it");
    drop(worker);
    assert_eq!(drops.load(SeqCst), 7, "the deque is gone, and what was left in it is dropped with it");
}

#[test]
fn thieves_outlive_the_owner() {
    let (worker, stealer) = filled(2, 5);
    let other = stealer.clone();
    drop(worker);
    assert_eq!([stolen(&stealer), stolen(&other), stolen(&stealer)], [Some(0), Some(1), Some(2)]);
}

/// The owner pushes and pops, thieves steal, and every number comes out once.
#[test]
fn nothing_is_lost_and_nothing_doubled() {
    const COUNT: usize = 30_000;
    const THIEVES: usize = 3;
    let (mut worker, stealer) = deque::<usize>(1);
    let taken = AtomicUsize::new(0);
    // Numbers alone, and no element is freed before the end: one that comes out twice is to be told, not freed twice.
    let keep = |element: Box<usize>| {
        taken.fetch_add(1, SeqCst);
        Box::leak(element)
    };
    let all: Vec<&mut usize> = thread::scope(|scope| {
        let thieves: Vec<_> = (0..THIEVES)
            .map(|_| {
                let stealer = stealer.clone();
                let (keep, taken) = (&keep, &taken);
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    // More attempts than it can need, so that a deque that loses something does not hang the test.
                    for _ in 0..200 * COUNT {
                        match stealer.steal() {
                            Steal::Success(element) => mine.push(keep(element)),
                            Steal::Retry => {}
                            Steal::Empty if taken.load(SeqCst) >= COUNT => break,
                            Steal::Empty => thread::yield_now(),
                        }
                    }
                    mine
                })
            })
            .collect();
        let mut mine = Vec::new();
        for number in 0..COUNT {
            worker.push(Box::new(number));
            // Two steps forward and one back, and now and then down to the ground.
            if number % 3 == 0 {
                mine.extend(worker.pop().map(keep));
            }
            if number % 1_000 == 0 {
                mine.extend(std::iter::from_fn(|| worker.pop().map(keep)));
            }
        }
        mine.extend(std::iter::from_fn(|| worker.pop().map(keep)));
        mine.extend(thieves.into_iter().flat_map(|thief| thief.join().expect("it does not panic")));
        mine
    });
    let mut times = vec![0; COUNT];
    all.iter().for_each(|number| times[**number] += 1);
    for (number, times) in times.iter().enumerate() {
        assert_eq!(*times, 1, "the element that was pushed as number {number} was taken {times} times");
    }
    for number in all {
        // SAFETY: `keep` has leaked it, and it is here once.
        drop(unsafe { Box::from_raw(number) });
    }
}

#[test]
fn what_may_be_sent() {
    assert!(is!(Send: Worker<u32>) && is!(Send: Stealer<u32>) && is!(Sync: Stealer<u32>));
    assert!(is!(Send: Stealer<Cell<u32>>), "a Cell may be sent, and a thief is where it is sent to");
    assert!(!is!(Send: Worker<Rc<u32>>) && !is!(Send: Stealer<Rc<u32>>), "an Rc may not be sent, by no deque either");
    assert!(!is!(Sync: Stealer<Rc<u32>>), "two threads that steal Rcs would count references without atomics");
}
