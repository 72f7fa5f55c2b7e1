//! The ring in every order of its steps, and with every stale value that its orderings allow.
//!
//! The search may treat the thread that it starts with otherwise than the others, so what two threads do is tried both
//! ways: with the producer as the main thread, and with the consumer.

mod common;

use lab::{
    cell::UnsafeCell,
    hint,
    model::{Model, reach},
    sync::Arc,
    thread,
    tracked::Tracked,
};

use self::common::{Consumer, Fast, Producer, Right, Stage, channel};

lab::tests_of_each! {
    s1_right: Right, s2_fast: Fast;
    [
        passed_on_to_main,
        passed_on_by_main,
        round_a_longer_ring,
        a_message_is_worth_waiting_for,
        room_is_worth_waiting_for,
        finished_means_finished,
        abandoned_after_all_that_the_consumer_did,
        left_behind_by_main,
        left_behind_to_main,
    ]
}

/// Runs the two at the same time, the first of them on a thread of its own, and says what both return.
fn beside<A: Send + 'static, B>(spawned: impl FnOnce() -> A + Send + 'static, main: impl FnOnce() -> B) -> (A, B) {
    let spawned = thread::spawn(spawned);
    let main = main();
    (spawned.join().unwrap(), main)
}

/// Tries to push each of `numbers`, once, and says which were taken.
fn push_each<S: Stage>(producer: &mut Producer<S, u32>, numbers: std::ops::Range<u32>) -> Vec<u32> {
    numbers.filter(|&number| producer.push(number).is_ok()).collect()
}

/// Tries to pop so many times, and says what came.
fn pop_times<S: Stage>(consumer: &mut Consumer<S, u32>, times: usize) -> Vec<u32> {
    (0..times).filter_map(|_| consumer.pop()).collect()
}

/// What was pushed is what was popped and what is left, in this order.
fn account<S: Stage>(pushed: &[u32], popped: &[u32], consumer: &mut Consumer<S, u32>) {
    let left: Vec<u32> = std::iter::from_fn(|| consumer.pop()).take(pushed.len() + 1).collect();
    let out = [popped, &left].concat();
    assert_eq!(out, pushed, "what came out (left) is not what was pushed (right)");
}

/// Three messages through a ring for one, so that a slot is used again. Nobody waits: who finds it full, or empty, goes on.
fn through_a_ring_for_one<S: Stage>(producer_is_main: bool) {
    Model::new().must_reach(&["full", "empty", "all went through"]).check(move || {
        let (mut producer, mut consumer) = channel::<S, _>(1);
        let produce = move || push_each(&mut producer, 0..3);
        let consume = move || (pop_times(&mut consumer, 2), consumer);
        let (pushed, (popped, mut consumer)) = if producer_is_main {
            let (consumed, produced) = beside(consume, produce);
            (produced, consumed)
        } else {
            beside(produce, consume)
        };
        match pushed.len() {
            3 => reach("all went through"),
            _ => reach("full"),
        }
        if popped.len() < 2 {
            reach("empty");
        }
        account(&pushed, &popped, &mut consumer);
    });
}

fn passed_on_to_main<S: Stage>() {
    through_a_ring_for_one::<S>(false);
}

fn passed_on_by_main<S: Stage>() {
    through_a_ring_for_one::<S>(true);
}

/// A ring for two that is full, and whose indices stand in the middle, so that both threads go round its end.
fn round_a_longer_ring<S: Stage>() {
    Model::new().must_reach(&["full", "room for both"]).check(|| {
        let (mut producer, mut consumer) = channel::<S, _>(2);
        assert_eq!(push_each(&mut producer, 0..2), [0, 1], "there is room for two");
        assert_eq!(consumer.pop(), Some(0));
        assert_eq!(producer.push(2), Ok(()), "there is room for one again");
        let ((pushed, _producer), popped) =
            beside(move || (push_each(&mut producer, 3..5), producer), || pop_times(&mut consumer, 2));
        reach(if pushed.len() == 2 { "room for both" } else { "full" });
        assert_eq!(popped, [1, 2], "both were in the ring all the time");
        account(&pushed, &[], &mut consumer);
    });
}

