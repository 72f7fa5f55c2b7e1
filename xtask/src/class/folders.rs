//! Who is in a class: the folders of submissions, their names, and which shard they belong to.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs,
    hash::Hasher,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result};
use lab::workload::Digest;

use crate::{chart::text::legal, grade::intake::is_archive};

/// A name may not be longer, in bytes: file systems take 255, and names are put together with others.
const LONGEST: usize = 128;

/// Contents are hashed up to this size, in bytes; of larger files, which no grader takes, size and time.
const LARGEST: u64 = 1 << 20;

/// So much of a submission's content is read for its hash, in bytes.
const MOST_READ: u64 = 64 << 20;

/// So many entries of a submission are looked at, and so deep.
const MOST: usize = 20_000;
const DEEPEST: usize = 24;

/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

/// Something that lies where submissions do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is called in everything that is written. Where its name is not fit for that, a name that is, made of it.
    pub id: String,
    /// Its folder, or why it is none that can be graded, and what to do.
    pub folder: Result<PathBuf, String>,
}

/// All entries of `submissions`, by id. What begins with a dot is the system's own (`.DS_Store`, `.git`) and left out.
///
/// # Errors
/// If the folder cannot be read.
pub fn entries(submissions: &Path) -> Result<Vec<Entry>> {
    let told = || format!("cannot read {}; name the folder that holds one folder for each student", submissions.display());
    let mut all = Vec::new();
    for entry in fs::read_dir(submissions).with_context(told)? {
        let entry = entry.with_context(told)?;
        if !entry.file_name().as_bytes().starts_with(b".") {
            all.push(entry_of(&entry.file_name(), &entry.path()));
        }
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

fn entry_of(name: &OsStr, path: &Path) -> Entry {
    let id = id_of(name);
    let folder = if name.to_str() != Some(id.as_str()) {
        let what = if name.to_str().is_some() { "is not fit for a file's name everywhere" } else { "is not UTF-8" };
        Err(format!(
            "the folder's name {what}; give it one of letters, digits, spaces and any of _ . @ + , ( ) ' ~ - that begins with a \
             letter, a digit or _, and grade again"
        ))
    } else {
        match fs::symlink_metadata(path) {
            Ok(about) if about.is_dir() => Ok(path.to_owned()),
            Ok(about) if about.is_symlink() => {
                Err("it is a link, and links are not followed; put the folder itself there".into())
            }
            Ok(_) if is_archive(&id) => Err("it is an archive, and only folders are graded; unpack it into a folder".into()),
            Ok(_) => Err("it is a file, and only folders are graded; take it away, or put it into a folder".into()),
            Err(error) => Err(format!("it cannot be looked at: {error}")),
        }
    };
    Entry { id, folder }
}

/// The name itself where it is fit to be a file's, a cell's and a line's on every system; else one with every byte that is not
/// written as `%` and two digits. No two names become the same: `%` itself is not fit.
///
/// A name never begins with what a spreadsheet takes for a formula, or a program for an option.
pub fn id_of(name: &OsStr) -> String {
    if let Some(name) = name.to_str().filter(|name| is_fit(name)) {
        return name.to_owned();
    }
    let mut id = String::from("%");
    for &byte in name.as_bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' | b'-' => id.push(char::from(byte)),
            _ => write!(id, "%{byte:02X}").expect(TAKES),
        }
    }
    if id.len() > LONGEST {
        let digest = hash(name.as_bytes());
        id.truncate(LONGEST - 17);
        write!(id, "%{digest:016x}").expect(TAKES);
    }
    id
}

/// Whether an id may be the name of a folder: it is one that [`id_of`] gives.
pub fn is_id(id: &str) -> bool {
    let escaped = id.strip_prefix('%');
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-%".contains(c);
    is_fit(id) || escaped.is_some_and(|rest| id.len() <= LONGEST && rest.chars().all(plain))
}

fn is_fit(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    let last = !name.ends_with([' ', '.']);
    let all = name.chars().all(|c| legal(c) == c && (c.is_alphanumeric() || " _-.@+,()'~".contains(c)));
    first && last && all && name.len() <= LONGEST
}

fn hash(bytes: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.write(bytes);
    digest.finish()
}

/// A hash of the files of a submission: the same files have the same one, whenever they were put there.
///
/// Everything that a grader might take is in it, and links by where they lead, without following them. What is hidden, and
/// `target` outside of `src`, is not: a build beside the files changes nothing. No more is read than 64 MiB: of what is
/// more, and of large files, size and time are hashed.
pub fn files(folder: &Path) -> String {
    let mut files = Files { digest: Digest::default(), entries: MOST, bytes: MOST_READ };
    files.add_folder(folder, DEEPEST, false);
    format!("{:016x}", files.digest.finish())
}

/// The hash of something that is no folder, by why it is none.
pub fn no_files(why: &str) -> String {
    format!("{:016x}", hash(why.as_bytes()))
}

/// Files as they are hashed, and how much more of them is looked at.
struct Files {
    digest: Digest,
    entries: usize,
    bytes: u64,
}

impl Files {
    fn add(&mut self, bytes: &[u8]) {
        self.digest.write_usize(bytes.len());
        self.digest.write(bytes);
    }

