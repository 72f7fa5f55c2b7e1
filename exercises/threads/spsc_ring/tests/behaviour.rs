//! What the ring does, mostly on one thread, where every step is known. That it does so whatever two threads do is the
//! business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod common;

use std::{
    any::TypeId,
    cell::Cell,
    panic::catch_unwind,
    rc::Rc,
    time::{Duration, Instant},
};

use lab::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use self::common::{Consumer, Fast, Producer, Right, Stage, channel};

lab::tests_of_each! {
    s1_right: Right, s2_fast: Fast;
    [
        an_empty_ring_has_nothing_to_give,
        messages_come_out_in_order,
        the_capacity_is_exact,
        a_full_ring_gives_the_message_back,
        a_ring_without_capacity_is_refused,
        the_ring_goes_round,
        it_is_finished_when_the_producer_is_gone_and_the_ring_is_empty,
        it_is_abandoned_when_the_consumer_is_gone,
        every_message_is_dropped_once,
        what_nobody_will_read_is_dropped_once,
        messages_without_a_size_are_counted,
        two_threads_pass_every_message_on,
    ]
}

fn an_empty_ring_has_nothing_to_give<S: Stage>() {
    let (mut producer, mut consumer) = channel::<S, _>(2);
    assert_eq!(consumer.pop(), None, "nothing has been pushed");
    producer.push('a').expect("there is room");
    assert_eq!(consumer.pop(), Some('a'));
    assert_eq!(consumer.pop(), None, "the one message has been popped already");
}

fn messages_come_out_in_order<S: Stage>() {
    let (mut producer, mut consumer) = channel::<S, _>(4);
    for word in ["to", "and", "not", "fro"] {
        producer.push(word.to_owned()).expect("there is room");
    }
    let received: Vec<String> = std::iter::from_fn(|| consumer.pop()).collect();
    assert_eq!(received, ["to", "and", "not", "fro"]);
}

fn the_capacity_is_exact<S: Stage>() {
    for capacity in 1..=9 {
        let (mut producer, _consumer) = channel::<S, _>(capacity);
        // Bounded: a ring that never says that it is full would otherwise be filled for ever.
        let accepted = (0..2 * capacity).take_while(|&number| producer.push(number).is_ok()).count();
        assert_eq!(accepted, capacity, "a ring for {capacity} has taken {accepted}");
    }
}

fn a_full_ring_gives_the_message_back<S: Stage>() {
    let (mut producer, mut consumer) = channel::<S, _>(2);
    producer.push(Box::new(1)).expect("there is room");
    producer.push(Box::new(2)).expect("there is room");
    assert_eq!(producer.push(Box::new(3)), Err(Box::new(3)), "the ring is full");
    assert_eq!(producer.push(Box::new(4)), Err(Box::new(4)), "the ring is still full");
    assert_eq!(consumer.pop(), Some(Box::new(1)), "the oldest message comes first");
    assert_eq!(producer.push(Box::new(5)), Ok(()), "one message is out, so that there is room for one");
    assert_eq!(producer.push(Box::new(6)), Err(Box::new(6)), "there was room for one");
    assert_eq!(consumer.pop(), Some(Box::new(2)));
    assert_eq!(consumer.pop(), Some(Box::new(5)));
    assert_eq!(consumer.pop(), None, "what did not fit must not come out");
}

fn a_ring_without_capacity_is_refused<S: Stage>() {
    let outcome = catch_unwind(|| drop(channel::<S, u8>(0)));
    assert!(outcome.is_err(), "a ring that holds nothing must be refused by a panic");
    let (mut producer, _consumer) = channel::<S, u8>(1);
    assert_eq!(producer.push(1), Ok(()));
}

/// Every number of messages in the ring, at every place of it.
fn the_ring_goes_round<S: Stage>() {
    for capacity in 1..=5 {
        for held in 1..=capacity {
            let (mut producer, mut consumer) = channel::<S, _>(capacity);
            let mut expected = 0;
            for first in (0..40).step_by(held) {
                (first..first + held).for_each(|number| producer.push(number).expect("there is room"));
                for _ in 0..held {
                    assert_eq!(consumer.pop(), Some(expected), "in a ring for {capacity}, {held} at a time");
                    expected += 1;
                }
                assert_eq!(consumer.pop(), None, "in a ring for {capacity}, {held} at a time");
            }
        }
    }
}

