//! Seeded inputs: keys and text.
//!
//! The same arguments give the same keys on every machine and in every release: the generator is PCG, a published one,
//! and everything made of its numbers is integer arithmetic written here. Text is real where the machine has some, and
//! says which of the two it is.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// How keys are distributed: those on which sorts differ, after the Problem Based Benchmark Suite
/// (Shun, Blelloch et al., SPAA 2012).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// All 64-bit numbers alike.
    Uniform,
    /// Uniform, in ascending order.
    Sorted,
    /// Uniform, in descending order.
    Reversed,
    /// [`Keys::DISTINCT`] different keys, all alike in frequency.
    FewDistinct,
    /// Frequencies that fall exponentially: of `n` keys, each of the ranges `2^k..2^(k+1)` up to `n` has as many as any other;
    /// a few keys are most of the input, and there are many that occur once.
    Exponential,
    /// Sorted, then `sqrt(n)` pairs of places swapped.
    AlmostSorted,
}

impl Keys {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Uniform, Self::Sorted, Self::Reversed, Self::FewDistinct, Self::Exponential, Self::AlmostSorted];

    /// How many different keys [`Keys::FewDistinct`] has.
    pub const DISTINCT: u64 = 16;
}

/// `n` keys, distributed as asked; the same on every machine.
#[must_use]
pub fn keys(distribution: Keys, n: usize, seed: u64) -> Vec<u64> {
    let mut numbers = Numbers::new(seed);
    let mut keys: Vec<u64> = match distribution {
        Keys::Uniform | Keys::Sorted | Keys::Reversed | Keys::AlmostSorted => (0..n).map(|_| numbers.next()).collect(),
        Keys::FewDistinct => (0..n).map(|_| scatter(numbers.below(Keys::DISTINCT))).collect(),
        Keys::Exponential => {
            let ranges = u64::from(n.max(1).ilog2()) + 1;
            let mut key = || {
                let low = 1 << numbers.below(ranges);
                scatter(low + numbers.below(low))
            };
            (0..n).map(|_| key()).collect()
        }
    };
    match distribution {
        Keys::Uniform | Keys::FewDistinct | Keys::Exponential => {}
        Keys::Sorted => keys.sort_unstable(),
        Keys::Reversed => keys.sort_unstable_by(|a, b| b.cmp(a)),
        Keys::AlmostSorted => {
            keys.sort_unstable();
            for _ in 0..n.isqrt() {
                let (a, b) = (numbers.index(n), numbers.index(n));
                keys.swap(a, b);
            }
        }
    }
    keys
}

/// Numbers by seed.
struct Numbers(Pcg64Mcg);

impl Numbers {
    fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, by multiplication: off by less than `bound / 2^64` from even.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A place in a slice of length `n`.
    fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// Puts `items` into a random order (Fisher and Yates).
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.index(end + 1));
        }
    }
}

/// A one-to-one scattering of the 64-bit numbers (the finaliser of SplitMix64), so that small numbers become keys of all sizes.
fn scatter(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A text, and where it is from.
#[derive(Debug, Clone)]
pub struct Text {
    /// The text; cheap to share.
    pub text: Arc<str>,
    /// Where it is from.
    pub source: Source,
}

/// Where a [`Text`] is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Pages of the Rust documentation that is installed beside the compiler. The same for everyone with the same release.
    RustDocumentation {
        /// Of how many files.
        files: usize,
    },
    /// A stand-in: words of [`generated_text`], because the machine has no documentation. The same on every machine.
    Generated,
}

/// About `bytes` bytes of English with code in it (at most 3 bytes short, so as to end at a character): pages of the Rust
/// documentation in an order by `seed`, or [`generated_text`] where it is not installed; [`Text::source`] says which.
///
/// Reads no more files than it needs. Where the documentation has less text than asked for, it begins anew.
#[must_use]
pub fn text(bytes: usize, seed: u64) -> Text {
    rust_documentation().and_then(|root| text_of_pages(&root, bytes, seed)).unwrap_or_else(|| generated_text(bytes, seed))
}

/// The folder of the documentation that rustup installs beside the compiler (`share/doc/rust/html`); `None` where it is not
/// installed, or where there is no `rustc` to ask.
#[must_use]
pub fn rust_documentation() -> Option<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().ok().filter(|output| output.status.success())?;
    let root = Path::new(String::from_utf8(output.stdout).ok()?.trim()).join("share/doc/rust/html");
    root.join("std").is_dir().then_some(root)
}

