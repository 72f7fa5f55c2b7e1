//! What is taken of a submission: the learner's own `src/**/*.rs`, and of these nothing that is no plain, small text file.
//!
//! Nothing of a submission is ever run, followed or trusted here: links are not followed, not even in the middle of a path, what
//! is no regular file is not opened, and no more is read than may be taken. What cannot be taken costs the exercise that it
//! belongs to, and no other.

use std::{
    collections::{BTreeSet, VecDeque},
    fs::{self, File},
    hash::Hasher,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    catalog::{Catalog, Exercise},
    results::{Ignored, Remark},
    stage::{Sources, sources_in},
};

/// A learner's file may not be larger, in bytes: a limit on accidents, not on work.
const LARGEST: u64 = 1 << 20;

/// All files of an exercise together, in bytes.
const LARGEST_TOGETHER: usize = 4 << 20;

/// So many files may be handed in for an exercise.
const MOST_FILES: usize = 64;

/// So deep may they lie below `src`.
const DEEPEST: usize = 4;

/// So many entries of one folder are looked at.
const MOST_ENTRIES: usize = 4_096;

/// So many of the files that were not taken are told.
const MOST_TOLD: usize = 20;

/// The files handed in for one exercise.
#[derive(Debug)]
pub struct HandedIn<'a> {
    /// Which exercise.
    pub exercise: &'a Exercise,
    /// The learner's files, and no other; or why they cannot be graded.
    pub sources: Result<Sources, String>,
}

/// What was taken of a submission.
#[derive(Debug, Default)]
pub struct Taken<'a> {
    /// In the order of the course.
    pub all: Vec<HandedIn<'a>>,
    /// What lies where the learner's files do, and was not taken.
    pub ignored: Vec<Ignored>,
    /// What somebody may want to know of how it was found.
    pub remarks: Vec<Remark>,
    /// The folder that is laid out as the course: the submission's own, or one in it.
    pub base: PathBuf,
}

impl Taken<'_> {
    /// The taken files by the course's own paths.
    pub fn files(&self) -> Vec<String> {
        let of = |handed: &HandedIn<'_>| {
            let path = handed.exercise.path();
            let names = handed.sources.iter().flat_map(|sources| sources.keys());
            names.map(|name| format!("exercises/{path}/{name}")).collect::<Vec<_>>()
        };
        self.all.iter().flat_map(of).collect()
    }

    /// A hash of what was taken, and of why something was not.
    pub fn fingerprint(&self) -> String {
        let mut digest = lab::workload::Digest::default();
        let mut part = |bytes: &[u8]| {
            digest.write_usize(bytes.len());
            digest.write(bytes);
        };
        for handed in &self.all {
            part(handed.exercise.path().as_bytes());
            match &handed.sources {
                Ok(sources) => sources.iter().for_each(|(name, content)| {
                    part(name.as_bytes());
                    part(content);
                }),
                Err(why) => part(why.as_bytes()),
            }
        }
        format!("{:016x}", digest.finish())
    }
}

/// Why something is not taken.
#[derive(Debug)]
enum Why {
    /// It is no submission's file: says what it is.
    Not(String),
    /// This machine could not read it, which is nobody's fault who hands something in.
    Unread(anyhow::Error),
}

impl From<String> for Why {
    fn from(why: String) -> Self {
        Self::Not(why)
    }
}

impl From<&str> for Why {
    fn from(why: &str) -> Self {
        Self::Not(why.to_owned())
    }
}

