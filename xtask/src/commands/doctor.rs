//! `cargo xtask doctor`: what this machine can and cannot check, and the command that mends it.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use serde::Serialize;

use super::code;
use crate::{
    catalog::Catalog,
    chart::number,
    check::cores,
    machine::first_line,
    results::Layer,
    sandbox::{Sandbox, orphans},
    screen::{self, bold, say, table},
};

#[derive(Serialize)]
struct Finding {
    what: String,
    good: bool,
    seen: String,
    /// What is lost without it, and the command that mends it.
    otherwise: &'static str,
}

fn program(what: &str, program: &str, otherwise: &'static str) -> Finding {
    let seen = first_line(Command::new(program).arg("--version"));
    Finding { what: what.into(), good: seen.is_some(), seen: seen.unwrap_or_else(|| "not found".into()), otherwise }
}

/// What `ci` writes below `target/` on a clean checkout, with room to spare: 14.4 GiB were seen without the compiler's incremental
/// notes, as in `.ci/run`, and 28 with them.
const CI_DISK: u64 = 30 << 30;

fn disk(folder: &Path) -> Finding {
    let free = rustix::fs::statvfs(folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    Finding {
        what: "disk".into(),
        good: free.is_ok_and(|free| free >= CI_DISK),
        seen: free.map_or_else(|error| error.to_string(), |free| format!("{} free", number::bytes(free))),
        otherwise: "a clean `ci` fills 28 GiB, or 15 with CARGO_INCREMENTAL=0: make room, or set CARGO_TARGET_DIR to another disk",
    }
}

/// What keeps a submission's code from the rest of the machine: of interest to who grades.
fn walls() -> Result<Vec<Finding>> {
    if let Err(why) = orphans::can_be_seen() {
        let otherwise = "`grade` does not run: it could not end what a submission leaves behind";
        return Ok(vec![Finding { what: "sandbox".into(), good: false, seen: format!("{why:#}"), otherwise }]);
    }
    let own = std::env::current_exe().context("cannot find this program itself")?;
    let layers = Sandbox::detect(&own).layers().into_iter();
    let finding = |layer: Layer| Finding {
        what: format!("sandbox: {}", layer.name),
        good: layer.active,
        seen: layer.detail,
        otherwise: "`grade` runs submissions without it, and its results say so",
    };
    Ok(layers.map(finding).collect())
}

/// Looks at everything that a check or a measurement rests on. Nothing but a toolchain is needed; the rest is said.
pub fn doctor(catalog: &Catalog, json: bool) -> Result<ExitCode> {
    let machine = crate::machine::here();
    let documentation = lab::data::rust_documentation();
    let writable = tempfile::tempfile_in(&catalog.root);
    let mut findings = vec![
        program("rustc", "rustc", "nothing can be built; install Rust with rustup"),
        program("rustfmt", "rustfmt", "`ci` cannot check the format; rustup component add rustfmt"),
        program("clippy", "clippy-driver", "`check` and `ci` cannot lint; rustup component add clippy"),
        program("git", "git", "results carry no commit; install git"),
        Finding {
            what: "documentation".into(),
            good: documentation.is_some(),
            seen: if documentation.is_some() { "installed beside the compiler".into() } else { "not installed".into() },
            otherwise: "crawler and word_count use generated pages and text; rustup component add rust-docs",
        },
        Finding {
            what: "cores".into(),
            good: cores() > 1,
            seen: cores().to_string(),
            otherwise: "one core shows no speedup: speed is compared on one thread",
        },
        Finding {
            what: "schedstat".into(),
            good: machine.schedstat,
            seen: if machine.schedstat { "readable".into() } else { "not readable".into() },
            otherwise: "a pair of runs that was disturbed cannot be told from a clean one: verdicts about speed say so",
        },
        Finding {
            what: "folder".into(),
            good: writable.is_ok(),
            seen: writable.map_or_else(|error| error.to_string(), |_| "writable".into()),
            otherwise: "nothing can be built here; copy the course to a folder that you may write",
        },
        disk(if catalog.target.exists() { &catalog.target } else { &catalog.root }),
    ];
    findings.extend(walls()?);
    // Without a compiler or a folder to build in, nothing works; everything else only narrows what can be checked.
    let good = findings.iter().filter(|finding| ["rustc", "folder"].contains(&finding.what.as_str())).all(|finding| finding.good);
    if json {
        screen::json(&findings);
        return Ok(code(good));
    }
    say(bold("What this machine can check"));
    let rows = findings.iter().map(|finding| {
        let mark = if finding.good { "ok" } else { "--" };
        let otherwise = if finding.good { "" } else { finding.otherwise };
        [mark, &finding.what, &finding.seen, otherwise].map(String::from).to_vec()
    });
    for line in table(&rows.collect::<Vec<_>>()) {
        say(format!("  {line}"));
    }
    Ok(code(good))
}
