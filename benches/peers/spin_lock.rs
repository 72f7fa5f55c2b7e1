//! The crate `spin`: a lock that only spins, as the exercise's own.

use std::{hint::black_box, io, path::Path, thread};

use lab::workload::Setup;

use crate::Contender;

/// Of `work` in the exercise's workload.
const ROUNDS: u64 = 64;

/// What a thread does between two critical sections: the same as in the exercise's workload.
fn work(step: u64) -> u64 {
    (0..ROUNDS).fold(step, |value, round| {
        let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^ (value >> 27) ^ round
    })
}

/// Count and sum, on cache lines of their own.
#[repr(align(128))]
struct Alone(spin::Mutex<(u64, u64)>);

struct Increments {
    setup: Setup,
    found: (u64, u64),
}

pub fn spin(setup: &Setup, _input: &Path) -> io::Result<Box<dyn Contender>> {
    Ok(Box::new(Increments { setup: *setup, found: (0, 0) }))
}

impl Contender for Increments {
    fn ready(&mut self) {}

    fn run(&mut self) {
        let Setup { size, seed, threads, .. } = self.setup;
        let threads = threads.max(1) as u64;
        let counter = Alone(spin::Mutex::new((0, 0)));
        thread::scope(|scope| {
            for index in 0..threads {
                let counter = &counter;
                scope.spawn(move || {
                    for step in index * size / threads..(index + 1) * size / threads {
                        let found = work(seed.wrapping_add(step));
                        let mut guard = counter.0.lock();
                        *guard = (guard.0 + 1, guard.1.wrapping_add(found));
                    }
                });
            }
        });
        self.found = black_box(counter.0.into_inner());
    }

    fn output(&self) -> Vec<u8> {
        format!("{} {}\n", self.found.0, self.found.1).into()
    }
}