impl Why {
    fn unread(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |error| Self::Unread(anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
    }
}

/// A reason is an outcome; what this machine could not do is an error.
fn outcome<T>(taken: Result<T, Why>) -> Result<Result<T, String>> {
    match taken {
        Ok(taken) => Ok(Ok(taken)),
        Err(Why::Not(why)) => Ok(Err(why)),
        Err(Why::Unread(error)) => Err(error),
    }
}

/// What of `folder` is graded: the exercises of `only`, or every one of which a file differs from the starter. `Err` says why
/// nothing is.
///
/// A submission is a folder that is laid out as the course (`exercises/<track>/<name>/src`, of which the first two may be left
/// out), itself or in the one folder that it consists of. Where `only` names one exercise it may be that exercise's own folder
/// (`src`), or just its files (`lib.rs`).
///
/// # Errors
/// If the course itself, or a file that is there, cannot be read: the machine's own fault.
pub fn take<'a>(catalog: &'a Catalog, folder: &Path, only: &[&'a Exercise]) -> Result<Result<Taken<'a>, String>> {
    let entries = match outcome(entries_of(folder))? {
        Ok(entries) if entries.is_empty() => return Ok(Err("it is empty".into())),
        Ok(entries) => entries,
        Err(why) => return Ok(Err(why)),
    };
    let base = base_of(catalog, folder, &entries);
    let mut taken = Taken { base: base.clone(), ..Taken::default() };
    let mut found = false;
    for exercise in &catalog.exercises {
        let wanted = only.iter().any(|other| other.name == exercise.name);
        if !only.is_empty() && !wanted {
            continue;
        }
        let place = place_of(&base, exercise, wanted && only.len() == 1);
        found |= place.is_some();
        let sources = match &place {
            Some(place) => sources_of(place, exercise, &catalog.exercise_folder(exercise))?,
            None if wanted => Err(nothing_for(exercise, &base)),
            None => continue,
        };
        let starter = sources_in(&catalog.exercise_folder(exercise), exercise)?;
        if !wanted && sources.as_ref().is_ok_and(|sources| *sources == starter) {
            continue;
        }
        if let Some(place) = &place {
            taken.ignored.extend(not_taken(place, &catalog.exercise_folder(exercise), exercise));
            let missing = exercise.about.files.iter().filter(|file| sources.is_ok() && !place.join(file).exists());
            taken.remarks.extend(missing.map(|file| Remark {
                exercise: exercise.path(),
                place: file.clone(),
                what: "it was not handed in; the starter's stands in its place".into(),
            }));
        }
        taken.all.push(HandedIn { exercise, sources });
    }
    if !found || taken.all.is_empty() {
        return Ok(Err(why_nothing(catalog, folder, &base, only, found)));
    }
    taken.ignored.extend(config_of(catalog, &base, folder));
    let told = taken.ignored.len();
    if told > MOST_TOLD {
        taken.ignored.truncate(MOST_TOLD);
        taken.ignored.push(Ignored { file: "..".into(), why: format!("{} more", told - MOST_TOLD) });
    }
    Ok(Ok(taken))
}

/// Why there is nothing to grade, and what is there instead.
fn why_nothing(catalog: &Catalog, folder: &Path, base: &Path, only: &[&Exercise], found: bool) -> String {
    let there = |exercise: &&Exercise| place_of(base, exercise, false).is_some();
    let others: Vec<String> = catalog.exercises.iter().filter(there).map(Exercise::path).take(5).collect();
    if let (false, true, Some(why)) = (found, others.is_empty(), in_the_way(catalog, folder)) {
        return why;
    }
    let nameless = base.join("src").is_dir() || base.join("lib.rs").is_file();
    match (only, found, others.is_empty()) {
        (_, false, true) if nameless && only.len() != 1 => {
            "it cannot be told of which exercise its files are; move them to exercises/<track>/<name>/src".into()
        }
        (_, true, _) => "no file of exercises/<track>/<name>/src differs from the starter: nothing was done yet".into(),
        ([], _, _) => "it holds no exercises/<track>/<name>/src; hand in the whole repository, or name the exercise".into(),
        ([one], _, false) => format!("it is for {}, not for {}", others.join(", "), one.path()),
        ([one], ..) => format!("it holds no exercises/{}/src, no src, and none of {}", one.path(), one.about.files.join(", ")),
        (_, _, false) => format!("it is for {}, and for none of the exercises asked for", others.join(", ")),
        _ => "it holds no exercises/<track>/<name>/src of any exercise asked for".into(),
    }
}

/// How the reason begins where an exercise is not there at all.
pub const NOTHING: &str = "nothing was handed in for it";

fn nothing_for(exercise: &Exercise, base: &Path) -> String {
    let place = format!("exercises/{}/src", exercise.path());
    let mut path = base.to_owned();
    let parts = Path::new(&place).components();
    let link = parts.map(|part| {
        path.push(part);
        path.clone()
    });
    let link = link.into_iter().find(|path| fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()));
    match link.as_deref().and_then(|link| link.strip_prefix(base).ok()) {
        Some(link) => format!("{NOTHING}: {} is a link, and links are not followed", link.display()),
        None => format!("{NOTHING}: there is no {place}"),
    }
}

/// What somebody can see at a glance who looks into a folder that holds nothing to grade: an archive, a link, or the files
/// where nobody looks for them. It is put right by hand.
fn in_the_way(catalog: &Catalog, folder: &Path) -> Option<String> {
    let mut open = VecDeque::from([(folder.to_owned(), 0)]);
    let mut looked_at = 0;
    let (mut archive, mut link) = (None, None);
    while let Some((path, depth)) = open.pop_front() {
        let below = path.strip_prefix(folder).ok()?.to_string_lossy().into_owned();
        let named = |exercise: &&Exercise| path.ends_with(Path::new(&exercise.name).join("src"));
        if let Some(exercise) = catalog.exercises.iter().find(named) {
            let place = format!("exercises/{}/src", exercise.path());
            return Some(format!("{} lies where nobody looks for it; move it to {place}", quoted(&below)));
        }
        for entry in entries_of(&path).ok()? {
            let Ok(about) = fs::symlink_metadata(&entry) else { continue };
            let name = entry.strip_prefix(folder).ok()?.to_string_lossy().into_owned();
            looked_at += 1;
            if about.is_symlink() {
                link.get_or_insert(name);
            } else if about.is_file() && is_archive(&name) {
                archive.get_or_insert(name);
            } else if about.is_dir() && depth < 8 && looked_at < MOST_ENTRIES && !name.starts_with('.') {
                open.push_back((entry, depth + 1));
            }
        }
    }
    let told = |name: String, what| format!("{} is {what}", quoted(&name));
    archive
        .map(|name| told(name, "an archive, and only folders are graded; unpack it"))
        .or_else(|| link.map(|name| told(name, "a link, and links are not followed; put the files themselves there")))
}

/// A name that somebody else has given, for a message.
fn quoted(name: &str) -> String {
    name.chars().take(200).map(crate::chart::text::legal).collect()
}

/// Whether something is packed, by its name.
pub fn is_archive(name: &str) -> bool {
    let name = name.to_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".7z", ".rar"].iter().any(|ending| name.ends_with(ending))
}

