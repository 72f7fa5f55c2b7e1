//! The ring as a measurable program: one thread writes letters, the other reads them, and the ring lies between.

use std::{fs, io, path::Path, process::ExitCode};

use lab::{
    hint, thread,
    workload::{Axis, Peer, Setup, Spec, Sweep, Swept, Workload, digest_of, main as serve},
};

/// The sizes of a letter in bytes, each with as many letters as a run takes; the first where none is asked for.
const SIZES: [Swept; 5] = [
    Swept { at: 8, quick: 5_000_000, full: 20_000_000 },
    Swept { at: 64, quick: 2_000_000, full: 8_000_000 },
    Swept { at: 1024, quick: 200_000, full: 800_000 },
    Swept { at: 8192, quick: 20_000, full: 80_000 },
    Swept { at: 65536, quick: 1_000, full: 4_000 },
];

/// A letter: moved by value from the writer into the ring, and from there to the reader.
trait Letter: Copy + Send + 'static {
    /// One that nothing is written on.
    const BLANK: Self;

    /// Its words, of eight bytes each.
    fn words(&self) -> &[u64];

    fn words_mut(&mut self) -> &mut [u64];

    /// Writes its first and its last word. What it says in between is the same in all.
    fn stamp(&mut self, stamp: u64) {
        let words = self.words_mut();
        words[words.len() - 1] = !stamp;
        words[0] = stamp;
    }
}

/// Letters of so many bytes, and so aligned: how fast a large one is copied depends on where it begins, and that must not be
/// left to how somebody's stack happens to be laid out.
macro_rules! letters {
    ($($name:ident: $bytes:literal aligned to $alignment:literal),* $(,)?) => {$(
        #[derive(Clone, Copy)]
        #[repr(align($alignment))]
        struct $name([u64; $bytes / 8]);

        impl Letter for $name {
            const BLANK: Self = Self([0; $bytes / 8]);

            fn words(&self) -> &[u64] {
                &self.0
            }

            fn words_mut(&mut self) -> &mut [u64] {
                &mut self.0
            }
        }
    )*};
}

letters! {
    Letter8: 8 aligned to 8,
    Letter64: 64 aligned to 64,
    Letter1024: 1024 aligned to 64,
    Letter8192: 8192 aligned to 4096,
    Letter65536: 65536 aligned to 4096,
}

/// What all the readers together have found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
struct Found {
    count: u64,
    sum: u64,
    /// Letters that were not the next one, or of which not all had arrived.
    wrong: u64,
}

impl Found {
    /// Reads a letter that should bear this stamp.
    fn read(&mut self, letter: &impl Letter, stamp: u64) {
        // The compiler must not look into the ring for the two words that are read, and leave the others there.
        let words = std::hint::black_box(letter).words();
        self.count += 1;
        self.sum = self.sum.wrapping_add(words[0]);
        self.wrong += u64::from(words[0] != stamp || (words.len() > 1 && words[words.len() - 1] != !stamp));
    }

    fn add(mut self, other: Self) -> Self {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
        self.wrong += other.wrong;
        self
    }
}

/// Somebody's ring.
trait Ring {
    type Producer<T: Send>: Send;
    type Consumer<T: Send>: Send;

    fn channel<T: Send>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>);
    fn push<T: Send>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T>;
    fn pop<T: Send>(consumer: &mut Self::Consumer<T>) -> Option<T>;
}

/// How a thread waits, whoever made the ring: a moment in the hope that the other is at it, and then by letting others run.
/// With fewer cores than threads, the other may be one of those.
#[derive(Default)]
struct Waiting {
    turns: u32,
}

/// Turns of spinning before a thread lets others run.
const SPINS: u32 = 64;

impl Waiting {
    fn wait(&mut self) {
        self.turns += 1;
        if self.turns < SPINS {
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }

    fn over(&mut self) {
        self.turns = 0;
    }
}

/// Letters number `first` up to `end`, through one ring.
#[derive(Debug, Clone, Copy)]
struct Part {
    first: u64,
    end: u64,
    seed: u64,
}

impl Part {
    /// The thread that writes.
    fn write<R: Ring, L: Letter>(self, producer: &mut R::Producer<L>) {
        let _span = lab::span!("write", letters = self.end - self.first);
        let mut letter = L::BLANK;
        let mut waiting = Waiting::default();
        for number in self.first..self.end {
            letter.stamp(self.seed.wrapping_add(number));
            while R::push(producer, letter).is_err() {
                waiting.wait();
            }
            waiting.over();
        }
    }

