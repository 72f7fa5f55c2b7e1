//! The types that the tests take for granted, a line each. It is compiled and never run: were a function to give something else
//! under the name of what it promises, a comparison could mean anything.

use thread_pool::{Pool, Scope, Worker};

const _: fn(&Pool) -> usize = Pool::threads;
const _: fn(&Worker) -> usize = Worker::index;

fn _install<R: Send>(pool: &Pool, f: impl FnOnce(&Worker) -> R + Send) -> R {
    pool.install(f)
}

fn _join<A: Send, B: Send>(worker: &Worker, a: impl FnOnce(&Worker) -> A + Send, b: impl FnOnce(&Worker) -> B + Send) -> (A, B) {
    worker.join(a, b)
}

fn _scope<'scope, R: Send>(worker: &Worker, body: impl FnOnce(&Scope<'_, 'scope>) -> R) -> R {
    worker.scope(body)
}

fn _worker<'a>(scope: &'a Scope<'_, '_>) -> &'a Worker {
    scope.worker()
}

fn _map_reduce<R: Send>(
    worker: &Worker,
    items: &[u32],
    map: &(impl Fn(&u32) -> R + Sync),
    reduce: &(impl Fn(R, R) -> R + Sync),
) -> R {
    worker.map_reduce(items, 1, map, reduce)
}