/// The names in a folder, which may not be a link and of which no more than [`MOST_ENTRIES`] are read.
fn entries_of(folder: &Path) -> Result<Vec<PathBuf>, Why> {
    match fs::symlink_metadata(folder) {
        Ok(about) if about.is_dir() => {}
        Ok(about) if about.is_symlink() => return Err("it is a link; links are not followed".into()),
        Ok(_) => return Err("it is not a folder; unpack an archive first".into()),
        Err(error) => return Err(Why::unread(folder)(error)),
    }
    let entries = fs::read_dir(folder).map_err(Why::unread(folder))?.take(MOST_ENTRIES);
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(Why::unread(folder))?;
    paths.sort();
    Ok(paths)
}

/// The folder itself, or the only one in it, where an archive was unpacked into a folder of its own; two of them at the most.
fn base_of(catalog: &Catalog, folder: &Path, entries: &[PathBuf]) -> PathBuf {
    let names = catalog.exercises.iter().flat_map(|exercise| [exercise.track.as_str(), &exercise.name]);
    let of_the_course: BTreeSet<&str> = names.chain(["exercises", "src"]).collect();
    let mut base = folder.to_owned();
    let mut entries = entries.to_vec();
    for _ in 0..2 {
        let shown = |path: &&PathBuf| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let mut visible = entries.iter().filter(shown).filter(|path| !path.ends_with("__MACOSX"));
        let (Some(one), None) = (visible.next(), visible.next()) else { break };
        if of_the_course.iter().any(|name| one.ends_with(name)) || !is_folder(one) {
            break;
        }
        let Ok(below) = entries_of(one) else { break };
        (base, entries) = (one.clone(), below);
    }
    base
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

/// A folder that holds the learner's files of an exercise by the paths of its manifest; `flat`, by their last parts alone.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    flat: bool,
}

impl Place {
    fn join(&self, file: &str) -> PathBuf {
        self.folder.join(if self.flat { file.trim_start_matches("src/") } else { file })
    }
}

