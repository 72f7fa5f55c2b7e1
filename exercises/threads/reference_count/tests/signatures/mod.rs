//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use std::ops::Deref;

use reference_count::{Arc, Weak};

fn _deref<T: Send + Sync + 'static>(arc: &Arc<T>) -> &T {
    Deref::deref(arc)
}

fn _clone<T: Send + Sync + 'static>(arc: &Arc<T>) -> Arc<T> {
    Clone::clone(arc)
}

fn _downgrade<T: Send + Sync + 'static>(arc: &Arc<T>) -> Weak<T> {
    Arc::downgrade(arc)
}

fn _upgrade<T: Send + Sync + 'static>(weak: &Weak<T>) -> Option<Arc<T>> {
    weak.upgrade()
}

fn _get_mut<T: Send + Sync + 'static>(arc: &mut Arc<T>) -> Option<&mut T> {
    Arc::get_mut(arc)
}

fn _try_unwrap<T: Send + Sync + 'static>(arc: Arc<T>) -> Result<T, Arc<T>> {
    Arc::try_unwrap(arc)
}

fn _into_inner<T: Send + Sync + 'static>(arc: Arc<T>) -> Option<T> {
    Arc::into_inner(arc)
}
