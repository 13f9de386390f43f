//! Sums and thresholds that carry what one f64 drops.
//!
//! A threshold is the one number that every entry is compared with: an error of it multiplies by the size of
//! the support. With one score at 0 and a million at the threshold plus 1e-6, a threshold rounded to f64
//! spoils a sum of 1 in the tenth digit. So f64 rows keep it as an unevaluated pair (Dekker 1971, Knuth).

/// `a + b = sum + error` exactly (Knuth's two-sum; six operations, no condition on the magnitudes).
#[inline(always)]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    let error = (a - (sum - b_part)) + (b - b_part);
    (sum, error)
}

/// An unevaluated sum of two f64, the second below half an ulp of the first.
#[derive(Clone, Copy)]
pub struct Pair {
    pub high: f64,
    pub low: f64,
}

impl Pair {
    pub const ZERO: Pair = Pair {
        high: 0.0,
        low: 0.0,
    };

    #[inline(always)]
    pub fn plus(self, value: f64) -> Pair {
        let (high, error) = two_sum(self.high, value);
        let (high, low) = two_sum(high, error + self.low);
        Pair { high, low }
    }

    #[inline(always)]
    pub fn rounded(self) -> f64 {
        self.high + self.low
    }
}

/// A running sum of finite values (Ogita, Rump and Oishi's Sum2: as if in twice the precision).
pub struct Sum {
    high: f64,
    error: f64,
}

impl Sum {
    #[inline(always)]
    pub const fn new() -> Sum {
        Sum {
            high: 0.0,
            error: 0.0,
        }
    }

    #[inline(always)]
    pub fn add(&mut self, value: f64) {
        let (high, error) = two_sum(self.high, value);
        self.high = high;
        self.error += error;
    }

    #[inline(always)]
    pub fn subtract(&mut self, other: &Sum) {
        self.add(-other.high);
        self.add(-other.error);
    }

    #[inline(always)]
    pub fn total(&self) -> f64 {
        self.high + self.error
    }

    /// `total - other.total` likewise.
    #[inline(always)]
    pub fn less(&self, other: &Sum) -> f64 {
        (self.high - other.high) + (self.error - other.error)
    }

    /// `total - value` with a single rounding where the two are close.
    #[inline(always)]
    pub fn minus(&self, value: f64) -> f64 {
        (self.high - value) + self.error
    }
}