fn place_of(base: &Path, exercise: &Exercise, alone: bool) -> Option<Place> {
    // The names of exercises are all different: that of the track may be left out.
    let above = [format!("exercises/{}", exercise.track), exercise.track.clone(), "exercises".into(), String::new()];
    let laid_out = above.iter().map(|above| Path::new(above).join(&exercise.name).join("src"));
    let laid_out = laid_out.into_iter().find_map(|below| plain_folder(base, &below));
    if let Some(source) = laid_out {
        return Some(Place { folder: source.parent()?.to_owned(), flat: false });
    }
    if !alone {
        return None;
    }
    if let Some(source) = plain_folder(base, Path::new("src")) {
        return Some(Place { folder: source.parent()?.to_owned(), flat: false });
    }
    let flat = exercise.about.files.iter().any(|file| base.join(file.trim_start_matches("src/")).is_file());
    flat.then(|| Place { folder: base.to_owned(), flat: true })
}

/// `base/below`, if it is a folder and no part of the way from `base` on is a link.
fn plain_folder(base: &Path, below: &Path) -> Option<PathBuf> {
    let mut path = base.to_owned();
    for part in below.components() {
        path.push(part);
        if !is_folder(&path) {
            return None;
        }
    }
    Some(path)
}

/// Reads what is there; what of the manifest's files is not is taken from the starter.
fn sources_of(place: &Place, exercise: &Exercise, starter: &Path) -> Result<Result<Sources, String>> {
    let names = match outcome(names_in(place, exercise))? {
        Ok(names) => names,
        Err(why) => return Ok(Err(why)),
    };
    if names.is_empty() {
        return Ok(Err("its src holds no .rs file".into()));
    }
    if let (Some(other), [file, ..]) = (names.first(), &*exercise.about.files)
        && !exercise.about.files.iter().any(|file| names.contains(file))
    {
        return Ok(Err(format!("{file} is not there, and {other} is; put it into its place")));
    }
    let mut sources = Sources::new();
    for name in names {
        match outcome(read_one(&place.join(&name)))? {
            Ok(content) => sources.insert(name, content),
            Err(why) => return Ok(Err(format!("{name} {why}"))),
        };
    }
    if sources.values().map(Vec::len).sum::<usize>() > LARGEST_TOGETHER {
        return Ok(Err(format!("its files are larger than {} MiB together", LARGEST_TOGETHER >> 20)));
    }
    for file in &exercise.about.files {
        if !sources.contains_key(file) {
            let given = starter.join(file);
            let content = fs::read(&given).with_context(|| format!("cannot read {}", given.display()))?;
            sources.insert(file.clone(), content);
        }
    }
    Ok(Ok(sources))
}

/// The `.rs` files by their paths below the exercise, such as `src/lib.rs`.
fn names_in(place: &Place, exercise: &Exercise) -> Result<BTreeSet<String>, Why> {
    if place.flat {
        let there = |file: &&String| fs::symlink_metadata(place.join(file)).is_ok();
        return Ok(exercise.about.files.iter().filter(there).cloned().collect());
    }
    let mut names = BTreeSet::new();
    let mut open = vec![("src".to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let entries = entries_of(&place.folder.join(&folder)).map_err(|why| match why {
            Why::Not(why) => Why::Not(format!("{folder}: {why}")),
            unread => unread,
        });
        for path in entries? {
            let name = path.file_name().and_then(|name| name.to_str());
            let plain = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || ['_', '-', '.'].contains(&c));
            let Some(name) = name.filter(plain) else {
                let why = format!("{folder} holds a file whose name is of more than letters, digits, `_`, `-` and `.`");
                return Err(why.into());
            };
            let below = format!("{folder}/{name}");
            let is_source = path.extension().is_some_and(|ending| ending == "rs");
            match fs::symlink_metadata(&path) {
                Ok(about) if about.is_dir() && depth >= DEEPEST => return Err(format!("{below} lies too deep").into()),
                Ok(about) if about.is_dir() => open.push((below, depth + 1)),
                // A link is refused where it stands for a source; others are of no use to anybody.
                Ok(_) if is_source => _ = names.insert(below),
                _ => {}
            }
            if names.len() > MOST_FILES || open.len() > MOST_FILES {
                return Err(format!("its src holds more than {MOST_FILES} files").into());
            }
        }
    }
    Ok(names)
}

