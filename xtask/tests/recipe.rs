//! Submissions compiled by recipes: the same programs as cargo's, what does not compile told by its name, and compilers stopped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use xtask::{
    catalog::{Catalog, Exercise, find_root},
    check::NotBuilt,
    recipe::{BuiltTest, Call, Compiler, Flavour, Library, Limits, Recipe, Recipes, TestSource, unconfined},
    results::Verdict,
    stage::{Sources, files_below, sources_in},
};

const COMPILER: Compiler<'static> = Compiler {
    runner: &unconfined,
    limits: Limits { processor: Duration::from_secs(60), wall: Duration::from_secs(300), memory: 4 << 30 },
};

/// All tests of this file share one recording.
fn course() -> &'static (Catalog, Recipes) {
    static COURSE: OnceLock<(Catalog, Recipes)> = OnceLock::new();
    COURSE.get_or_init(|| {
        let catalog = Catalog::read(&find_root().unwrap()).unwrap();
        let wanted: Vec<&Exercise> =
            ["spin_lock", "process_pool", "merge_sort"].iter().map(|name| catalog.find(name).unwrap()).collect();
        let recipes = Recipes::record(&catalog, &wanted, Path::new(env!("CARGO_BIN_EXE_xtask"))).unwrap();
        (catalog, recipes)
    })
}

fn recipe(name: &str) -> (&'static Catalog, &'static Exercise, &'static Recipe) {
    let (catalog, recipes) = course();
    let exercise = catalog.find(name).unwrap();
    (catalog, exercise, recipes.of(exercise).unwrap())
}

/// The test attributes neutralised, and a `main` that runs the test that it is told.
fn transform(text: &str, tests: &[String]) -> String {
    let arms: String = tests.iter().map(|test| format!("Some({test:?}) => {test}(),")).collect();
    let text = text.replace("#[test]", "");
    format!("{text} fn main() {{ match std::env::args().nth(1).as_deref() {{ {arms} _ => std::process::exit(9) }} }}\n")
}

/// The reference's files.
fn reference(catalog: &Catalog, exercise: &Exercise) -> Sources {
    sources_in(&catalog.solution_folder(exercise), exercise).unwrap()
}

fn tests_of(catalog: &Catalog, exercise: &Exercise) -> Sources {
    let folder = catalog.exercise_folder(exercise);
    let files = files_below(&folder.join("tests")).unwrap().into_iter();
    files.map(|path| (path.strip_prefix(&folder).unwrap().display().to_string(), fs::read(&path).unwrap())).collect()
}

fn test(recipe: &Recipe, library: &Library, target: &str, files: &Sources, work: &Path) -> BuiltTest {
    let programs = recipe.programs(library, COMPILER, work).unwrap().unwrap();
    let test = TestSource { target, files, programs: &programs };
    recipe.test(library, test, &transform, COMPILER, work).unwrap()
}

/// The reference of spin_lock, with other text in the place of some.
fn spin_lock_with(changes: &[(&str, &str)]) -> (&'static Recipe, Sources, Sources) {
    let (catalog, exercise, recipe) = recipe("spin_lock");
    let mut sources = reference(catalog, exercise);
    let mut text = String::from_utf8(sources["src/lib.rs"].clone()).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "the reference no longer says {from:?}");
        text = text.replace(from, to);
    }
    sources.insert("src/lib.rs".into(), text.into_bytes());
    (recipe, sources, tests_of(catalog, exercise))
}

/// What becomes of the tests of spin_lock with such a library.
fn tested(changes: &[(&str, &str)], target: &str) -> (BuiltTest, tempfile::TempDir) {
    let (recipe, sources, files) = spin_lock_with(changes);
    tested_with(recipe, &sources, target, &files)
}

fn tested_with(recipe: &Recipe, sources: &Sources, target: &str, files: &Sources) -> (BuiltTest, tempfile::TempDir) {
    let work = tempfile::tempdir().unwrap();
    let flavour = if target == "model" { Flavour::Model } else { Flavour::Plain };
    let library = recipe.library(flavour, sources, COMPILER, work.path()).unwrap().unwrap();
    (test(recipe, &library, target, files, work.path()), work)
}

fn names(built: &BuiltTest) -> BTreeSet<&str> {
    built.broken.iter().map(|broken| broken.test.as_str()).collect()
}

/// Why this is no library.
fn refused(name: &str, text: &str, limits: Limits) -> NotBuilt {
    let (.., recipe) = recipe(name);
    let work = tempfile::tempdir().unwrap();
    let sources = Sources::from([("src/lib.rs".to_owned(), text.as_bytes().to_owned())]);
    let compiler = Compiler { limits, ..COMPILER };
    recipe.library(Flavour::Plain, &sources, compiler, work.path()).unwrap().unwrap_err()
}

