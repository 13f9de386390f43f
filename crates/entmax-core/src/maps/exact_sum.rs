//! A sum of products of two f64 without any rounding, so that its sign is a fact.
//!
//! A fixed-point number wide enough for every product of two f64 of a row's differences (Kulisch's long
//! accumulator): 35 words of 64 bits in two's complement, the lowest bit worth 2^-2148, the highest 2^91.

const LIMBS: usize = 35;
/// The exponent of the lowest bit.
const LOWEST: i32 = -2148;

pub struct ExactSum {
    limbs: [u64; LIMBS],
}

/// (integer, place): |value| = integer * 2^(place - 1075), place >= 1.
#[inline(always)]
fn parts(value: f64) -> (u64, usize) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as usize, bits & ((1 << 52) - 1));
    if exponent == 0 {
        (fraction, 1)
    } else {
        (fraction | 1 << 52, exponent)
    }
}

/// 2^exponent for a normal result.
#[inline(always)]
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

impl ExactSum {
    pub const ZERO: ExactSum = ExactSum { limbs: [0; LIMBS] };

    /// Adds a * b. Both are finite; |a * b| and the sum stay below 2^90.
    #[inline(never)]
    pub fn add_product(&mut self, a: f64, b: f64) {
        let ((m, p), (n, q)) = (parts(a), parts(b));
        let product = u128::from(m) * u128::from(n);
        let (low, high) = (product as u64, (product >> 64) as u64);
        // 2^(p + q - 2150) is the product's unit.
        let place = p + q - 2;
        let shift = place % 64;
        let spill = |word: u64| word >> 1 >> (63 - shift);
        let mut words = [low << shift, high << shift | spill(low), spill(high)];
        // Subtracting is adding the complement and one.
        let negative = (a < 0.0) != (b < 0.0);
        let flip = if negative { u64::MAX } else { 0 };
        let mut carry = negative;
        let first = place / 64;
        let mut at = first;
        // Behind the product's words, a carry like the sign changes nothing.
        while at < LIMBS && (at < first + 3 || carry != negative) {
            // SAFETY: at < LIMBS.
            let limb = unsafe { &mut *self.limbs.as_mut_ptr().add(at) };
            let (sum, over) = limb.overflowing_add(words[0] ^ flip);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || again;
            words = [words[1], words[2], 0];
            at += 1;
        }
    }

    /// The sum to about 2^-52 of itself, its sign exactly; 0 if it is 0 or underflows f64.
    pub fn rounded(mut self) -> f64 {
        // SAFETY: indices below LIMBS, here and below.
        let limb = |at: usize, limbs: &[u64; LIMBS]| unsafe { *limbs.as_ptr().add(at) };
        let negative = limb(LIMBS - 1, &self.limbs) >> 63 == 1;
        if negative {
            let mut carry = true;
            for limb in &mut self.limbs {
                let (word, over) = (!*limb).overflowing_add(u64::from(carry));
                *limb = word;
                carry = over;
            }
        }
        let mut top = LIMBS - 1;
        while top > 1 && limb(top, &self.limbs) == 0 {
            top -= 1;
        }
        let value =
            limb(top, &self.limbs) as f64 * power_of_two(64) + limb(top - 1, &self.limbs) as f64;
        let exponent = 64 * (top as i32 - 1) + LOWEST;
        // In two steps, of which the second may underflow.
        let first = exponent.max(-1000);
        let magnitude = value * power_of_two(first) * power_of_two((exponent - first).max(-1022));
        if negative {
            -magnitude
        } else {
            magnitude
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExactSum;

    #[test]
    fn what_cancels_leaves_the_last_bit() {
        let tiny = f64::from_bits(1);
        for (a, b) in [(1.0, 1.0), (-3.5, 0.1), (1e-300, 1e-20), (tiny, tiny)] {
            let mut sum = ExactSum::ZERO;
            sum.add_product(a, b);
            sum.add_product(2.0, tiny);
            sum.add_product(-a, b);
            assert_eq!(sum.rounded(), 2.0 * tiny);
            let mut sum = ExactSum::ZERO;
            sum.add_product(a, b);
            sum.add_product(-2.0, tiny);
            sum.add_product(-a, b);
            assert_eq!(sum.rounded(), -2.0 * tiny);
            let mut sum = ExactSum::ZERO;
            sum.add_product(a, b);
            sum.add_product(b, -a);
            assert_eq!(sum.rounded(), 0.0);
        }
    }

    #[test]
    fn products_are_those_of_f64_to_its_precision() {
        let mut state = 1u64;
        for _ in 0..100_000 {
            let mut next = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let (mantissa, exponent) = (state >> 12, 1023 - (state >> 7 & 0x1ff));
                f64::from_bits((state & 1) << 63 | exponent << 52 | mantissa)
            };
            let (a, b) = (next(), next());
            let mut sum = ExactSum::ZERO;
            sum.add_product(a, b);
            let error = (sum.rounded() - a * b).abs();
            assert!(error <= 1e-15 * (a * b).abs(), "{a} {b}");
        }
    }
}
