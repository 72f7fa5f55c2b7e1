//! What the machine allows: the bandwidth of its memory on one core and on more, by the STREAM triad.

use std::{
    collections::BTreeMap,
    fs,
    hint::black_box,
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use lab::triad::{BYTES_PER_ELEMENT, triad};

use crate::{
    check::cores,
    curves::powers,
    measure::median_of_sorted,
    results::{Bandwidth, Ceilings},
};

/// STREAM's rule: each array is at least so many times as large as all last-level caches together.
const TIMES_THE_CACHE: u64 = 4;

/// Taken for the cache where the system does not tell.
const USUAL_CACHE: u64 = 32 << 20;

/// STREAM's scalar.
const SCALE: f64 = 3.0;

/// Bytes per second that the loop reaches in the cache of any core that it is built well for: an element in two nanoseconds.
/// (On a busy machine the passes over memory are so disturbed that even a bad loop seems fast beside them.)
const LEAST_IN_CACHE: f64 = 12e9;

/// Elements of arrays that any first-level cache holds: three of 4 KiB.
const FEW: usize = 512;

/// Measures this machine: a second or two, or about half of that for a first look.
///
/// # Errors
/// If there is too little memory, or the loop and not the memory was what limited it.
pub fn measure(quick: bool) -> Result<Ceilings> {
    let cache = last_level_caches(Path::new("/sys/devices/system/cpu"));
    let array = array_size(cache, available_memory());
    ensure!(array >= cache.unwrap_or(USUAL_CACHE), "there is too little free memory for arrays that no cache holds");
    // The first pass finds pages and threads cold, and does not count.
    let passes = if quick { 5 } else { 10 };
    let in_cache = in_cache();
    let bandwidth: Vec<Bandwidth> = powers(cores())
        .into_iter()
        .map(|threads| {
            let elements = usize::try_from(array / 8).unwrap_or(usize::MAX) / threads;
            let counted = (elements * threads) as u64 * BYTES_PER_ELEMENT;
            let samples = passes_over(elements, threads, passes).iter().map(|time| counted as f64 / time.as_secs_f64()).collect();
            Bandwidth { threads, samples }
        })
        .collect();
    let ceilings = Ceilings { array, cache, bandwidth, in_cache };
    let one = ceilings.median(1).unwrap_or(f64::INFINITY);
    // As in a build without optimisation.
    let own_limit = in_cache < LEAST_IN_CACHE || in_cache < 1.5 * one;
    ensure!(!own_limit, "the loop itself was the limit: it is hardly faster on data in the cache");
    Ok(ceilings)
}

impl Ceilings {
    /// The median bandwidth of so many threads, in bytes per second.
    pub fn median(&self, threads: usize) -> Option<f64> {
        let mut samples = self.bandwidth.iter().find(|bandwidth| bandwidth.threads == threads)?.samples.clone();
        samples.retain(|sample| sample.is_finite() && *sample > 0.0);
        samples.sort_by(f64::total_cmp);
        (!samples.is_empty()).then(|| median_of_sorted(&samples))
    }

    /// How many times as fast a program that only moves memory can be, by threads: `BW(p) / BW(1)`. A machine whose second
    /// core adds nothing still lets two threads do what one does, so never below 1.
    pub fn speedups(&self) -> Vec<(usize, f64)> {
        let Some(one) = self.median(1) else { return Vec::new() };
        let of = |bandwidth: &Bandwidth| Some((bandwidth.threads, (self.median(bandwidth.threads)? / one).max(1.0)));
        self.bandwidth.iter().filter_map(of).collect()
    }
}

/// Bytes of one array: three of them take a quarter of the free memory at the most, so that nothing is paged out for them.
fn array_size(cache: Option<u64>, available: Option<u64>) -> u64 {
    let wanted = TIMES_THE_CACHE * cache.unwrap_or(USUAL_CACHE);
    available.map_or(wanted, |available| wanted.min(available / 12))
}

/// All last-level caches below `folder` (`/sys/devices/system/cpu`) together, in bytes. Those that several processors share
/// are told by each of them, and counted once.
fn last_level_caches(folder: &Path) -> Option<u64> {
    let mut found: BTreeMap<u32, BTreeMap<String, u64>> = BTreeMap::new();
    for processor in fs::read_dir(folder).ok()?.flatten() {
        let Ok(caches) = fs::read_dir(processor.path().join("cache")) else { continue };
        for cache in caches.flatten() {
            let read = |file: &str| fs::read_to_string(cache.path().join(file)).ok().map(|text| text.trim().to_owned());
            let level = read("level").and_then(|level| level.parse().ok());
            let size = read("size").as_deref().and_then(bytes);
            // Instructions are not what is streamed.
            let data = read("type").is_some_and(|kind| kind != "Instruction");
            if let (Some(level), Some(size), Some(shared), true) = (level, size, read("shared_cpu_list"), data) {
                found.entry(level).or_default().insert(shared, size);
            }
        }
    }
    found.last_key_value().map(|(_, caches)| caches.values().sum())
}

/// `32768K` in bytes.
fn bytes(size: &str) -> Option<u64> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &size[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// Memory that can be had without paging, in bytes.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machines = line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024;
    // A container may be allowed less than the machine has.
    let figure = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup/memory.{file}")).ok()?.trim().parse::<u64>().ok();
    let allowed = figure("max").map(|most| most.saturating_sub(figure("current").unwrap_or(0)));
    Some(allowed.map_or(machines, |allowed| machines.min(allowed)))
}

/// The time of each of so many passes by `threads`, with `elements` in each of the three arrays of every thread.
///
/// All threads run before a clock is read, and a barrier lets them go together: a pass lasts from the first that begins to
/// the last that ends, by their own reading of the one clock. Each touches its arrays first itself, so that on a machine with
/// several memories they lie in its own.
fn passes_over(elements: usize, threads: usize, passes: usize) -> Vec<Duration> {
    let barrier = Barrier::new(threads);
    let worker = || {
        let (mut a, b, c) = (vec![0.0; elements], vec![1.0; elements], vec![2.0; elements]);
        let pass = |_| {
            barrier.wait();
            let began = Instant::now();
            triad(&mut a, black_box(&b), black_box(&c), SCALE);
            black_box(&a);
            (began, Instant::now())
        };
        (0..=passes).map(pass).collect::<Vec<_>>()
    };
    let times: Vec<Vec<(Instant, Instant)>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let pass = |pass: usize| {
        let began = times.iter().map(|times| times[pass].0).min()?;
        let ended = times.iter().map(|times| times[pass].1).max()?;
        Some(ended.saturating_duration_since(began).max(Duration::from_nanos(1)))
    };
    (1..=passes).filter_map(pass).collect()
}

/// Bytes per second of the loop on one thread where memory has no part in it: the best of five, for this is a bound.
fn in_cache() -> f64 {
    let (mut a, b, c) = (vec![0.0; FEW], vec![1.0; FEW], vec![2.0; FEW]);
    let rounds = 4_000;
    let mut round = || {
        let began = Instant::now();
        for _ in 0..rounds {
            triad(&mut a, black_box(&b), black_box(&c), SCALE);
            black_box(&a);
        }
        (FEW as u64 * rounds * BYTES_PER_ELEMENT) as f64 / began.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
    };
    (0..5).map(|_| round()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_that_are_shared_are_counted_once_and_the_last_level_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = |processor: usize, index: usize, [level, size, kind, shared]: [&str; 4]| {
            let place = folder.path().join(format!("cpu{processor}/cache/index{index}"));
            fs::create_dir_all(&place).expect("made");
            for (file, text) in [("level", level), ("size", size), ("type", kind), ("shared_cpu_list", shared)] {
                fs::write(place.join(file), format!("{text}\n")).expect("written");
            }
        };
        assert_eq!(last_level_caches(folder.path()), None);
        for processor in 0..4 {
            cache(processor, 0, ["1", "48K", "Data", &processor.to_string()]);
            cache(processor, 1, ["4", "1K", "Instruction", &processor.to_string()]);
            cache(processor, 2, ["3", "32768K", "Unified", if processor < 2 { "0-1" } else { "2-3" }]);
        }
        assert_eq!(last_level_caches(folder.path()), Some(64 << 20));
        assert_eq!(last_level_caches(&folder.path().join("missing")), None);
    }

    #[test]
    fn sizes_are_told_in_units() {
        assert_eq!(
            ["48K", "1M", "12", "2G", "x", "5T", ""].map(bytes),
            [Some(48 << 10), Some(1 << 20), Some(12), Some(2 << 30), None, None, None]
        );
    }

    #[test]
    fn arrays_are_four_times_the_cache_where_memory_allows() {
        assert_eq!(array_size(Some(32 << 20), Some(16 << 30)), 128 << 20);
        assert_eq!(array_size(None, None), 4 * USUAL_CACHE);
        assert_eq!(array_size(Some(32 << 20), Some(1200 << 20)), 100 << 20);
    }

    #[test]
    fn every_pass_of_every_number_of_threads_is_kept_but_the_first() {
        for threads in [1, 2, 5] {
            let times = passes_over(1000, threads, 4);
            assert_eq!(times.len(), 4);
            assert!(times.iter().all(|time| *time > Duration::ZERO));
        }
    }

    #[test]
    fn the_ceiling_is_the_ratio_of_medians() {
        let bandwidth = |threads, samples: &[f64]| Bandwidth { threads, samples: samples.to_vec() };
        let all = vec![
            bandwidth(1, &[9.0, 10.0, 11.0]),
            bandwidth(2, &[14.0, f64::NAN, 16.0]),
            bandwidth(4, &[9.0]),
            bandwidth(8, &[0.0]),
        ];
        let ceilings = Ceilings { array: 1, cache: None, bandwidth: all, in_cache: 100.0 };
        assert_eq!(ceilings.speedups(), [(1, 1.0), (2, 1.5), (4, 1.0)]);
        assert_eq!(ceilings.median(3), None);
        let none = Ceilings { bandwidth: Vec::new(), ..ceilings };
        assert!(none.speedups().is_empty());
    }
}