fn output(built: &BuiltTest, test: &str) -> (bool, String) {
    let output = Command::new(built.program.as_ref().unwrap()).arg(test).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_reference_compiles_in_every_flavour_and_its_tests_pass() {
    for name in ["spin_lock", "process_pool"] {
        let (catalog, exercise, recipe) = recipe(name);
        let work = tempfile::tempdir().unwrap();
        let sources = reference(catalog, exercise);
        let files = tests_of(catalog, exercise);
        let library = recipe.library(Flavour::Plain, &sources, COMPILER, work.path()).unwrap().unwrap();
        let built = test(recipe, &library, "behaviour", &files, work.path());
        let program = built.program.unwrap();
        assert_eq!(built.broken, []);
        assert!(built.tests.len() > 4, "{:?}", built.tests);
        for test in &built.tests {
            let output = Command::new(&program).arg(test).current_dir(work.path()).output().unwrap();
            assert!(output.status.success(), "{name}: {test}: {}", String::from_utf8_lossy(&output.stderr));
        }
        // The hidden text is gone again.
        assert!(!work.path().join("plain/behaviour-source").exists());
        let library = recipe.library(Flavour::Release, &sources, COMPILER, work.path()).unwrap().unwrap();
        let programs = recipe.programs(&library, COMPILER, work.path()).unwrap().unwrap();
        assert!(programs[&format!("{name}-workload")].is_file());
    }
}

#[test]
fn a_missing_function_costs_the_tests_that_use_it() {
    let (built, _work) = tested(&[("fn try_lock", "fn try_to_lock")], "behaviour");
    let lost =
        ["dropping_the_guard_frees_the_lock", "try_lock_fails_while_a_guard_exists", "a_failed_try_lock_leaves_the_lock_alone"];
    assert!(lost.iter().all(|test| names(&built).contains(test)), "{:?}", built.broken);
    assert!(built.broken.iter().all(|broken| broken.message.contains("no method named `try_lock`")), "{:?}", built.broken);
    assert!(built.broken[0].message.contains("--> tests/behaviour.rs:"), "{}", built.broken[0].message);
    assert!(built.tests.iter().any(|test| test == "the_guard_lends_the_value"), "{:?}", built.tests);
    assert!(built.tests.iter().all(|test| output(&built, test).0));
}

#[test]
fn a_missing_type_costs_the_tests_that_name_it() {
    let (built, _work) = tested(&[("Guard", "Lease")], "behaviour");
    assert_eq!(names(&built), BTreeSet::from(["threads_share_what_may_be_sent"]));
    assert!(built.broken[0].message.contains("unresolved import `spin_lock::Guard`"), "{}", built.broken[0].message);
    assert!(output(&built, "no_increment_is_lost").0);
}

#[test]
fn a_model_that_does_not_compile_costs_its_own_points() {
    let (built, _work) = tested(&[("fn try_lock", "fn try_to_lock")], "model");
    assert_eq!(names(&built), BTreeSet::from(["try_lock"]));
    assert!(built.tests.iter().any(|test| test == "mutual_exclusion"), "{:?}", built.tests);
}

#[test]
fn where_every_test_is_broken_the_target_is_and_says_why() {
    let (built, _work) = tested(&[("pub struct SpinLock", "struct SpinLock"), ("pub fn new", "fn new")], "behaviour");
    let why = built.program.unwrap_err();
    assert_eq!((why.verdict, built.tests.len()), (Verdict::Fail, 0));
    assert!(why.words.contains("struct `SpinLock` is private"), "{}", why.words);
    assert!(built.broken.len() >= 8, "{:?}", built.broken);
}

#[test]
fn a_helper_that_does_not_compile_costs_its_users_with_its_own_message() {
    let text = "use spin_lock::SpinLock;\nmod common;\n\nfn locked() -> bool {\n    SpinLock::new(0).is_locked()\n}\n\n\
        #[test]\nfn by_helper() {\n    assert!(!locked());\n}\n\n#[test]\nfn by_module() {\n    common::is_free();\n}\n\n\
        #[test]\nfn by_itself() {\n    drop(SpinLock::new(0).lock());\n    panic!(\"here\");\n}\n";
    let common = "pub fn is_free() {\n    assert!(spin_lock::SpinLock::new(0).is_free());\n}\n";
    let files = [("tests/hidden.rs", text), ("tests/common/mod.rs", common)];
    let files = Sources::from(files.map(|(file, text)| (file.to_owned(), text.as_bytes().to_owned())));
    let (recipe, sources, _) = spin_lock_with(&[]);
    let (built, _work) = tested_with(recipe, &sources, "hidden", &files);
    let told: BTreeMap<&str, &str> = built.broken.iter().map(|broken| (broken.test.as_str(), broken.message.as_str())).collect();
    assert_eq!(built.tests, ["by_itself"]);
    assert!(told["by_helper"].contains("no method named `is_locked`"), "{told:?}");
    assert!(told["by_module"].contains("no method named `is_free`"), "{told:?}");
    assert!(told["by_module"].contains("--> tests/common/mod.rs:2"), "{told:?}");
    // The lines of what is left are where they were.
    let (good, said) = output(&built, "by_itself");
    assert!(!good && said.contains("tests/hidden.rs:21:5"), "{said}");
}

#[test]
fn a_panic_says_the_learners_line_and_nothing_of_this_machine() {
    let (recipe, sources, files) =
        spin_lock_with(&[("        while self.locked", "        todo!();\n        while self.locked")]);
    let text = String::from_utf8(sources["src/lib.rs"].clone()).unwrap();
    let line = text.lines().position(|line| line.contains("todo!()")).unwrap() + 1;
    let (built, work) = tested_with(recipe, &sources, "behaviour", &files);
    let (good, said) = output(&built, "the_guard_lends_the_value");
    assert!(!good && said.contains(&format!("panicked at src/lib.rs:{line}:9")), "{said}");
    let program = fs::read(built.program.unwrap()).unwrap();
    let place = work.path().to_str().unwrap().as_bytes();
    assert!(!program.windows(place.len()).any(|window| window == place), "the folder is in the program");
}

#[test]
fn an_error_of_the_library_is_told_as_the_learner_knows_the_file() {
    let text = "//! Text.\n\n/// Wrong.\npub fn wrong() -> u32 {\n    lab::thread::spawn(1);\n    \"1\"\n}\n";
    let why = refused("spin_lock", text, COMPILER.limits);
    assert_eq!(why.verdict, Verdict::Fail);
    assert!(why.words.contains("--> src/lib.rs:6:5"), "{}", why.words);
    let root = course().0.root.display().to_string();
    assert!(!why.words.contains(&root) && !why.words.contains('\u{1b}') && !why.words.contains("aborting"), "{}", why.words);
}

#[test]
fn unsafe_code_is_refused_where_the_exercise_needs_none() {
    let text = "//! Text.\n/// Doubtful.\npub fn doubtful() {\n    unsafe { std::ptr::read(&1) };\n}\n";
    let why = refused("merge_sort", text, COMPILER.limits);
    assert!(why.verdict == Verdict::Fail && why.words.contains("usage of an `unsafe` block"), "{}", why.words);
    let allowed = refused("merge_sort", &format!("#![allow(unsafe_code)]\n{text}"), COMPILER.limits);
    assert!(allowed.words.contains("incompatible with previous forbid"), "{}", allowed.words);
    let exported = refused("merge_sort", "#[unsafe(no_mangle)]\npub extern \"C\" fn time() {}\n", COMPILER.limits);
    assert!(exported.words.contains("`no_mangle`"), "{}", exported.words);
}

/// So little that a bomb goes off in a moment.
const TIGHT: Limits = Limits { processor: Duration::from_secs(3), wall: Duration::from_secs(100), memory: 1 << 30 };

#[test]
fn a_constant_without_end_stops_the_compiler_and_says_so() {
    let text = "#![allow(long_running_const_eval)]\nconst _: () = loop {};\n";
    let why = refused("spin_lock", text, TIGHT);
    assert!(why.verdict == Verdict::Fail && why.words.contains("it had computed for 3 s"), "{}", why.words);
}

#[test]
fn a_macro_that_doubles_itself_stops_the_compiler_and_says_so() {
    let text = "macro_rules! double { ($($t:tt)*) => { double! { $($t)* $($t)* } }; }\ndouble! { a }\n";
    let why = refused("spin_lock", &format!("#![recursion_limit = \"1000\"]\n{text}"), TIGHT);
    let told = why.words.contains("MiB of memory") || why.words.contains("it had computed for 3 s");
    assert!(why.verdict == Verdict::Fail && told, "{}", why.words);
}

#[test]
fn code_that_is_nested_too_deeply_breaks_the_compiler_and_is_told_as_such() {
    let text = format!("pub fn deep() -> u32 {{ {}1{} }}\n", "(".repeat(200_000), ")".repeat(200_000));
    let why = refused("spin_lock", &text, Limits { memory: 4 << 30, ..TIGHT });
    assert!(why.verdict == Verdict::Fail && why.words.contains("the compiler"), "{}", why.words);
}

#[test]
fn a_machine_that_is_too_busy_is_not_the_codes_fault() {
    let why = refused("spin_lock", "const _: () = loop {};\n", Limits { wall: Duration::ZERO, ..TIGHT });
    assert!(why.verdict == Verdict::Error && why.words.contains("too busy"), "{why:?}");
}

#[test]
fn a_library_that_the_course_has_lost_is_not_the_codes_fault() {
    let (catalog, _) = course();
    let exercise = catalog.find("spin_lock").unwrap();
    let recipes = Recipes::record(catalog, &[exercise], Path::new(env!("CARGO_BIN_EXE_xtask"))).unwrap();
    let recipe = recipes.of(exercise).unwrap();
    let libraries: Vec<_> = recipe.reads().flat_map(|folder| fs::read_dir(folder).unwrap().flatten()).collect();
    for library in libraries.iter().filter(|file| file.file_name().to_string_lossy().starts_with("liblab-")) {
        fs::remove_file(library.path()).unwrap();
    }
    let work = tempfile::tempdir().unwrap();
    let error = recipe.library(Flavour::Plain, &reference(catalog, exercise), COMPILER, work.path()).unwrap_err();
    assert!(error.to_string().contains("is gone"), "{error}");
}

#[test]
fn words_like_those_of_a_fault_of_the_machine_are_the_codes_own() {
    let lies = [
        "compile_error!(\"extern location for lab does not exist: liblab.rmeta: No space left on device\");",
        "extern crate nosuch;",
        "compile_error!(\"can't find crate for `rayon` which `lab` depends on\");",
    ];
    for lie in lies {
        let why = refused("spin_lock", lie, COMPILER.limits);
        assert_eq!(why.verdict, Verdict::Fail, "{}", why.words);
    }
}

#[test]
fn a_library_is_compiled_where_no_test_is() {
    let (recipe, sources, files) = spin_lock_with(&[]);
    let work = tempfile::tempdir().unwrap();
    let seen = Mutex::new(Vec::new());
    let watched = |call: &Call<'_>| {
        let files = files_below(work.path())?;
        let reads =
            call.reads.iter().any(|folder| files_below(folder).unwrap().iter().any(|file| file.ends_with("behaviour.rs")));
        seen.lock().unwrap().push((files.iter().any(|file| file.ends_with("behaviour.rs")), reads));
        unconfined(call)
    };
    let compiler = Compiler { runner: &watched, ..COMPILER };
    let library = recipe.library(Flavour::Plain, &sources, compiler, work.path()).unwrap().unwrap();
    assert_eq!(*seen.lock().unwrap(), [(false, false)]);
    let source = TestSource { target: "behaviour", files: &files, programs: &BTreeMap::new() };
    recipe.test(&library, source, &transform, compiler, work.path()).unwrap();
    assert_eq!(*seen.lock().unwrap(), [(false, false), (true, true)]);
    assert_eq!(files_below(work.path()).unwrap().iter().filter(|file| file.ends_with("behaviour.rs")).count(), 0);
}

