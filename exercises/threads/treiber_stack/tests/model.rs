//! Both stacks, and the collector, in every order of their steps, and with every stale value that their orderings allow.
//!
//! A node that is never freed, freed twice, or looked at after that fails the model, and so does such a value: both are watched.

mod signatures;

use std::ptr::{self, NonNull};

use lab::{
    model::{Model, reach},
    sync::{
        Arc,
        atomic::{
            AtomicPtr,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
    tracked::Tracked,
};
use treiber_stack::{
    epoch::{Collector, Participant, Pinned},
    s1_keeping::KeepingStack,
    s2_epochs::Stack,
};

/// Fails unless `popped` is each of the numbers from 1 to `last`, once.
#[track_caller]
fn assert_each_once(mut popped: Vec<u32>, last: u32) {
    popped.sort_unstable();
    for value in 1..=last {
        let count = popped.iter().filter(|&&other| other == value).count();
        assert!(count == 1, "value {value} was pushed once and popped {count} times; popped in all: {popped:?}");
    }
}

/// Two threads pop at the same time: each gets one of the two values.
#[test]
fn keeping_two_pops() {
    Model::new().must_reach(&["main is first", "other is first"]).check(|| {
        let stack = Arc::new(KeepingStack::new());
        stack.push(Tracked::new(1));
        stack.push(Tracked::new(2));
        let other = thread::spawn({
            let stack = stack.clone();
            move || stack.pop().map(Tracked::into_inner)
        });
        let main = stack.pop().map(Tracked::into_inner);
        match (main, other.join().unwrap()) {
            (Some(2), Some(1)) => reach("main is first"),
            (Some(1), Some(2)) => reach("other is first"),
            popped => panic!("there were 1 and 2 in the stack, and two pops have found {popped:?}"),
        }
    });
}

/// One thread pushes and the other pops: the popped node is whole.
#[test]
fn keeping_push_and_pop() {
    Model::new().must_reach(&["the old one", "the new one"]).check(|| {
        let stack = Arc::new(KeepingStack::new());
        stack.push(Tracked::new(1));
        let other = thread::spawn({
            let stack = stack.clone();
            move || stack.push(Tracked::new(2))
        });
        match stack.pop().map(Tracked::into_inner) {
            Some(1) => reach("the old one"),
            Some(2) => reach("the new one"),
            popped => panic!("there was 1 in the stack, and perhaps 2, and pop has found {popped:?}"),
        }
        other.join().unwrap();
    });
}

/// One thread pops. Meanwhile the other pops two and pushes one: if the node on top were then again the one that the first thread
/// has seen there, its exchange would succeed, and put on top what is not in the stack any more.
#[test]
fn keeping_a_b_a() {
    Model::new().must_reach(&["first", "between", "last"]).check(|| {
        let stack = Arc::new(KeepingStack::new());
        (1..=2).for_each(|value| stack.push(value));
        let other = thread::spawn({
            let stack = stack.clone();
            move || stack.pop()
        });
        let mut popped = vec![stack.pop(), stack.pop()];
        stack.push(3);
        let theirs = other.join().unwrap();
        reach(match theirs {
            Some(2) => "first",
            Some(3) => "last",
            _ => "between",
        });
        popped.push(theirs);
        // At most one is left. More would be a list that goes round.
        popped.extend((0..2).map(|_| stack.pop()));
        assert_each_once(popped.into_iter().flatten().collect(), 3);
    });
}

/// Two threads pop at the same time. Each looks at the node on top, and one of them does what it can to have it freed.
#[test]
fn epochs_two_pops() {
    Model::new().preemptions(3).must_reach(&["main is first", "other is first", "freed", "waits"]).check(|| {
        let stack = Arc::new(Stack::new(2));
        let mut handle = stack.handle().expect("there are two");
        handle.push(Tracked::new(1));
        handle.push(Tracked::new(2));
        let other = thread::spawn({
            let stack = stack.clone();
            move || stack.handle().expect("there are two").pop().map(Tracked::into_inner)
        });
        let main = handle.pop().map(Tracked::into_inner);
        (0..3).for_each(|_| handle.collect());
        reach(if handle.waiting() == 0 { "freed" } else { "waits" });
        match (main, other.join().unwrap()) {
            (Some(2), Some(1)) => reach("main is first"),
            (Some(1), Some(2)) => reach("other is first"),
            popped => panic!("there were 1 and 2 in the stack, and two pops have found {popped:?}"),
        }
    });
}

/// One thread pushes and the other pops: the popped node is whole.
#[test]
fn epochs_push_and_pop() {
    Model::new().must_reach(&["the old one", "the new one"]).check(|| {
        let stack = Arc::new(Stack::new(2));
        let mut handle = stack.handle().expect("there are two");
        handle.push(Tracked::new(1));
        let other = thread::spawn({
            let stack = stack.clone();
            move || stack.handle().expect("there are two").push(Tracked::new(2))
        });
        match handle.pop().map(Tracked::into_inner) {
            Some(1) => reach("the old one"),
            Some(2) => reach("the new one"),
            popped => panic!("there was 1 in the stack, and perhaps 2, and pop has found {popped:?}"),
        }
        other.join().unwrap();
    });
}

/// What the models of the collector share: one place with one node in it.
struct Place {
    node: AtomicPtr<Tracked<u32>>,
    collector: Collector<Tracked<u32>>,
}

type Looker<'a> = Participant<'a, Tracked<u32>>;

impl Place {
    fn new(participants: usize) -> Self {
        let place = Self { node: AtomicPtr::default(), collector: Collector::new(participants) };
        place.put();
        place
    }

    /// The participants are made by the main thread: how they come to be is another model.
    fn join(&self) -> Looker<'_> {
        self.collector.join().expect("there is room for one more participant")
    }

    fn put(&self) {
        self.node.store(Box::into_raw(Box::new(Tracked::new(1))), Release);
    }

    /// Looks at the node, if it is there, and says whether it was.
    fn look(&self, participant: &mut Looker<'_>) -> bool {
        let _pinned = participant.pin();
        let node = NonNull::new(self.node.load(Acquire));
        // SAFETY: it was found after pinning.
        node.is_some_and(|node| unsafe { node.as_ref() }.get() == &1)
    }

    /// Takes the node out, if it is there, and retires it.
    fn take_out(&self, pinned: &mut Pinned<'_, '_, Tracked<u32>>) {
        if let Some(node) = NonNull::new(self.node.swap(ptr::null_mut(), Acquire)) {
            // SAFETY: it was made in a `Box`, is out of its place, and one `swap` alone has found it.
            unsafe { pinned.retire(node) };
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(node) = NonNull::new(self.node.load(Relaxed)) {
            // SAFETY: nobody has the place any more.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }
}

/// One participant does what `other` does, which ends with what its look has found. Meanwhile the main thread takes the node out,
/// and then does what it can to have it freed: it moves on `times` epochs.
fn against(preemptions: Option<usize>, times: usize, other: impl Fn(&Place, &mut Looker<'_>) -> bool + Send + Sync + 'static) {
    let model = preemptions.map_or(Model::new(), |preemptions| Model::new().preemptions(preemptions));
    model.must_reach(&["seen", "gone", "freed", "waits"]).check(move || {
        let place = Place::new(2);
        let (mut main, mut participant) = (place.join(), place.join());
        thread::scope(|scope| {
            let other = scope.spawn(|| other(&place, &mut participant));
            place.take_out(&mut main.pin());
            (0..times).for_each(|_| main.collect());
            reach(if main.waiting() == 0 { "freed" } else { "waits" });
            reach(if other.join().unwrap() { "seen" } else { "gone" });
        });
    });
}

/// One thread looks at a node while the other takes it out.
#[test]
fn collector_waits_for_who_looks() {
    against(None, 3, |place, participant| place.look(participant));
}

/// One looks, another moves the epoch on, and the third frees what it has retired: it knows of the first only by the second.
#[test]
fn collector_tells_the_third() {
    Model::new().preemptions(2).must_reach(&["seen", "gone"]).check(|| {
        let place = Place::new(3);
        let (mut main, mut first, mut second) = (place.join(), place.join(), place.join());
        thread::scope(|scope| {
            let mut pinned = main.pin();
            // The node will be retired in an epoch that is over.
            second.collect();
            let looks = scope.spawn(|| place.look(&mut first));
            let moves_on = scope.spawn(|| (0..2).for_each(|_| second.collect()));
            place.take_out(&mut pinned);
            drop(pinned);
            // Should the epoch be the fourth by now, this may free the first node without another look at who is pinned.
            place.put();
            place.take_out(&mut main.pin());
            reach(if looks.join().unwrap() { "seen" } else { "gone" });
            moves_on.join().unwrap();
        });
    });
}

/// Whoever looks moves on to the next epoch first, perhaps while the other is pinned: so it looks in a later epoch than the one
/// in which the node is retired. (Bounded, as all but the first are, or it would take minutes; the faults need three.)
#[test]
fn collector_waits_for_who_is_ahead() {
    against(Some(3), 3, |place, participant| {
        participant.collect();
        place.look(participant)
    });
}

/// Whoever takes out may have read the epoch and slept for three of them before it pins: its garbage is not as old as it seems.
#[test]
fn collector_knows_a_late_pin() {
    against(Some(3), 1, |place, participant| {
        (0..3).for_each(|_| participant.collect());
        place.look(participant)
    });
}

/// The one who looks pins a second time before the other has noticed the end of the first: the second pin must tell of it.
#[test]
fn collector_waits_for_who_pins_again() {
    against(Some(3), 2, |place, participant| {
        participant.collect();
        let seen = place.look(participant);
        drop(participant.pin());
        seen
    });
}

/// A participant goes and leaves its garbage to the next one, which may free it.
#[test]
fn collector_hands_garbage_on() {
    Model::new().must_reach(&["after it", "while it is there"]).check(|| {
        let place = Arc::new(Place::new(1));
        let other = thread::spawn({
            let place = place.clone();
            move || {
                let participant = place.collector.join();
                participant.map(|mut participant| place.take_out(&mut participant.pin())).is_some()
            }
        });
        let inherits = place.collector.join().map(|mut participant| {
            let inherits = participant.waiting() == 1;
            (0..3).for_each(|_| participant.collect());
            assert_eq!(participant.waiting(), 0, "nobody is pinned, and after three epochs a node is still not freed");
            inherits
        });
        let took_out = other.join().unwrap();
        match inherits {
            Some(true) => reach("after it"),
            Some(false) => assert!(took_out || place.collector.join().is_some(), "the participant is gone, but not its place"),
            None => reach("while it is there"),
        }
    });
}
