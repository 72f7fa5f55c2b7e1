//! What an author is helped with: a new exercise in which everything is in step, and patches that survive a new reference.

use std::{fs, path::Path};

use xtask::{
    catalog::{Catalog, find_root},
    new::{Kind, empty_course, named, write},
    patch::{Made, Patches},
    planted::read_all,
    results::Verdict,
    stage::{Stage, sources_in},
    tidy::look,
    verify::{Claim, prove},
};

/// A course that holds nothing but new exercises.
fn course(exercises: &[(&str, Kind)]) -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let mut catalog = empty_course(&Catalog::read(&find_root().unwrap()).unwrap(), folder.path()).unwrap();
    for (path, kind) in exercises {
        write(&catalog, path, *kind).unwrap();
        // What is made beside the files is in this course's own folder too.
        catalog = Catalog { target: folder.path().join("target"), ..Catalog::read(folder.path()).unwrap() };
    }
    (folder, catalog)
}

#[test]
fn nothing_of_a_new_exercise_is_out_of_step_but_what_its_author_must_write() {
    let (folder, catalog) =
        course(&[("threads/first_one", Kind::Implement), ("threads/second", Kind::Fix), ("async/third", Kind::Optimise)]);
    let faults: Vec<String> = look(folder.path()).unwrap().iter().map(ToString::to_string).collect();
    let others: Vec<&String> = faults.iter().filter(|fault| !fault.contains("TODO")).collect();
    assert_eq!(others, Vec::<&String>::new());
    for file in ["Cargo.toml", "README.md", "hints.md"] {
        let told = faults.iter().filter(|fault| fault.starts_with(&format!("exercises/threads/first_one/{file}: line "))).count();
        assert!(told >= 3, "{told} lines of {file} are left to the author: {faults:#?}");
    }
    let told: Vec<(u32, &str, &str)> = catalog
        .exercises
        .iter()
        .map(|exercise| (exercise.about.order, exercise.about.title.as_str(), exercise.about.kind.as_str()))
        .collect();
    assert_eq!(told, [(10, "First one", "implement"), (20, "Second", "fix"), (210, "Third", "optimise")]);
}

#[test]
fn a_name_that_cannot_be_one_is_refused() {
    let (_folder, catalog) = course(&[("threads/taken", Kind::Fix)]);
    let refused = |path: &str| named(&catalog, path).unwrap_err().to_string();
    assert!(refused("taken").contains("is not <track>/<name>"));
    assert!(refused("thread/free").contains("no track is called \"thread\""));
    assert!(refused("threads/Free-one").contains("cannot be a crate's name"));
    assert!(refused("async/taken").contains("threads/taken is there already"));
    assert_eq!(named(&catalog, "exercises/threads/free/").unwrap(), ("threads", "free"));
}

fn replace(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{} holds no {old:?}:\n{text}", path.display());
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}

#[test]
fn patches_are_made_again_for_a_new_reference() {
    let (_folder, catalog) = course(&[("threads/moving", Kind::Implement)]);
    let exercise = &catalog.exercises[0];
    let solution = catalog.solution_folder(exercise);
    let made = || {
        let all = Patches::of(&catalog, exercise).unwrap().again().unwrap();
        all.into_iter().filter(|(_, made)| *made != Made::Fits).collect::<Vec<_>>()
    };
    assert_eq!(made(), []);

    // A neighbour of what they change is written anew: two of them say that line themselves, and the others do not care.
    replace(&solution.join("src/lib.rs"), "Relaxed, since nothing else is handed over", "Relaxed: nothing else comes along");
    let again = made();
    let (opened, written): (Vec<_>, Vec<_>) = again.into_iter().partition(|(_, made)| matches!(made, Made::Opened(..)));
    assert!(!opened.is_empty() && !written.is_empty(), "{opened:?} {written:?}");
    for (name, _) in &written {
        let patch = solution.join("mutants").join(format!("{name}.patch"));
        let text = fs::read_to_string(patch).unwrap();
        assert!(text.starts_with("Title: ") && text.contains("\nHow: ") && text.contains("Relaxed: nothing else"), "{text}");
    }

    // The author chooses.
    let patches = Patches::of(&catalog, exercise).unwrap();
    for (name, made) in opened {
        let Made::Opened(folder, conflicts) = made else { unreachable!("only those were kept") };
        assert!(conflicts > 0, "{name}");
        let file = folder.join("src/lib.rs");
        let refused = patches.turn(&name, false).unwrap_err().to_string();
        assert!(refused.contains("still holds a conflict"), "{refused}");
        let text = fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once("<<<<<<< the reference\n").unwrap();
        let (_, rest) = rest.split_once("=======\n").unwrap();
        let (theirs, after) = rest.split_once(">>>>>>> the patch\n").unwrap();
        fs::write(&file, format!("{before}{theirs}{after}")).unwrap();
        assert!(matches!(patches.turn(&name, false).unwrap(), Made::Written(_)), "{name}");
        assert!(!folder.exists(), "its copy is not needed any more");
    }
    let reference = sources_in(&solution, exercise).unwrap();
    let all = read_all(&solution).unwrap();
    assert_eq!(all.len(), 6);
    all.iter().for_each(|planted| _ = planted.sources(exercise, &reference).unwrap());
}

#[test]
fn a_new_patch_is_what_was_edited() {
    let (_folder, catalog) = course(&[("threads/planting", Kind::Implement)]);
    let exercise = &catalog.exercises[0];
    let patches = Patches::of(&catalog, exercise).unwrap();
    let Made::Opened(folder, 0) = patches.turn("forgets", false).unwrap() else { panic!("it was not opened") };
    let refused = patches.turn("forgets", false).unwrap_err().to_string();
    assert!(refused.contains("differs from the reference"), "{refused}");
    replace(&folder.join("src/lib.rs"), "AtomicU64::new(first)", "AtomicU64::new(first.min(0))");
    let Made::Written(path) = patches.turn("forgets", false).unwrap() else { panic!("it was not written") };
    assert!(path.ends_with("mutants/forgets.patch"));
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.contains("--- a/src/lib.rs\n+++ b/src/lib.rs\n")
            && text.contains("+        Self { value: AtomicU64::new(first.min(0)) }"),
        "{text}"
    );
}

/// In a course beside the scratch files, on the stage and with the target folder of this one: what they depend on is built once.
#[test]
#[ignore = "a minute: a step of cargo xtask ci"]
fn new_exercises_are_proven_as_they_are() {
    let own = Catalog::read(&find_root().unwrap()).unwrap();
    let root = own.target.join("racecourse/template");
    let mut course = empty_course(&own, &root).unwrap();
    for kind in [Kind::Implement, Kind::Fix, Kind::Optimise] {
        write(&course, &format!("threads/new_{kind}"), kind).unwrap();
        course = Catalog { target: own.target.clone(), ..Catalog::read(&root).unwrap() };
    }
    let stage = Stage::open(&course).unwrap();
    for exercise in &course.exercises {
        let proof = prove(&course, &stage, exercise, |_| {});
        let told = |claim: &Claim| format!("{}, {}: {}", claim.of, claim.check, claim.seen);
        let open: Vec<String> = proof.claims.iter().filter(|claim| claim.verdict != Verdict::Pass).map(told).collect();
        assert!(proof.holds(), "{}: {open:#?}", proof.exercise);
        // A machine that is too busy to measure anything leaves the rest.
        assert!(proof.count(Verdict::Pass) >= 11, "{}: {open:#?}", proof.exercise);
    }
}
