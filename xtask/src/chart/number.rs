//! Numbers as a person writes them. Every number that the page and its charts show is written here, so that two places
//! that show the same value show the same digits.

/// `1.80×`, `12.3×`, `104×`; `0.0047×` for what is much slower.
pub fn times(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.0995 {
        // Two digits behind the zeros, of which there are four at the most: a ratio below that is no measurement.
        let zeros = (-ratio.log10()).floor().min(4.0) as usize;
        return format!("{ratio:.0$}\u{d7}", zeros + 2);
    }
    format!("{}\u{d7}", significant(ratio, 3))
}

/// `1.63`: a mean of counts.
pub fn mean(mean: f64) -> String {
    significant(mean, 3)
}

/// `182 ms`, `1.24 s`, `38.5 µs`.
pub fn seconds(seconds: f64) -> String {
    let (value, unit) = match seconds.abs() {
        s if s >= 0.9995 => (seconds, "s"),
        s if s >= 0.9995e-3 => (seconds * 1e3, "ms"),
        s if s >= 0.9995e-6 => (seconds * 1e6, "\u{b5}s"),
        _ => (seconds * 1e9, "ns"),
    };
    format!("{} {unit}", significant(value, 3))
}

/// How long a command took: `4.20 s`, `20 min 35 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        s if s < 60 => self::seconds(seconds),
        s if s < 3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// `4,194,304`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 thread`, `2 threads`.
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// `12.5`, `12`: points never need more than two decimals.
pub fn points(points: f64) -> String {
    let text = format!("{points:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `41 %`; a share that is neither nothing nor all is never rounded to it.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p > 0.0 && p < 0.5 => "<1 %".into(),
        p if (99.5..100.0).contains(&p) => ">99 %".into(),
        p => format!("{p:.0} %"),
    }
}

/// Gigabytes of 1024^3 bytes: `15.6 GiB`.
pub fn memory(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// `512 KiB`, `3.25 MiB`, `15.6 GiB`.
pub fn bytes(bytes: u64) -> String {
    let (value, unit) = match bytes as f64 / 1024.0 {
        kibibytes if kibibytes < 1023.5 => (kibibytes, "KiB"),
        kibibytes if kibibytes < 1023.5 * 1024.0 => (kibibytes / 1024.0, "MiB"),
        kibibytes => (kibibytes / 1024.0 / 1024.0, "GiB"),
    };
    format!("{} {unit}", significant(value, 3))
}

/// `128 MiB`.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", count(bytes >> 20))
}

/// Bytes per second: `9.80 GB/s`, of 10^9 bytes, as STREAM and those who sell memory count.
pub fn bandwidth(bytes: f64) -> String {
    format!("{} GB/s", significant(bytes / 1e9, 3))
}

/// A value with `digits` significant digits at least, and never in scientific notation.
fn significant(value: f64, digits: usize) -> String {
    let mut decimals = digits - 1;
    let mut limit = 10.0;
    // Half a unit of the last digit: 9.996 is written 10.0 and not 10.00.
    while decimals > 0 && value.abs() >= limit - 0.5 * 10f64.powi(-(decimals as i32)) {
        decimals -= 1;
        limit *= 10.0;
    }
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_hundred_times_slower_is_not_nothing() {
        assert_eq!(
            [0.0994, 0.0431, 0.00475, 0.000312, 1e-9].map(times),
            ["0.099×", "0.043×", "0.0047×", "0.00031×", "0.000000×"]
        );
        assert_eq!([0.0996, 0.1, 0.0].map(times), ["0.10×", "0.10×", "0.00×"]);
    }

    #[test]
    fn three_digits_at_every_size() {
        let written = [0.66, 1.8, 9.994, 9.996, 12.34, 99.96, 104.4, 1234.0].map(times);
        assert_eq!(
            written,
            ["0.66\u{d7}", "1.80\u{d7}", "9.99\u{d7}", "10.0\u{d7}", "12.3\u{d7}", "100\u{d7}", "104\u{d7}", "1234\u{d7}"]
        );
    }

    #[test]
    fn units_change_before_the_digits_do() {
        let written = [0.182, 1.2399, 38.5e-6, 0.99996, 2e-9, 0.0].map(seconds);
        assert_eq!(written, ["182 ms", "1.24 s", "38.5 \u{b5}s", "1.00 s", "2.00 ns", "0.00 ns"]);
    }

    #[test]
    fn durations_of_minutes_and_hours() {
        assert_eq!([4.2, 59.6, 1234.5, 7500.0].map(duration), ["4.20 s", "1 min 0 s", "20 min 35 s", "2 h 5 min"]);
    }

    #[test]
    fn shares_are_not_rounded_to_all_or_nothing() {
        assert_eq!([0.0, 0.001, 0.414, 0.999, 1.0].map(percent), ["0 %", "<1 %", "41 %", ">99 %", "100 %"]);
    }

    #[test]
    fn counts_and_points() {
        assert_eq!([0, 999, 1000, 4_194_304].map(count), ["0", "999", "1,000", "4,194,304"]);
        assert_eq!([10.0, 12.5, 3.333_3, 0.0].map(points), ["10", "12.5", "3.33", "0"]);
        assert_eq!(counted(1, "thread", "threads"), "1 thread");
    }
}
