//! Reads the corpus, and lays out what is handed in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    catalog::{Catalog, Exercise},
    results::{Layer, write_whole},
    stage::{Sources, files_below, sources_in},
};

/// A submission of the corpus.
#[derive(Debug, Clone)]
pub struct Attack {
    /// Its folder's name.
    pub name: String,
    /// Where it stands.
    pub folder: PathBuf,
    /// Whether it is one of `honest/`, which must have full points.
    pub honest: bool,
    /// What its `attack.toml` says.
    pub about: About,
}

/// `attack.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What it does, in a few words.
    pub title: String,
    /// What it is handed in for.
    pub exercise: String,
    /// Of an attack, where it is known from: a row of section 2 of grading.md. Of an honest one, what is unusual about it.
    pub source: String,
    /// What everything else is put upon.
    #[serde(default)]
    pub base: Base,
    /// Points that it may have all the same, for what is honest in it.
    #[serde(default)]
    pub gains: f64,
    /// What is put in the place of every `todo!(..)` of the base.
    pub todo: Option<String>,
    /// What is put in the place of something in the base.
    #[serde(default)]
    pub replace: Vec<Replace>,
    /// What is put at the end of `src/lib.rs`.
    pub append: Option<String>,
    /// What no file of a repository can be.
    #[serde(default)]
    pub make: Vec<Make>,
    /// What the grader must say.
    #[serde(default)]
    pub reason: Vec<Reason>,
    /// Layers of the sandbox of which one must stand, or it is not tried: it would reach what it is after.
    #[serde(default)]
    pub needs: Vec<String>,
}

/// What a submission of the corpus begins as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// As it is handed out.
    #[default]
    Starter,
    /// As it is solved.
    Reference,
    /// Without a file.
    Nothing,
}

/// A change of the base.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// `src/lib.rs` where it says nothing.
    #[serde(default = "the_library")]
    pub file: String,
    /// It must be there.
    pub from: String,
    /// `{from}` in it is `from`.
    pub to: String,
}

fn the_library() -> String {
    "src/lib.rs".into()
}

/// Something to hand in that is made when it is laid out. Paths are relative to the submission's root; in them, `{}` is the
/// exercise's folder, `exercises/threads/spin_lock`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Make {
    /// A symbolic link.
    Link {
        /// Where.
        at: String,
        /// To what.
        to: String,
    },
    /// A file of so many spaces.
    Large {
        /// Where.
        at: String,
        /// How many.
        bytes: u64,
    },
    /// So many small Rust files.
    Many {
        /// In which folder.
        at: String,
        /// How many.
        count: usize,
    },
    /// A file of these bytes.
    Bytes {
        /// Where.
        at: String,
        /// What.
        content: Vec<u8>,
    },
    /// The text of `src/lib.rs`, written as some editors do.
    Written {
        /// Whether lines end with a carriage return, too.
        #[serde(default)]
        windows: bool,
        /// Whether it begins with a byte order mark.
        #[serde(default)]
        mark: bool,
        /// Whether it is indented by tabs.
        #[serde(default)]
        tabs: bool,
    },
}

/// What the grader must say, and where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The check that must fail and say it; `submission` where it is said of the whole: why it was not taken, what was left out,
    /// what is remarkable; `any` where it may be said anywhere.
    pub check: String,
    /// Words of it. Where there are several, one of them is enough: sandboxes differ.
    pub says: Says,
}

/// One way to say something, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Says {
    /// These words.
    This(String),
    /// Some of these.
    One(Vec<String>),
}

impl Says {
    /// All ways.
    pub fn ways(&self) -> &[String] {
        match self {
            Self::This(words) => std::slice::from_ref(words),
            Self::One(ways) => ways,
        }
    }
}

/// Reads the corpus of the course at `root`: first the attacks, then what is honest, each by name.
///
/// # Errors
/// If one cannot be read; the message names it.
pub fn read_all(root: &Path) -> Result<Vec<Attack>> {
    let folder = root.join("xtask/attacks");
    let mut all = read_folder(&folder, false)?;
    all.extend(read_folder(&folder.join("honest"), true)?);
    Ok(all)
}

fn read_folder(folder: &Path, honest: bool) -> Result<Vec<Attack>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.retain(|path| honest || !path.ends_with("honest"));
    folders.sort();
    folders.into_iter().map(|folder| read_one(folder, honest)).collect()
}

