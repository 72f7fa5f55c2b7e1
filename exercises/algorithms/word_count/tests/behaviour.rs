//! What the count must be, wherever the text is cut.

mod signatures;

use std::collections::HashMap;

use lab::{
    data::{generated_text, text},
    par::Pool,
};
use word_count::count;

/// One loop over one map: slow, and right.
fn expected(text: &str) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    counts
}

/// Counts, compares with [`expected`], and names the words that differ.
fn check(text: &str, hint: &str) {
    let (yours, expected) = (count(text), expected(text));
    let mut words: Vec<&String> =
        yours.keys().chain(expected.keys()).filter(|word| yours.get(*word) != expected.get(*word)).collect();
    words.sort_unstable();
    words.dedup();
    if let Some(word) = words.first() {
        let shown: String = word.chars().take(40).collect();
        let times = |counts: &HashMap<String, u64>| counts.get(*word).copied().unwrap_or(0);
        panic!(
            "{} words have a wrong count, for example {shown:?} ({} bytes long): yours {}, expected {}. {hint}",
            words.len(),
            word.len(),
            times(&yours),
            times(&expected)
        );
    }
}

/// At least `bytes` bytes of words that are `length` letters long each, of letters that are each one of `letters`.
fn long_words(bytes: usize, length: usize, letters: &[char]) -> String {
    let mut text = String::new();
    let mut number = 0_usize;
    while text.len() < bytes {
        text.extend((0..length).map(|place| letters[(number + place * place) % letters.len()]));
        text.push(' ');
        number += 1;
    }
    text
}

#[test]
fn words_are_counted() {
    check("one two two three three three", "Count every occurrence of every word.");
    assert_eq!(count("one two two").get("two"), Some(&2), "\"one two two\" has \"two\" twice");
}

#[test]
fn whatever_is_not_a_letter_parts_words() {
    check("don't re-do it: 4x4, x_y; (a)b\n\nc\u{a0}d\u{2014}e", "Digits, signs and all kinds of blanks are not alphabetic.");
}

#[test]
fn words_are_the_same_in_upper_and_lower_case() {
    check("Word WORD word wOrD", "Words are counted in lower case.");
}

#[test]
fn letters_of_every_alphabet_have_lower_case() {
    check(
        "Ärger ÄRGER ärger Écho ÉCHO Жук жук ΟΔΟΣ οδος",
        "Not only the letters of ASCII have lower case: `str::to_lowercase` of the word.",
    );
}

#[test]
fn a_text_without_words_has_no_counts() {
    check("", "An empty text has no words.");
    check(" \n\t 42 --- 3.14 ...", "There is no letter in this text.");
}

#[test]
fn the_first_and_the_last_word_count() {
    check("only", "A text may be one word, from its first byte to its last.");
    let text = format!("first {} last", "middle ".repeat(300_000));
    check(&text, "The last piece of the text is a piece, too, and a word may end with the text.");
}

#[test]
fn a_word_is_never_cut_in_two() {
    // 97 of 98 places are inside a word, so that wherever you cut without looking you cut a word.
    let text = long_words(3 << 20, 97, &['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    check(&text, "Words were cut in two: from the place where you want to cut, go on to the end of the word.");
}

#[test]
fn a_character_is_never_cut_in_two() {
    for letters in [&['é', 'ж', 'ß'][..], &['語', '日', '本'], &['𝔘', '𐐷', '𠀀'], &['a', 'é', '語', '𠀀']] {
        let text = long_words(1 << 20, 40, letters);
        check(
            &text,
            "Cut between characters: a letter may have up to four bytes (`str::is_char_boundary`, `ceil_char_boundary`).",
        );
    }
}

#[test]
fn one_word_may_be_longer_than_any_piece() {
    let huge = "abcdefgh".repeat(300_000);
    check(&huge, "The whole text is one word.");
    check(&format!("a {huge} b {huge}"), "A word may be longer than your pieces; then the piece is as long as the word.");
}

#[test]
fn a_text_may_be_skewed() {
    let text = format!("{}{}", "the ".repeat(500_000), generated_text(1 << 20, 5).text);
    check(&text, "Half of the text is one word, the other half has thousands.");
}

#[test]
fn real_text_has_the_counts_of_one_loop() {
    let text = text(3 << 20, 1);
    check(&text.text, &format!("The text is from: {:?}.", text.source));
}

#[test]
fn the_counts_do_not_depend_on_the_number_of_threads() {
    let text = generated_text(2 << 20, 3).text;
    let expected = expected(&text);
    for threads in [1, 2, 3, 5] {
        let counts = Pool::new(threads).install(|| count(&text));
        assert!(counts == expected, "in a pool of {threads} threads the counts are not those of one loop");
    }
}
