//! The inner loop of the bandwidth triad: STREAM's `a[i] = b[i] + s * c[i]` (McCalpin, Memory Bandwidth and Machine Balance in
//! Current High Performance Computers, 1995).

/// Bytes that STREAM counts for each element: two read and one written. The line of `a` that is read before it is written
/// (write-allocate) is not counted.
pub const BYTES_PER_ELEMENT: u64 = 24;

/// One pass over three arrays of the same length.
///
/// It stands here and not in the runner because the runner is built without optimisation, and the loop would be slower than
/// the memory. Never inlined, or it would be built with the caller. By eights and written out, because at the level at
/// which this crate is built for tests nobody else unrolls it: with `for i in 0..8`, whose iterator may come from a crate that
/// is not optimised, it was 15 times as slow.
#[inline(never)]
pub fn triad(a: &mut [f64], b: &[f64], c: &[f64], scale: f64) {
    let ((a, a_rest), (b, b_rest), (c, c_rest)) = (a.as_chunks_mut::<8>(), b.as_chunks::<8>(), c.as_chunks::<8>());
    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
        a[0] = b[0] + scale * c[0];
        a[1] = b[1] + scale * c[1];
        a[2] = b[2] + scale * c[2];
        a[3] = b[3] + scale * c[3];
        a[4] = b[4] + scale * c[4];
        a[5] = b[5] + scale * c[5];
        a[6] = b[6] + scale * c[6];
        a[7] = b[7] + scale * c[7];
    }
    for ((a, b), c) in a_rest.iter_mut().zip(b_rest).zip(c_rest) {
        *a = b + scale * c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_computed() {
        let counts: Vec<f64> = (0..19).map(f64::from).collect();
        let tens: Vec<f64> = counts.iter().map(|count| 10.0 * count).collect();
        let mut a = vec![0.0; 19];
        triad(&mut a, &counts, &tens, 0.5);
        assert!(a.iter().zip(&counts).all(|(a, count)| *a == 6.0 * count), "{a:?}");
    }
}
