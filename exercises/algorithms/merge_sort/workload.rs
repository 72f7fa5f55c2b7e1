//! Merge sort as a measurable program: uniform 64-bit keys, against the standard library's sort and rayon's two.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use lab::{
    data::{self, Keys},
    par::{self, Pool},
    workload::{Axis, Counted, Peer, Setup, Spec, Workload, digest_of, main as serve},
};
use rayon::slice::ParallelSliceMut;

struct MergeSort {
    keys: Vec<u64>,
    pool: Pool,
}

impl Workload for MergeSort {
    type Input = Vec<u64>;
    type Output = Vec<u64>;

    fn spec() -> Spec {
        Spec {
            name: "merge_sort".into(),
            size_unit: "keys".into(),
            cost_unit: Some("comparisons and copies".into()),
            axis: Axis::Threads,
            quick: 1 << 22,
            full: 1 << 23,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        let size = usize::try_from(setup.size).expect("a size fits into memory");
        Self { keys: data::keys(Keys::Uniform, size, setup.seed), pool: Pool::new(setup.threads) }
    }

    fn input(&self) -> Vec<u64> {
        self.keys.clone()
    }

    fn baseline(&self, mut keys: Vec<u64>) -> Vec<u64> {
        // Not `sort`, which is stable: equal numbers cannot be told apart, and this one is the faster of the two.
        keys.sort_unstable();
        keys
    }

    fn submission(&self, mut keys: Vec<u64>) -> Vec<u64> {
        self.pool.install(|| merge_sort::sort(&mut keys));
        keys
    }

    fn peers() -> Vec<Peer<Self>> {
        vec![
            ("rayon par_sort", |workload, mut keys| {
                workload.pool.install(|| keys.par_sort());
                keys
            }),
            ("rayon par_sort_unstable", |workload, mut keys| {
                workload.pool.install(|| keys.par_sort_unstable());
                keys
            }),
        ]
    }

    fn digest(&self, keys: &Vec<u64>) -> u64 {
        digest_of(keys)
    }

    /// The keys: 8 bytes each, the least significant first, and nothing else.
    fn export(&self, file: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(fs::File::create(file)?);
        self.keys.iter().try_for_each(|key| file.write_all(&key.to_le_bytes()))?;
        file.flush()
    }

    /// The sorted keys, in the same way.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Vec<u64>> {
        let bytes = fs::read(file)?;
        let (keys, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(io::Error::other(format!("{} bytes are no whole number of keys of 8 bytes", bytes.len())));
        }
        Ok(keys.iter().map(|key| u64::from_le_bytes(*key)).collect())
    }

    fn cost(&self) -> Option<Counted> {
        let mut keys: Vec<_> = self.keys.iter().copied().map(par::Counted).collect();
        // No sort makes fewer comparisons than log2(n!) on random keys. What is missing to that ran where nothing is counted; it
        // is charged as serial work. A merge sort makes hardly more, and as many copies at the most.
        let fewest = fewest_comparisons(self.keys.len());
        let counted = Counted::on_one_thread(fewest..=2 * fewest, || merge_sort::sort(&mut keys));
        assert!(keys.is_sorted_by(|a, b| a.0 <= b.0), "the keys are not sorted where work and span are counted");
        Some(counted)
    }
}

/// `log2(n!)`, rounded down, by Stirling's lower bound.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bound, not negative")]
fn fewest_comparisons(n: usize) -> u64 {
    let n = n as f64;
    (n * (n.log2() - std::f64::consts::LOG2_E)).max(0.0) as u64
}

fn main() -> ExitCode {
    serve::<MergeSort>()
}
