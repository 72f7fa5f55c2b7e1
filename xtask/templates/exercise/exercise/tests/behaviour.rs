//! What it does, on real threads. That it does so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use lab::thread;
use new_exercise::Highest;

#[test]
fn the_largest_stays() {
    let highest = Highest::new(5);
    for value in [3, 8, 8, 1] {
        highest.offer(value);
    }
    assert_eq!(highest.get(), 8, "8 is the largest of what was offered");
}

#[test]
fn an_offer_tells_the_largest_before_it() {
    let highest = Highest::new(5);
    let before = [7, 6, 9].map(|value| highest.offer(value));
    assert_eq!(before, [5, 7, 7], "each offer must return the largest value before it");
}

#[test]
fn threads_offer_at_the_same_time() {
    let highest = Highest::new(0);
    thread::scope(|scope| {
        for first in 0..2 {
            let highest = &highest;
            scope.spawn(move || (0..1000).for_each(|step| _ = highest.offer(first + 2 * step)));
        }
    });
    assert_eq!(highest.get(), 1999, "an offer of one of two threads is lost");
}