/// A consumer that waits gets the message in the end: whoever does not see what the other has done waits for ever, and that is
/// a livelock.
fn a_message_is_worth_waiting_for<S: Stage>() {
    Model::new().must_reach(&["waited", "did not wait"]).check(|| {
        let (mut producer, mut consumer) = channel::<S, _>(1);
        let (_producer, ()) = beside(
            move || {
                assert_eq!(producer.push(7), Ok(()), "there was room");
                producer
            },
            || {
                let mut outcome = "did not wait";
                let message = loop {
                    match consumer.pop() {
                        Some(message) => break message,
                        None => outcome = "waited",
                    }
                    hint::spin_loop();
                };
                assert_eq!(message, 7);
                reach(outcome);
            },
        );
    });
}

/// A producer that waits gets room in the end.
fn room_is_worth_waiting_for<S: Stage>() {
    Model::new().must_reach(&["waited", "did not wait"]).check(|| {
        let (mut producer, mut consumer) = channel::<S, _>(1);
        assert_eq!(producer.push(1), Ok(()), "there was room");
        let ((first, mut consumer), ()) = beside(
            move || (consumer.pop(), consumer),
            || {
                let mut outcome = "did not wait";
                while producer.push(2).is_err() {
                    outcome = "waited";
                    hint::spin_loop();
                }
                reach(outcome);
            },
        );
        assert_eq!([first, consumer.pop()], [Some(1), Some(2)], "what came out (left) is not what was pushed (right)");
    });
}

/// A consumer that may stop has had everything, also what the producer pushed right before it left.
fn finished_means_finished<S: Stage>() {
    Model::new().must_reach(&["finished at once", "not finished"]).check(|| {
        let (mut producer, mut consumer) = channel::<S, _>(1);
        let (pushed, ()) = beside(
            move || producer.push(7),
            || {
                let before = consumer.pop();
                if consumer.is_finished() {
                    reach("finished at once");
                    assert_eq!(consumer.pop(), None, "it said that it was finished, and there was another message");
                    assert_eq!(before, Some(7), "it is finished, and the message has not come");
                } else {
                    reach("not finished");
                }
            },
        );
        assert_eq!(pushed, Ok(()), "there was room");
    });
}

/// Who knows that the consumer is gone knows all that it did, also outside of the ring.
fn abandoned_after_all_that_the_consumer_did<S: Stage>() {
    /// A note for the producer.
    struct Note(UnsafeCell<u32>);
    // SAFETY: it is written before the consumer is dropped, and read after that.
    unsafe impl Sync for Note {}

    Model::new().must_reach(&["abandoned", "not yet"]).check(|| {
        let note = Arc::new(Note(UnsafeCell::new(0)));
        let (producer, consumer) = channel::<S, u32>(1);
        let written = note.clone();
        beside(
            move || {
                // SAFETY: nobody reads it before the consumer is gone.
                written.0.with_mut(|note| unsafe { *note = 42 });
                drop(consumer);
            },
            || {
                if producer.is_abandoned() {
                    // SAFETY: the consumer is gone, so nobody writes it any more.
                    assert_eq!(note.0.with(|note| unsafe { *note }), 42, "the consumer is gone, but not all that it did is seen");
                    reach("abandoned");
                } else {
                    reach("not yet");
                }
            },
        );
    });
}

/// Both leave at the same time, in a hurry: the messages that are left are dropped by one of them, once.
fn left_behind<S: Stage>(producer_is_main: bool) {
    Model::new().must_reach(&["left behind", "popped"]).check(move || {
        let (mut producer, mut consumer) = channel::<S, _>(2);
        let produce = move || {
            for _ in 0..2 {
                assert!(producer.push(Tracked::new(())).is_ok(), "there is room for two");
            }
        };
        let consume = move || reach(if consumer.pop().is_some() { "popped" } else { "left behind" });
        if producer_is_main {
            beside(consume, produce);
        } else {
            beside(produce, consume);
        }
    });
}

fn left_behind_by_main<S: Stage>() {
    left_behind::<S>(true);
}

fn left_behind_to_main<S: Stage>() {
    left_behind::<S>(false);
}
