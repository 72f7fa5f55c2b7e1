//! The deque as a measurable program: a tree of small jobs, each thread with a deque of its own, and whoever has nothing steals.

use std::{
    collections::VecDeque,
    fs, io,
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use work_stealing_deque::Steal;

/// A job: `size` leaves of the tree, from leaf number `first` on.
#[derive(Debug, Clone, Copy)]
struct Job {
    first: u64,
    size: u64,
}

impl Job {
    /// The right half; the left half stays here.
    fn split(&mut self) -> Job {
        let left = self.size / 2;
        let right = Job { first: self.first.wrapping_add(left), size: self.size - left };
        self.size = left;
        right
    }
}

/// What a leaf does: a few nanoseconds, so that what the deque costs is most of the time.
fn leaf(number: u64) -> u64 {
    (0..4).fold(number, |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

/// The leaves that were done, and a sum that shows a lost or a doubled one whatever their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
struct Leaves {
    count: u64,
    sum: u64,
}

impl Leaves {
    fn add(&mut self, found: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(found);
    }

    fn join(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum.wrapping_add(other.sum) }
    }
}

/// A kind of deque. All hold boxes, so that they are told apart by what they do and not by what they allocate.
trait Deque: Sized {
    type Worker: Send;
    type Stealer: Clone + Send + Sync;

    fn deque() -> (Self::Worker, Self::Stealer);
    fn push(worker: &mut Self::Worker, job: Box<Job>);
    fn pop(worker: &mut Self::Worker) -> Option<Box<Job>>;
    /// One attempt; `None` if there was nothing, or somebody else was faster.
    fn steal(stealer: &Self::Stealer) -> Option<Box<Job>>;
}

/// The learner's.
struct Submission;

impl Deque for Submission {
    type Worker = work_stealing_deque::Worker<Job>;
    type Stealer = work_stealing_deque::Stealer<Job>;

    fn deque() -> (Self::Worker, Self::Stealer) {
        work_stealing_deque::deque(64)
    }

    fn push(worker: &mut Self::Worker, job: Box<Job>) {
        worker.push(job);
    }

    fn pop(worker: &mut Self::Worker) -> Option<Box<Job>> {
        worker.pop()
    }

    fn steal(stealer: &Self::Stealer) -> Option<Box<Job>> {
        match stealer.steal() {
            Steal::Success(job) => Some(job),
            Steal::Empty | Steal::Retry => None,
        }
    }
}

struct Crossbeam;

impl Deque for Crossbeam {
    type Worker = crossbeam_deque::Worker<Box<Job>>;
    type Stealer = crossbeam_deque::Stealer<Box<Job>>;

    fn deque() -> (Self::Worker, Self::Stealer) {
        let worker = crossbeam_deque::Worker::new_lifo();
        let stealer = worker.stealer();
        (worker, stealer)
    }

    fn push(worker: &mut Self::Worker, job: Box<Job>) {
        worker.push(job);
    }

    fn pop(worker: &mut Self::Worker) -> Option<Box<Job>> {
        worker.pop()
    }

    fn steal(stealer: &Self::Stealer) -> Option<Box<Job>> {
        stealer.steal().success()
    }
}

/// One lock for both ends.
struct Locked;

/// So that only the thieves' end can be cloned.
type Queue = Arc<Mutex<VecDeque<Box<Job>>>>;

impl Deque for Locked {
    type Worker = Queue;
    type Stealer = Queue;

    fn deque() -> (Queue, Queue) {
        let queue = Queue::default();
        (queue.clone(), queue)
    }

    fn push(worker: &mut Queue, job: Box<Job>) {
        worker.lock().expect("no job panics").push_back(job);
    }

    fn pop(worker: &mut Queue) -> Option<Box<Job>> {
        worker.lock().expect("no job panics").pop_back()
    }

    fn steal(stealer: &Queue) -> Option<Box<Job>> {
        stealer.lock().expect("no job panics").pop_front()
    }
}

/// A tree with so many leaves.
struct Tree {
    setup: Setup,
}

impl Tree {
    fn root(&self) -> Job {
        Job { first: self.setup.seed, size: self.setup.size }
    }

    /// Does the whole tree: the first thread begins with its root.
    fn run<D: Deque>(&self) -> Leaves {
        let threads = self.setup.threads.max(1);
        let done = AtomicU64::new(0);
        let (mut workers, stealers): (Vec<_>, Vec<_>) = (0..threads).map(|_| D::deque()).unzip();
        if self.setup.size > 0 {
            D::push(&mut workers[0], Box::new(self.root()));
        }
        thread::scope(|scope| {
            let threads: Vec<_> = workers
                .into_iter()
                .enumerate()
                .map(|(index, worker)| {
                    let victims: Vec<_> = (1..threads).map(|step| stealers[(index + step) % threads].clone()).collect();
                    let mut hand = Hand::<D> { worker, spare: Vec::new(), leaves: Leaves::default() };
                    let done = &done;
                    scope.spawn(move || {
                        let _span = lab::span!("thread");
                        hand.run(&victims, done, self.setup.size);
                        hand.leaves
                    })
                })
                .collect();
            let all = threads.into_iter().map(|thread| thread.join().expect("no job panics"));
            all.fold(Leaves::default(), Leaves::join)
        })
    }
}

/// One of the threads.
struct Hand<D: Deque> {
    worker: D::Worker,
    /// Boxes that are used again: the allocator is not what is measured.
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    spare: Vec<Box<Job>>,
    leaves: Leaves,
}

impl<D: Deque> Hand<D> {
    /// Works and steals until all `size` leaves are done by somebody.
    fn run(&mut self, victims: &[D::Stealer], done: &AtomicU64, size: u64) {
        let mut told = 0;
        loop {
            while let Some(job) = D::pop(&mut self.worker) {
                self.work(job);
            }
            let new = self.leaves.count - told;
            told += new;
            if done.fetch_add(new, Relaxed) + new >= size {
                return;
            }
            // Until something comes of it, or all is done.
            let job = loop {
                if let Some(job) = victims.iter().find_map(D::steal) {
                    break job;
                }
                if done.load(Relaxed) >= size {
                    return;
                }
                thread::yield_now();
            };
            let _span = lab::span!("stolen", leaves = job.size);
            self.work(job);
        }
    }

    /// Splits a job, or does it: its right half goes into the deque, and its left half after it.
    fn work(&mut self, mut job: Box<Job>) {
        if job.size == 1 {
            self.leaves.add(leaf(job.first));
            self.spare.push(job);
            return;
        }
        let half = job.split();
        let right = match self.spare.pop() {
            Some(mut spare) => {
                *spare = half;
                spare
            }
            None => Box::new(half),
        };
        D::push(&mut self.worker, right);
        D::push(&mut self.worker, job);
    }
}

impl Workload for Tree {
    type Input = ();
    type Output = Leaves;

    fn spec() -> Spec {
        Spec {
            name: "work_stealing_deque".into(),
            size_unit: "leaves".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 1_500_000,
            full: 8_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// The same with a stack that nobody can steal from.
    fn baseline(&self, (): ()) -> Leaves {
        let mut leaves = Leaves::default();
        let mut stack = vec![self.root()];
        while let Some(mut job) = stack.pop() {
            match job.size {
                0 => {}
                1 => leaves.add(leaf(job.first)),
                _ => {
                    let right = job.split();
                    stack.push(right);
                    stack.push(job);
                }
            }
        }
        leaves
    }

    fn submission(&self, (): ()) -> Leaves {
        self.run::<Submission>()
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("crossbeam-deque", |tree, ()| tree.run::<Crossbeam>()), ("std", |tree, ()| tree.run::<Locked>())]
    }

    fn digest(&self, output: &Leaves) -> u64 {
        digest_of(output)
    }

    /// Two numbers, with white space between: how many leaves, and the sum of what they found, modulo `2^64`.
    ///
    /// There is no input beside the setup: leaf `i` of `size` works on `seed + i`, as [`leaf`] says.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Leaves> {
        let text = fs::read_to_string(file)?;
        let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[count, sum]) => Ok(Leaves { count, sum }),
            _ => Err(io::Error::other("it does not hold two whole numbers")),
        }
    }
}

fn main() -> ExitCode {
    serve::<Tree>()
}
