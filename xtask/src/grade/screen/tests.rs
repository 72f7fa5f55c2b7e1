//! What must be found, and what must not: each with the nearest honest thing.

use super::*;
use crate::catalog::{Catalog, find_root};

fn catalog() -> Catalog {
    Catalog::read(&find_root().unwrap()).unwrap()
}

fn found(exercise: &str, text: &str) -> Vec<Finding> {
    let catalog = catalog();
    screen(catalog.find(exercise).unwrap(), &Sources::from([("src/lib.rs".to_owned(), text.as_bytes().to_vec())]))
}

/// That each of `texts` costs `costs`.
fn all_cost(exercise: &str, costs: Costs, texts: &[&str]) {
    for text in texts {
        let found = found(exercise, text);
        assert!(found.iter().any(|finding| finding.costs == costs), "{text}\n{found:?}");
    }
}

/// That nothing is found in any of `texts`.
fn none_costs(exercise: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(exercise, text), [], "{text}");
    }
}

#[test]
fn the_linkers_doors_are_closed() {
    all_cost(
        "merge_sort",
        Costs::All,
        &[
            "#[unsafe(no_mangle)] pub fn clock_gettime() {}",
            "#[no_mangle] fn a() {}",
            "#[cfg_attr(all(), unsafe(export_name = \"clock_gettime\"))] fn a() {}",
            "#[unsafe(link_section = \".init_array\")] static A: fn() = a;",
            "#[used] static A: u8 = 0;",
            "unsafe extern \"C\" { fn _exit(code: i32); }",
            "extern { fn _exit(code: i32); }",
            "pub extern \"C\" fn a() {}",
            "macro_rules! m { ($a:meta) => { #[$a] fn f() {} } } m!(no_mangle);",
            "macro_rules! m { ($a:meta) => { #[$a] fn f() {} } } m!(export_name = \"clock_gettime\");",
            "#[r#no_mangle] fn a() {}",
            "#[global_allocator] static A: A = A;",
            "extern crate proc_macro;",
            "core::arch::asm!(\"\");",
            "use core::arch::asm as plus; fn a() { plus!(\"\") }",
            "core::arch::global_asm!(\"\");",
            "#[link(name = \"evil\")] mod a {}",
            "macro_rules! m { ($a:tt $($b:tt)*) => { unsafe $a \"C\" { fn _exit(code: i32); } } } m!(extern crate std;);",
            "use core::arch::*; macro_rules! m { ($b:tt $a:ident) => { $a $b (\"\") } } fn a() { m!(! asm) }",
        ],
    );
}

#[test]
fn the_crate_stays_what_it_is() {
    all_cost(
        "merge_sort",
        Costs::All,
        &[
            "#![feature(test)]",
            "#![no_std]",
            "#![no_main]",
            "#[path = \"/etc/passwd\"] mod a;",
            "#![cfg_attr(all(), feature(x))]",
            "#![crate_type = \"cdylib\"]",
        ],
    );
}

#[test]
fn nothing_of_the_machine_is_read_while_it_compiles() {
    all_cost(
        "merge_sort",
        Costs::All,
        &[
            "const A: &str = include_str!(\"../tests/behaviour.rs\");",
            "use std::include_str as text; const A: &str = text!(\"x\");",
            "use core::{include_bytes as b};",
            "const A: &str = std::env!(\"HOME\");",
            "use std::env as e; const A: &str = e!(\"HOME\");",
            "macro_rules! call { ($m:ident) => { $m!(\"x\") } } const A: &str = call!(env);",
            "macro_rules! m { () => { include!(\"x\") } }",
            "macro_rules! m { ($b:tt $a:ident) => { $a $b (\"x\") } } const A: &str = m!(! include_str);",
            "const A: Option<&str> = option_env!(\"HOME\");",
        ],
    );
}

#[test]
fn honest_code_has_words_of_its_own() {
    none_costs(
        "crawler",
        &[
            "//! no_mangle, extern \"C\", include_str!(..)\nextern crate alloc; extern crate std;",
            "/// `asm!` and #[link_section]\nconst A: &str = \"no_mangle asm! env!()\";",
            "#[cfg(test)] mod tests { const A: &str = include_str!(\"x\"); }",
            "use std::env; fn a() -> String { env::var(\"A\").unwrap_or_default() }",
            "fn include(path: &str, link: &str) -> bool { let (used, asm) = (path, link); used != asm }",
            "fn a() { let link_name = \"x\"; let export_name = link_name; println!(\"{}\", export_name) }",
            "fn a(env: u8) -> bool { env != 1 && asm != 2 }",
            "fn a() { vec![link, path, used, feature]; }",
            "#[cfg(feature = \"model\")] mod a {} #[derive(Debug, Clone)] #[doc(alias = \"path\")] #[must_use = \"link\"] struct A;",
            "use std::sync::{Mutex, atomic::AtomicU8}; use std::thread; fn a() { thread::spawn(b); }",
            "fn a() -> impl Iterator<Item = u8> + use<'static> { b() }",
            "macro_rules! m { ($($name:ident),*) => { $(impl A for $name {})* } } m!(env, include);",
            "#[serde(path = \"x\", link(used))] struct A;",
        ],
    );
}

