//! What `Arc` and `Weak` do, on real threads. That they do so in every order of their steps is the business of model.rs.

// With feature `model`, the types of `lab` work only inside a model.
#![cfg(not(feature = "model"))]

mod signatures;

use std::{
    cell::Cell,
    env,
    process::{Command, Output},
    ptr,
    rc::Rc,
};

use lab::{
    is,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use reference_count::{Arc, MAX_REFERENCES, Weak};

/// Counts how often it is dropped, all its copies together.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn an_arc_lends_the_value() {
    let arc = Arc::new(vec![1, 2]);
    assert_eq!(*arc, [1, 2]);
    assert_eq!(arc.len(), 2);
}

#[test]
fn clones_are_the_same_value() {
    let arc = Arc::new(3);
    let clone = arc.clone();
    assert!(ptr::eq(&*arc, &*clone), "a clone of an Arc is one more owner, not one more value");
}

#[test]
fn the_last_owner_drops_the_value() {
    let drops = AtomicUsize::new(0);
    let first = Arc::new(Counted(&drops));
    let second = first.clone();
    drop(first);
    assert_eq!(drops.load(SeqCst), 0, "dropped, but it has an owner");
    drop(second);
    assert_eq!(drops.load(SeqCst), 1, "the last owner is gone");
}

#[test]
fn a_weak_does_not_keep_the_value() {
    let drops = AtomicUsize::new(0);
    let arc = Arc::new(Counted(&drops));
    let weak = Arc::downgrade(&arc);
    drop(arc);
    assert_eq!(drops.load(SeqCst), 1, "the last owner is gone; a Weak is none");
    assert!(weak.upgrade().is_none(), "an Arc to a value that is dropped");
    assert!(weak.clone().upgrade().is_none(), "an Arc to a value that is dropped");
    drop(weak);
    assert_eq!(drops.load(SeqCst), 1, "dropped again by a Weak");
}

#[test]
fn an_upgraded_weak_keeps_the_value() {
    let drops = AtomicUsize::new(0);
    let arc = Arc::new(Counted(&drops));
    let upgraded = Arc::downgrade(&arc).upgrade().expect("there is an owner");
    assert!(ptr::eq(&*arc, &*upgraded), "another value");
    drop(arc);
    assert_eq!(drops.load(SeqCst), 0, "dropped, but it has an owner: the upgraded Weak");
    drop(upgraded);
    assert_eq!(drops.load(SeqCst), 1, "the last owner is gone");
}

#[test]
fn get_mut_wants_to_be_alone() {
    let mut arc = Arc::new(4);
    *Arc::get_mut(&mut arc).expect("there is one reference") += 1;
    assert_eq!(*arc, 5);

    let clone = arc.clone();
    assert!(Arc::get_mut(&mut arc).is_none(), "a `&mut` to a value that has another owner");
    drop(clone);
    assert!(Arc::get_mut(&mut arc).is_some(), "the other owner is gone");

    let weak = Arc::downgrade(&arc);
    assert!(Arc::get_mut(&mut arc).is_none(), "a `&mut` to a value that a Weak can be upgraded to");
    drop(weak);
    assert!(Arc::get_mut(&mut arc).is_some(), "the Weak is gone");
    assert!(Arc::downgrade(&arc).upgrade().is_some(), "get_mut has left something locked");
}

#[test]
fn try_unwrap_gives_the_value_or_the_arc() {
    let drops = AtomicUsize::new(0);
    let arc = Arc::new(Counted(&drops));
    let clone = arc.clone();
    let arc = Arc::try_unwrap(arc).err().expect("there are two owners");
    drop(clone);
    let weak = Arc::downgrade(&arc);
    let value = Arc::try_unwrap(arc).ok().expect("there is one owner; a Weak is none");
    assert_eq!(drops.load(SeqCst), 0, "it was to be taken out, not dropped");
    assert!(weak.upgrade().is_none(), "an Arc to a value that is taken out");
    drop((value, weak));
    assert_eq!(drops.load(SeqCst), 1, "what is taken out is dropped by whoever has it, and by nobody else");
}

#[test]
fn into_inner_gives_the_value_to_the_last() {
    let drops = AtomicUsize::new(0);
    let arc = Arc::new(Counted(&drops));
    let clone = arc.clone();
    assert!(Arc::into_inner(arc).is_none(), "there is another owner");
    let value = Arc::into_inner(clone).expect("it is the last owner");
    assert_eq!(drops.load(SeqCst), 0, "it was to be taken out, not dropped");
    drop(value);
    assert_eq!(drops.load(SeqCst), 1, "what is taken out is dropped by whoever has it, and by nobody else");
}

