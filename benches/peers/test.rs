//! Every peer that this machine has, on a small input of its exercise: the course's own workload judges it to be right.

use std::{collections::BTreeMap, time::Duration};

use xtask::{
    catalog::{Catalog, find_root},
    check::SEED,
    driver::Workload,
    peers::{Peers, Places, Race},
    results::{Curves, PeerOutcome},
};

/// Small, and not a multiple of anything: shares are uneven.
const SIZES: [(&str, u64); 5] =
    [("spin_lock", 10_007), ("process_pool", 20_011), ("crawler", 23), ("merge_sort", 100_003), ("word_count", 300_007)];

#[test]
fn every_peer_is_right() {
    let catalog = Catalog::read(&find_root().unwrap()).unwrap();
    let peers = Peers::find(Places::of(&catalog)).unwrap();
    let mut wrong = Vec::new();
    for (name, size) in SIZES {
        let exercise = catalog.find(name).unwrap();
        let workload = catalog.reference(exercise).unwrap().workload(&catalog).unwrap().unwrap();
        let axis = Workload::start(&workload, None, &[], exercise.limit("speed")).unwrap().spec.axis;
        let race = Race {
            exercise: name.into(),
            workload,
            size,
            seed: SEED,
            axis,
            places: vec![1, 3],
            processes: 1,
            per_process: 1,
            patience: Duration::ZERO,
            limit: Duration::from_secs(120),
        };
        let mut curves = Curves { size, size_unit: String::new(), axis, contenders: BTreeMap::new(), weak: None };
        for peer in peers.measure(&race, &mut curves).unwrap() {
            match peer.outcome {
                PeerOutcome::Measured => assert_eq!(curves.contenders[&peer.name].len(), 2),
                // A machine need not have Python or another compiler; those in Rust are always there.
                PeerOutcome::Skipped(why) if peer.language != "Rust" => println!("\nskipped: {name}, {}: {why}", peer.name),
                other => wrong.push(format!("{name}, {}: {other:?}", peer.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