    fn add_folder(&mut self, folder: &Path, depth: usize, in_sources: bool) {
        // What cannot be read is so for the grader, too, who says it; it only has to be another hash than that of nothing.
        let Ok(entries) = fs::read_dir(folder) else { return self.add(b"unreadable") };
        let mut entries: Vec<_> = entries.take(self.entries).filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let outside = !in_sources && (name.as_bytes().starts_with(b".") || name == "target");
            if outside || self.entries == 0 {
                continue;
            }
            self.entries -= 1;
            self.add(name.as_bytes());
            self.add_entry(&entry.path(), depth, in_sources || name == "src");
        }
        self.add(b"end");
    }

    fn add_entry(&mut self, path: &Path, depth: usize, in_sources: bool) {
        let Ok(about) = fs::symlink_metadata(path) else { return self.add(b"unreadable") };
        if about.is_dir() {
            if depth > 0 {
                self.add_folder(path, depth - 1, in_sources);
            }
        } else if about.is_symlink() {
            self.add(b"link");
            self.add(fs::read_link(path).unwrap_or_default().as_os_str().as_bytes());
        } else if about.is_file() && about.len() <= LARGEST.min(self.bytes) {
            self.bytes -= about.len();
            self.add(b"file");
            self.add(&fs::read(path).unwrap_or_else(|_| b"unreadable".to_vec()));
        } else {
            self.add(b"other");
            self.digest.write_u64(about.len());
            self.digest.write_u64(about.mtime().cast_unsigned());
        }
    }
}

/// A share of a class: shard `number` of `of`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

impl Shard {
    /// Whether a submission belongs to it. That depends on the id alone, as with nextest's `hash:` partitions: one more
    /// submission moves none of the others.
    pub fn holds(self, id: &str) -> bool {
        hash(id.as_bytes()) % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err(format!("{text:?} is no shard; write 2/8 for the second of eight")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_fit_become_others_and_never_the_same() {
        assert_eq!(id_of(OsStr::new("Ada Lovelace")), "Ada Lovelace");
        assert_eq!(id_of(OsStr::new("Zo\u{eb}")), "Zo\u{eb}");
        assert_eq!(id_of(OsStr::new("=cmd()")), "%%3Dcmd%28%29");
        assert_eq!(id_of(OsStr::new("%3D")), "%%253D");
        assert_eq!(id_of(OsStr::from_bytes(b"\xff\xfe")), "%%FF%FE");
        assert_eq!(id_of(OsStr::new("-rf")), "%-rf");
        let (long, longer) = ("a".repeat(200), "a".repeat(201));
        let (long, longer) = (id_of(OsStr::new(&long)), id_of(OsStr::new(&longer)));
        assert!(long.len() <= LONGEST && longer.len() <= LONGEST && long != longer, "{long} {longer}");
        for id in [&long, "%%FF%FE", "%-rf", "Ada Lovelace"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", ".", "..", "../x", "a/b", "%/", "a\u{202e}b", "a\n"] {
            assert!(!is_id(id), "{id}");
        }
    }

    #[test]
    fn shards_are_a_partition_that_a_new_submission_does_not_move() {
        let ids: Vec<String> = (0..400).map(|n| format!("s{n:03}")).collect();
        let shards: Vec<Shard> = (1..=4).map(|n| format!("{n}/4").parse().unwrap()).collect();
        let sizes: Vec<usize> = shards.iter().map(|shard| ids.iter().filter(|id| shard.holds(id)).count()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 400);
        assert!(sizes.iter().all(|size| (50..=150).contains(size)), "{sizes:?}");
        for wrong in ["0/4", "5/4", "4", "1/0", "a/b", "-1/4"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_submission_of_a_gigabyte_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("src")).unwrap();
        // 2,000 files of a megabyte, which take no place on the disk.
        for n in 0..2_000 {
            fs::File::create(at(&format!("src/{n}.rs"))).unwrap().set_len(LARGEST).unwrap();
        }
        fs::File::create(at("src/huge.rs")).unwrap().set_len(1 << 34).unwrap();
        let began = std::time::Instant::now();
        let first = files(folder.path());
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
        fs::File::create(at("src/huge.rs")).unwrap().set_len(1 << 33).unwrap();
        assert_ne!(files(folder.path()), first);
    }

    #[test]
    fn the_hash_is_of_what_may_be_graded() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("src/target")).unwrap();
        fs::write(at("src/lib.rs"), "a").unwrap();
        let first = files(folder.path());
        fs::create_dir_all(at("target")).unwrap();
        fs::write(at("target/x"), "b").unwrap();
        fs::write(at(".hidden"), "b").unwrap();
        assert_eq!(files(folder.path()), first, "a build changes nothing");
        fs::write(at("src/target/x.rs"), "b").unwrap();
        let second = files(folder.path());
        assert_ne!(second, first, "src/target is a module");
        fs::write(at("src/lib.rs"), "c").unwrap();
        assert_ne!(files(folder.path()), second);
        let third = files(folder.path());
        fs::remove_file(at("src/lib.rs")).unwrap();
        std::os::unix::fs::symlink("c", at("src/lib.rs")).unwrap();
        assert_ne!(files(folder.path()), third, "a link is no file");
    }
}
