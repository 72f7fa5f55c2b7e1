//! Counting as a measurable program: threads that take a reference, look at the value for a moment, and give it back.

use std::process::ExitCode;

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};

/// So many values are shared: few enough that two threads meet at one now and then.
const VALUES: u64 = 64;

/// What a thread does while it has a reference: about as long as an uncontended clone and drop, so that counting is seen and
/// yet is not all there is.
const ROUNDS: u64 = 16;

/// What is shared, on cache lines of its own.
#[repr(align(128))]
struct Value(u64);

/// The next number of a sequence that looks random.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^ (number >> 27)
}

fn look(value: &Value, step: u64) -> u64 {
    (0..ROUNDS).fold(value.0 ^ step, |number, round| mix(number ^ round))
}

/// So many times a reference is taken and given back.
struct References {
    setup: Setup,
}

impl References {
    /// Takes a reference to a value with `clone` at each step, looks, and drops it, the steps spread over the threads.
    fn spread<R: Sync>(
        &self,
        shared: impl Fn(Value) -> R,
        clone: impl Fn(&R) -> R + Sync,
        value: impl Fn(&R) -> &Value + Sync,
    ) -> u64 {
        let Setup { size, seed, threads, .. } = self.setup;
        let values: Vec<R> = (0..VALUES).map(|index| shared(Value(mix(seed ^ index)))).collect();
        let threads = threads.max(1) as u64;
        let run = |first: u64, after: u64| {
            let _span = lab::span!("references", steps = after - first);
            (first..after).fold(0_u64, |sum, step| {
                let reference = clone(&values[(mix(seed.wrapping_add(step)) % VALUES) as usize]);
                sum.wrapping_add(look(value(&reference), step))
            })
        };
        thread::scope(|scope| {
            let run = &run;
            let started: Vec<_> = (0..threads)
                .map(|index| scope.spawn(move || run(index * size / threads, (index + 1) * size / threads)))
                .collect();
            started.into_iter().fold(0_u64, |sum, thread| sum.wrapping_add(thread.join().expect("it does not panic")))
        })
    }
}

impl Workload for References {
    type Input = ();
    type Output = u64;

    fn spec() -> Spec {
        Spec {
            name: "reference_count".into(),
            size_unit: "clones".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 800_000,
            full: 4_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// Borrowed and not counted, on one thread: what counting costs is the rest.
    fn baseline(&self, (): ()) -> u64 {
        let Setup { size, seed, .. } = self.setup;
        let values: Vec<Value> = (0..VALUES).map(|index| Value(mix(seed ^ index))).collect();
        (0..size).fold(0, |sum, step| sum.wrapping_add(look(&values[(mix(seed.wrapping_add(step)) % VALUES) as usize], step)))
    }

    fn submission(&self, (): ()) -> u64 {
        self.spread(reference_count::Arc::new, reference_count::Arc::clone, |arc| arc)
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("std", std_arc), ("triomphe", triomphe_arc)]
    }

    fn digest(&self, output: &u64) -> u64 {
        digest_of(output)
    }
}

fn std_arc(references: &References, (): ()) -> u64 {
    references.spread(std::sync::Arc::new, std::sync::Arc::clone, |arc| arc)
}

/// Without a `Weak`, and so with one count in place of two.
fn triomphe_arc(references: &References, (): ()) -> u64 {
    references.spread(triomphe::Arc::new, triomphe::Arc::clone, |arc| arc)
}

fn main() -> ExitCode {
    serve::<References>()
}
