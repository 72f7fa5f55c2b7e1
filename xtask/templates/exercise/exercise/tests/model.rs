//! It, in every order of its steps, and with every stale value that its orderings allow.

mod signatures;

use lab::{
    model::{Model, reach},
    sync::Arc,
    thread,
};
use new_exercise::Highest;

/// Two threads offer. Whoever comes second, the larger value stays.
#[test]
fn no_offer_is_lost() {
    Model::new().must_reach(&["the larger first", "the smaller first"]).check(|| {
        let highest = Arc::new(Highest::new(0));
        let other = thread::spawn({
            let highest = highest.clone();
            move || highest.offer(2)
        });
        let before = highest.offer(1);
        other.join().unwrap();
        reach(if before == 2 { "the larger first" } else { "the smaller first" });
        assert_eq!(highest.get(), 2, "2 was offered, and the largest value is a smaller one");
    });
}
