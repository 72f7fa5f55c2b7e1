//! `Arc` and `Weak` in every order of their steps, and with every stale value that their orderings allow.
//!
//! The values are `Tracked`: a value that is never dropped, dropped twice, or used after its drop fails the model. So does the
//! memory that holds it, which the block watches in the same way.

mod signatures;

use lab::{
    model::{Model, reach},
    thread,
    tracked::Tracked,
};
use reference_count::{Arc, Weak};

/// Says which thread drops it.
struct Value {
    number: Tracked<u32>,
    main: thread::ThreadId,
}

impl Value {
    fn new(number: u32) -> Self {
        Self { number: Tracked::new(number), main: thread::current().id() }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        reach(if thread::current().id() == self.main { "main is last" } else { "other is last" });
    }
}

/// Two owners look at the value and go. It is dropped once, after both have looked.
#[test]
fn the_last_owner_drops_the_value() {
    Model::new().must_reach(&["main is last", "other is last"]).check(|| {
        let arc = Arc::new(Value::new(1));
        let other = thread::spawn({
            let arc = arc.clone();
            move || assert_eq!(*arc.number, 1)
        });
        assert_eq!(*arc.number, 1);
        drop(arc);
        other.join().unwrap();
    });
}

/// Two threads clone one `Arc` at the same time, and both clones count.
#[test]
fn clones_at_the_same_time() {
    Model::new().must_reach(&["main is last", "other is last"]).check(|| {
        let arc = Arc::new(Value::new(2));
        let lent = lab::sync::Arc::new(arc);
        let other = thread::spawn({
            let lent = lent.clone();
            move || {
                let clone = Arc::clone(&lent);
                drop(lent);
                assert_eq!(*clone.number, 2, "the value is gone, though a clone was made of its Arc");
            }
        });
        let clone = Arc::clone(&lent);
        drop(lent);
        assert_eq!(*clone.number, 2, "the value is gone, though a clone was made of its Arc");
        drop(clone);
        other.join().unwrap();
    });
}

/// A `Weak` becomes an `Arc`, or the value is gone: nothing in between.
#[test]
fn upgrade_against_the_last_drop() {
    Model::new().must_reach(&["upgraded", "gone", "main is last", "other is last"]).check(|| {
        let arc = Arc::new(Value::new(3));
        let weak = Arc::downgrade(&arc);
        let other = thread::spawn(move || match weak.upgrade() {
            Some(arc) => {
                assert_eq!(*arc.number, 3);
                reach("upgraded");
            }
            None => reach("gone"),
        });
        drop(arc);
        other.join().unwrap();
    });
}

/// The last `Arc` and the last `Weak` go at the same time, and one of them frees the memory.
#[test]
fn the_memory_is_freed_once() {
    Model::new().must_reach(&["main is last"]).check(|| {
        let arc = Arc::new(Value::new(4));
        let weak = Arc::downgrade(&arc);
        let other = thread::spawn(move || drop(weak));
        drop(arc);
        other.join().unwrap();
    });
}

/// Whoever is told to be the only owner may write: the others have looked for the last time.
#[test]
fn get_mut_against_a_drop() {
    Model::new().must_reach(&["alone", "shared"]).check(|| {
        let mut arc = Arc::new(Tracked::new(5));
        let other = thread::spawn({
            let arc = arc.clone();
            move || assert_eq!(**arc, 5, "it was written while it was shared")
        });
        match Arc::get_mut(&mut arc) {
            Some(value) => {
                **value = 6;
                reach("alone");
            }
            None => reach("shared"),
        }
        other.join().unwrap();
    });
}

/// While one thread asks whether it is alone, the other turns its `Arc` into a `Weak`, and that into an `Arc` again: at every
/// moment it has one of the two, so until it is done the answer is no.
#[test]
fn get_mut_against_a_downgrade() {
    Model::new().must_reach(&["alone", "shared"]).check(|| {
        let mut arc = Arc::new(Tracked::new(7));
        let other = thread::spawn({
            let arc = arc.clone();
            move || {
                let weak = Arc::downgrade(&arc);
                drop(arc);
                let arc = weak.upgrade().expect("the other thread has an Arc all the time, but upgrade finds none");
                drop(weak);
                assert_eq!(**arc, 7, "it was written while it was shared");
            }
        });
        match Arc::get_mut(&mut arc) {
            Some(value) => {
                **value = 8;
                reach("alone");
            }
            None => reach("shared"),
        }
        other.join().unwrap();
    });
}

/// While one thread asks whether it is alone, the other turns its `Weak` into an `Arc`, and looks.
#[test]
fn get_mut_against_an_upgrade() {
    Model::new().must_reach(&["alone", "shared"]).check(|| {
        let mut arc = Arc::new(Tracked::new(9));
        let weak = Arc::downgrade(&arc);
        let other = thread::spawn(move || {
            let arc = weak.upgrade().expect("the other thread has an Arc all the time, but upgrade finds none");
            drop(weak);
            assert_eq!(**arc, 9, "it was written while it was shared");
        });
        match Arc::get_mut(&mut arc) {
            Some(value) => {
                **value = 10;
                reach("alone");
            }
            None => reach("shared"),
        }
        other.join().unwrap();
    });
}

/// `try_unwrap` gives the value, and nobody looks at it any more; or it gives the `Arc` back.
#[test]
fn try_unwrap_against_a_drop() {
    Model::new().must_reach(&["unwrapped", "shared", "main is last", "other is last"]).check(|| {
        let arc = Arc::new(Value::new(11));
        let weak = Arc::downgrade(&arc);
        let other = thread::spawn({
            let arc = arc.clone();
            move || assert_eq!(*arc.number, 11)
        });
        match Arc::try_unwrap(arc) {
            Ok(mut value) => {
                *value.number += 1;
                assert!(weak.upgrade().is_none(), "the value is taken out, but upgrade makes an Arc of it");
                reach("unwrapped");
            }
            Err(arc) => {
                assert_eq!(*arc.number, 11);
                reach("shared");
            }
        }
        other.join().unwrap();
    });
}

/// Of two owners that both want the value, one gets it.
#[test]
fn into_inner_gives_the_value_to_one() {
    /// Whether this owner got it.
    fn inner(arc: Arc<Tracked<u32>>) -> bool {
        assert_eq!(**arc, 12);
        let inner = Arc::into_inner(arc);
        inner.is_some_and(|mut value| {
            *value += 1;
            value.into_inner() == 13
        })
    }

    Model::new().must_reach(&["main", "other"]).check(|| {
        let arc = Arc::new(Tracked::new(12));
        let other = thread::spawn({
            let arc = arc.clone();
            move || inner(arc)
        });
        let main = inner(arc);
        match (main, other.join().unwrap()) {
            (true, false) => reach("main"),
            (false, true) => reach("other"),
            (true, true) => panic!("both have got the value"),
            (false, false) => panic!("nobody has got the value"),
        }
    });
}

/// A `Weak` of a `Weak` counts: the memory stays until both are gone.
#[test]
fn weaks_at_the_same_time() {
    Model::new().check(|| {
        let arc = Arc::new(Tracked::new(14));
        let weak = Arc::downgrade(&arc);
        let other = thread::spawn({
            let weak = Weak::clone(&weak);
            move || drop(Weak::clone(&weak))
        });
        drop(arc);
        assert!(weak.upgrade().is_none(), "the value is gone, but upgrade makes an Arc of it");
        drop(weak);
        other.join().unwrap();
    });
}
