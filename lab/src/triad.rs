//! The inner loop of the bandwidth triad: STREAM's `a[i] = b[i] + s * c[i]` (McCalpin, Memory Bandwidth and Machine Balance in
//! Current High Performance Computers, 1995).

/// Bytes that STREAM counts for each element: two read and one written. The line of `a` that is read before it is written
/// (write-allocate) is not counted.
pub const BYTES_PER_ELEMENT: u64 = 24;

/// One pass over the arrays, as far as all three reach.
///
/// It stands here and not in the runner because the runner is built without optimisation, and the loop would be slower than
/// the memory. Never inlined, or it would be built with the caller.
#[inline(never)]
pub fn triad(a: &mut [f64], b: &[f64], c: &[f64], scale: f64) {
    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
        *a = b + scale * c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_computed() {
        let (b, c) = ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]);
        let mut a = [0.0; 3];
        triad(&mut a, &b, &c, 0.5);
        assert_eq!(a, [6.0, 12.0, 18.0]);
    }
}