    /// The thread that reads.
    fn read<R: Ring, L: Letter>(self, consumer: &mut R::Consumer<L>) -> Found {
        let _span = lab::span!("read", letters = self.end - self.first);
        let mut found = Found::default();
        let mut waiting = Waiting::default();
        for number in self.first..self.end {
            loop {
                if let Some(letter) = R::pop(consumer) {
                    found.read(&letter, self.seed.wrapping_add(number));
                    break;
                }
                waiting.wait();
            }
            waiting.over();
        }
        found
    }

    /// One thread that does both in turns, a ring full at a time: what the ring costs where nothing travels between cores.
    fn alone<R: Ring, L: Letter>(self, capacity: usize) -> Found {
        let (mut producer, mut consumer) = R::channel(capacity);
        (self.first..self.end).step_by(capacity).fold(Found::default(), |found, first| {
            let turn = Self { first, end: self.end.min(first + capacity as u64), ..self };
            turn.write::<R, L>(&mut producer);
            found.add(turn.read::<R, L>(&mut consumer))
        })
    }

    /// Two threads.
    fn between<R: Ring, L: Letter>(self, capacity: usize) -> Found {
        let (mut producer, mut consumer) = R::channel(capacity);
        thread::scope(|scope| {
            scope.spawn(move || self.write::<R, L>(&mut producer));
            scope.spawn(move || self.read::<R, L>(&mut consumer)).join().expect("no ring panics")
        })
    }
}

/// So many letters of one size. Of every two threads one writes and one reads; a thread that is alone does both.
struct Letters {
    setup: Setup,
    bytes: u64,
}

impl Letters {
    /// For how many letters a ring is made: as many as stay in a core's cache, but a few.
    fn capacity(&self) -> usize {
        (256 * 1024 / self.bytes).clamp(4, 1024) as usize
    }

    fn by<R: Ring>(&self) -> Found {
        match self.bytes {
            8 => self.of::<R, Letter8>(),
            64 => self.of::<R, Letter64>(),
            1024 => self.of::<R, Letter1024>(),
            8192 => self.of::<R, Letter8192>(),
            65536 => self.of::<R, Letter65536>(),
            other => panic!("no letter has {other} bytes"),
        }
    }

    fn of<R: Ring, L: Letter>(&self) -> Found {
        let Setup { size: count, seed, threads, .. } = self.setup;
        let capacity = self.capacity();
        if threads < 2 {
            return Part { first: 0, end: count, seed }.alone::<R, L>(capacity);
        }
        let pairs = (threads / 2) as u64;
        let part = |index: u64| Part { first: index * count / pairs, end: (index + 1) * count / pairs, seed };
        thread::scope(|scope| {
            let others: Vec<_> = (1..pairs).map(|index| scope.spawn(move || part(index).between::<R, L>(capacity))).collect();
            let mine = part(0).between::<R, L>(capacity);
            others.into_iter().fold(mine, |found, other| found.add(other.join().expect("no ring panics")))
        })
    }

    /// The same letters, written and read in place.
    fn in_place<L: Letter>(&self) -> Found {
        let mut letter = L::BLANK;
        (0..self.setup.size).fold(Found::default(), |mut found, number| {
            let stamp = self.setup.seed.wrapping_add(number);
            letter.stamp(stamp);
            found.read(&letter, stamp);
            found
        })
    }
}

impl Workload for Letters {
    type Input = ();
    type Output = Found;

    fn spec() -> Spec {
        Spec {
            name: "spsc_ring".into(),
            size_unit: "messages".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: SIZES[0].quick,
            full: SIZES[0].full,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup, bytes: setup.at.unwrap_or(SIZES[0].at) }
    }

    fn input(&self) {}

    /// The same letters without a ring and without threads: what it costs to hand them over is the rest.
    fn baseline(&self, (): ()) -> Found {
        match self.bytes {
            8 => self.in_place::<Letter8>(),
            64 => self.in_place::<Letter64>(),
            1024 => self.in_place::<Letter1024>(),
            8192 => self.in_place::<Letter8192>(),
            65536 => self.in_place::<Letter65536>(),
            other => panic!("no letter has {other} bytes"),
        }
    }

