//! The exercise as a measurable program: threads that work for themselves most of the time, and offer what they find.

use std::{process::ExitCode, sync::Mutex};

use lab::{
    thread,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use new_exercise::Highest;

/// What a thread does between two offers: with less, the figure would tell who happened to keep a cache line or a lock.
fn work(step: u64) -> u64 {
    (0..256).fold(step, |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

/// So many offers, by so many threads.
struct Offers {
    setup: Setup,
}

impl Offers {
    /// Works at every step and hands what it finds to `offer`, the steps spread over the threads.
    fn spread(&self, offer: impl Fn(u64) + Sync) {
        let Setup { size, seed, threads, .. } = self.setup;
        let threads = threads.max(1) as u64;
        thread::scope(|scope| {
            for index in 0..threads {
                let offer = &offer;
                let steps = size * index / threads..size * (index + 1) / threads;
                scope.spawn(move || {
                    let _span = lab::span!("offers", steps = steps.end - steps.start);
                    steps.for_each(|step| offer(work(seed.wrapping_add(step))));
                });
            }
        });
    }
}

impl Workload for Offers {
    type Input = ();
    type Output = u64;

    fn spec() -> Spec {
        Spec {
            name: "new_exercise".into(),
            size_unit: "offers".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 300_000,
            full: 1_500_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        Self { setup: *setup }
    }

    fn input(&self) {}

    /// The best sequential program: what sharing costs is the rest.
    fn baseline(&self, (): ()) -> u64 {
        (0..self.setup.size).map(|step| work(self.setup.seed.wrapping_add(step))).max().unwrap_or(0)
    }

    fn submission(&self, (): ()) -> u64 {
        let highest = Highest::new(0);
        self.spread(|found| _ = highest.offer(found));
        highest.get()
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![("std mutex", std_mutex)]
    }

    fn digest(&self, output: &u64) -> u64 {
        digest_of(output)
    }
}

fn std_mutex(offers: &Offers, (): ()) -> u64 {
    let highest = Mutex::new(0);
    offers.spread(|found| {
        let mut highest = highest.lock().expect("no offer panics");
        *highest = found.max(*highest);
    });
    highest.into_inner().expect("no offer panics")
}

fn main() -> ExitCode {
    serve::<Offers>()
}
