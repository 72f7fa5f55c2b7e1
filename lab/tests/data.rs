//! Seeded inputs: the same on every machine, and shaped as they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hash::Hasher,
};

use lab::{
    data::{Keys, Source, generated_text, keys, rust_documentation, text, text_of_pages},
    workload::Digest,
};

#[test]
fn keys_are_the_same_on_every_machine() {
    // Written down once: a digest that changes means that old measurements no longer compare with new ones.
    let digests = Keys::ALL.map(|distribution| digest(keys(distribution, 10_000, 1).iter().flat_map(|key| key.to_le_bytes())));
    assert_eq!(
        digests,
        [
            0xb4ce_e466_2a49_c831,
            0xcad2_6c3f_b0f1_b8c5,
            0x286f_f9e5_14f8_70f5,
            0xdcc2_5bcc_9cce_6986,
            0x1f21_106a_68e7_2e4b,
            0x9d60_e0d9_6861_85e5
        ]
    );
    assert_eq!(digest(generated_text(100_000, 1).text.bytes()), 0x1b41_4544_a115_1ef5);
}

fn digest(bytes: impl Iterator<Item = u8>) -> u64 {
    let mut digest = Digest::default();
    bytes.for_each(|byte| digest.write_u8(byte));
    digest.finish()
}

#[test]
fn another_seed_is_another_input() {
    for distribution in Keys::ALL {
        assert_ne!(keys(distribution, 1000, 1), keys(distribution, 1000, 2), "{distribution:?}");
    }
    assert_ne!(generated_text(1000, 1).text, generated_text(1000, 2).text);
}

#[test]
fn there_are_as_many_keys_as_asked_for() {
    for distribution in Keys::ALL {
        for n in [0, 1, 2, 3, 1000] {
            assert_eq!(keys(distribution, n, 7).len(), n, "{distribution:?}");
        }
    }
}

#[test]
fn ordered_keys_are_in_order() {
    assert!(keys(Keys::Sorted, 10_000, 3).is_sorted());
    assert!(keys(Keys::Reversed, 10_000, 3).is_sorted_by(|a, b| a >= b));
    assert!(!keys(Keys::Uniform, 10_000, 3).is_sorted());
}

#[test]
fn almost_sorted_keys_are_few_swaps_away() {
    let almost = keys(Keys::AlmostSorted, 10_000, 3);
    let mut sorted = almost.clone();
    sorted.sort_unstable();
    let misplaced = almost.iter().zip(&sorted).filter(|(a, b)| a != b).count();
    assert!((100..=200).contains(&misplaced), "100 swaps put up to 200 of 10,000 keys in the wrong place, here {misplaced}");
}

#[test]
fn few_distinct_keys_are_few_and_alike_in_frequency() {
    let counts = frequencies(&keys(Keys::FewDistinct, 16_000, 3));
    assert_eq!(counts.len() as u64, Keys::DISTINCT);
    assert!(counts.values().all(|&count| (800..1200).contains(&count)), "{counts:?}");
}

#[test]
fn exponential_keys_have_a_few_heavy_ones_and_a_long_tail() {
    let counts = frequencies(&keys(Keys::Exponential, 1 << 16, 3));
    let heaviest = counts.values().max().copied().unwrap_or(0);
    // 17 ranges: the first has one key, with 1/17 of all.
    assert!((3300..4500).contains(&heaviest), "the heaviest key occurs {heaviest} times");
    let once = counts.values().filter(|&&count| count == 1).count();
    assert!(once > 3000, "only {once} keys occur once");
}

fn frequencies(keys: &[u64]) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for &key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

#[test]
fn the_stand_in_says_so_and_looks_like_a_language() {
    let generated = generated_text(1 << 20, 3);
    assert_eq!(generated.source, Source::Generated);
    assert!((1 << 20) - generated.text.len() <= 3, "{} bytes", generated.text.len());
    let mut counts = BTreeMap::new();
    for word in generated.text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        *counts.entry(word).or_insert(0) += 1;
    }
    let mut ranked: Vec<u64> = counts.into_values().collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    // Zipf: the tenth word is about a tenth as frequent as the first.
    assert!((6..=14).contains(&(ranked[0] / ranked[9])), "{:?}", &ranked[..10]);
    assert!(ranked.len() > 10_000, "only {} different words", ranked.len());
    assert!(!generated.text.is_ascii(), "letters of more than one byte are where chunks are split wrongly");
    assert!(generated.text.contains("\n\n") && generated.text.chars().any(char::is_uppercase));
}

#[test]
fn pages_become_text_without_tags_scripts_and_styles() {
    let folder = std::env::temp_dir().join(format!("lab-data-{}", std::process::id()));
    fs::create_dir_all(folder.join("book")).unwrap();
    fs::create_dir_all(folder.join("src")).unwrap();
    let page = "<html><head><title>no</title></head><body class=\"x\"><nav>no</nav><main>\n  <script>let no = 1 < 2;</script><h1>One</h1><p>two &lt;three&gt; \
                &amp;four; <!-- no > no --> f\u{fc}nf<style>no {}</style></p>six & seven</body></html>";
    fs::write(folder.join("book/page.html"), page).unwrap();
    fs::write(folder.join("book/bare.htm"), "<body>no</body>").unwrap();
    fs::write(folder.join("src/left_out.html"), "<body>no</body>").unwrap();
    fs::write(folder.join("book/no.js"), "no").unwrap();

    let found = text_of_pages(&folder, 1000, 1).expect("there is a page");
    let few = text_of_pages(&folder, 5, 1).expect("there is a page");
    let missing = text_of_pages(&folder.join("nowhere"), 1000, 1);
    fs::remove_dir_all(&folder).unwrap();

    let words: Vec<&str> = found.text.split_whitespace().take(7).collect();
    assert_eq!(words, ["One", "two", "<three>", "&four;", "f\u{fc}nf", "six", "&"]);
    assert_eq!(found.source, Source::RustDocumentation { files: 1 });
    assert!((997..=1000).contains(&found.text.len()), "too short a text begins anew: {} bytes", found.text.len());
    assert!(!found.text.contains("no"), "{}", found.text);
    assert_eq!(&*few.text, " One ");
    assert!(missing.is_none(), "where there are no pages, there is no text: `text` takes the stand-in then");
}

#[test]
fn the_documentation_is_read_in_an_order_by_seed() {
    let Some(root) = rust_documentation() else {
        assert_eq!(text(1000, 1).source, Source::Generated, "without documentation the text must say that it is a stand-in");
        return;
    };
    let one = text(4 << 20, 1);
    assert!(matches!(one.source, Source::RustDocumentation { files } if files > 0));
    assert_eq!(Some(&one.text), text_of_pages(&root, 4 << 20, 1).map(|text| text.text).as_ref(), "the same seed, the same text");
    assert_ne!(Some(&one.text), text_of_pages(&root, 4 << 20, 2).map(|text| text.text).as_ref(), "another seed, another text");
    let words: BTreeSet<&str> = one.text.split_whitespace().collect();
    assert!(["the", "of", "iterator", "fn"].iter().all(|word| words.contains(word)), "that is not the Rust documentation");
}
