//! Map and reduce over a text: cut it between words, count each piece on its own, merge the counts.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Bytes of a piece: about two milliseconds of counting. Ten times that would still be enough pieces for the threads, a tenth
/// would still be far more than a span and a fork cost; but every piece brings a map to merge.
const PIECE: usize = 256 * 1024;

/// How often each word occurs. A word is a run of alphabetic characters (`char::is_alphabetic`) as long as can be, in lower case
/// (`str::to_lowercase` of the word). Runs on the rayon pool of its caller.
///
/// In the trace, a span `count` with a field `bytes` for each piece that is counted, and a span `merge` for each merge.
pub fn count(text: &str) -> HashMap<String, u64> {
    // `fold` hands a map on from piece to piece for as long as a thread takes pieces that lie side by side, and begins a new
    // one where rayon splits: some dozen maps to merge, however many pieces.
    pieces(text).into_par_iter().fold(HashMap::new, count_piece).reduce(HashMap::new, merge)
}

/// Cuts the text into pieces of about [`PIECE`] bytes, never inside a word.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(text.len() / PIECE + 1);
    let mut rest = text;
    while !rest.is_empty() {
        // A place between two characters first, so that it may be sliced there; then on to the end of the word that this
        // may be the middle of.
        let place = rest.ceil_char_boundary(PIECE);
        let end = rest[place..].find(|c: char| !c.is_alphabetic()).map_or(rest.len(), |more| place + more);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The map step, with its combiner: adds the words of the piece to counts that no other thread sees.
fn count_piece(mut counts: HashMap<String, u64>, piece: &str) -> HashMap<String, u64> {
    let _span = lab::span!("count", bytes = piece.len());
    let mut lower = String::new();
    for word in piece.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        // Most words have been seen before, and are counted without making a string for them.
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
    counts
}

/// The reduce step: adds the smaller map to the larger.
fn merge(a: HashMap<String, u64>, b: HashMap<String, u64>) -> HashMap<String, u64> {
    let (mut large, small) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    // The empty map that `reduce` begins with is nobody's result, and merging it is not worth a span.
    if !small.is_empty() {
        let _span = lab::span!("merge", words = small.len());
        for (word, count) in small {
            *large.entry(word).or_insert(0) += count;
        }
    }
    large
}
