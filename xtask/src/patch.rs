//! Makes patches of edited copies of a reference, and makes them again after the reference has changed: what authors would
//! otherwise lose most of their time with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use diffy::{DiffOptions, Line};

use crate::{
    catalog::{Catalog, Exercise},
    planted::{changes, header, paths, read_one},
    results::write_whole,
    stage::{Sources, files_below, sources_in},
};

/// Lines of context that need not be as the patch says, at each end of a hunk.
const FUZZ: usize = 3;

/// The lines around what the patch and the reference disagree on.
const MARKS: [&str; 3] = ["<<<<<<< the reference\n", "=======\n", ">>>>>>> the patch\n"];

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// The patch fits as it is.
    Fits,
    /// The patch was written.
    Written(PathBuf),
    /// A copy of the reference lies in this folder, to be edited; so many places of it are in conflict.
    Opened(PathBuf, usize),
}

/// The patches of one exercise.
#[derive(Debug)]
pub struct Patches<'a> {
    catalog: &'a Catalog,
    exercise: &'a Exercise,
    reference: Sources,
}

impl<'a> Patches<'a> {
    /// Those of `exercise`.
    ///
    /// # Errors
    /// If its reference cannot be read.
    pub fn of(catalog: &'a Catalog, exercise: &'a Exercise) -> Result<Self> {
        let reference = sources_in(&catalog.solution_folder(exercise), exercise)?;
        Ok(Self { catalog, exercise, reference })
    }

    /// Where the copy is edited that becomes the patch `name`.
    pub fn bench(&self, name: &str) -> PathBuf {
        self.catalog.scratch().join("patch").join(&self.exercise.name).join(name)
    }

    /// Makes every patch again that does not fit the reference any more; where the two disagree, opens it.
    ///
    /// # Errors
    /// If a patch is none, or a file cannot be written.
    pub fn again(&self) -> Result<Vec<(String, Made)>> {
        let solution = self.catalog.solution_folder(self.exercise);
        let mut all = Vec::new();
        for path in ["mutants", "variants"].iter().flat_map(|folder| paths(&solution, folder)) {
            let name = path.file_stem().unwrap_or_default().display().to_string();
            let fits = read_one(&path, path.starts_with(solution.join("mutants")))
                .is_ok_and(|planted| planted.sources(self.exercise, &self.reference).is_ok());
            let made = if fits {
                Made::Fits
            } else {
                let (merged, conflicts) = self.merged(&read(&path)?)?;
                if conflicts == 0 { self.write(&path, &merged)? } else { self.open(&name, &merged, conflicts)? }
            };
            all.push((name, made));
        }
        Ok(all)
    }

    /// The first time, lays out the reference with the patch `name` in it, if there is one; then, makes the patch of what that
    /// copy has become, with the header that it had.
    ///
    /// # Errors
    /// If the copy is the reference, or still holds a conflict, or a file cannot be written.
    pub fn turn(&self, name: &str, variant: bool) -> Result<Made> {
        let solution = self.catalog.solution_folder(self.exercise);
        let places = ["mutants", "variants"].map(|folder| solution.join(folder).join(format!("{name}.patch")));
        let new = &places[usize::from(variant)];
        let path = places.iter().find(|path| path.is_file()).unwrap_or(new);
        let bench = self.bench(name);
        if bench.is_dir() {
            let edited = self.edited(&bench)?;
            let made = self.write(path, &edited)?;
            fs::remove_dir_all(&bench).with_context(|| format!("cannot remove {}", bench.display()))?;
            return Ok(made);
        }
        let (merged, conflicts) = if path.is_file() { self.merged(&read(path)?)? } else { (self.reference.clone(), 0) };
        self.open(name, &merged, conflicts)
    }

    fn open(&self, name: &str, sources: &Sources, conflicts: usize) -> Result<Made> {
        let bench = self.bench(name);
        for (file, content) in sources {
            write_whole(&bench.join(file), content)?;
        }
        Ok(Made::Opened(bench, conflicts))
    }

    fn edited(&self, bench: &Path) -> Result<Sources> {
        let edited = sources_in(bench, self.exercise)?;
        if let Some(other) = files_below(bench)?.iter().find(|path| {
            let name = path.strip_prefix(bench).ok().and_then(Path::to_str).unwrap_or_default();
            !edited.contains_key(name)
        }) {
            bail!("{} is no file that a learner edits; remove it", other.display());
        }
        for (file, content) in &edited {
            let text = String::from_utf8_lossy(content);
            if MARKS.iter().any(|mark| text.lines().any(|line| line == mark.trim_end())) {
                bail!("{} still holds a conflict: keep one of its sides", bench.join(file).display());
            }
        }
        if edited == self.reference {
            bail!("nothing in {} differs from the reference; edit it, or remove the folder", bench.display());
        }
        Ok(edited)
    }

    /// Writes the patch that makes `edited` of the reference, under the header that it had.
    fn write(&self, path: &Path, edited: &Sources) -> Result<Made> {
        let mutant = path.parent().is_some_and(|folder| folder.ends_with("mutants"));
        let mut text = match fs::read_to_string(path) {
            Ok(old) => header(&old).to_owned(),
            Err(_) if mutant => {
                "Title: TODO\nFails: tests\nCase: TODO\nHow: TODO\n\nTODO: the mistake, and why it is seen there.\n\n".into()
            }
            Err(_) => "Title: TODO\n\nTODO: what is done in another way.\n\n".into(),
        };
        for (file, new) in edited {
            let (old, new) = (as_text(file, &self.reference[file])?, as_text(file, new)?);
            if old != new {
                let (before, after) = (format!("a/{file}"), format!("b/{file}"));
                let mut options = DiffOptions::new();
                options.set_original_filename(before).set_modified_filename(after);
                text.push_str(&options.create_patch(old, new).to_string());
            }
        }
        write_whole(path, text.as_bytes())?;
        Ok(Made::Written(path.to_owned()))
    }

