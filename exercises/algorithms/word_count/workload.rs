//! The word count as a measurable program: the Rust documentation as one text, against one loop and two other ways to go parallel.

use std::{collections::HashMap, fs, io, path::Path, process::ExitCode, sync::Arc, thread};

use lab::{
    data,
    par::Pool,
    workload::{Axis, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use rayon::{iter::ParallelIterator, str::ParallelString};

type Counts = HashMap<String, u64>;

struct WordCount {
    text: Arc<str>,
    pool: Pool,
    threads: usize,
}

impl Workload for WordCount {
    type Input = Arc<str>;
    type Output = Counts;

    fn spec() -> Spec {
        Spec {
            name: "word_count".into(),
            size_unit: "bytes".into(),
            cost_unit: None,
            axis: Axis::Threads,
            quick: 8 << 20,
            full: 24 << 20,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        let size = usize::try_from(setup.size).expect("a size fits into memory");
        Self { text: data::text(size, setup.seed).text, pool: Pool::new(setup.threads), threads: setup.threads }
    }

    fn input(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    fn baseline(&self, text: Arc<str>) -> Counts {
        let mut counts = Counts::new();
        count_into(&mut counts, &text);
        counts
    }

    fn submission(&self, text: Arc<str>) -> Counts {
        self.pool.install(|| word_count::count(&text))
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![
            ("std threads", |workload, text| std_threads(&text, workload.threads)),
            ("rayon par_split", |workload, text| workload.pool.install(|| par_split(&text))),
        ]
    }

    fn digest(&self, counts: &Counts) -> u64 {
        // A map has no order, so neither has this: the sum of the entries' own digests.
        counts.iter().map(|entry| digest_of(&entry)).fold(0, u64::wrapping_add)
    }

    /// The text, UTF-8. A word is a run of characters with Unicode's property `Alphabetic`, counted in lower case.
    fn export(&self, file: &Path) -> io::Result<()> {
        fs::write(file, self.text.as_bytes())
    }

    /// A line for each word, in any order: the word, a tab, how often.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Counts> {
        let text = fs::read_to_string(file)?;
        let mut counts = Counts::new();
        for (number, line) in text.lines().enumerate() {
            let read = line.split_once('\t').and_then(|(word, count)| Some((word.to_owned(), count.parse().ok()?)));
            let (word, count) = read.ok_or_else(|| io::Error::other(format!("line {} is no word, tab, count", number + 1)))?;
            if counts.insert(word, count).is_some() {
                return Err(io::Error::other(format!("line {} has a word that an earlier line has", number + 1)));
            }
        }
        Ok(counts)
    }
}

/// What one thread does best: one map, one string for all words, and a new one only for a word not seen before. The map and
/// its hash are those that a submission has to give back, so that a speedup is by threads and not by another hash.
fn count_into(counts: &mut Counts, text: &str) {
    let mut lower = String::new();
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        lower.clear();
        if word.is_ascii() {
            lower.push_str(word);
            lower.make_ascii_lowercase();
        } else {
            lower.push_str(&word.to_lowercase());
        }
        match counts.get_mut(lower.as_str()) {
            Some(count) => *count += 1,
            None => {
                counts.insert(lower.clone(), 1);
            }
        }
    }
}

/// So many whole lines for each thread, once and for all; the first thread merges.
fn std_threads(text: &str, threads: usize) -> Counts {
    thread::scope(|scope| {
        let mut rest = text;
        let workers: Vec<_> = (0..threads)
            .map(|index| {
                let share = rest.len() / (threads - index);
                let more = rest.as_bytes()[share..].iter().position(|byte| *byte == b'\n');
                let (part, after) = rest.split_at(more.map_or(rest.len(), |more| share + more));
                rest = after;
                scope.spawn(move || {
                    let mut counts = Counts::new();
                    count_into(&mut counts, part);
                    counts
                })
            })
            .collect();
        let parts = workers.into_iter().map(|worker| worker.join().expect("counting does not panic"));
        parts.reduce(merge).unwrap_or_default()
    })
}

/// The few lines that one writes with rayon's own splitting of strings, which cuts between words by itself.
fn par_split(text: &str) -> Counts {
    let words = text.par_split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let maps = words.fold(Counts::new, |mut counts, word| {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
        counts
    });
    maps.reduce(Counts::new, merge)
}

fn merge(mut counts: Counts, more: Counts) -> Counts {
    if counts.len() < more.len() {
        return merge(more, counts);
    }
    for (word, count) in more {
        *counts.entry(word).or_insert(0) += count;
    }
    counts
}

fn main() -> ExitCode {
    serve::<WordCount>()
}