/// Why a file is not taken continues its name: `src/lib.rs is ..`.
fn read_one(path: &Path) -> Result<Vec<u8>, Why> {
    match fs::symlink_metadata(path) {
        Ok(about) if !about.is_file() => return Err("is not a plain file: links, folders and pipes are not taken".into()),
        Ok(about) if about.len() > LARGEST => return Err(format!("is larger than {} MiB", LARGEST >> 20).into()),
        Ok(_) => {}
        Err(error) => return Err(Why::unread(path)(error)),
    }
    let mut content = Vec::new();
    // Whatever has taken its place meanwhile is neither followed nor waited for.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let open = || File::options().read(true).custom_flags(flags.cast_signed()).open(path);
    open().and_then(|file| file.take(LARGEST + 1).read_to_end(&mut content)).map_err(Why::unread(path))?;
    if content.len() as u64 > LARGEST {
        return Err(format!("is larger than {} MiB", LARGEST >> 20).into());
    }
    if std::str::from_utf8(&content).is_err() {
        return Err("is not UTF-8 text".into());
    }
    if content.contains(&0) {
        return Err("is not text: it holds a byte 0".into());
    }
    Ok(content)
}

/// What lies beside the learner's files, is not as the course has it, and was not taken.
fn not_taken(place: &Place, own: &Path, exercise: &Exercise) -> Vec<Ignored> {
    if place.flat {
        return Vec::new();
    }
    let mut ignored = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for path in entries_of(&place.folder.join(&below)).unwrap_or_default() {
            let Some(name) = path.file_name() else { continue };
            let name = below.join(name);
            let is_source = name.starts_with("src") && name.extension().is_some_and(|ending| ending == "rs");
            if is_folder(&path) && open.len() < MOST_FILES && name.components().count() <= DEEPEST && !name.starts_with("target")
            {
                open.push(name);
            } else if !is_source && ignored.len() <= MOST_TOLD && !same(&path, &own.join(&name)) {
                let file = format!("exercises/{}/{}", exercise.path(), name.to_string_lossy());
                ignored.push(Ignored { file, why: "only src/**/*.rs is taken; the course's own is used".into() });
            }
        }
    }
    ignored
}

