//! The search for what a handout must not hold: long lines of solutions, planted mistakes, attacks and hidden tests.

use std::{collections::HashMap, fmt, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use super::contents::{Files, of_exercise};
use crate::{catalog::Catalog, stage::files_below};

/// A line of this many characters is no coincidence; of shorter ones, too many are.
const LONG: usize = 40;

/// Folders of which nothing is handed out.
const SECRET: [&str; 2] = ["solutions", "xtask/study"];

/// Nothing of this is handed out either. It is code for the library, in the library's own words: what that or the runner says,
/// too, is none of its secrets.
const ATTACKS: &str = "xtask/attacks";

/// Where those are.
const OURS: [&str; 2] = ["lab/src", "xtask/src"];

/// Lines of a solution that the library has as well, each a usual way to say something and no answer to an exercise.
const EXCUSED: [&str; 5] = [
    // an import
    "atomic::{AtomicBool, Ordering::Relaxed},",
    // a lock whose holder may have panicked
    "fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {",
    "mutex.lock().unwrap_or_else(PoisonError::into_inner)",
    // the check of an argument
    "assert!(threads > 0, \"a pool needs at least one thread\");",
    // how the crate `scraper` is called
    "let document = Html::parse_document(html);",
];

/// The lines that must not be found, with the file that each is from.
#[derive(Debug)]
pub struct Secrets {
    from: HashMap<String, String>,
}

/// A line that must not be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// The file of the handout.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// A file of the course that has it, and is not handed out.
    pub from: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}` is from {}", self.file, self.line, self.text, self.from)
    }
}

impl Secrets {
    /// Every long line of what is not handed out that does not stand in what is handed out of any exercise, too: a starter is
    /// most of its solution.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn of(catalog: &Catalog) -> Result<Self> {
        let mut from = HashMap::new();
        for path in files_below(&catalog.root.join(ATTACKS))? {
            insert(&mut from, &catalog.root, &path)?;
        }
        for folder in OURS {
            for path in files_below(&catalog.root.join(folder))? {
                long_lines(&read(&path)?).for_each(|(_, line)| drop(from.remove(line)));
            }
        }
        for folder in SECRET {
            for path in files_below(&catalog.root.join(folder))? {
                insert(&mut from, &catalog.root, &path)?;
            }
        }
        let mut given = Vec::new();
        for exercise in &catalog.exercises {
            let folder = catalog.exercise_folder(exercise);
            let public = of_exercise(catalog, exercise)?;
            for path in files_below(&folder)? {
                let name = path.strip_prefix(&folder).ok().and_then(Path::to_str).unwrap_or_default();
                match name {
                    "Cargo.toml" => given.push(path),
                    _ if public.iter().any(|file| file == name) => given.push(path),
                    // What a learner's editor or cargo left there is no secret of the course, but no part of a handout either.
                    _ => insert(&mut from, &catalog.root, &path)?,
                }
            }
        }
        for path in given {
            let text = read(&path)?;
            long_lines(&text).for_each(|(_, line)| drop(from.remove(line)));
        }
        EXCUSED.iter().for_each(|line| drop(from.remove(told(line))));
        Ok(Self { from })
    }

    /// How many lines there are to be found.
    pub fn count(&self) -> usize {
        self.from.len()
    }

    /// All of them in a text, such as a file or what `git log -p` prints.
    pub fn in_text<'a>(&'a self, file: &'a str, text: &'a str) -> impl Iterator<Item = Leak> + 'a {
        long_lines(text).filter_map(move |(number, line)| {
            let from = self.from.get(line)?.clone();
            Some(Leak { file: file.to_owned(), line: number, text: line.to_owned(), from })
        })
    }

    /// All of them in a handout.
    pub fn in_files(&self, files: &Files) -> Vec<Leak> {
        let look = |(file, content): (&String, &Vec<u8>)| -> Vec<Leak> {
            self.in_text(file, &String::from_utf8_lossy(content)).collect()
        };
        files.iter().flat_map(look).collect()
    }
}

fn read(path: &Path) -> Result<String> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

fn insert(lines: &mut HashMap<String, String>, root: &Path, path: &Path) -> Result<()> {
    let file = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let text = read(path)?;
    for (_, line) in long_lines(&text) {
        lines.entry(line.to_owned()).or_insert_with(|| file.clone());
    }
    Ok(())
}

/// The lines that are long enough to tell, by their numbers.
fn long_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(told)).filter(|(_, line)| line.chars().count() >= LONG)
}

/// What a line says, wherever it stands: in a comment of whatever language, a list, a quotation or a diff.
fn told(line: &str) -> &str {
    line.trim_end().trim_start_matches(|mark: char| mark.is_whitespace() || "/!#+-*>".contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::find_root, handout::contents::files};

    #[test]
    fn every_excuse_is_needed() {
        let catalog = Catalog::read(&find_root().unwrap()).unwrap();
        let files = files(&catalog, &catalog.exercises.iter().collect::<Vec<_>>(), "2026-11-28").unwrap();
        let handed: Vec<String> = files.values().map(|content| String::from_utf8_lossy(content).into_owned()).collect();
        let solutions: Vec<String> =
            files_below(&catalog.root.join("solutions")).unwrap().iter().map(|path| read(path).unwrap()).collect();
        for excuse in EXCUSED {
            assert!(excuse.chars().count() >= LONG, "{excuse} is too short to be looked for");
            for texts in [&handed, &solutions] {
                assert!(texts.iter().any(|text| text.contains(excuse)), "nothing says `{excuse}` any more: take it out");
            }
        }
    }

    #[test]
    fn a_line_is_the_same_in_a_comment_and_in_a_diff() {
        for line in ["    /// let a = b; ", "\t//! let a = b;", "# let a = b;", "+    let a = b;", "> - let a = b;"] {
            assert_eq!(told(line), "let a = b;");
        }
    }
}
