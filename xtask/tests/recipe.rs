//! Submissions compiled by recipes: the same programs as cargo's, what does not compile told by its name, and compilers stopped.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use xtask::{
    build::Part,
    catalog::{Catalog, Exercise, find_root},
    recipe::{BuiltTest, Compiler, FLAVOURS, Flavour, Library, Limits, Recipe, Recipes, TestSource, unconfined},
    results::Verdict,
    stage::{Sources, Stage, files_below, sources_in},
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

/// The first test's output of spin_lock with other text in the place of some.
fn spin_lock_with(from: &str, to: &str) -> (&'static Recipe, Sources, Sources) {
    let (catalog, exercise, recipe) = recipe("spin_lock");
    let mut sources = reference(catalog, exercise);
    let text = String::from_utf8(sources["src/lib.rs"].clone()).unwrap();
    assert!(text.contains(from), "the reference no longer says {from:?}");
    sources.insert("src/lib.rs".into(), text.replace(from, to).into_bytes());
    (recipe, sources, tests_of(catalog, exercise))
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