fn read_one(folder: PathBuf, honest: bool) -> Result<Attack> {
    let path = folder.join("attack.toml");
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {shown}; write it, or remove the folder"))?;
    let about: About = toml_edit::de::from_str(&text).with_context(|| format!("{shown} is not right"))?;
    ensure!(honest == about.reason.is_empty(), "{shown}: an attack names what the grader must say of it, and nothing else does");
    ensure!(!honest || about.gains == 0.0, "{shown}: what is honest must have all points, so it has no `gains`");
    let name = folder.file_name().and_then(|name| name.to_str()).context("its name is not UTF-8")?.to_owned();
    Ok(Attack { name, folder, honest, about })
}

impl Attack {
    /// Whether run times have to be compared to judge it: for every honest one, and for attacks on the clock.
    pub fn is_timed(&self) -> bool {
        self.honest || self.about.reason.iter().any(|reason| reason.check == "speed")
    }

    /// `attack exits_at_once`, `honest tabs`.
    pub fn shown(&self) -> String {
        format!("{} {}", if self.honest { "honest" } else { "attack" }, self.name)
    }

    /// Whether nothing of this sandbox would keep it from what it is after.
    pub fn lacks(&self, layers: &[Layer]) -> bool {
        let stands = |name: &String| layers.iter().any(|layer| layer.active && layer.name == *name);
        !self.about.needs.is_empty() && !self.about.needs.iter().any(stands)
    }

    /// The exercise that it is for.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn exercise<'a>(&self, catalog: &'a Catalog) -> Result<&'a Exercise> {
        catalog.find(&self.about.exercise).with_context(|| format!("{} is for no exercise", self.shown()))
    }

    /// The learner's files, as far as they are text that is written here: what [`Make`] makes is left out.
    ///
    /// # Errors
    /// If what is to be replaced is not there.
    pub fn sources(&self, catalog: &Catalog) -> Result<Sources> {
        let exercise = self.exercise(catalog)?;
        let mut sources = match self.about.base {
            Base::Starter => sources_in(&catalog.exercise_folder(exercise), exercise)?,
            Base::Reference => sources_in(&catalog.solution_folder(exercise), exercise)?,
            Base::Nothing => Sources::new(),
        };
        self.change(&mut sources).with_context(|| format!("{} does not fit {} any more", self.shown(), exercise.path()))?;
        let own = self.folder.join("src");
        for path in files_below(&own)? {
            let name = path.strip_prefix(&self.folder)?.to_str().context("its name is not UTF-8")?.to_owned();
            sources.insert(name, fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
        if let Some(append) = &self.about.append {
            let library = sources.get_mut("src/lib.rs").context("there is no src/lib.rs to append to")?;
            library.extend_from_slice(format!("\n{append}").as_bytes());
        }
        Ok(sources)
    }

    fn change(&self, sources: &mut Sources) -> Result<()> {
        if let Some(instead) = &self.about.todo {
            let mut count = 0;
            for content in sources.values_mut() {
                let (text, replaced) = without_todo(std::str::from_utf8(content)?, instead);
                count += replaced;
                *content = text.into_bytes();
            }
            ensure!(count > 0, "the base has no `todo!(..)`");
        }
        for Replace { file, from, to } in &self.about.replace {
            let content = sources.get_mut(file).with_context(|| format!("there is no {file}"))?;
            let text = std::str::from_utf8(content)?;
            ensure!(text.contains(from.as_str()), "{file} does not hold {from:?}");
            *content = text.replace(from.as_str(), &to.replace("{from}", from)).into_bytes();
        }
        Ok(())
    }

    /// Writes what is handed in, laid out as the course is, into the new folder `submission`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn lay_out(&self, catalog: &Catalog, submission: &Path) -> Result<()> {
        let exercise = self.exercise(catalog)?;
        let place = format!("exercises/{}", exercise.path());
        fs::create_dir_all(submission).with_context(|| format!("cannot make {}", submission.display()))?;
        for (name, content) in self.sources(catalog)? {
            write_whole(&submission.join(&place).join(name), &content)?;
        }
        // What is handed in beside the learner's files: it must make no difference.
        let beside = self.folder.join("root");
        for path in files_below(&beside)? {
            let name = path.strip_prefix(&beside)?.to_str().context("its name is not UTF-8")?.replace("EXERCISE", &place);
            let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            write_whole(&submission.join(name), &content)?;
        }
        for make in &self.about.make {
            make.lay_out(submission, &place).with_context(|| format!("{} cannot be laid out", self.shown()))?;
        }
        Ok(())
    }
}

