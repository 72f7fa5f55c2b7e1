//! Landlock: rules on files, TCP, abstract Unix sockets and signals that a process puts on itself and its descendants.

use anyhow::{Context, Result, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};

use super::{Network, Policy};

/// The newest interface with rights that are asked for here; of an older kernel as much is used as it has.
const NEWEST: ABI = ABI::V6;

/// Devices that hold nothing of anybody.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Puts the policy's rules on this thread and all that come of it.
///
/// # Errors
/// If the kernel does not take them.
pub fn apply(policy: &Policy) -> Result<()> {
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?.scope(Scope::from_all(NEWEST))?;
    // Its rules know ports and no addresses, so the loopback interface cannot be told from the others: all or nothing.
    if policy.network == Network::None {
        rules = rules.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let reading = AccessFs::from_read(NEWEST);
    let proc: &[&str] = if policy.proc { &["/proc"] } else { &[] };
    let status = rules
        .create()?
        .add_rules(path_beneath_rules(&policy.read, reading))?
        .add_rules(path_beneath_rules(proc, reading))?
        .add_rules(path_beneath_rules(&policy.write, AccessFs::from_all(NEWEST)))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
        .restrict_self()
        .context("the kernel does not take Landlock rules")?;
    if status.ruleset == RulesetStatus::NotEnforced {
        bail!("Landlock is not enforced");
    }
    Ok(())
}

/// The version of the kernel's interface, found out by restricting a thread that ends with it.
///
/// # Errors
/// Why it cannot be used, and what mends it.
pub fn kernel_has() -> Result<u32, String> {
    const MEND: &str = "use Linux 5.13 or newer with `landlock` in the kernel's `lsm=` list";
    let tried = std::thread::spawn(|| Ruleset::default().handle_access(AccessFs::Execute)?.create()?.restrict_self()).join();
    match tried {
        Ok(Ok(status)) => match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => Ok(effective_abi as u32),
            LandlockStatus::NotEnabled => Err(format!("the kernel has Landlock, and it is not enabled; {MEND}")),
            LandlockStatus::NotImplemented => Err(format!("the kernel has no Landlock; {MEND}")),
        },
        Ok(Err(error)) => Err(format!("Landlock does not work here: {error}; {MEND}")),
        Err(_panicked) => Err("Landlock could not be tried".into()),
    }
}

/// What the rules of this version do. `own_network` is whether programs have a network of their own.
pub fn in_words(abi: u32, own_network: bool) -> String {
    let mut words = format!("ABI {abi}: only listed files, and no /proc");
    if abi >= 4 {
        words.push_str("; no TCP");
        if !own_network {
            words.push_str(" (all of it, with the network beyond, where a test needs the loopback interface; UDP is open)");
        }
    }
    if abi >= 6 {
        words.push_str("; no signals and no abstract Unix sockets to processes outside");
    }
    if abi < 3 {
        words.push_str("; files outside can be truncated");
    }
    words
}
