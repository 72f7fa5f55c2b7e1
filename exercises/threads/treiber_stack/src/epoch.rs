//! Epoch-based reclamation: what was taken out of a structure is freed when nobody can be looking at it any more.
//!
//! Step 3. Each of the three rules below is broken in this file.
//!
//! There is a global *epoch*, a number that grows. A participant *pins* itself before it looks at shared nodes: it writes down
//! the epoch that it has read, and unpins when it has looked for the last time. Three things must hold:
//!
//! 1. **Whoever pins is seen.** If a participant that moves the epoch on does not see a pin, then whoever pinned sees everything
//!    that was taken out before.
//! 2. **The epoch moves on only when all who are pinned are pinned in it.** So while a participant is pinned in epoch `e`, the
//!    epoch is `e` or `e + 1`.
//! 3. **What was retired in epoch `e` is freed in `e + 3`.** It was taken out in `e` or in `e + 1`, by 2; so whoever looks at it
//!    has pinned in `e + 1` at the latest, and has unpinned before the epoch is `e + 3`.
//!
//! | `pinned` of a slot | meaning | who sets it |
//! | --- | --- | --- |
//! | [`UNPINNED`] | its participant, if it has one, holds no pointer to a node | `new`, and the [`Pinned`] that is dropped |
//! | else | its participant has pinned itself in that epoch | [`Participant::pin`] |

use std::ptr::NonNull;

use lab::{
    cell::UnsafeCell,
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
        fence,
    },
};

/// After so many nodes a participant tries to move on, and frees what has become old enough.
pub const BATCH: usize = 64;

const UNPINNED: usize = usize::MAX;

/// How many epochs' garbage there can be at a time.
const AGES: usize = 3;

/// Frees nodes of type `N`, each of which was in a `Box`, when nobody can be looking at them any more.
pub struct Collector<N> {
    epoch: AtomicUsize,
    slots: Box<[Slot<N>]>,
}

/// What a participant has; on cache lines of its own, for its owner writes to it all the time.
#[repr(align(128))]
struct Slot<N> {
    /// Whether some participant has it.
    taken: AtomicBool,
    /// See the table above.
    pinned: AtomicUsize,
    /// Used by the participant alone. It stays when the participant goes, and is the next one's.
    garbage: UnsafeCell<Garbage<N>>,
}

/// Nodes that wait to be freed.
struct Garbage<N> {
    /// What was retired in epoch `e` is in bag `e % AGES`.
    bags: [Bag<N>; AGES],
    /// How many were retired since the last attempt to move on.
    since: usize,
}

struct Bag<N> {
    /// In which all the nodes were retired.
    epoch: usize,
    nodes: Vec<NonNull<N>>,
}

impl<N> Bag<N> {
    /// # Safety
    /// Nobody looks at the nodes any more.
    unsafe fn free(&mut self) {
        for node in self.nodes.drain(..) {
            // SAFETY: whoever retired it has said that it was in a `Box`, and out of the structure.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }
}

// SAFETY: nodes are retired by one thread and freed by one, perhaps another: `N: Send`. The garbage of a slot is used by one
// participant at a time, see `join`.
unsafe impl<N: Send> Send for Collector<N> {}
// SAFETY: as above.
unsafe impl<N: Send> Sync for Collector<N> {}
// SAFETY: as above.
unsafe impl<N: Send> Sync for Slot<N> {}

impl<N> Collector<N> {
    /// A collector for at most so many participants at a time.
    pub fn new(participants: usize) -> Self {
        let slot = |_| Slot {
            taken: AtomicBool::new(false),
            pinned: AtomicUsize::new(UNPINNED),
            garbage: UnsafeCell::new(Garbage { bags: [(); AGES].map(|()| Bag { epoch: 0, nodes: Vec::new() }), since: 0 }),
        };
        Self { epoch: AtomicUsize::new(0), slots: (0..participants).map(slot).collect() }
    }

    /// A participant more; `None` if there are as many as may be.
    pub fn join(&self) -> Option<Participant<'_, N>> {
        // Acquire matches the Release of the participant that had the slot: its garbage is ours.
        let slot = self.slots.iter().find(|slot| !slot.taken.swap(true, Acquire))?;
        Some(Participant { collector: self, slot })
    }

    /// Moves on to the next epoch, unless somebody is pinned in an older one than this. Returns an epoch that is reached.
    fn try_advance(&self) -> usize {
        let epoch = self.epoch.load(Relaxed);
        // The fence of whoever pins is before or after this one. Before: its pin is seen here. After: it sees what was taken out
        // before this one. It also makes an Acquire of the load above, which matches the Release below.
        fence(SeqCst);
        let elsewhere = |slot: &Slot<N>| {
            // Acquire matches the Release of the participant: its looks before it has unpinned are over.
            let pinned = slot.pinned.load(Acquire);
            pinned != UNPINNED && pinned != epoch
        };
        if self.slots.iter().all(elsewhere) {
            return epoch;
        }
        // Not a store: two can get here, and one of them late. Release matches the fences of `try_advance` and of `pin`.
        match self.epoch.compare_exchange(epoch, epoch + 1, Release, Relaxed) {
            Ok(_) => epoch + 1,
            Err(_) => epoch,
        }
    }
}

impl<N> Drop for Collector<N> {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            for bag in &mut slot.garbage.get_mut().bags {
                // SAFETY: no participant is left, for each borrows the collector.
                unsafe { bag.free() };
            }
        }
    }
}

