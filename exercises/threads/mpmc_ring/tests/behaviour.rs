//! What the queue does, on real threads. That it does so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

#[path = "specification/queue.rs"]
mod queue;

use std::{cell::Cell, collections::HashSet, rc::Rc, sync::mpsc, time::Duration};

use lab::{
    is,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use mpmc_ring::{MpmcRing, PopError, PushError};
use queue::{Answer, Recorded};

/// Runs `body` on a thread of its own and waits for it, but not for ever.
#[track_caller]
fn within_seconds<T: Send + 'static>(seconds: u64, what: &str, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let runs = thread::spawn(move || {
        let result = body();
        // Nobody listens any longer if it took too long.
        let _ = sender.send(());
        result
    });
    match receiver.recv_timeout(Duration::from_secs(seconds)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: {what}, and that took more than {seconds} seconds"),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            runs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }
    }
}

/// What became of a push; of a failure its kind, and the element that was given back.
fn pushed(ring: &MpmcRing<usize>, element: usize) -> Result<(), (&'static str, usize)> {
    ring.push(element).map_err(|refused| match refused {
        PushError::Full(element) => ("full", element),
        PushError::Closed(element) => ("closed", element),
    })
}

fn popped(ring: &MpmcRing<usize>) -> Result<usize, &'static str> {
    ring.pop().map_err(|refused| match refused {
        PopError::Empty => "empty",
        PopError::Closed => "closed",
    })
}

#[test]
fn elements_come_out_in_the_order_in_which_they_went_in() {
    let ring = MpmcRing::new(4);
    for number in 0..4 {
        assert_eq!(pushed(&ring, number), Ok(()));
    }
    for number in 0..4 {
        assert_eq!(popped(&ring), Ok(number));
    }
}

#[test]
fn there_is_room_for_as_many_as_was_asked_for() {
    for capacity in [1, 2, 8] {
        let ring = MpmcRing::new(capacity);
        assert_eq!(ring.capacity(), capacity);
        for number in 0..capacity {
            assert_eq!(pushed(&ring, number), Ok(()), "push {number} of {capacity}");
        }
        assert_eq!(pushed(&ring, capacity), Err(("full", capacity)), "a full queue gives the element back");
    }
}

#[test]
#[should_panic(expected = "power of two")]
fn a_capacity_is_a_power_of_two() {
    drop(MpmcRing::<u32>::new(3));
}

#[test]
fn an_empty_queue_says_so_at_once() {
    let ring = MpmcRing::new(2);
    assert_eq!(popped(&ring), Err("empty"));
    assert_eq!(pushed(&ring, 1), Ok(()));
    assert_eq!(popped(&ring), Ok(1));
    assert_eq!(popped(&ring), Err("empty"));
}

#[test]
fn slots_are_used_again_and_again() {
    for capacity in [1, 2, 4] {
        within_seconds(10, "one thread pushed and popped, lap after lap", move || {
            let ring = MpmcRing::new(capacity);
            for number in 0..1_000 {
                assert_eq!(pushed(&ring, number), Ok(()), "capacity {capacity}, push {number}: the queue was empty");
                if number % 3 == 0 {
                    // Two at a time, where there is room.
                    let second = ring.push(number + 5_000);
                    assert_eq!(second.is_ok(), capacity > 1, "capacity {capacity}, push {number}: one element was there");
                    if second.is_ok() {
                        assert_eq!((popped(&ring), popped(&ring)), (Ok(number), Ok(number + 5_000)));
                        continue;
                    }
                }
                assert_eq!(popped(&ring), Ok(number));
                assert_eq!(popped(&ring), Err("empty"));
            }
        });
    }
}

#[test]
fn a_closed_queue_takes_nothing_more() {
    let ring = MpmcRing::new(2);
    assert!(ring.close(), "it was open");
    assert!(!ring.close(), "it was closed already");
    assert_eq!(pushed(&ring, 7), Err(("closed", 7)));
    assert_eq!(popped(&ring), Err("closed"));
}

#[test]
fn a_closed_queue_can_be_drained() {
    let ring = MpmcRing::new(4);
    for number in 0..3 {
        assert_eq!(pushed(&ring, number), Ok(()));
    }
    assert!(ring.close());
    for number in 0..3 {
        assert_eq!(popped(&ring), Ok(number), "closing must not lose what is in the queue");
    }
    assert_eq!(popped(&ring), Err("closed"));
    assert_eq!(popped(&ring), Err("closed"), "it stays closed");
}

