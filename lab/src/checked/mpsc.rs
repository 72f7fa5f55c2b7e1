//! Channels that disconnect, bounded and unbounded.
//!
//! Every operation passes one turnstile, by which the search orders them. Memory is ordered by what each message brings
//! along, and no more, as in `std`:
//!
//! | before | after |
//! | --- | --- |
//! | a send | the receive of that message |
//! | a receive from a bounded channel | the send that takes the room it has made |
//! | a receive from a rendezvous | the end of the send of that message |
//! | the drop of every sender | a receive that fails because of it |
//! | the drop of the receiver | a send that fails because of it |

use std::{
    collections::VecDeque,
    fmt,
    panic::{Location, RefUnwindSafe, UnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{RecvError, SendError, TryRecvError, TrySendError},
    },
};

use super::block::{Handover, Parcel, Turnstile, Waiters};
use crate::model::engine::{self, Call, Object, Outcome, Value};

struct Shared<T> {
    object: Object,
    turnstile: Turnstile,
    /// What was done before senders were dropped, and the receiver.
    left: Handover,
    /// `std`'s own: no lock is held while another thread of the model runs.
    state: Mutex<State<T>>,
    /// Who waits for room, or for the rendezvous to be over.
    senders: Waiters,
    /// The one who waits for a message.
    receiver: Waiters,
}

struct State<T> {
    queue: VecDeque<(T, Parcel)>,
    /// `None` without a bound.
    bound: Option<usize>,
    /// With a bound: room that a receive has made, and no send has taken yet.
    room: VecDeque<Parcel>,
    senders: usize,
    receiver: bool,
    /// How many messages have been taken: a sender of a rendezvous waits for its own.
    taken: usize,
    sent: usize,
    /// The receiver is waiting: in a rendezvous only then is there room for `try_send`.
    waiting: bool,
}

impl<T> State<T> {
    /// Takes the oldest message.
    fn take(&mut self) -> Option<(T, Parcel)> {
        self.waiting = false;
        let message = self.queue.pop_front()?;
        self.taken += 1;
        Some(message)
    }

    /// Room for one more message.
    fn has_room(&self) -> bool {
        // A rendezvous has room for the one message that is being handed over.
        self.bound.is_none_or(|bound| self.queue.len() < bound.max(1))
    }
}

impl<T> Shared<T> {
    fn state<R>(&self, visit: impl FnOnce(&mut State<T>) -> R) -> R {
        visit(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a message where there is room for it.
    fn put(&self, value: T) {
        // The first ones find room that nobody has made.
        let made =
            self.state(|state| if state.bound.is_some_and(|bound| state.sent >= bound) { state.room.pop_front() } else { None });
        if let Some(room) = made {
            room.take();
        }
        let message = Parcel::pack();
        self.state(|state| {
            state.queue.push_back((value, message));
            state.sent += 1;
        });
        self.receiver.wake_all();
    }

    fn send(&self, value: T) -> Result<(), T> {
        loop {
            self.turnstile.pass();
            let (receiver, room, rendezvous) = self.state(|state| (state.receiver, state.has_room(), state.bound == Some(0)));
            if !receiver {
                self.left.take();
                return Err(value);
            }
            if room {
                self.put(value);
                return if rendezvous { self.handed_over() } else { Ok(()) };
            }
            self.senders.wait();
        }
    }

    /// Waits until the message of a rendezvous has been taken.
    fn handed_over(&self) -> Result<(), T> {
        let number = self.state(|state| state.sent);
        loop {
            let done = self.state(|state| match (state.taken >= number, state.receiver) {
                (true, _) => Some(Ok(())),
                (false, false) => state.queue.pop_front().map(|(value, _)| Err(value)),
                (false, true) => None,
            });
            match done {
                // Whoever has taken it has woken this thread, which orders memory.
                Some(done) => return done,
                None => self.senders.wait(),
            }
        }
    }

    fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.turnstile.pass();
        let (receiver, room) =
            self.state(|state| (state.receiver, state.has_room() && (state.bound != Some(0) || state.waiting)));
        if !receiver {
            self.left.take();
            return Err(TrySendError::Disconnected(value));
        }
        if !room {
            return Err(TrySendError::Full(value));
        }
        self.put(value);
        Ok(())
    }

    fn try_receive(&self) -> Result<T, TryRecvError> {
        self.turnstile.pass();
        let (taken, senders, bounded) =
            self.state(|state| (state.take(), state.senders, state.bound.is_some_and(|bound| bound > 0)));
        let Some((value, message)) = taken else {
            if senders > 0 {
                return Err(TryRecvError::Empty);
            }
            self.left.take();
            return Err(TryRecvError::Disconnected);
        };
        message.take();
        if bounded {
            let room = Parcel::pack();
            self.state(|state| state.room.push_back(room));
        }
        self.senders.wake_all();
        Ok(value)
    }

    fn receive(&self) -> Result<T, RecvError> {
        loop {
            match self.try_receive() {
                Ok(value) => return Ok(value),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
                Err(TryRecvError::Empty) => {
                    self.state(|state| state.waiting = true);
                    self.receiver.wait();
                }
            }
        }
    }

    /// One side goes: wakes those who then wait in vain, and nobody else, for to wake orders memory.
    fn leave(&self, operation: &'static str, location: &'static Location<'static>, leave: impl FnOnce(&mut State<T>)) {
        let act = |_| {
            self.turnstile.pass();
            self.left.give();
            let (senders, receiver) = self.state(|state| {
                leave(state);
                (state.senders, state.receiver)
            });
            if senders == 0 {
                self.receiver.wake_all();
            }
            if !receiver {
                self.senders.wake_all();
            }
        };
        engine::perform(Call::new(self.object, operation, location), act, |()| Outcome::Done);
    }
}

fn told<T, E>(result: &Result<T, E>) -> Outcome {
    Outcome::Gave(Value::Text(if result.is_ok() { "Ok" } else { "Err" }))
}

fn make<T>(bound: Option<usize>, location: &'static Location<'static>) -> Arc<Shared<T>> {
    let state = State {
        queue: VecDeque::new(),
        bound,
        room: VecDeque::new(),
        senders: 1,
        receiver: true,
        taken: 0,
        sent: 0,
        waiting: false,
    };
    engine::quietly(|| {
        Arc::new(Shared {
            object: engine::new_object("channel", location),
            turnstile: Turnstile::new(),
            left: Handover::new(),
            state: Mutex::new(state),
            senders: Waiters::default(),
            receiver: Waiters::default(),
        })
    })
}

/// A channel without a bound.
#[track_caller]
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let location = Location::caller();
    let shared = make(None, location);
    (Sender(Side { shared: shared.clone(), location }), Receiver { shared, location })
}

