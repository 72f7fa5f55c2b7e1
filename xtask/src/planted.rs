//! Planted submissions: mutants, which must fail by the check that they name, and variants, which must pass.
//!
//! Each is a unified diff against the solution's folder, with a header before the first `---`: `Key: value` lines, then
//! free text that tells the mistake.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    catalog::{CHECKS, Exercise},
    stage::Sources,
};

/// A planted submission.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The file's name without its ending.
    pub name: String,
    /// Where it stands.
    pub path: PathBuf,
    /// What it is, in a few words.
    pub title: String,
    /// What must happen to it.
    pub fate: Fate,
    diff: String,
}

/// What must happen to a planted submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Full points.
    Passes,
    /// This check must fail.
    Fails {
        /// Which.
        check: String,
        /// The test of it that must fail; for `span` and `speed`, none.
        case: Option<String>,
        /// What its message must say.
        how: String,
    },
}

/// Reads `mutants/*.patch` and `variants/*.patch` of a solution's folder.
///
/// # Errors
/// If one cannot be read or its header lacks something; the message names the file.
pub fn read_all(solution: &Path) -> Result<Vec<Planted>> {
    let mut all = Vec::new();
    for (folder, wrong) in [("mutants", true), ("variants", false)] {
        for path in paths(solution, folder) {
            let planted = read_one(&path, wrong).with_context(|| format!("{} is not right", path.display()))?;
            all.push(planted);
        }
    }
    Ok(all)
}

/// The patches in `mutants` or `variants` of a solution's folder, by name.
pub fn paths(solution: &Path, folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(solution.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "patch")).collect();
    paths.sort();
    paths
}

/// Reads one patch, of a mutant where it is meant to be `wrong`.
///
/// # Errors
/// If it cannot be read, or its header lacks something.
pub fn read_one(path: &Path, wrong: bool) -> Result<Planted> {
    let text = fs::read_to_string(path)?;
    let start = start_of_diff(&text).context("it holds no diff: no line begins with `--- `")?;
    let (header, diff) = text.split_at(start);
    let fields: BTreeMap<&str, &str> =
        header.lines().take_while(|line| !line.trim().is_empty()).filter_map(|line| line.split_once(": ")).collect();
    let field = |key: &str| fields.get(key).map(|value| value.trim().to_owned());
    let title = field("Title").context("its header has no `Title:`")?;
    let fate = if wrong {
        let check = field("Fails").context("its header has no `Fails:`, the check that must fail")?;
        let case = field("Case");
        if !CHECKS.contains(&check.as_str()) {
            bail!("`Fails: {check}` names no check; there are {}", CHECKS.join(", "));
        }
        if case.is_none() && !["span", "speed"].contains(&check.as_str()) {
            bail!("its header has no `Case:`, the test of {check} that must fail");
        }
        Fate::Fails { check, case, how: field("How").context("its header has no `How:`, what the message must say")? }
    } else {
        Fate::Passes
    };
    let name = path.file_stem().and_then(|name| name.to_str()).context("its name is not UTF-8")?.to_owned();
    Ok(Planted { name, path: path.to_owned(), title, fate, diff: diff.to_owned() })
}

impl Planted {
    /// The solution's files with the diff applied.
    ///
    /// # Errors
    /// If the diff does not fit, or touches what a learner cannot edit; the message names the patch.
    pub fn sources(&self, exercise: &Exercise, reference: &Sources) -> Result<Sources> {
        let shown = self.path.display();
        let mut sources = reference.clone();
        for Change { file, patch } in changes(&self.diff).with_context(|| format!("{shown} is no unified diff"))? {
            if !exercise.about.files.contains(&file) {
                bail!("{shown} changes {file:?}, which a learner does not edit");
            }
            let old = sources.get(&file).map(Vec::as_slice).unwrap_or_default();
            let old = std::str::from_utf8(old).with_context(|| format!("{file} is not UTF-8"))?;
            let new = diffy::apply(old, &patch)
                .with_context(|| format!("{shown} does not fit {file} any more; make it again with diff -u"))?;
            if new == old {
                bail!("{shown} changes nothing");
            }
            sources.insert(file, new.into_bytes());
        }
        Ok(sources)
    }
}

/// What a patch changes in one file.
#[derive(Debug)]
pub struct Change<'a> {
    /// Below the solution's folder.
    pub file: String,
    /// The change.
    pub patch: diffy::Patch<'a, str>,
}

/// What stands before the diff of a patch.
pub fn header(text: &str) -> &str {
    &text[..start_of_diff(text).unwrap_or(text.len())]
}

fn start_of_diff(text: &str) -> Option<usize> {
    if text.starts_with("--- ") { Some(0) } else { text.find("\n--- ").map(|at| at + 1) }
}

/// What a patch, with or without its header, changes in each file.
///
/// # Errors
/// If it is no unified diff.
pub fn changes(text: &str) -> Result<Vec<Change<'_>>> {
    let diff = &text[start_of_diff(text).context("it holds no diff: no line begins with `--- `")?..];
    let change = |part| {
        let patch = diffy::Patch::from_str(part)?;
        let file = patch.modified().or(patch.original()).unwrap_or_default();
        let file = file.split('\t').next().unwrap_or_default().trim_start_matches("b/").to_owned();
        Ok(Change { file, patch })
    };
    files_of(diff).into_iter().map(change).collect()
}

/// A diff over several files as one diff a file.
fn files_of(diff: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = vec![0];
    starts.extend(diff.match_indices("\n--- ").map(|(at, _)| at + 1));
    starts.push(diff.len());
    starts.windows(2).map(|pair| &diff[pair[0]..pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Planted> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.patch");
        fs::write(&path, format!("{header}\n\nWhy it is wrong.\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1 +1 @@\n-a\n+b\n"))
            .unwrap();
        read_one(&path, true)
    }

    #[test]
    fn a_header_names_the_check_the_case_and_the_words() {
        let planted = read("Title: t\nFails: model\nCase: excludes\nHow: data race").unwrap();
        let expected = Fate::Fails { check: "model".into(), case: Some("excludes".into()), how: "data race".into() };
        assert_eq!(planted.fate, expected);
    }

    #[test]
    fn a_header_without_a_case_or_with_an_unknown_check_is_refused() {
        assert!(read("Title: t\nFails: model\nHow: data race").is_err());
        assert!(read("Title: t\nFails: vibes\nCase: c\nHow: data race").is_err());
        assert!(read("Title: t\nFails: span\nHow: parallelism").is_ok());
    }
}
