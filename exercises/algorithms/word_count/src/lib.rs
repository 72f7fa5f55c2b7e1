//! Count the words of a text on all cores.
//!
//! The pattern is map and reduce. *Map*: cut the text into pieces and count each piece by itself, into a map of its own.
//! *Reduce*: merge the maps. Nothing is shared, so nothing is locked.

use std::collections::HashMap;

/// How often each word occurs. A word is a run of alphabetic characters (`char::is_alphabetic`) as long as can be, in lower case
/// (`str::to_lowercase` of the word). Runs on the rayon pool of its caller.
///
/// In the trace, a span `count` with a field `bytes` for each piece that is counted, and a span `merge` for each merge:
/// `let _span = lab::span!("count", bytes = piece.len());` lasts until `_span` is dropped.
pub fn count(text: &str) -> HashMap<String, u64> {
    // 1. Cut: pieces of about the same number of bytes, many more than threads. A `&str` can be sliced only between two
    //    characters, and a word must not be cut in two.
    // 2. Map: each piece in parallel, into a map of its own.
    // 3. Reduce: merge the maps.
    todo!("count the words of {} bytes", text.len())
}