/// A channel that holds `bound` messages; with 0, a send waits until its message is taken.
#[track_caller]
#[must_use]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let location = Location::caller();
    let shared = make(Some(bound), location);
    (SyncSender(Side { shared: shared.clone(), location }), Receiver { shared, location })
}

// A panic between two operations leaves a channel whole, and none comes inside of one.
impl<T> UnwindSafe for Shared<T> {}
impl<T> RefUnwindSafe for Shared<T> {}

/// One sender, of either kind.
struct Side<T> {
    shared: Arc<Shared<T>>,
    location: &'static Location<'static>,
}

impl<T> Side<T> {
    fn send(&self, value: T, location: &'static Location<'static>) -> Result<(), SendError<T>> {
        let call = Call::new(self.shared.object, "send", location);
        engine::perform(call, |_| self.shared.send(value), told).map_err(SendError)
    }
}

impl<T> Clone for Side<T> {
    fn clone(&self) -> Self {
        self.shared.state(|state| state.senders += 1);
        Self { shared: self.shared.clone(), location: self.location }
    }
}

impl<T> Drop for Side<T> {
    fn drop(&mut self) {
        self.shared.leave("drop sender", self.location, |state| state.senders -= 1);
    }
}

/// The sending side of [`channel`].
pub struct Sender<T>(Side<T>);

impl<T> Sender<T> {
    /// Sends without waiting.
    ///
    /// # Errors
    /// The message, if the receiver is gone.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value, Location::caller())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The sending side of [`sync_channel`].
pub struct SyncSender<T>(Side<T>);

impl<T> SyncSender<T> {
    /// Waits for room, and sends.
    ///
    /// # Errors
    /// The message, if the receiver is gone.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value, Location::caller())
    }

    /// Sends if there is room.
    ///
    /// # Errors
    /// The message, if there is no room or the receiver is gone.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let call = Call::new(self.0.shared.object, "try_send", Location::caller());
        engine::perform(call, |_| self.0.shared.try_send(value), told)
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The receiving side of a channel.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    location: &'static Location<'static>,
}

impl<T> Receiver<T> {
    /// Waits for a message.
    ///
    /// # Errors
    /// If all senders are gone and no message is left.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        engine::perform(Call::new(self.shared.object, "recv", Location::caller()), |_| self.shared.receive(), told)
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    /// If there is none; it says whether one may still come.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        engine::perform(Call::new(self.shared.object, "try_recv", Location::caller()), |_| self.shared.try_receive(), told)
    }

    /// Messages until all senders are gone.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Messages that are there.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.leave("drop receiver", self.location, |state| state.receiver = false);
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

/// Messages until all senders are gone.
#[derive(Debug)]
pub struct IntoIter<T>(Receiver<T>);

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sender { .. }")
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SyncSender { .. }")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Receiver { .. }")
    }
}