#[test]
fn a_full_queue_that_is_closed_is_closed() {
    let ring = MpmcRing::new(1);
    assert_eq!(pushed(&ring, 1), Ok(()));
    assert!(ring.close());
    assert_eq!(pushed(&ring, 2), Err(("closed", 2)), "\"full\" would mean that there may be room some time");
}

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn what_is_left_is_dropped_once() {
    for closed in [false, true] {
        let drops = Arc::new(AtomicUsize::new(0));
        let ring = MpmcRing::new(4);
        // The rest lies across the end of the buffer.
        for _ in 0..3 {
            assert!(ring.push(Dropped(drops.clone())).is_ok());
            drop(ring.pop());
        }
        for _ in 0..3 {
            assert!(ring.push(Dropped(drops.clone())).is_ok());
        }
        if closed {
            ring.close();
        }
        assert_eq!(drops.load(SeqCst), 3, "dropped while in the queue");
        drop(ring);
        assert_eq!(drops.load(SeqCst), 6, "three elements were left in the queue, closed: {closed}");
    }
}

#[test]
fn what_is_refused_is_given_back_and_not_dropped() {
    let drops = Arc::new(AtomicUsize::new(0));
    let ring = MpmcRing::new(1);
    assert!(ring.push(Dropped(drops.clone())).is_ok());
    let refused = ring.push(Dropped(drops.clone()));
    assert_eq!(drops.load(SeqCst), 0);
    assert!(matches!(refused, Err(PushError::Full(_))));
    drop(refused);
    assert_eq!(drops.load(SeqCst), 1);
}

#[test]
fn every_element_is_popped_once_and_each_pusher_keeps_its_order() {
    const PUSHERS: usize = 3;
    const POPPERS: usize = 3;
    const EACH: usize = 2_000;
    let popped = within_seconds(20, "three threads pushed, three popped until the end", || {
        let ring = MpmcRing::new(8);
        let pushing = AtomicUsize::new(PUSHERS);
        thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let (ring, pushing) = (&ring, &pushing);
                scope.spawn(move || {
                    for number in 0..EACH {
                        let mut element = Box::new((pusher, number));
                        while let Err(refused) = ring.push(element) {
                            let PushError::Full(back) = refused else { panic!("closed while threads still push") };
                            element = back;
                            thread::yield_now();
                        }
                    }
                    if pushing.fetch_sub(1, SeqCst) == 1 {
                        assert!(ring.close());
                    }
                });
            }
            let pop_all = || {
                let mut mine = Vec::new();
                loop {
                    match ring.pop() {
                        Ok(element) => mine.push(*element),
                        Err(PopError::Empty) => thread::yield_now(),
                        Err(PopError::Closed) => return mine,
                    }
                }
            };
            let poppers: Vec<_> = (0..POPPERS).map(|_| scope.spawn(pop_all)).collect();
            poppers.into_iter().map(|popper| popper.join().expect("it does not panic")).collect::<Vec<_>>()
        })
    });
    for mine in &popped {
        for pusher in 0..PUSHERS {
            let numbers: Vec<usize> = mine.iter().filter(|element| element.0 == pusher).map(|element| element.1).collect();
            assert!(numbers.is_sorted(), "one thread got a later element of a pusher before an earlier one");
        }
    }
    let all: Vec<_> = popped.into_iter().flatten().collect();
    let distinct: HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (PUSHERS * EACH, PUSHERS * EACH), "elements popped, and different ones among them");
}

/// Many short histories, each of which some order of its operations must explain, "full" and "empty" included.
#[test]
fn what_threads_see_can_be_explained() {
    for round in 0..150 {
        let recorded = within_seconds(10, "three threads pushed, popped, and closed at last", move || {
            let recorded = Recorded::new(if round % 2 == 0 { 1 } else { 2 });
            thread::scope(|scope| {
                for thread in 0..3 {
                    let recorded = &recorded;
                    scope.spawn(move || {
                        for step in 0..20 {
                            match (step + thread + round) % 5 {
                                0 | 2 => recorded.push(100 * thread + step),
                                _ => recorded.pop(),
                            };
                        }
                        if thread == 0 {
                            recorded.close();
                        }
                        recorded.push(1_000 + thread);
                        recorded.pop();
                    });
                }
            });
            while recorded.pop() != Answer::Closed {}
            recorded
        });
        recorded.assert_linearizable();
    }
}

#[test]
fn threads_share_what_may_be_sent() {
    assert!(is!(Send: MpmcRing<u32>) && is!(Sync: MpmcRing<u32>));
    assert!(is!(Sync: MpmcRing<Cell<u32>>), "a Cell may be sent, and only one thread has it at a time");
    assert!(!is!(Sync: MpmcRing<Rc<u32>>), "an Rc may not be sent, and a queue sends it");
}