    /// The reference with the changes of a patch in it, and in how many places the two disagree.
    fn merged(&self, patch: &str) -> Result<(Sources, usize)> {
        let mut sources = self.reference.clone();
        let mut conflicts = 0;
        for change in changes(patch)? {
            let Some(content) = sources.get_mut(&change.file) else { bail!("{} is no file that a learner edits", change.file) };
            let (text, here) = merge(as_text(&change.file, content)?, &change.patch);
            *content = text.into_bytes();
            conflicts += here;
        }
        Ok((sources, conflicts))
    }
}

fn as_text<'t>(file: &str, content: &'t [u8]) -> Result<&'t str> {
    std::str::from_utf8(content).with_context(|| format!("{file} is not UTF-8"))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Applies what fits, near where it belongs and even if lines around it have changed; what does not stands beside the reference
/// between [`MARKS`]. Returns how many of these there are.
fn merge(text: &str, patch: &diffy::Patch<'_, str>) -> (String, usize) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut merged, mut done, mut moved, mut conflicts) = (String::new(), 0, 0_isize, 0);
    for hunk in patch.hunks() {
        let expected = hunk.old_range().start().saturating_sub(1).saturating_add_signed(moved);
        let found = (0..=FUZZ).find_map(|fuzz| {
            let part = trimmed(hunk.lines(), fuzz);
            let old: Vec<&str> = part.iter().filter_map(old_line).collect();
            Some((nearest(&lines, &old, done, expected + leading(hunk.lines(), fuzz))?, old.len(), part))
        });
        let new = |part: &[Line<'_, str>]| part.iter().filter_map(new_line).collect::<String>();
        match found {
            Some((at, length, part)) => {
                merged.extend(lines[done..at].iter().copied());
                merged.push_str(&new(part));
                moved = at as isize - (hunk.old_range().start() as isize - 1);
                done = at + length;
            }
            None => {
                let at = expected.clamp(done, lines.len());
                let end = (at + hunk.old_range().len()).min(lines.len());
                merged.extend(lines[done..at].iter().copied());
                let [ours, between, theirs] = MARKS;
                merged.push_str(&format!("{ours}{}{between}{}{theirs}", lines[at..end].concat(), new(hunk.lines())));
                done = end;
                conflicts += 1;
            }
        }
    }
    merged.extend(lines[done..].iter().copied());
    (merged, conflicts)
}

/// The hunk without up to `fuzz` lines of context at each end.
fn trimmed<'l, 't>(lines: &'l [Line<'t, str>], fuzz: usize) -> &'l [Line<'t, str>] {
    let first = leading(lines, fuzz);
    let last = lines.iter().rev().take(fuzz).take_while(|line| matches!(line, Line::Context(_))).count();
    &lines[first..lines.len() - last]
}

fn leading(lines: &[Line<'_, str>], fuzz: usize) -> usize {
    lines.iter().take(fuzz).take_while(|line| matches!(line, Line::Context(_))).count()
}

fn old_line<'t>(line: &Line<'t, str>) -> Option<&'t str> {
    match line {
        Line::Context(text) | Line::Delete(text) => Some(text),
        Line::Insert(_) => None,
    }
}

fn new_line<'t>(line: &Line<'t, str>) -> Option<&'t str> {
    match line {
        Line::Context(text) | Line::Insert(text) => Some(text),
        Line::Delete(_) => None,
    }
}

/// Where `old` stands in `lines`, from `first` on and as near to `expected` as can be.
fn nearest(lines: &[&str], old: &[&str], first: usize, expected: usize) -> Option<usize> {
    // Nothing is everywhere.
    if old.is_empty() {
        return None;
    }
    let places = (first..lines.len()).filter(|at| lines[*at..].starts_with(old));
    places.min_by_key(|at| at.abs_diff(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

    fn patch() -> String {
        diffy::create_patch(OLD, &OLD.replace("four", "4")).to_string()
    }

    fn merged(text: &str) -> (String, usize) {
        merge(text, &diffy::Patch::from_str(&patch()).unwrap())
    }

    #[test]
    fn what_has_moved_or_has_other_neighbours_is_found() {
        assert_eq!(merged(OLD), (OLD.replace("four", "4"), 0));
        let moved = format!("zero\n\n{OLD}");
        assert_eq!(merged(&moved), (moved.replace("four", "4"), 0));
        let neighbours = OLD.replace("three", "3").replace("seven", "7");
        assert_eq!(merged(&neighbours), (neighbours.replace("four", "4"), 0));
    }

    #[test]
    fn what_is_gone_is_a_conflict_with_both_sides() {
        let (text, conflicts) = merged(&OLD.replace("four", "IV"));
        assert_eq!(conflicts, 1);
        assert!(text.contains("IV\n") && text.contains("4\n") && MARKS.iter().all(|mark| text.contains(mark)), "{text}");
    }
}
