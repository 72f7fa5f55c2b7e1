//! How the text is counted: in pieces, on all threads, each piece by itself.

mod signatures;

use lab::{
    data::generated_text,
    par::Pool,
    trace::{Recording, Span, record},
};
use word_count::count;

const BYTES: usize = 8 << 20;
const THREADS: usize = 2;

/// Counts a text of [`BYTES`] on [`THREADS`] threads, and gives back the spans of it.
fn recorded() -> Recording {
    let text = generated_text(BYTES, 11).text;
    let pool = Pool::new(THREADS);
    // Made before the text is counted, so that nobody is still being started when there is work.
    pool.install(|| ());
    let (counts, recording) = record(|| pool.install(|| count(&text)));
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).count() as u64;
    assert_eq!(counts.values().sum::<u64>(), words, "spans of pieces that are not all counted: one loop finds that many words");
    assert!(recording.named("count").next().is_some(), "no span is called `count`: open one around each piece that you count");
    recording
}

fn bytes(span: &Span) -> usize {
    let field = span.fields.get("bytes").unwrap_or_else(|| panic!("a span `count` has no field `bytes`: {:?}", span.fields));
    field.parse().unwrap_or_else(|_| panic!("the field `bytes` of a span `count` is {field:?}, and not a number"))
}

#[test]
fn the_pieces_are_the_whole_text() {
    let recording = recorded();
    let sum: usize = recording.named("count").map(bytes).sum();
    let count = recording.named("count").count();
    assert!(
        (BYTES - 3..=BYTES).contains(&sum),
        "the {count} spans `count` have {sum} bytes together and the text has {BYTES}: each byte belongs to exactly one piece"
    );
}

#[test]
fn there_are_more_pieces_than_threads() {
    let recording = recorded();
    let count = recording.named("count").count();
    let largest = recording.named("count").map(bytes).max().unwrap_or(0);
    assert!(
        largest <= BYTES / (4 * THREADS),
        "the largest of your {count} pieces has {largest} bytes, more than an eighth of the text: whoever counts it may be the last, \
         and the other thread waits. Cut the text into many more pieces than threads"
    );
}

#[test]
fn no_piece_is_too_small() {
    let recording = recorded();
    let count = recording.named("count").count();
    assert!(
        count <= BYTES / (16 << 10),
        "{count} spans `count` for {BYTES} bytes are {} bytes each, and a span costs as much as counting some hundred bytes. Open it \
         around a piece, not around a word or a line, and make pieces of 16 KiB at the least",
        BYTES / count
    );
}

#[test]
fn all_threads_count() {
    let recording = recorded();
    let threads = recording.threads("count").len();
    assert_eq!(threads, THREADS, "all pieces were counted by {threads} of {THREADS} threads");
}

#[test]
fn pieces_are_counted_at_the_same_time() {
    let recording = recorded();
    let most = recording.max_busy("count");
    assert_eq!(most, THREADS, "no two pieces were ever counted at the same time: is there a lock around the counting?");
}

#[test]
fn maps_are_merged_and_not_many() {
    let recording = recorded();
    let (pieces, merges) = (recording.named("count").count(), recording.named("merge").count());
    assert!(merges > 0, "no span is called `merge`: two threads have at least two maps, and somebody merges them");
    assert!(merges <= pieces, "{merges} merges of {pieces} pieces: one merge less than pieces is enough");
}