fn it_is_finished_when_the_producer_is_gone_and_the_ring_is_empty<S: Stage>() {
    let (mut producer, mut consumer) = channel::<S, _>(2);
    assert!(!consumer.is_finished(), "the producer may still push");
    producer.push(1).expect("there is room");
    assert!(!consumer.is_finished(), "there is a message, and the producer may push more");
    drop(producer);
    assert!(!consumer.is_finished(), "the producer is gone, but a message is left");
    assert_eq!(consumer.pop(), Some(1), "the messages outlive the producer");
    assert!(consumer.is_finished(), "the producer is gone, and the ring is empty");
    assert_eq!(consumer.pop(), None);
}

fn it_is_abandoned_when_the_consumer_is_gone<S: Stage>() {
    let (mut producer, consumer) = channel::<S, _>(1);
    assert!(!producer.is_abandoned(), "the consumer is still there");
    producer.push(1).expect("there is room");
    assert!(!producer.is_abandoned(), "the consumer is still there");
    drop(consumer);
    assert!(producer.is_abandoned(), "the consumer is gone");
}

/// A message that counts how often it is dropped.
#[derive(Debug)]
struct Counted(&'static AtomicUsize);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// So many counters, which nobody takes away from a message that is dropped too late.
fn counters(count: usize) -> &'static [AtomicUsize] {
    Box::leak((0..count).map(|_| AtomicUsize::new(0)).collect())
}

fn dropped(counters: &[AtomicUsize]) -> Vec<usize> {
    counters.iter().map(|counter| counter.load(SeqCst)).collect()
}

fn every_message_is_dropped_once<S: Stage>() {
    let counters = counters(3);
    let (mut producer, mut consumer) = channel::<S, _>(1);
    producer.push(Counted(&counters[0])).expect("there is room");
    let refused = producer.push(Counted(&counters[1])).expect_err("the ring is full");
    assert_eq!(dropped(counters), [0, 0, 0], "a message is dropped though somebody has it");
    drop(refused);
    assert_eq!(dropped(counters), [0, 1, 0], "a message that does not fit belongs to the caller, who has dropped it");
    let popped = consumer.pop().expect("there is a message");
    assert_eq!(dropped(counters), [0, 1, 0], "a message is dropped though it has just been popped");
    drop(popped);
    // It goes where the first has been: what lay there must not be dropped once more.
    producer.push(Counted(&counters[2])).expect("there is room");
    drop(consumer.pop().expect("there is a message"));
    assert_eq!(dropped(counters), [1, 1, 1]);
    drop(producer);
    drop(consumer);
    assert_eq!(dropped(counters), [1, 1, 1], "a message that was popped is dropped again with the ring");
}

/// Whichever half goes first, wherever in the ring the messages lie, however many are left.
fn what_nobody_will_read_is_dropped_once<S: Stage>() {
    const CAPACITY: usize = 3;
    for (start, left, producer_first) in
        (0..=CAPACITY).flat_map(|start| (0..=CAPACITY).flat_map(move |left| [(start, left, true), (start, left, false)]))
    {
        let counters = counters(left);
        let unrelated = self::counters(1);
        let (mut producer, mut consumer) = channel::<S, _>(CAPACITY);
        for _ in 0..start {
            producer.push(Counted(&unrelated[0])).expect("there is room");
            drop(consumer.pop().expect("there is a message"));
        }
        let (before, after) = counters.split_at(left / 2);
        let push = |producer: &mut Producer<S, _>, all: &'static [AtomicUsize]| {
            all.iter().for_each(|counter| producer.push(Counted(counter)).expect("there is room"));
        };
        push(&mut producer, before);
        if producer_first {
            push(&mut producer, after);
            drop(producer);
            drop(consumer);
        } else {
            drop(consumer);
            // Nobody will read these.
            push(&mut producer, after);
            drop(producer);
        }
        let first = if producer_first { "producer" } else { "consumer" };
        let expected = vec![1; left];
        assert_eq!(dropped(counters), expected, "{left} left from slot {start} on, and the {first} leaves first: drops of each");
        assert_eq!(dropped(unrelated), [start], "what was popped before is not dropped again");
    }
}

