//! Processes whose parent has ended before them: a daemon, which leaves its session and its group by forking twice.
//!
//! The kernel gives such a process to the nearest ancestor that has asked for orphans (`PR_SET_CHILD_SUBREAPER`). Nothing can
//! leave that line by itself, whatever it does to its session, its group, its environment or its name, which is why kinship
//! is what they are known by. With bubblewrap the first process of the namespace is that ancestor, and takes all with it when
//! it ends; elsewhere the outer stage is. Where that itself was killed, at a time limit, the runner is.
//!
//! The runner has children of its own, too, which must not be ended. They are known by their session: whatever stood behind
//! the walls had to leave the runner's session, and cannot come back into it.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};

/// Whether `/proc` is of this process's own process-id namespace. After `unshare --pid` without `--mount-proc` it is of the one
/// above, and every number in it is somebody else's here.
///
/// # Errors
/// That it is not, and what mends it.
pub fn can_be_seen() -> Result<()> {
    let own = fs::read_link("/proc/self").ok().and_then(|own| own.to_str()?.parse().ok());
    if own != Some(getpid().as_raw_nonzero().get()) {
        bail!(
            "/proc does not show this process: mount it in its process-id namespace, as `unshare --pid --fork --mount-proc` does"
        );
    }
    Ok(())
}

/// This process takes over whom its descendants leave behind.
pub fn adopt() {
    // Linux has it since 3.4; elsewhere there are no other walls either.
    let _unknown = set_child_subreaper(Some(getpid()));
}

/// The children of a process, the first-born first.
pub fn children(process: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>()).collect()
}

/// A process and all that come of it.
pub fn tree(root: i32) -> Vec<i32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(&process) = all.get(next) {
        all.extend(children(process));
        next += 1;
    }
    all
}

/// The session of a process. It is 0 where its leader stands outside of this process-id namespace, as of what is started in a
/// container from outside: rustix's `getsid` takes that for impossible, and panics.
fn session(process: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name, in parentheses, may hold anything; behind it stand the state, the parent, the group and the session.
    stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()
}

fn end(process: i32) {
    if let Some(pid) = Pid::from_raw(process) {
        // It fails only where it is gone.
        let _gone = kill_process(pid, Signal::KILL);
    }
}

/// Ends all that come of this process, until there are none: for the outer stage, which has no other children.
pub fn end_descendants() {
    let me = getpid().as_raw_nonzero().get();
    loop {
        tree(me).into_iter().skip(1).for_each(end);
        // Fails where there are no children any more. Those of whoever ends here become children of this process.
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => thread::sleep(Duration::from_micros(200)),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Ends the orphans that have come to this process, and whatever comes of those, until there are none or `deadline`.
/// Returns whether there are none. `leaders` are children of this process that are somebody's.
pub fn end_all(mut leaders: impl FnMut() -> BTreeSet<i32>, deadline: Instant) -> bool {
    let me = getpid().as_raw_nonzero().get();
    let Some(own) = can_be_seen().ok().and_then(|()| session(me)) else { return false };
    loop {
        // In this order: who is a child now and no leader then was none before either.
        let now = children(me);
        let leaders = leaders();
        let strangers = now.into_iter().filter(|child| !leaders.contains(child));
        let strangers: Vec<Pid> = strangers.filter(|&child| session(child) != Some(own)).filter_map(Pid::from_raw).collect();
        if strangers.is_empty() {
            return true;
        }
        for stranger in strangers {
            tree(stranger.as_raw_nonzero().get()).into_iter().for_each(end);
            let _not_yet = waitpid(Some(stranger), WaitOptions::NOHANG);
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_micros(200));
    }
}
