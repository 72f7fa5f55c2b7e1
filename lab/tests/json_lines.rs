//! What a peer in another language hands in as lines of JSON.

use std::{fs, io};

use lab::workload::json_lines;

fn read(content: &str) -> io::Result<Vec<(String, Vec<u32>)>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    json_lines(file.path())
}

#[test]
fn every_line_is_a_value() {
    let lines = read("[\"a\\tb\",[1,2]]\n[\"\",[]]\n").unwrap();
    assert_eq!(lines, [("a\tb".to_owned(), vec![1, 2]), (String::new(), vec![])]);
    assert_eq!(read("").unwrap(), []);
}

#[test]
fn a_line_that_is_none_is_named() {
    let error = read("[\"a\",[1]]\n[\"b\"]\n").unwrap_err().to_string();
    assert!(error.starts_with("line 2: "), "{error}");
}