fn messages_without_a_size_are_counted<S: Stage>() {
    let (mut producer, mut consumer) = channel::<S, _>(2);
    assert_eq!([producer.push(()), producer.push(()), producer.push(())], [Ok(()), Ok(()), Err(())]);
    assert_eq!([consumer.pop(), consumer.pop(), consumer.pop()], [Some(()), Some(()), None]);
}

/// Asks until there is an answer, and lets the other thread run in between. Ends the test where nothing comes of that for
/// long, so that it does not hang.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "it has waited ten seconds for {what}");
        thread::yield_now();
    }
}

/// The end of the messages, or the next one.
fn next<S: Stage, T: Send + 'static>(consumer: &mut Consumer<S, T>) -> Option<T> {
    wait_for("a message", || if consumer.is_finished() { Some(None) } else { consumer.pop().map(Some) })
}

fn two_threads_pass_every_message_on<S: Stage>() {
    // Few: where the two share a core, every message may take a change of threads.
    const MESSAGES: usize = 300;
    for capacity in [1, 2, 7] {
        let (mut producer, mut consumer) = channel::<S, _>(capacity);
        thread::scope(|scope| {
            // The producer moves in: the end of its messages is its own end.
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let mut message = Some(Box::new(number));
                    wait_for("room in the ring", || {
                        message = message.take().and_then(|message| producer.push(message).err());
                        message.is_none().then_some(())
                    });
                }
            });
            for expected in 0..MESSAGES {
                let number = next(&mut consumer).expect("it says that it is finished, and messages are missing");
                assert_eq!(*number, expected, "a message is lost, doubled or out of order");
            }
            assert_eq!(next(&mut consumer), None, "more has come than was pushed");
        });
    }
}

/// An alias passes all that stage 1 passes, and is not what is asked for.
#[test]
fn stage_2_is_a_ring_of_its_own() {
    use spsc_ring::{s1_right, s2_fast};
    let producers = [TypeId::of::<s1_right::Producer<u8>>(), TypeId::of::<s2_fast::Producer<u8>>()];
    let consumers = [TypeId::of::<s1_right::Consumer<u8>>(), TypeId::of::<s2_fast::Consumer<u8>>()];
    let own = producers[0] != producers[1] && consumers[0] != consumers[1];
    assert!(own, "stage 2 is still stage 1: when that is right, go on with step 5 in src/s2_fast.rs");
}

/// Whether a type is `Send`, decided without failing to compile.
macro_rules! is_send {
    ($type:ty) => {{
        trait Otherwise {
            const IS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized + Send> Probe<T> {
            const IS: bool = true;
        }
        // Both are used, whatever the type is.
        assert!(<Probe<u32>>::IS && !<*const u8 as Otherwise>::IS);
        <Probe<$type>>::IS
    }};
}

#[test]
fn halves_may_be_sent() {
    let sent = [
        is_send!(spsc_ring::s1_right::Producer<Cell<u32>>),
        is_send!(spsc_ring::s1_right::Consumer<Cell<u32>>),
        is_send!(spsc_ring::s2_fast::Producer<Cell<u32>>),
        is_send!(spsc_ring::s2_fast::Consumer<Cell<u32>>),
    ];
    assert_eq!(sent, [true; 4], "a Cell may be sent, so the halves of its ring may be");
    let sent = [
        is_send!(spsc_ring::s1_right::Producer<Rc<u32>>),
        is_send!(spsc_ring::s1_right::Consumer<Rc<u32>>),
        is_send!(spsc_ring::s2_fast::Producer<Rc<u32>>),
        is_send!(spsc_ring::s2_fast::Consumer<Rc<u32>>),
    ];
    assert_eq!(sent, [false; 4], "an Rc may not be sent, and through a ring it would be");
}
