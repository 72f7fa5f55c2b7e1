//! What the tests of this exercise share: the suite's worker, its tasks, and a deadline.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Every test is over in a fraction of a second. Below the 30 s after which the runner stops it.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Starts the suite's program in one of its roles.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_process_pool-workload"));
    // A handler that panics on purpose needs no backtrace.
    command.args(arguments).env("RUST_BACKTRACE", "0");
    command
}

/// Runs `f` on a thread of its own and fails with `otherwise` if it does not end in time.
pub fn in_time<R: Send + 'static>(otherwise: &str, f: impl FnOnce() -> R + Send + 'static) -> R {
    let (send, receive) = mpsc::channel();
    let runner = thread::spawn(move || {
        let result = f();
        // Nobody listens any more where the test has failed meanwhile.
        let _ = send.send(result);
    });
    match receive.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("not over after {} s: {otherwise}", DEADLINE.as_secs()),
        Err(RecvTimeoutError::Disconnected) => match runner.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("a thread that ends well has sent its result"),
        },
    }
}

/// Tasks as a pool takes them.
pub fn tasks<T: AsRef<[u8]>>(tasks: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    tasks.into_iter().map(|task| task.as_ref().to_vec()).collect()
}

/// A file below `folder`, as the suite's tasks take it.
pub fn file(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a temporary folder has a name in UTF-8").into()
}

/// The processes that worked on the task which notes its attempts in `file`, in order.
pub fn attempts(file: &str) -> Vec<u32> {
    fs::read_to_string(file).unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect()
}
