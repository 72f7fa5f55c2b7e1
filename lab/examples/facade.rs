//! What the facade costs in the plain build: nothing, to the instruction.
//!
//! One program is compiled twice, once over `lab` and once over `std`; the argument says which is run:
//!
//! ```text
//! cargo build --release -p lab --example facade
//! for facade in lab std; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/facade $facade
//! done
//! ```
//!
//! The two threads take the lock one after the other, so that the counts are the same each time.

/// A spin lock and a counter over the modules of `$root`; only how a cell is reached differs.
macro_rules! program {
    ($root:ident, |$cell:ident| $increment:expr) => {
        mod $root {
            use ::$root::{
                cell::UnsafeCell,
                hint,
                sync::{
                    Arc,
                    atomic::{
                        AtomicBool, AtomicUsize,
                        Ordering::{Acquire, Relaxed, Release},
                    },
                },
                thread,
            };

            struct Spin {
                locked: AtomicBool,
                value: UnsafeCell<usize>,
                taken: AtomicUsize,
            }

            // SAFETY: `value` is reached only while `locked` is held.
            unsafe impl Sync for Spin {}

            #[inline(never)]
            fn increment(lock: &Spin) {
                while lock.locked.swap(true, Acquire) {
                    hint::spin_loop();
                }
                let $cell = &lock.value;
                $increment;
                lock.taken.fetch_add(1, Relaxed);
                lock.locked.store(false, Release);
            }

            pub fn run(rounds: usize) -> usize {
                let lock =
                    Arc::new(Spin { locked: AtomicBool::new(false), value: UnsafeCell::new(0), taken: AtomicUsize::new(0) });
                let shared = lock.clone();
                let other = thread::spawn(move || (0..rounds).for_each(|_| increment(&shared)));
                other.join().expect("it does not panic");
                (0..rounds).for_each(|_| increment(&lock));
                lock.taken.load(Relaxed)
            }
        }
    };
}

program!(lab, |cell| cell.with_mut(|value| {
    // SAFETY: the lock is held, and no other pointer is in use.
    unsafe { *value += 1 }
}));
program!(std, |cell| {
    // SAFETY: as above.
    unsafe { *cell.get() += 1 }
});

fn main() {
    let run = match ::std::env::args().nth(1).as_deref() {
        Some("lab") => lab::run,
        Some("std") => std::run,
        _ => panic!("the argument is `lab` or `std`"),
    };
    println!("{}", run(1_000_000));
}
