//! Histories that can be explained and histories that cannot, against a search that tries every order.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use lab::history::{Call, Entry, History, Specification, Unexplained, Verdict};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A queue for so many values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Queue {
    capacity: usize,
    values: VecDeque<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Push(u32),
    Pop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Pushed,
    Full,
    Popped(u32),
    Empty,
}

use Answer::{Empty, Full, Popped, Pushed};
use Ask::{Pop, Push};

impl Queue {
    fn of(capacity: usize) -> Self {
        Self { capacity, values: VecDeque::new() }
    }
}

impl Specification for Queue {
    type Operation = Ask;
    type Outcome = Answer;

    fn apply(&mut self, operation: &Ask) -> Answer {
        match operation {
            Push(_) if self.values.len() == self.capacity => Full,
            Push(value) => {
                self.values.push_back(*value);
                Pushed
            }
            Pop => self.values.pop_front().map_or(Empty, Popped),
        }
    }
}

/// An event of a history that a test writes down: a call, or the return of what that thread has called.
#[derive(Debug, Clone, Copy)]
enum Event {
    Begin(usize, Ask),
    End(usize, Answer),
}

use Event::{Begin, End};

fn written(capacity: usize, events: &[Event]) -> History<Queue> {
    let history = History::new(Queue::of(capacity));
    let mut running = [const { None }; 4];
    for event in events {
        match *event {
            Begin(thread, ask) => running[thread] = Some(history.call_as(thread, ask)),
            End(thread, answer) => running[thread].take().expect("it was called").returns(answer),
        }
    }
    history
}