#[test]
fn a_file_outside_its_folder_is_not_written() {
    let (recipe, mut sources, _) = spin_lock_with(&[]);
    let work = tempfile::tempdir().unwrap();
    for name in ["src/../../escaped.rs", "/tmp/escaped.rs", "build.rs", "Cargo.toml"] {
        sources.insert(name.into(), Vec::new());
        let error = recipe.library(Flavour::Plain, &sources, COMPILER, work.path()).unwrap_err().to_string();
        assert!(error.contains("cannot be a learner's file"), "{error}");
        sources.remove(name);
    }
}

/// As in `cargo xtask ci`, whose tests have cargo link the runner anew while it runs.
#[test]
fn a_runner_whose_file_is_replaced_while_it_runs_goes_on_grading() {
    let (catalog, _) = course();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("xtask");
    // By another process: what other tests start meanwhile would hold the copy open, and it could not be started.
    let copied = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_xtask")).arg(&program).status().unwrap();
    assert!(copied.success());
    let mut command = std::process::Command::new(&program);
    command.current_dir(&catalog.root).args(["grade", "--exercise", "merge_sort", "--no-speed"]);
    command.args(["--submission", "solutions/algorithms/merge_sort", "--out"]).arg(folder.path().join("out"));
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    fs::remove_file(&program).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}