/// Who may look at nodes, and retire them: for one thread.
pub struct Participant<'a, N> {
    collector: &'a Collector<N>,
    slot: &'a Slot<N>,
}

impl<'a, N> Participant<'a, N> {
    /// From now on, and until the result is dropped, no node is freed that can still be found.
    pub fn pin(&mut self) -> Pinned<'_, 'a, N> {
        // Acquire matches the Release of `try_advance`.
        let epoch = self.collector.epoch.load(Acquire);
        self.slot.pinned.store(epoch, Relaxed);
        Pinned { participant: self, epoch }
    }

    /// Moves on to the next epoch, if all are in this one, and frees what has become old enough. Happens by itself after every
    /// [`BATCH`] nodes.
    pub fn collect(&mut self) {
        let epoch = self.collector.try_advance();
        self.garbage(|garbage| {
            garbage.since = 0;
            for bag in garbage.bags.iter_mut().filter(|bag| bag.epoch + 2 <= epoch) {
                // SAFETY: by the third rule.
                unsafe { bag.free() };
            }
        });
    }

    /// How many nodes wait to be freed.
    pub fn waiting(&self) -> usize {
        // SAFETY: it is this participant's, and is written through `&mut self`.
        self.slot.garbage.with(|garbage| unsafe { &(*garbage).bags }.iter().map(|bag| bag.nodes.len()).sum())
    }

    fn garbage<R>(&mut self, with: impl FnOnce(&mut Garbage<N>) -> R) -> R {
        // SAFETY: it is this participant's, which is borrowed uniquely.
        self.slot.garbage.with_mut(|garbage| with(unsafe { &mut *garbage }))
    }
}

impl<N> Drop for Participant<'_, N> {
    fn drop(&mut self) {
        // Release matches the Acquire of `join`.
        self.slot.taken.store(false, Release);
    }
}

/// A participant that is pinned: as long as this exists.
pub struct Pinned<'p, 'a, N> {
    participant: &'p mut Participant<'a, N>,
    epoch: usize,
}

impl<N> Pinned<'_, '_, N> {
    /// Frees `node` as soon as nobody can be looking at it.
    ///
    /// # Safety
    /// It was made by `Box::into_raw`, was taken out of the structure while this was pinned, so that nobody finds it any more,
    /// and is retired once.
    pub unsafe fn retire(&mut self, node: NonNull<N>) {
        let epoch = self.epoch;
        self.participant.garbage(|garbage| {
            let bag = &mut garbage.bags[epoch % AGES];
            if bag.epoch != epoch {
                // SAFETY: it holds what was retired `AGES` epochs ago or earlier: the third rule.
                unsafe { bag.free() };
                bag.epoch = epoch;
            }
            bag.nodes.push(node);
            garbage.since += 1;
        });
    }
}

impl<N> Drop for Pinned<'_, '_, N> {
    fn drop(&mut self) {
        // Release matches the Acquire of `try_advance`: whatever we looked at, we have looked.
        self.participant.slot.pinned.store(UNPINNED, Release);
        if self.participant.garbage(|garbage| garbage.since >= BATCH) {
            self.participant.collect();
        }
    }
}
