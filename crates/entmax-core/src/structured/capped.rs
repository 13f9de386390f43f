//! The projection on a box cut by one sum: u = clip(b - t n, 0, h) with <n, u> = total (MATH.md section 7.1 and 11).
//!
//! <n, u> falls with t and is linear between breakpoints. Newton's step is exact within a piece; the bracket catches it where
//! it leaves, and then a breakpoint nearest the middle takes its place. Every third step passes a breakpoint at least, so the
//! search is finite, and takes a handful of steps.
//!
//! Scores of 1e30 leave nothing of a box of 1 in t. So the search is made twice: b - t n with the first t is small where it
//! matters, whatever b was, and the second t corrects it.

/// A box, and the normal of the sum; `normals` are at least 0.
#[derive(Clone, Copy)]
pub(super) struct Cut<'a> {
    pub(super) normals: &'a [f64],
    pub(super) highs: &'a [f64],
}

/// Of a sum that should be met, in units of itself or of 1: rounding.
const ROUNDING: f64 = 4e-15;

impl Cut<'_> {
    fn each<'b>(&self, b: &'b [f64]) -> impl Iterator<Item = (f64, f64, f64)> + use<'_, 'b> {
        let bounds = self.normals.iter().zip(self.highs);
        b.iter().zip(bounds).map(|(&b, (&n, &h))| (b, n, h))
    }

    /// <n, u> at t, and how fast it falls there.
    fn sum(&self, b: &[f64], t: f64) -> (f64, f64) {
        let (mut sum, mut slope) = (0.0, 0.0);
        for (b, n, h) in self.each(b) {
            let x = b - t * n;
            if x >= h {
                sum += n * h;
            } else if x > 0.0 {
                sum += n * x;
                slope += n * n;
            }
        }
        (sum, slope)
    }

    /// The breakpoint between `low` and `high` that is nearest to their middle.
    fn breakpoint(&self, b: &[f64], low: f64, high: f64) -> Option<f64> {
        let middle = 0.5 * low + 0.5 * high;
        let mut found: Option<f64> = None;
        for (b, n, h) in self.each(b) {
            for t in [b / n, (b - h) / n] {
                let nearer = found.is_none_or(|best| (t - middle).abs() < (best - middle).abs());
                if n > 0.0 && low < t && t < high && nearer {
                    found = Some(t);
                }
            }
        }
        found
    }

    /// The t at which <n, u> is `total`; the end of its range where it never is.
    fn threshold(&self, b: &[f64], total: f64) -> f64 {
        let (mut low, mut high, mut at_low, mut at_high) =
            (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0);
        for (b, n, h) in self.each(b) {
            if n > 0.0 {
                low = low.min((b - h) / n);
                high = high.max(b / n);
                at_low += n * h;
            }
        }
        if total >= at_low {
            return low;
        }
        if total <= at_high {
            return high;
        }
        let mut t = 0.0;
        if !(low < t && t < high) {
            t = 0.5 * low + 0.5 * high;
        }
        for _ in 0..8 * b.len() + 64 {
            let (sum, slope) = self.sum(b, t);
            let above = sum - total;
            if above.abs() <= ROUNDING * 0.25 * total.max(1.0) {
                break;
            }
            if above > 0.0 {
                (low, at_low) = (t, sum);
            } else {
                (high, at_high) = (t, sum);
            }
            let newton = t + above / slope;
            if low < newton && newton < high {
                t = newton;
            } else if let Some(breakpoint) = self.breakpoint(b, low, high) {
                t = breakpoint;
            } else {
                return self.within_piece(b, total, (low, at_low), (high, at_high));
            }
        }
        t
    }

    /// The same between two t with no breakpoint between them, or none that rounding tells from an end.
    fn within_piece(&self, b: &[f64], total: f64, low: (f64, f64), high: (f64, f64)) -> f64 {
        let t = low.0 + (low.1 - total) / (low.1 - high.1) * (high.0 - low.0);
        match self.sum(b, t) {
            (sum, 0.0) if sum > total => high.0,
            (_, 0.0) => low.0,
            _ => t,
        }
    }

    /// Moves `b` by its t, in place: u is what the box clips it to. False where no u has that sum; t is then as near as it gets.
    pub(super) fn shift(&self, b: &mut [f64], total: f64) -> bool {
        let most: f64 = self.each(b).map(|(_, n, h)| n * h).sum();
        if b.is_empty() {
            return total.abs() <= ROUNDING;
        }
        for _ in 0..2 {
            let t = self.threshold(b, total);
            if t.is_finite() {
                for (b, n) in b.iter_mut().zip(self.normals) {
                    *b -= t * n;
                }
            }
        }
        let slack = ROUNDING * (1.0 + most);
        -slack <= total && total <= most + slack
    }
}
