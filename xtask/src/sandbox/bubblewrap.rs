//! What bubblewrap is told: a root of its own that holds what a policy lists, and namespaces of its own.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use rustix::process::getuid;

use super::Policy;

/// Where the private folder is seen: a file system in memory, as large as the policy's disk.
/// Beside everything that a policy may list, and not `/tmp`: Landlock's rules hold for whatever is mounted beneath, too.
pub const HOME: &str = "/racecourse-home";

/// Where the trampoline is seen. It stands in no policy, so that Landlock closes it to the program.
pub const TRAMPOLINE: &str = "/racecourse-within";

/// What stands behind `bwrap`, up to the program that it starts. `stays_root` is whether that does not become another user.
pub fn arguments(policy: &Policy, trampoline: &Path, stays_root: bool) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
            .into_iter()
            .chain(["--die-with-parent", "--proc", "/proc", "--dev", "/dev"])
            .map(OsString::from)
            .collect();
    let mut add = |words: &[&str], paths: &[&Path]| {
        arguments.extend(words.iter().map(OsString::from));
        arguments.extend(paths.iter().map(|path| path.as_os_str().to_owned()));
    };
    if getuid().is_root() {
        // What the inner stage needs to become another user, and to see folders that are closed to root without it.
        let mut kept = vec!["CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"];
        // What it may write can have been given to the other user, for a program that could become that.
        kept.extend(stays_root.then_some("CAP_DAC_OVERRIDE"));
        add(&["--cap-drop", "ALL"], &[]);
        kept.into_iter().for_each(|capability| add(&["--cap-add", capability], &[]));
    } else {
        add(&["--unshare-user"], &[]);
    }
    add(&["--perms", "1777", "--size", &policy.disk().to_string(), "--tmpfs", HOME], &[]);
    let mut binds: Vec<(&PathBuf, &str)> = policy.read.iter().map(|path| (path, "--ro-bind")).collect();
    binds.extend(policy.write.iter().map(|path| (path, "--bind")));
    // What stands in a folder that is bound, too, comes after it: otherwise it would be covered.
    binds.sort_by_key(|(path, _)| path.components().count());
    // The folders above, which bubblewrap would make for its own user alone.
    let above: BTreeSet<&Path> = binds.iter().flat_map(|(path, _)| path.ancestors().skip(1)).collect();
    for folder in above.into_iter().filter(|folder| *folder != Path::new("/") && *folder != Path::new(HOME)) {
        add(&["--perms", "0755", "--dir"], &[folder]);
    }
    for (path, how) in binds {
        add(&[how], &[path, path]);
    }
    add(&["--ro-bind"], &[trampoline, Path::new(TRAMPOLINE)]);
    // Both are file systems in memory: without a limit, and writable for the user who makes them.
    add(&["--remount-ro", "/dev", "--remount-ro", "/", "--"], &[]);
    arguments
}