/// The text of the HTML pages below `root`, in an order by `seed`; `None` where there is not one readable page with text.
///
/// The folders `core` and `src` are left out: 40,000 small pages of intrinsics, and source code.
#[must_use]
pub fn text_of_pages(root: &Path, bytes: usize, seed: u64) -> Option<Text> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(root).ok()?.flatten() {
        if ![OsStr::new("core"), OsStr::new("src")].contains(&entry.file_name().as_os_str()) {
            find_pages(&entry, &mut pages);
        }
    }
    // The order in which a folder lists its files is the file system's own.
    pages.sort_unstable();
    Numbers::new(seed).shuffle(&mut pages);

    let mut text = String::with_capacity(bytes + (1 << 20));
    let mut files = 0;
    for page in &pages {
        if text.len() >= bytes {
            break;
        }
        if let Ok(html) = fs::read_to_string(page) {
            append_text(&html, &mut text);
            files += 1;
        }
    }
    if text.is_empty() {
        return None;
    }
    while text.len() < bytes {
        let missing = bytes - text.len();
        text.extend_from_within(..text.floor_char_boundary(missing));
    }
    text.truncate(text.floor_char_boundary(bytes));
    Some(Text { text: text.into(), source: Source::RustDocumentation { files } })
}

fn find_pages(entry: &fs::DirEntry, pages: &mut Vec<PathBuf>) {
    let path = entry.path();
    // `file_type` does not follow links: a loop of links is no loop of ours.
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().for_each(|entry| find_pages(&entry, pages))
        }
        Ok(kind) if kind.is_file() && path.extension() == Some(OsStr::new("html")) => pages.push(path),
        _ => {}
    }
}

/// Appends what a page says: no head, no menus, no tags, no scripts, no styles, the common entities as their characters.
///
/// Simple on purpose: it is made for the pages that rustdoc and mdBook write, and a corpus may contain a slip.
fn append_text(html: &str, text: &mut String) {
    let mut rest = ["<main", "<body"].into_iter().find_map(|start| html.find(start)).map_or(html, |start| &html[start..]);
    while let Some(open) = rest.find('<') {
        // The indentation between tags, line upon line of it, is not text.
        if !rest[..open].trim_start().is_empty() || !text.ends_with(char::is_whitespace) {
            append_unescaped(&rest[..open], text);
        }
        rest = &rest[open..];
        let hidden = [("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->")]
            .into_iter()
            .find(|(start, _)| rest.starts_with(start));
        let end = hidden.map_or(">", |(_, end)| end);
        rest = rest.find(end).map_or("", |place| &rest[place + end.len()..]);
        // A tag parts words: `<li>one</li><li>two</li>`. Rustdoc's marks inside a word (`<wbr>`) do, too.
        if !text.ends_with(char::is_whitespace) {
            text.push(' ');
        }
    }
    append_unescaped(rest, text);
    text.push('\n');
}

fn append_unescaped(part: &str, text: &mut String) {
    let mut rest = part;
    while let Some(start) = rest.find('&') {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&nbsp;", " ")];
        let (entity, character) = entities.into_iter().find(|(entity, _)| rest.starts_with(entity)).unwrap_or(("&", "&"));
        text.push_str(character);
        rest = &rest[entity.len()..];
    }
    text.push_str(rest);
}

/// A stand-in for real text: about `bytes` bytes (at most 3 short) of invented words whose frequencies follow Zipf's law, as
/// those of a language do, in sentences and paragraphs, with capitals, punctuation and letters of more than one byte.
#[must_use]
pub fn generated_text(bytes: usize, seed: u64) -> Text {
    const VOCABULARY: usize = 20_000;
    let mut numbers = Numbers::new(seed);
    let words: Vec<String> = (0..VOCABULARY).map(|_| invented_word(&mut numbers)).collect();
    // Zipf's law with exponent 1: the r-th word has the weight 1/r, here in whole numbers.
    let mut total = 0;
    let sums: Vec<u64> = (1..=VOCABULARY as u64)
        .map(|rank| {
            total += (1 << 40) / rank;
            total
        })
        .collect();

    let mut text = String::with_capacity(bytes + 64);
    let mut left_in_sentence = 0;
    while text.len() < bytes {
        let pick = numbers.below(total);
        let word = &words[sums.partition_point(|&sum| sum <= pick)];
        if left_in_sentence == 0 {
            left_in_sentence = 5 + numbers.index(20);
            let mut letters = word.chars();
            text.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            text.push_str(letters.as_str());
        } else {
            text.push_str(word);
        }
        left_in_sentence -= 1;
        text.push_str(match left_in_sentence {
            0 if numbers.below(6) == 0 => ".\n\n",
            0 => ". ",
            _ if numbers.below(12) == 0 => ", ",
            _ => " ",
        });
    }
    text.truncate(text.floor_char_boundary(bytes));
    Text { text: text.into(), source: Source::Generated }
}

/// One to four syllables.
fn invented_word(numbers: &mut Numbers) -> String {
    const ONSETS: [&str; 16] = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "ж"];
    const NUCLEI: [&str; 10] = ["a", "e", "i", "o", "u", "ai", "ou", "é", "ö", "ü"];
    const CODAS: [&str; 8] = ["", "", "", "n", "r", "s", "l", "ß"];
    let mut word = String::new();
    for _ in 0..=numbers.index(4) {
        word.push_str(ONSETS[numbers.index(ONSETS.len())]);
        word.push_str(NUCLEI[numbers.index(NUCLEI.len())]);
        word.push_str(CODAS[numbers.index(CODAS.len())]);
    }
    word
}