/// Whether a file is as the course has it; no more than a small one is looked at.
fn same(path: &Path, own: &Path) -> bool {
    match (read_one(path), fs::read(own)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Settings of cargo, which nobody follows here.
fn config_of(catalog: &Catalog, base: &Path, folder: &Path) -> Option<Ignored> {
    let config = [".cargo/config.toml", ".cargo/config"].into_iter();
    let there = config.map(|name| (base.join(name), catalog.root.join(name)));
    let (theirs, _) = there.into_iter().find(|(path, own)| fs::symlink_metadata(path).is_ok() && !same(path, own))?;
    let file = theirs.strip_prefix(folder).unwrap_or(&theirs).to_string_lossy().into_owned();
    Some(Ignored { file, why: "settings of cargo are not followed".into() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::catalog::find_root;

    fn course() -> Catalog {
        Catalog::read(&find_root().unwrap()).unwrap()
    }

    /// A submission of these files.
    fn submission(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    const LIB: &str = "exercises/threads/spin_lock/src/lib.rs";

    /// By exercise, the names of the files that were taken, or why none was; or why there is nothing to grade.
    type Told = Result<Vec<(String, Result<Vec<String>, String>)>, String>;

    /// What `take` says of these files, where `only` are asked for.
    fn of(files: &[(&str, &[u8])], only: &[&str]) -> Told {
        in_folder(submission(files).path(), only)
    }

    fn in_folder(folder: &Path, only: &[&str]) -> Told {
        let catalog = course();
        let only: Vec<&Exercise> = only.iter().map(|name| catalog.find(name).unwrap()).collect();
        let taken = take(&catalog, folder, &only).unwrap()?;
        let names = |handed: HandedIn<'_>| {
            (handed.exercise.name.clone(), handed.sources.map(|sources| sources.into_keys().collect::<Vec<_>>()))
        };
        Ok(taken.all.into_iter().map(names).collect())
    }

    fn lib(name: &str) -> Told {
        Ok(vec![(name.to_owned(), Ok(vec!["src/lib.rs".to_owned()]))])
    }

    #[test]
    fn a_repository_an_exercises_folder_and_its_files_alone_are_all_submissions() {
        let content: &[u8] = b"//! changed";
        assert_eq!(of(&[(LIB, content)], &[]), lib("spin_lock"));
        assert_eq!(of(&[(&format!("student-main/{LIB}"), content), ("__MACOSX/x", b"")], &[]), lib("spin_lock"));
        assert_eq!(of(&[("src/lib.rs", content)], &["spin_lock"]), lib("spin_lock"));
        assert_eq!(of(&[("spin_lock/src/lib.rs", content)], &["spin_lock"]), lib("spin_lock"));
        assert_eq!(of(&[("lib.rs", content), ("notes.txt", b"")], &["spin_lock"]), lib("spin_lock"));
        for place in ["spin_lock", "threads/spin_lock", "exercises/spin_lock"] {
            assert_eq!(of(&[(&format!("{place}/src/lib.rs"), content)], &[]), lib("spin_lock"), "{place}");
        }
        let both = of(&[("spin_lock/src/lib.rs", content), ("rw_lock/src/lib.rs", content)], &["spin_lock", "rw_lock"]).unwrap();
        assert!(both.iter().all(|(_, taken)| taken.is_ok()), "{both:?}");
    }

    #[test]
    fn what_lies_where_nobody_looks_for_it_is_told() {
        let why = |files: &[(&str, &[u8])]| of(files, &[]).unwrap_err();
        let content: &[u8] = b"//! x";
        assert_eq!(
            why(&[("a/b/c/exercises/threads/spin_lock/src/lib.rs", content)]),
            "a/b/c/exercises/threads/spin_lock/src lies where nobody looks for it; move it to exercises/threads/spin_lock/src"
        );
        assert_eq!(why(&[("b/homework.zip", b"PK")]), "b/homework.zip is an archive, and only folders are graded; unpack it");
        let folder = submission(&[("notes.txt", b"")]);
        symlink("/", folder.path().join("exercises")).unwrap();
        let linked = in_folder(folder.path(), &[]).unwrap_err();
        assert_eq!(linked, "exercises is a link, and links are not followed; put the files themselves there");
        let nested = of(&[("exercises/threads/spin_lock/src/src/lib.rs", content)], &[]).unwrap();
        let nameless = why(&[("src/lib.rs", content)]);
        assert!(nameless.starts_with("it cannot be told of which exercise"), "{nameless}");
        assert_eq!(nested[0].1, Err("src/lib.rs is not there, and src/src/lib.rs is; put it into its place".into()));
    }

    #[test]
    fn modules_of_their_own_are_taken_and_nothing_else_is() {
        let catalog = course();
        let folder = submission(&[
            (LIB, b"mod queue;"),
            ("exercises/threads/spin_lock/src/queue.rs", b"//! more"),
            ("exercises/threads/spin_lock/src/deep/er.rs", b"//! more"),
            ("exercises/threads/spin_lock/build.rs", b"fn main() {}"),
            ("exercises/threads/spin_lock/Cargo.toml", b"[package]"),
            ("exercises/threads/spin_lock/.cargo/config.toml", b"x"),
            (".cargo/config.toml", b"[build]"),
            ("README.md", b"of theirs"),
        ]);
        let taken = take(&catalog, folder.path(), &[]).unwrap().unwrap();
        let below = |name: &str| format!("exercises/threads/spin_lock/{name}");
        assert_eq!(taken.files(), ["src/deep/er.rs", "src/lib.rs", "src/queue.rs"].map(below));
        let mut ignored: Vec<String> = taken.ignored.iter().map(|ignored| ignored.file.clone()).collect();
        ignored.sort();
        let mut expected = [".cargo/config.toml", "Cargo.toml", "build.rs"].map(below).to_vec();
        expected.insert(0, ".cargo/config.toml".into());
        assert_eq!(ignored, expected);
    }

    #[test]
    fn what_cannot_be_taken_costs_its_own_exercise_and_says_why() {
        let other = "exercises/threads/rw_lock/src/lib.rs";
        let why = |content: &[u8]| {
            let all = of(&[(LIB, content), (other, b"//! fine")], &[]).unwrap();
            assert!(all[1].1.is_ok(), "{all:?}");
            all[0].1.clone().unwrap_err()
        };
        assert_eq!(why(b"\xff\xfe"), "src/lib.rs is not UTF-8 text");
        assert_eq!(why(b"a\0b"), "src/lib.rs is not text: it holds a byte 0");
        assert_eq!(why(&vec![b' '; (1 << 20) + 1]), "src/lib.rs is larger than 1 MiB");
    }

    #[test]
    fn a_sparse_file_of_a_gigabyte_is_not_read() {
        let folder = submission(&[(LIB, b"")]);
        File::options().write(true).open(folder.path().join(LIB)).unwrap().set_len(1 << 30).unwrap();
        let all = in_folder(folder.path(), &[]).unwrap();
        assert_eq!(all[0].1, Err("src/lib.rs is larger than 1 MiB".into()));
    }

    #[test]
    fn links_and_pipes_are_never_followed() {
        let folder = submission(&[("real/lib.rs", b"//! elsewhere"), (LIB, b"")]);
        let lib = folder.path().join(LIB);
        fs::remove_file(&lib).unwrap();
        symlink(folder.path().join("real/lib.rs"), &lib).unwrap();
        let refused = Err("src/lib.rs is not a plain file: links, folders and pipes are not taken".to_owned());
        assert_eq!(in_folder(folder.path(), &[]).unwrap()[0].1, refused);

        fs::remove_file(&lib).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&lib).status().unwrap();
        assert!(made.success());
        assert_eq!(in_folder(folder.path(), &[]).unwrap()[0].1, refused);

        // A link in the middle of the way.
        fs::remove_file(&lib).unwrap();
        fs::remove_dir(lib.parent().unwrap()).unwrap();
        symlink(folder.path().join("real"), lib.parent().unwrap()).unwrap();
        let why = in_folder(folder.path(), &["spin_lock"]).unwrap_err();
        assert!(why.starts_with("exercises/threads/spin_lock/src is a link"), "{why}");

        let link = folder.path().join("link");
        symlink(folder.path().join("real"), &link).unwrap();
        assert_eq!(in_folder(&link, &[]), Err("it is a link; links are not followed".into()));
    }

    #[test]
    fn more_files_than_anybody_writes_are_refused() {
        let names: Vec<String> = (0..80).map(|number| format!("exercises/threads/spin_lock/src/m{number}.rs")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"//! m"[..])).collect();
        assert_eq!(of(&files, &[]).unwrap()[0].1, Err("its src holds more than 64 files".into()));
        let deep = format!("exercises/threads/spin_lock/src/{}x.rs", "d/".repeat(9));
        let all = of(&[(&deep, b"//! d")], &[]).unwrap();
        assert!(all[0].1.as_ref().is_err_and(|why| why.ends_with("lies too deep")), "{all:?}");
        let odd = of(&[("exercises/threads/spin_lock/src/a b.rs", b"//! d")], &[]).unwrap();
        assert!(odd[0].1.as_ref().is_err_and(|why| why.contains("whose name")), "{odd:?}");
    }

    #[test]
    fn what_holds_nothing_to_grade_says_what_it_holds() {
        assert_eq!(of(&[], &[]), Err("it is empty".into()));
        let starter = fs::read(course().root.join(LIB)).unwrap();
        let nothing = of(&[(LIB, &starter)], &[]).unwrap_err();
        assert!(nothing.contains("nothing was done yet"), "{nothing}");
        assert_eq!(of(&[(LIB, &starter)], &["spin_lock"]), lib("spin_lock"), "asked for by name it is graded all the same");
        let other = of(&[(LIB, b"//! x")], &["rw_lock"]).unwrap_err();
        assert_eq!(other, "it is for threads/spin_lock, not for threads/rw_lock");
        let file = submission(&[("a.zip", b"PK")]);
        let path = file.path().join("a.zip");
        assert_eq!(in_folder(&path, &[]), Err("it is not a folder; unpack an archive first".into()));
        let both = of(&[(LIB, b"//! x")], &["spin_lock", "rw_lock"]).unwrap();
        assert_eq!(both[0].1, Ok(vec!["src/lib.rs".to_owned()]));
        assert!(both[1].1.as_ref().is_err_and(|why| why.starts_with("nothing was handed in for it")), "{both:?}");
    }

    #[test]
    fn the_same_files_have_the_same_fingerprint_and_others_another() {
        let catalog = course();
        let print = |content: &[u8]| {
            let folder = submission(&[(LIB, content)]);
            take(&catalog, folder.path(), &[]).unwrap().unwrap().fingerprint()
        };
        assert_eq!(print(b"//! a"), print(b"//! a"));
        assert_ne!(print(b"//! a"), print(b"//! b"));
        assert_ne!(print(b"\xff"), print(b"a\0"));
    }
}
