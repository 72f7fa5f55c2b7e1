//! What a learner does not see: the counts of texts that no public test has.

use std::collections::HashMap;

use lab::data::generated_text;
use word_count::count;

fn expected(text: &str) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn other_texts_are_counted_too() {
    for (size, seed) in [(3_001, 811), (60_013, 812), (400_009, 813)] {
        let text = generated_text(size, seed).text;
        let counts: HashMap<String, u64> = count(&text);
        let total: u64 = counts.values().sum();
        let right: u64 = expected(&text).values().sum();
        assert_eq!(total, right, "of a text of {size} bytes, all words together");
        assert!(counts == expected(&text), "of a text of {size} bytes, some words have a wrong count");
    }
}

#[test]
fn letters_of_many_bytes_stand_at_every_cut() {
    for words in [1_usize, 777, 20_011] {
        let text = "\u{df}\u{c4}\u{3a3} \u{65e5}\u{672c} ".repeat(words);
        let counts: HashMap<String, u64> = count(&text);
        assert!(counts == expected(&text), "{words} times two words of letters of several bytes");
    }
}