#[test]
fn a_value_that_is_being_dropped_is_gone() {
    /// A value that looks for itself when it is dropped.
    struct Narcissus<'a> {
        mirror: Mutex<Option<Weak<Self>>>,
        seen: &'a AtomicUsize,
    }
    impl Drop for Narcissus<'_> {
        fn drop(&mut self) {
            // There is none if the test has panicked before it was hung up. A second panic, in here, would end all the tests.
            let mirror = self.mirror.get_mut().ok().and_then(Option::take);
            if mirror.is_some_and(|mirror| mirror.upgrade().is_some()) {
                self.seen.fetch_add(1, SeqCst);
            }
        }
    }
    let seen = AtomicUsize::new(0);
    let arc = Arc::new(Narcissus { mirror: Mutex::new(None), seen: &seen });
    *arc.mirror.lock().expect("nobody panics") = Some(Arc::downgrade(&arc));
    drop(arc);
    assert_eq!(seen.load(SeqCst), 0, "its destructor has made an Arc to a value that is half gone");
}

#[test]
fn threads_share_one_value() {
    const THREADS: usize = 4;
    const EACH: usize = 2_000;
    let drops = AtomicUsize::new(0);
    let arc = Arc::new((Counted(&drops), AtomicUsize::new(0)));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let arc = arc.clone();
            scope.spawn(move || {
                for _ in 0..EACH {
                    let clone = arc.clone();
                    let weak = Arc::downgrade(&clone);
                    drop(clone);
                    weak.upgrade().expect("this thread has an Arc").1.fetch_add(1, SeqCst);
                }
            });
        }
    });
    assert_eq!(drops.load(SeqCst), 0, "dropped, but it has an owner");
    assert_eq!(arc.1.load(SeqCst), THREADS * EACH);
    drop(arc);
    assert_eq!(drops.load(SeqCst), 1, "the last owner is gone");
}

/// The variable by which a test knows that it is the child that is to abort.
const CHILD: &str = "REFERENCE_COUNT_CHILD";

/// Runs the test of that name once more in a process of its own, where `overflow` is run.
#[track_caller]
fn aborts(test: &str, overflow: fn()) {
    if env::var_os(CHILD).is_some() {
        overflow();
        // Read below, should it come to that.
        println!("still here");
        std::process::exit(0);
    }
    let program = env::current_exe().expect("this program");
    let child = Command::new(program).args([test, "--exact", "--nocapture"]).env(CHILD, "1").env("RUST_BACKTRACE", "0").output();
    let Output { status, stdout, stderr } = child.expect("this program starts again");
    let still_here = String::from_utf8_lossy(&stdout).contains("still here");
    assert!(!still_here, "more than MAX_REFERENCES references were made, and nothing stopped it");
    let panic = panic_message(&String::from_utf8_lossy(&stderr));
    assert!(status.code().is_none(), "it must abort (std::process::abort), but has ended with {status}:\n{panic}");
}

/// The first panic that a test in a child process tells of: its place and its message, and not what the harness says around it.
fn panic_message(stderr: &str) -> String {
    let from = stderr.lines().skip_while(|line| !line.contains("panicked at"));
    from.take_while(|line| !line.starts_with("note: ")).take(5).collect::<Vec<_>>().join("\n")
}

/// As many as may be, give or take one for `>` or `>=`; the next must abort.
#[test]
fn too_many_clones_abort() {
    aborts("too_many_clones_abort", || {
        let arc = Arc::with_forgotten(6, MAX_REFERENCES - 1, 0);
        (0..3).for_each(|_| std::mem::forget(arc.clone()));
    });
}

#[test]
fn too_many_upgrades_abort() {
    aborts("too_many_upgrades_abort", || {
        let arc = Arc::with_forgotten(7, MAX_REFERENCES - 1, 0);
        let weak = Arc::downgrade(&arc);
        (0..3).for_each(|_| std::mem::forget(weak.upgrade()));
    });
}

#[test]
fn too_many_weaks_abort() {
    aborts("too_many_weaks_abort", || {
        let arc = Arc::with_forgotten(8, 0, MAX_REFERENCES - 1);
        (0..3).for_each(|_| std::mem::forget(Arc::downgrade(&arc)));
    });
}

#[test]
fn too_many_clones_of_a_weak_abort() {
    aborts("too_many_clones_of_a_weak_abort", || {
        let arc = Arc::with_forgotten(9, 0, MAX_REFERENCES - 2);
        let weak = Arc::downgrade(&arc);
        (0..3).for_each(|_| std::mem::forget(weak.clone()));
    });
}

#[test]
fn nearly_too_many_are_fine() {
    let arc = Arc::with_forgotten(10, MAX_REFERENCES - 2, MAX_REFERENCES - 3);
    let weak = Arc::downgrade(&arc);
    drop(arc.clone());
    drop(weak.upgrade());
    drop(weak.clone());
    assert_eq!(*arc, 10);
    // So many were forgotten that neither the value nor its memory is ever freed.
}

#[test]
fn threads_share_what_may_be_shared() {
    assert!(is!(Send: Arc<u32>) && is!(Sync: Arc<u32>) && is!(Send: Weak<u32>) && is!(Sync: Weak<u32>));
    assert!(!is!(Send: Arc<Cell<u32>>), "two threads with an Arc each would share the Cell");
    assert!(!is!(Send: Weak<Cell<u32>>), "a Weak can become an Arc");
    assert!(!is!(Sync: Arc<Cell<u32>>), "a shared Arc can be cloned");
    assert!(!is!(Send: Arc<Rc<u32>>), "an Rc may not be sent, and an Arc does not change that");
}
