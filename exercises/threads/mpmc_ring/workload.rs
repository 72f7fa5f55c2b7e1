//! The queue as a measurable program: threads that hand each other numbers to work on.

use std::{
    collections::VecDeque,
    fs, io,
    path::Path,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use mpmc_ring::{MpmcRing, PopError};

/// How many elements, and a sum that shows a lost or a doubled one whatever their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
struct Tally {
    count: u64,
    sum: u64,
}

impl Tally {
    /// What is done with an element that was popped.
    fn add(&mut self, element: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(work(element));
    }

    fn join(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum.wrapping_add(other.sum) }
    }
}

/// What an element costs outside of the queue, about as much as a push and a pop. Without it the threads would only fight for
/// two cache lines, and the figure would tell who happened to keep them; with much more it would hide the queue.
fn work(element: u64) -> u64 {
    (0..ROUNDS).fold(element, |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

const ROUNDS: u64 = 8;

/// How many elements wait at the most.
const CAPACITY: usize = 256;

/// A queue between threads.
trait Queue: Sync {
    /// False if it is full.
    fn push(&self, element: u64) -> bool;
    fn pop(&self) -> Popped;
    /// Every push has returned.
    fn close(&self);
}

enum Popped {
    Element(u64),
    Nothing,
    Never,
}

/// So many elements, through one queue.
struct Elements {
    setup: Setup,
}

impl Elements {
    /// Every thread pushes its share and pops one element for each, so that the queue is neither full nor empty for long;
    /// whoever is the last to have pushed closes the queue, and all pop until the end.
    fn through(&self, queue: &impl Queue) -> Tally {
        let Setup { size, seed, threads, .. } = self.setup;
        let threads = threads.max(1);
        let pushing = AtomicUsize::new(threads);
        let share = |index: usize| {
            let (index, threads) = (index as u64, threads as u64);
            // The first `size % threads` take one element more.
            let first = index * (size / threads) + index.min(size % threads);
            first..first + size / threads + u64::from(index < size % threads)
        };
        let run = |index: usize| {
            let _span = lab::span!("elements", index = index);
            let mut tally = Tally::default();
            for element in share(index) {
                while !queue.push(seed.wrapping_add(element)) {
                    if !pop_one(queue, &mut tally) {
                        thread::yield_now();
                    }
                }
                pop_one(queue, &mut tally);
            }
            if pushing.fetch_sub(1, AcqRel) == 1 {
                queue.close();
            }
            loop {
                match queue.pop() {
                    Popped::Element(element) => tally.add(element),
                    Popped::Nothing => thread::yield_now(),
                    Popped::Never => return tally,
                }
            }
        };
        thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = (0..threads).map(|index| scope.spawn(move || run(index))).collect();
            let tallies = threads.into_iter().map(|thread| thread.join().expect("no thread panics"));
            tallies.fold(Tally::default(), Tally::join)
        })
    }
}

/// Whether there was one.
fn pop_one(queue: &impl Queue, tally: &mut Tally) -> bool {
    let Popped::Element(element) = queue.pop() else { return false };
    tally.add(element);
    true
}

impl Workload for Elements {
    type Input = ();
    type Output = Tally;

    fn spec() -> Spec {
        Spec {
            name: "mpmc_ring".into(),
            size_unit: "elements".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 1_200_000,
            full: 8_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// The same with a queue of one thread's own: what sharing costs is the rest.
    fn baseline(&self, (): ()) -> Tally {
        let Setup { size, seed, .. } = self.setup;
        let mut queue = VecDeque::with_capacity(CAPACITY);
        let mut tally = Tally::default();
        for element in 0..size {
            queue.push_back(seed.wrapping_add(element));
            // Not all at once: the compiler would leave the queue out.
            std::hint::black_box(&mut queue);
            queue.pop_front().into_iter().for_each(|element| tally.add(element));
        }
        tally
    }

    fn submission(&self, (): ()) -> Tally {
        self.through(&MpmcRing::new(CAPACITY))
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("ArrayQueue", array_queue), ("crossbeam-channel", channel), ("Mutex<VecDeque>", mutex)]
    }

    fn digest(&self, output: &Tally) -> u64 {
        digest_of(output)
    }

    /// Two numbers, with white space between: how many elements were popped, and the sum of what was found of them, modulo
    /// `2^64`.
    ///
    /// There is no input beside the setup: element `i` of `size` is `seed + i`, as [`work`] takes it; the threads push
    /// their shares through one queue with room for 256, and pop from it until all are popped.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Tally> {
        let text = fs::read_to_string(file)?;
        let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[count, sum]) => Ok(Tally { count, sum }),
            _ => Err(io::Error::other("it does not hold two whole numbers")),
        }
    }
}

impl Queue for MpmcRing<u64> {
    fn push(&self, element: u64) -> bool {
        MpmcRing::push(self, element).is_ok()
    }

    fn pop(&self) -> Popped {
        match MpmcRing::pop(self) {
            Ok(element) => Popped::Element(element),
            Err(PopError::Empty) => Popped::Nothing,
            Err(PopError::Closed) => Popped::Never,
        }
    }

    fn close(&self) {
        MpmcRing::close(self);
    }
}

/// A queue without an end, and the end. It is looked at before the queue is: what was pushed is popped before the end is told.
struct Closing<Q> {
    queue: Q,
    closed: AtomicBool,
}

impl<Q> Closing<Q> {
    fn new(queue: Q) -> Self {
        Self { queue, closed: AtomicBool::new(false) }
    }

    fn pop(&self, pop: impl FnOnce(&Q) -> Option<u64>) -> Popped {
        let closed = self.closed.load(Acquire);
        match pop(&self.queue) {
            Some(element) => Popped::Element(element),
            None if closed => Popped::Never,
            None => Popped::Nothing,
        }
    }

    fn close(&self) {
        self.closed.store(true, Release);
    }
}

type ArrayQueue = Closing<crossbeam_queue::ArrayQueue<u64>>;

impl Queue for ArrayQueue {
    fn push(&self, element: u64) -> bool {
        self.queue.push(element).is_ok()
    }

    fn pop(&self) -> Popped {
        Closing::pop(self, crossbeam_queue::ArrayQueue::pop)
    }

    fn close(&self) {
        Closing::close(self);
    }
}

fn array_queue(elements: &Elements, (): ()) -> Tally {
    elements.through(&ArrayQueue::new(crossbeam_queue::ArrayQueue::new(CAPACITY)))
}

type Channel = Closing<(crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>)>;

impl Queue for Channel {
    fn push(&self, element: u64) -> bool {
        self.queue.0.try_send(element).is_ok()
    }

    fn pop(&self) -> Popped {
        Closing::pop(self, |(_, receiver)| receiver.try_recv().ok())
    }

    fn close(&self) {
        Closing::close(self);
    }
}

fn channel(elements: &Elements, (): ()) -> Tally {
    elements.through(&Channel::new(crossbeam_channel::bounded(CAPACITY)))
}

type Locked = Closing<Mutex<VecDeque<u64>>>;

impl Queue for Locked {
    fn push(&self, element: u64) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let room = queue.len() < CAPACITY;
        if room {
            queue.push_back(element);
        }
        room
    }

    fn pop(&self) -> Popped {
        Closing::pop(self, |queue| queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front())
    }

    fn close(&self) {
        Closing::close(self);
    }
}

fn mutex(elements: &Elements, (): ()) -> Tally {
    elements.through(&Locked::new(Mutex::new(VecDeque::with_capacity(CAPACITY))))
}

fn main() -> ExitCode {
    serve::<Elements>()
}