impl Make {
    fn lay_out(&self, submission: &Path, place: &str) -> Result<()> {
        let path = |at: &str| -> Result<PathBuf> {
            let path = submission.join(at.replace("{}", place));
            let folder = path.parent().context("it has no folder")?;
            fs::create_dir_all(folder)?;
            // A link takes the place of what is there.
            if fs::symlink_metadata(&path).is_ok_and(|about| !about.is_dir()) {
                fs::remove_file(&path)?;
            }
            Ok(path)
        };
        match self {
            Self::Link { at, to } => std::os::unix::fs::symlink(to, path(at)?)?,
            Self::Large { at, bytes } => {
                let file = fs::File::create(path(at)?)?;
                // Of nothing but zeros, and so of no blocks: whoever reads it to its end has lost all the same.
                file.set_len(*bytes)?;
            }
            Self::Many { at, count } => {
                for number in 0..*count {
                    fs::write(path(&format!("{at}/m{number}.rs"))?, "//! One of many.\n")?;
                }
            }
            Self::Bytes { at, content } => fs::write(path(at)?, content)?,
            Self::Written { windows, mark, tabs } => {
                let library = submission.join(place).join("src/lib.rs");
                let mut text = fs::read_to_string(&library)?;
                if *tabs {
                    text = text.replace("    ", "\t");
                }
                if *windows {
                    text = text.replace('\n', "\r\n");
                }
                if *mark {
                    text.insert(0, '\u{feff}');
                }
                ensure!(text.len() != fs::read_to_string(&library)?.len(), "it would change nothing");
                fs::write(library, text)?;
            }
        }
        Ok(())
    }
}

/// With `instead` in the place of every `todo!(..)`, and how many there were.
fn without_todo(text: &str, instead: &str) -> (String, usize) {
    let mut parts = text.split("todo!(");
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut count = 0;
    for part in parts {
        out.push_str(instead);
        out.push_str(&part[closing(part)..]);
        count += 1;
    }
    (out, count)
}

/// Behind the parenthesis that closes what has been opened before `text`. What stands in a string opens and closes nothing.
fn closing(text: &str) -> usize {
    let (mut depth, mut quoted) = (1, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::find_root;

    #[test]
    fn every_todo_is_replaced_whole() {
        let (text, count) = without_todo("a { todo!(\"step (1): {}\", b(c)) } d { todo!(\"2\") }", "e()");
        assert_eq!((text.as_str(), count), ("a { e() } d { e() }", 2));
    }

    fn attack(about: &str) -> Result<Attack> {
        let folder = tempfile::tempdir().unwrap().keep();
        fs::write(folder.join("attack.toml"), about).unwrap();
        read_one(folder, false)
    }

    const GOOD: &str =
        "title = \"t\"\nexercise = \"spin_lock\"\nsource = \"s\"\nreason = [{ check = \"tests\", says = \"x\" }]\n";

    #[test]
    fn what_is_written_wrongly_is_refused() {
        assert!(attack(GOOD).is_ok());
        assert!(attack(&GOOD.replace("reason", "raison")).is_err());
        assert!(attack("title = \"t\"\nexercise = \"spin_lock\"\nsource = \"s\"\n").is_err(), "it names no reason");
    }

    #[test]
    fn an_attack_that_does_not_fit_any_more_says_so() {
        let catalog = Catalog::read(&find_root().unwrap()).unwrap();
        let stale = attack(&format!("replace = [{{ from = \"gone\", to = \"x\" }}]\n{GOOD}")).unwrap();
        let error = format!("{:#}", stale.sources(&catalog).unwrap_err());
        assert!(error.contains("does not hold \"gone\""), "{error}");
        let fitting = attack(&format!("append = \"fn x() {{}}\"\ntodo = \"y()\"\n{GOOD}")).unwrap();
        let sources = fitting.sources(&catalog).unwrap();
        let text = std::str::from_utf8(&sources["src/lib.rs"]).unwrap();
        assert!(text.ends_with("fn x() {}") && text.contains("y()") && !text.contains("todo!("), "{text}");
    }
}
