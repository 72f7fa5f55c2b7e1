//! The stack as a measurable program: threads that push and pop for as long as it takes to see what becomes of the nodes.
//!
//! Every pop leaves a node behind. Whoever never frees one needs 32 bytes and more for each, and the peak memory of a full run
//! tells: tens of megabytes in place of a few.

use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::Ordering::{Acquire, Relaxed, Release},
    },
};

use crossbeam_epoch::{Atomic, Guard, Owned};
use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use treiber_stack::s2_epochs::Stack;

/// So many values are in the stack before the threads begin, so that it is never empty.
const FILLED: u64 = 1_000;

/// How long a thread works for itself between two pairs: many times as long as one takes, for otherwise the threads would only
/// fight for the cache line of the top, and the figure would tell who happened to keep it.
const ROUNDS: u64 = 24;

/// How many values came out, and a sum that shows a lost or a doubled one whatever their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
struct Popped {
    count: u64,
    sum: u64,
}

impl Popped {
    fn add(&mut self, value: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(value);
    }

    fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum.wrapping_add(other.sum) }
    }
}

/// The value that is pushed at a step.
fn value(seed: u64, step: u64) -> u64 {
    (0..ROUNDS).fold(seed.wrapping_add(step), |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

/// So many pairs of a push and a pop.
struct Pairs {
    setup: Setup,
}

/// A stack as one thread has it.
trait Ends {
    fn push(&mut self, value: u64);
    fn pop(&mut self) -> Option<u64>;
}

impl Pairs {
    /// Fills the stack, makes the pairs, the steps spread over the threads, and empties it. `ends` makes what a thread has of
    /// it.
    fn spread<E: Ends + Send>(&self, ends: impl Fn() -> E) -> Popped {
        let Setup { size, seed, threads, .. } = self.setup;
        let threads = threads.max(1) as u64;
        let mut main = ends();
        (0..FILLED).for_each(|step| main.push(seed ^ step));
        let popped = thread::scope(|scope| {
            let run = |index: u64| {
                let (first, after) = (index * size / threads, (index + 1) * size / threads);
                let mut ends = ends();
                move || {
                    let _span = lab::span!("pairs", steps = after - first);
                    let mut popped = Popped::default();
                    for step in first..after {
                        ends.push(value(seed, step));
                        ends.pop().into_iter().for_each(|value| popped.add(value));
                    }
                    popped
                }
            };
            let threads: Vec<_> = (0..threads).map(|index| scope.spawn(run(index))).collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).fold(Popped::default(), Popped::and)
        });
        let mut left = Popped::default();
        // More would be a list that goes round.
        (0..=FILLED).map_while(|_| main.pop()).for_each(|value| left.add(value));
        popped.and(left)
    }

    fn threads(&self) -> usize {
        self.setup.threads.max(1)
    }
}

impl Workload for Pairs {
    type Input = ();
    type Output = Popped;

    fn spec() -> Spec {
        Spec {
            name: "treiber_stack".into(),
            size_unit: "pushes and pops".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 300_000,
            full: 2_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// A `Vec` and one thread.
    fn baseline(&self, (): ()) -> Popped {
        let Setup { size, seed, .. } = self.setup;
        let mut stack: Vec<u64> = (0..FILLED).map(|step| seed ^ step).collect();
        let mut popped = Popped::default();
        for step in 0..size {
            // Not seen through: the compiler would not even push.
            std::hint::black_box(&mut stack).push(value(seed, step));
            stack.pop().into_iter().for_each(|value| popped.add(value));
        }
        stack.into_iter().for_each(|value| popped.add(value));
        popped
    }

    fn submission(&self, (): ()) -> Popped {
        // One more for the main thread.
        let stack = Stack::new(self.threads() + 1);
        self.spread(|| stack.handle().expect("a handle for each thread"))
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("crossbeam-epoch", crossbeam), ("mutex", mutex)]
    }

    fn digest(&self, output: &Popped) -> u64 {
        digest_of(output)
    }
}

impl Ends for treiber_stack::s2_epochs::Handle<'_, u64> {
    fn push(&mut self, value: u64) {
        self.push(value);
    }

    fn pop(&mut self) -> Option<u64> {
        self.pop()
    }
}

fn mutex(pairs: &Pairs, (): ()) -> Popped {
    let stack = Mutex::new(Vec::new());
    pairs.spread(|| &stack)
}

impl Ends for &Mutex<Vec<u64>> {
    fn push(&mut self, value: u64) {
        self.lock().expect("nobody panics").push(value);
    }

    fn pop(&mut self) -> Option<u64> {
        self.lock().expect("nobody panics").pop()
    }
}

/// The same stack, over another collector.
struct OverCrossbeam {
    top: Atomic<Node>,
}

struct Node {
    value: u64,
    below: Atomic<Node>,
}

fn crossbeam(pairs: &Pairs, (): ()) -> Popped {
    let stack = OverCrossbeam { top: Atomic::null() };
    pairs.spread(|| &stack)
}

impl OverCrossbeam {
    fn try_pop(&self, guard: &Guard) -> Result<Option<u64>, ()> {
        let top = self.top.load(Acquire, guard);
        // SAFETY: it was found after pinning, and is not freed before the guard is dropped.
        let Some(node) = (unsafe { top.as_ref() }) else { return Ok(None) };
        let below = node.below.load(Relaxed, guard);
        self.top.compare_exchange(top, below, Relaxed, Relaxed, guard).map_err(drop)?;
        // SAFETY: this thread has taken it off the stack, and nobody finds it any more.
        unsafe { guard.defer_destroy(top) };
        Ok(Some(node.value))
    }
}

impl Ends for &OverCrossbeam {
    fn push(&mut self, value: u64) {
        let guard = crossbeam_epoch::pin();
        let mut node = Owned::new(Node { value, below: Atomic::null() });
        loop {
            let top = self.top.load(Relaxed, &guard);
            node.below.store(top, Relaxed);
            match self.top.compare_exchange_weak(top, node, Release, Relaxed, &guard) {
                Ok(_) => return,
                Err(newer) => node = newer.new,
            }
        }
    }

    fn pop(&mut self) -> Option<u64> {
        let guard = crossbeam_epoch::pin();
        loop {
            if let Ok(popped) = self.try_pop(&guard) {
                return popped;
            }
        }
    }
}

fn main() -> ExitCode {
    serve::<Pairs>()
}