    fn submission(&self, (): ()) -> Found {
        self.by::<Fast>()
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![
            ("rtrb", |letters, ()| letters.by::<Rtrb>()),
            ("crossbeam", |letters, ()| letters.by::<ArrayQueue>()),
            ("std", |letters, ()| letters.by::<SyncChannel>()),
            ("first_stage", |letters, ()| letters.by::<Right>()),
        ]
    }

    fn sweep() -> Option<Sweep> {
        Some(Sweep {
            parameter: "size of a message".into(),
            unit: "bytes".into(),
            values: SIZES.to_vec(),
            contenders: ["submission", "rtrb", "crossbeam", "std", "first_stage"].map(String::from).into(),
        })
    }

    fn digest(&self, output: &Found) -> u64 {
        digest_of(output)
    }

    /// Three numbers, with white space between: how many letters were read, the sum of their first words modulo `2^64`, and
    /// how many were wrong.
    ///
    /// There is no input beside the setup: letter `i` begins with `seed + i`, and ends with its complement if it has more
    /// words than one.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Found> {
        let text = fs::read_to_string(file)?;
        let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[count, sum, wrong]) => Ok(Found { count, sum, wrong }),
            _ => Err(io::Error::other("it does not hold three whole numbers")),
        }
    }
}

/// Stage 2: what is measured.
struct Fast;

impl Ring for Fast {
    type Producer<T: Send> = spsc_ring::s2_fast::Producer<T>;
    type Consumer<T: Send> = spsc_ring::s2_fast::Consumer<T>;

    fn channel<T: Send>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>) {
        spsc_ring::s2_fast::channel(capacity)
    }

    fn push<T: Send>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T> {
        producer.push(message)
    }

    fn pop<T: Send>(consumer: &mut Self::Consumer<T>) -> Option<T> {
        consumer.pop()
    }
}

/// Stage 1: what stage 2 is to be faster than.
struct Right;

impl Ring for Right {
    type Producer<T: Send> = spsc_ring::s1_right::Producer<T>;
    type Consumer<T: Send> = spsc_ring::s1_right::Consumer<T>;

    fn channel<T: Send>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>) {
        spsc_ring::s1_right::channel(capacity)
    }

    fn push<T: Send>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T> {
        producer.push(message)
    }

    fn pop<T: Send>(consumer: &mut Self::Consumer<T>) -> Option<T> {
        consumer.pop()
    }
}

/// A ring of the same kind, much used in audio.
struct Rtrb;

impl Ring for Rtrb {
    type Producer<T: Send> = rtrb::Producer<T>;
    type Consumer<T: Send> = rtrb::Consumer<T>;

    fn channel<T: Send>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>) {
        rtrb::RingBuffer::new(capacity)
    }

    fn push<T: Send>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T> {
        producer.push(message).map_err(|rtrb::PushError::Full(message)| message)
    }

    fn pop<T: Send>(consumer: &mut Self::Consumer<T>) -> Option<T> {
        consumer.pop().ok()
    }
}

/// A ring for any number of producers and consumers: what it costs not to be alone on one's side.
struct ArrayQueue;

impl Ring for ArrayQueue {
    type Producer<T: Send> = std::sync::Arc<crossbeam_queue::ArrayQueue<T>>;
    type Consumer<T: Send> = std::sync::Arc<crossbeam_queue::ArrayQueue<T>>;

    fn channel<T: Send>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>) {
        let queue = std::sync::Arc::new(crossbeam_queue::ArrayQueue::new(capacity));
        (queue.clone(), queue)
    }

    fn push<T: Send>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T> {
        producer.push(message)
    }

    fn pop<T: Send>(consumer: &mut Self::Consumer<T>) -> Option<T> {
        consumer.pop()
    }
}

/// The channel of the standard library, whose halves could also sleep; here they are asked not to, as all the others.
struct SyncChannel;

impl Ring for SyncChannel {
    type Producer<T: Send> = std::sync::mpsc::SyncSender<T>;
    type Consumer<T: Send> = std::sync::mpsc::Receiver<T>;

    fn channel<T: Send>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>) {
        std::sync::mpsc::sync_channel(capacity)
    }

    fn push<T: Send>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T> {
        use std::sync::mpsc::TrySendError::{Disconnected, Full};
        producer.try_send(message).map_err(|(Full(message) | Disconnected(message))| message)
    }

    fn pop<T: Send>(consumer: &mut Self::Consumer<T>) -> Option<T> {
        consumer.try_recv().ok()
    }
}

fn main() -> ExitCode {
    serve::<Letters>()
}
