//! Both stages behind one interface, so that each test is written once and run on either.

/// A stage of the exercise.
pub trait Stage: 'static {
    /// Its `Producer`.
    type Producer<T: Send + 'static>: Send + 'static;
    /// Its `Consumer`.
    type Consumer<T: Send + 'static>: Send + 'static;

    /// Its `channel`.
    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>);
    /// Its `Producer::push`.
    fn push<T: Send + 'static>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T>;
    /// Its `Producer::is_abandoned`.
    fn is_abandoned<T: Send + 'static>(producer: &Self::Producer<T>) -> bool;
    /// Its `Consumer::pop`.
    fn pop<T: Send + 'static>(consumer: &mut Self::Consumer<T>) -> Option<T>;
    /// Its `Consumer::is_finished`.
    fn is_finished<T: Send + 'static>(consumer: &Self::Consumer<T>) -> bool;
}

/// Stage 1.
pub enum Right {}

/// Stage 2.
pub enum Fast {}

/// Makes a [`Stage`] of a module. (Not by traits on the modules' own types: in the starter, these are the same.)
macro_rules! stage {
    ($stage:ty, $module:ident) => {
        impl Stage for $stage {
            type Producer<T: Send + 'static> = spsc_ring::$module::Producer<T>;
            type Consumer<T: Send + 'static> = spsc_ring::$module::Consumer<T>;

            fn channel<T: Send + 'static>(capacity: usize) -> (Self::Producer<T>, Self::Consumer<T>) {
                spsc_ring::$module::channel(capacity)
            }
            fn push<T: Send + 'static>(producer: &mut Self::Producer<T>, message: T) -> Result<(), T> {
                producer.push(message)
            }
            fn is_abandoned<T: Send + 'static>(producer: &Self::Producer<T>) -> bool {
                producer.is_abandoned()
            }
            fn pop<T: Send + 'static>(consumer: &mut Self::Consumer<T>) -> Option<T> {
                consumer.pop()
            }
            fn is_finished<T: Send + 'static>(consumer: &Self::Consumer<T>) -> bool {
                consumer.is_finished()
            }
        }
    };
}

stage!(Right, s1_right);
stage!(Fast, s2_fast);

/// The half of a stage that pushes.
pub struct Producer<S: Stage, T: Send + 'static>(S::Producer<T>);

/// The half of a stage that pops.
pub struct Consumer<S: Stage, T: Send + 'static>(S::Consumer<T>);

/// A ring of a stage.
pub fn channel<S: Stage, T: Send + 'static>(capacity: usize) -> (Producer<S, T>, Consumer<S, T>) {
    let (producer, consumer) = S::channel(capacity);
    (Producer(producer), Consumer(consumer))
}

impl<S: Stage, T: Send + 'static> Producer<S, T> {
    /// See the stage.
    pub fn push(&mut self, message: T) -> Result<(), T> {
        S::push(&mut self.0, message)
    }

    /// See the stage.
    pub fn is_abandoned(&self) -> bool {
        S::is_abandoned(&self.0)
    }
}

impl<S: Stage, T: Send + 'static> Consumer<S, T> {
    /// See the stage.
    pub fn pop(&mut self) -> Option<T> {
        S::pop(&mut self.0)
    }

    /// See the stage.
    pub fn is_finished(&self) -> bool {
        S::is_finished(&self.0)
    }
}
