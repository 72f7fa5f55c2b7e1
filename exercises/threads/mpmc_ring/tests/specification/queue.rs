//! What the queue does when one thread uses it, and a queue whose every operation is recorded.

use std::collections::VecDeque;

use lab::history::{History, Specification};
use mpmc_ring::{MpmcRing, PopError, PushError};

#[derive(Debug, Clone, Copy)]
pub enum Ask {
    Push(u32),
    Pop,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Pushed,
    Full,
    Popped(u32),
    Empty,
    /// Of a push: nothing was pushed. Of a pop: nothing is left, nor will there be.
    Closed,
    /// Of a close: whether the queue was open.
    WasOpen(bool),
}

/// What is in the queue, and whether it is closed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Queue {
    capacity: usize,
    elements: VecDeque<u32>,
    closed: bool,
}

impl Specification for Queue {
    type Operation = Ask;
    type Outcome = Answer;

    fn apply(&mut self, ask: &Ask) -> Answer {
        match *ask {
            Ask::Push(_) if self.closed => Answer::Closed,
            Ask::Push(_) if self.elements.len() == self.capacity => Answer::Full,
            Ask::Push(element) => {
                self.elements.push_back(element);
                Answer::Pushed
            }
            Ask::Pop => match self.elements.pop_front() {
                Some(element) => Answer::Popped(element),
                None if self.closed => Answer::Closed,
                None => Answer::Empty,
            },
            Ask::Close => Answer::WasOpen(!std::mem::replace(&mut self.closed, true)),
        }
    }
}

/// Your queue, and the history of what was asked of it.
pub struct Recorded {
    ring: MpmcRing<u32>,
    history: History<Queue>,
}

impl Recorded {
    pub fn new(capacity: usize) -> Self {
        let queue = Queue { capacity, elements: VecDeque::new(), closed: false };
        Self { ring: MpmcRing::new(capacity), history: History::new(queue) }
    }

    #[track_caller]
    pub fn push(&self, element: u32) -> Answer {
        self.history.of(Ask::Push(element), || match self.ring.push(element) {
            Ok(()) => Answer::Pushed,
            Err(PushError::Full(returned)) => {
                assert_eq!(returned, element, "the queue is full, and gives back another element");
                Answer::Full
            }
            Err(PushError::Closed(returned)) => {
                assert_eq!(returned, element, "the queue is closed, and gives back another element");
                Answer::Closed
            }
        })
    }

    #[track_caller]
    pub fn pop(&self) -> Answer {
        self.history.of(Ask::Pop, || match self.ring.pop() {
            Ok(element) => Answer::Popped(element),
            Err(PopError::Empty) => Answer::Empty,
            Err(PopError::Closed) => Answer::Closed,
        })
    }

    #[track_caller]
    pub fn close(&self) -> Answer {
        self.history.of(Ask::Close, || Answer::WasOpen(self.ring.close()))
    }

    /// Fails unless some order of all that was asked explains all that was answered.
    #[track_caller]
    pub fn assert_linearizable(&self) {
        self.history.assert_linearizable();
    }
}