#[test]
fn what_a_model_cannot_see_costs_the_model() {
    all_cost(
        "spin_lock",
        Costs::Check("model"),
        &[
            "use std::sync::atomic::AtomicBool;",
            "use core::sync::atomic::{self, Ordering}; fn a(b: atomic::AtomicBool) {}",
            "use std as s; fn a(b: s::sync::Mutex<u8>) {}",
            "use std::{sync as t}; use t::atomic as u; fn a(b: u::AtomicU8) {}",
            "use std::sync::atomic::*;",
            "use std::sync::*;",
            "fn a() { std::thread::spawn(b); }",
            "use std::thread; fn a() { thread::park() }",
            "mod p { pub use std::sync as q; } fn a(b: crate::p::q::RwLock<u8>) {}",
            "macro_rules! m { () => { std::sync::atomic::AtomicBool } }",
            "macro_rules! m { ($r:ident) => { $r::sync::atomic::AtomicBool } }",
            "use std::cell::UnsafeCell;",
            "static mut A: bool = false;",
            "fn a(b: *const u8) { b.read_volatile(); }",
            "#[cfg(not(feature = \"model\"))] use std::sync::Mutex;",
            "extern crate core as c; use c::sync::OnceLock;",
            "use std::*; fn a() { thread::yield_now() }",
        ],
    );
    none_costs(
        "spin_lock",
        &[
            "use std::sync::{Arc, PoisonError, atomic::Ordering}; use std::marker::PhantomData; use std::mem;",
            "use lab::sync::{Mutex, atomic::AtomicBool}; use lab::{thread, cell::UnsafeCell}; fn a() { thread::spawn(b) }",
            "use std::cell::Cell; thread_local! { static A: Cell<u8> = const { Cell::new(0) }; }",
            "use std::{hint, thread::available_parallelism};",
            "const A: usize = if cfg!(feature = \"model\") { 0 } else { 100 };",
            "// use std::sync::Mutex\nconst A: &str = \"std::sync::Mutex\";",
            "use std::sync; fn a(b: sync::Arc<u8>, c: sync::atomic::Ordering) {}",
        ],
    );
}

#[test]
fn the_runner_is_spoken_to_by_tests_alone() {
    all_cost(
        "spin_lock",
        Costs::All,
        &[
            "fn a() { lab::model::reach(\"main first\") }",
            "use lab::evidence as e; fn a() { e::record(\"model\", &1) }",
            "use lab as l; fn a() { l::proof::main() }",
            "use lab::*; fn a() { model::reach(\"main first\") }",
            "use lab::{model::reach};",
        ],
    );
    all_cost(
        "merge_sort",
        Costs::Check("span"),
        &["fn a() { lab::par::measure(0, || b()).0 }", "use lab::par; fn a() { par::tick(9) }"],
    );
    none_costs("merge_sort", &["use lab::par; fn a() { par::join(b, c) }", "use lab::{par::{join, scope}, trace};"]);
}

#[test]
fn the_peer_is_no_solution() {
    all_cost(
        "spin_lock",
        Costs::Check("speed"),
        &[
            "use parking_lot::Mutex;",
            "#[cfg(feature = \"workload\")] mod fast {}",
            "fn a() { if cfg!(feature = \"workload\") { b() } }",
            "extern crate parking_lot;",
        ],
    );
    none_costs("spin_lock", &["fn a(parking_lot: u8) -> u8 { parking_lot }"]);
    // Here it is a dependency of the exercise itself.
    none_costs("thread_pool", &["use crossbeam_deque::Steal;"]);
}

#[test]
fn what_is_no_rust_is_said_and_left_to_the_compiler() {
    let found = found("spin_lock", "fn a() {}\nfn b( {");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].costs, Costs::Unread);
    let catalog = catalog();
    let sources = Sources::from([("src/lib.rs".to_owned(), b"fn a() {}\n\xff".to_vec())]);
    let found = screen(catalog.find("spin_lock").unwrap(), &sources);
    assert_eq!((found[0].line, found[0].costs), (2, Costs::Unread));
}

/// Whatever the course itself hands out, or takes for right or for an honest mistake.
#[test]
fn nothing_of_the_course_is_flagged() {
    let catalog = catalog();
    let mut looked_at = 0;
    for exercise in &catalog.exercises {
        let solution = catalog.solution_folder(exercise);
        let reference = crate::stage::sources_in(&solution, exercise).unwrap();
        let starter = crate::stage::sources_in(&catalog.exercise_folder(exercise), exercise).unwrap();
        let planted = crate::planted::read_all(&solution).unwrap();
        let planted = planted.iter().map(|planted| (planted.name.clone(), planted.sources(exercise, &reference).unwrap()));
        let given = [("reference".to_owned(), reference.clone()), ("starter".to_owned(), starter)];
        for (name, sources) in given.into_iter().chain(planted) {
            assert_eq!(screen(exercise, &sources), [], "{} of {}", name, exercise.path());
            looked_at += 1;
        }
    }
    assert!(looked_at > 150, "only {looked_at} were looked at");
}

#[test]
fn what_is_remarkable_is_said_with_its_place() {
    let catalog = catalog();
    let said = |exercise: &str, text: &str| {
        let sources = Sources::from([("src/lib.rs".to_owned(), text.as_bytes().to_vec())]);
        let remarks = remarks(catalog.find(exercise).unwrap(), &sources);
        remarks.into_iter().map(|remark| format!("{} {}", remark.place, remark.what)).collect::<Vec<_>>()
    };
    assert_eq!(
        said("spin_lock", "\nuse std::process;\nfn a() { process::exit(0) }"),
        ["src/lib.rs:3 it ends the process (`std::process::exit`)"]
    );
    assert_eq!(said("spin_lock", "const A: &str = \"/proc/self/fd\";").len(), 1);
    assert_eq!(said("spin_lock", "use std::cell::Cell;\nunsafe impl Sync for A {}").len(), 1);
    assert_eq!(said("spin_lock", "// /proc/self\nfn a() { std::mem::take(b) }"), [""; 0]);
    assert_eq!(said("process_pool", "use std::process::Command;"), [""; 0]);
}