#[track_caller]
fn explained(capacity: usize, events: &[Event]) -> Vec<usize> {
    match written(capacity, events).check() {
        Verdict::Linearizable(order) => order,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unexplained(capacity: usize, events: &[Event]) -> Unexplained<Queue> {
    match written(capacity, events).check() {
        Verdict::Unexplained(told) => told,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_linearizable() {
    assert!(explained(1, &[]).is_empty());
}

#[test]
fn one_after_the_other_is_the_order_itself() {
    let events = [
        Begin(0, Push(1)),
        End(0, Pushed),
        Begin(1, Push(2)),
        End(1, Full),
        Begin(0, Pop),
        End(0, Popped(1)),
        Begin(1, Pop),
        End(1, Empty),
    ];
    assert_eq!(explained(1, &events), [0, 1, 2, 3]);
}

#[test]
fn operations_that_overlap_take_place_in_either_order() {
    let overlap = |answer| [Begin(0, Push(1)), Begin(1, Pop), End(0, Pushed), End(1, answer)];
    assert_eq!(explained(1, &overlap(Popped(1))), [0, 1]);
    assert_eq!(explained(1, &overlap(Empty)), [1, 0]);
}

#[test]
fn an_empty_pop_after_a_push_is_not_explained() {
    let told = unexplained(1, &[Begin(0, Push(1)), End(0, Pushed), Begin(1, Pop), End(1, Empty)]);
    assert_eq!((told.culprit, told.instead), (1, vec![Popped(1)]));
}

#[test]
fn a_full_push_needs_a_moment_at_which_the_queue_is_full() {
    let events =
        |answer| [Begin(0, Push(1)), End(0, Pushed), Begin(1, Push(2)), Begin(0, Pop), End(0, Popped(1)), End(1, answer)];
    explained(1, &events(Full));
    explained(1, &events(Pushed));
    let told = unexplained(2, &events(Full));
    assert_eq!(told.instead, [Pushed]);
}

#[test]
fn values_come_out_in_the_order_in_which_they_went_in() {
    let events = [
        Begin(0, Push(1)),
        End(0, Pushed),
        Begin(0, Push(2)),
        End(0, Pushed),
        Begin(1, Pop),
        Begin(2, Pop),
        End(2, Popped(2)),
        End(1, Popped(1)),
    ];
    explained(4, &events);
    let last = [Begin(1, Pop), End(1, Popped(2)), Begin(2, Pop), End(2, Popped(1))];
    let told = unexplained(4, &[&events[..4], &last].concat());
    // Known as soon as the first of them has returned.
    assert_eq!((told.culprit, told.instead, told.entries.len()), (2, vec![Popped(1)], 3));
}

/// What is slow about Vyukov's queue where it says "empty" because the slot in front is not written yet: each of two threads
/// has pushed, and finds the queue empty while the other is not done.
#[test]
fn empty_in_spite_of_what_one_has_pushed_oneself() {
    let told =
        unexplained(2, &[Begin(0, Push(1)), Begin(1, Push(2)), End(1, Pushed), Begin(1, Pop), End(1, Empty), End(0, Pushed)]);
    assert_eq!(told.instead.len(), 2, "{told}");
}

#[test]
fn what_has_not_returned_may_have_taken_place_or_not() {
    // It must have.
    assert_eq!(explained(1, &[Begin(0, Push(1)), Begin(1, Pop), End(1, Popped(1))]), [0, 1]);
    // It need not, but it has been called.
    assert_eq!(explained(1, &[Begin(0, Push(1)), Begin(1, Pop), End(1, Empty)]), [1]);
    // It cannot: it was called too late.
    let told = unexplained(1, &[Begin(1, Pop), End(1, Popped(1)), Begin(0, Push(1))]);
    assert_eq!(told.entries.len(), 1);
}

#[test]
fn a_thread_may_leave_an_operation_behind_and_go_on() {
    let history = History::new(Queue::of(4));
    let _abandoned = history.call_as(0, Push(1));
    history.call_as(0, Push(2)).returns(Pushed);
    history.call_as(0, Pop).returns(Popped(2));
    history.call_as(0, Pop).returns(Popped(1));
    assert!(matches!(history.check(), Verdict::Linearizable(order) if order == [1, 2, 0, 3]), "{:?}", history.check());
}

#[test]
fn it_is_told_in_sentences_and_a_table() {
    let told = unexplained(
        2,
        &[
            Begin(0, Push(1)),
            Begin(1, Push(2)),
            End(1, Pushed),
            Begin(1, Pop),
            Begin(2, Push(3)),
            End(1, Empty),
            End(2, Pushed),
            End(0, Pushed),
        ],
    );
    let expected = "\
not linearizable: no order of the operations explains that T1's Pop has returned Empty.

event  T0                    T1                    T2
1      Push(1) ..
2      |                     Push(2) ..
3      |                     = Pushed
4      |                     Pop ..
5      |                     |                     Push(3) ..
6      |                     = Empty               | <- why?

It overlapped T0's Push(1), which was still running; T2's Push(3), which was still running.
It came after T1's Push(2) = Pushed.
In every order that explains the others it would have returned Popped(2) or Popped(1).";
    assert_eq!(told.to_string(), expected);
}

#[test]
fn a_long_history_shows_its_end() {
    let history = History::new(Queue::of(2));
    for round in 0..100 {
        history.call_as(0, Push(round)).returns(Pushed);
        history.call_as(1, Pop).returns(Popped(round));
    }
    history.call_as(0, Pop).returns(Popped(99));
    let Verdict::Unexplained(told) = history.check() else { panic!("99 came out twice") };
    let text = told.to_string();
    assert!(text.contains("372 earlier events"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}

#[test]
#[should_panic(expected = "T0's Pop has returned Popped(7)")]
fn an_assertion_tells_it() {
    written(1, &[Begin(0, Pop), End(0, Popped(7))]).assert_linearizable();
}

/// Every order of every choice of what has not returned: no more than a handful of operations.
fn by_force(capacity: usize, entries: &[Entry<Queue>]) -> bool {
    fn goes_on(queue: &Queue, left: &[&Entry<Queue>]) -> bool {
        left.iter().all(|entry| entry.returned.is_none())
            || (0..left.len()).any(|first| {
                let mut queue = queue.clone();
                let mut left = left.to_vec();
                let entry = left.remove(first);
                let is_first = left.iter().all(|other| other.returned.is_none_or(|returned| returned > entry.called));
                is_first && {
                    let answer = queue.apply(&entry.operation);
                    entry.outcome.is_none_or(|outcome| outcome == answer) && goes_on(&queue, &left)
                }
            })
    }
    goes_on(&Queue::of(capacity), &entries.iter().collect::<Vec<_>>())
}

/// What a thread of a random history is doing: what was called, and what it will be told if that is settled.
type Running<'a> = (Call<'a, Queue>, Ask, Option<Answer>);

/// A history at random: answers are mostly those of a queue that does each operation at a random moment of its time.
fn random(random: &mut Pcg64Mcg, capacity: usize) -> History<Queue> {
    let history = History::new(Queue::of(capacity));
    let mut queue = Queue::of(capacity);
    let threads = random.random_range(1..=3);
    let mut running: Vec<Option<Running<'_>>> = (0..threads).map(|_| None).collect();
    let mut calls = 0;
    for _ in 0..24 {
        let thread = random.random_range(0..threads);
        match running[thread].take() {
            None if calls < 7 => {
                let ask = if random.random_bool(0.5) { Push(random.random_range(1..=2)) } else { Pop };
                calls += 1;
                running[thread] = Some((history.call_as(thread, ask), ask, None));
            }
            None => {}
            Some((call, ask, None)) => {
                let wrong = [Empty, Full, Pushed, Popped(1), Popped(2)][random.random_range(0..5)];
                let answer = if random.random_bool(0.15) { wrong } else { queue.apply(&ask) };
                running[thread] = Some((call, ask, Some(answer)));
            }
            Some((call, _, Some(answer))) => call.returns(answer),
        }
    }
    history
}

#[test]
fn the_search_agrees_with_brute_force() {
    let mut explained = 0;
    let histories = 3_000;
    for seed in 0..histories {
        let capacity = 1 + (seed % 3) as usize;
        let history = random(&mut Pcg64Mcg::seed_from_u64(seed), capacity);
        let entries = history.entries();
        match history.check() {
            Verdict::Linearizable(order) => {
                explained += 1;
                assert!(by_force(capacity, &entries), "seed {seed}: {entries:?} is not explained by {order:?}");
                check_order(capacity, &entries, &order);
            }
            Verdict::Unexplained(told) => {
                assert!(!by_force(capacity, &entries), "seed {seed}: {told}");
                assert!(!by_force(capacity, &told.entries), "seed {seed}: {told}");
                check_shortest(capacity, &told);
            }
            Verdict::TooLong(states) => panic!("seed {seed}: given up after {states}"),
        }
    }
    assert!((histories / 5..histories * 4 / 5).contains(&explained), "{explained} of {histories} can be explained");
}

/// That an order is one that explains everything.
fn check_order(capacity: usize, entries: &[Entry<Queue>], order: &[usize]) {
    let mut queue = Queue::of(capacity);
    for (place, index) in order.iter().enumerate() {
        let entry = &entries[*index];
        let answer = queue.apply(&entry.operation);
        assert!(entry.outcome.is_none_or(|outcome| outcome == answer));
        for later in &order[place + 1..] {
            assert!(entries[*later].returned.is_none_or(|returned| returned > entry.called), "{later} was over before {index}");
        }
    }
    for (index, entry) in entries.iter().enumerate() {
        assert!(entry.returned.is_none() || order.contains(&index), "{index} is left out of {order:?}");
    }
}

/// That without its last return it can be explained, and with another answer, too.
fn check_shortest(capacity: usize, told: &Unexplained<Queue>) {
    let mut entries = told.entries.clone();
    entries[told.culprit].returned = None;
    entries[told.culprit].outcome = None;
    assert!(by_force(capacity, &entries), "{told}");
    for answer in [Empty, Full, Pushed, Popped(1), Popped(2)] {
        let mut entries = told.entries.clone();
        entries[told.culprit].outcome = Some(answer);
        assert_eq!(by_force(capacity, &entries), told.instead.contains(&answer), "{answer:?}: {told}");
    }
}

/// A queue that is right, on real threads: long histories are checked at once.
#[test]
fn a_queue_under_a_lock_is_linearizable() {
    let queue = Mutex::new(Queue::of(4));
    let history = History::new(Queue::of(4));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (queue, history) = (&queue, &history);
            scope.spawn(move || {
                for step in 0..500 {
                    let ask = if (step + thread) % 2 == 0 { Push(step) } else { Pop };
                    history.of(ask, || queue.lock().unwrap().apply(&ask));
                }
            });
        }
    });
    assert_eq!(history.entries().len(), 2_000);
    history.assert_linearizable();
}

/// A counter whose `add` returns what it found before it added, in two steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counter(usize);

impl Specification for Counter {
    type Operation = ();
    type Outcome = usize;

    fn apply(&mut self, (): &()) -> usize {
        self.0 += 1;
        self.0 - 1
    }
}

/// Two threads find the same number: each is told so by the other's, with a turn taken in between.
#[test]
fn a_lost_update_is_seen_on_real_threads() {
    let count = AtomicUsize::new(0);
    let history = History::new(Counter(0));
    let both = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                history.of((), || {
                    let found = count.load(SeqCst);
                    both.wait();
                    count.store(found + 1, SeqCst);
                    found
                })
            });
        }
    });
    let Verdict::Unexplained(told) = history.check() else { panic!("both found 0") };
    assert_eq!(told.instead, [1], "{told}");
}

/// Many operations at a time, none of which can be told from another by what it returns, and one that cannot be explained.
#[test]
fn a_search_that_is_too_long_is_given_up() {
    let history = History::new(Queue::of(30));
    let calls: Vec<_> = (0..16).map(|thread| history.call_as(thread, Push(thread as u32))).collect();
    calls.into_iter().for_each(|call| call.returns(Pushed));
    history.call_as(0, Pop).returns(Popped(99));
    assert!(matches!(history.check_within(10_000), Verdict::TooLong(10_000)));
}
