//! The support for alpha = 2 and 1.5 against integer arithmetic, on rows made to be decided wrongly by rounding.
//!
//! Scores are integers times a power of two, so for beta = 1 / (alpha - 1) the question whether
//! sum over larger scores of (z_j - z)^beta is below beta^beta has an exact answer: in i128 where that is wide
//! enough, in big integers elsewhere. Much of the rows has scores exactly on the threshold, and one ulp beside it.

mod common;
use common::call::{bits, csr, dense, to, Batch, Number, Workspace};
use entmax_core::maps::RowBatch;
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// xorshift64*, seeded for each test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }
    /// Below `rare` once in so many times, else below `end`.
    fn below_rarely(&mut self, once_in: u64, rare: u64, end: u64) -> u64 {
        let end = if self.below(once_in) == 0 { rare } else { end };
        self.below(end)
    }
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// What a type of scores must tell.
trait Float: Number {
    /// Bits of a mantissa.
    const DIGITS: u32;
    /// The smallest normal number.
    const SMALLEST: f64;
    /// Of the least probability where it is near 0, and of the sum.
    const RELATIVE: f64;
    const SUM: f64;
    fn up(self) -> Self;
    fn down(self) -> Self;
}

impl Float for f32 {
    const DIGITS: u32 = 24;
    const SMALLEST: f64 = f32::MIN_POSITIVE as f64;
    const RELATIVE: f64 = 1e-6;
    const SUM: f64 = 5e-7;
    fn up(self) -> f32 {
        self.next_up()
    }
    fn down(self) -> f32 {
        self.next_down()
    }
}

impl Float for f64 {
    const DIGITS: u32 = 53;
    const SMALLEST: f64 = f64::MIN_POSITIVE;
    const RELATIVE: f64 = 1e-14;
    const SUM: f64 = 1e-13;
    fn up(self) -> f64 {
        self.next_up()
    }
    fn down(self) -> f64 {
        self.next_down()
    }
}

/// (m, e) with value = m * 2^e.
fn parts(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i32, (bits & ((1 << 52) - 1)) as i64);
    let (m, e) = if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, exponent - 1075)
    };
    let zeros = if m == 0 { 0 } else { m.trailing_zeros() };
    let sign = if value < 0.0 { -1 } else { 1 };
    (
        sign * (m >> zeros),
        if m == 0 { 0 } else { e + zeros as i32 },
    )
}

/// The size of the support of scores in descending order, and what g of its smallest score leaves of beta^beta.
struct Truth {
    size: usize,
    rest: f64,
    /// The sum of the distances of the support from its smallest score.
    sum: f64,
    on_threshold: bool,
}

/// Prefix sums in integers I; `wide` makes one of m * 2^shift.
macro_rules! truth_in {
    ($integer:ty, $wide:expr, $to_f64:expr, $sorted:expr, $square:expr, $lowest:expr) => {{
        let wide = $wide;
        let to_f64 = $to_f64;
        let lowest: i32 = $lowest;
        let scale = (-lowest) as u32;
        let bound: $integer = if $square {
            wide(1, 2 * scale + 2)
        } else {
            wide(1, scale)
        };
        let place = |z: f64| {
            let (m, e) = parts(z);
            wide(m, (e - lowest) as u32)
        };
        let top = place($sorted[0]);
        let zero = wide(0, 0);
        let (mut sum, mut squares) = (zero.clone(), zero);
        let mut truth = Truth {
            size: 0,
            rest: 0.0,
            sum: 0.0,
            on_threshold: false,
        };
        for (k, &z) in $sorted.iter().enumerate() {
            // Far below, where integers would overflow.
            if $sorted[0] - z > 3.0 {
                break;
            }
            let d: $integer = &top - place(z);
            let count = wide(k as i64, 0);
            let distances: $integer = &count * &d - &sum;
            let g: $integer = if $square {
                &squares - wide(2, 0) * &d * &sum + &count * &d * &d
            } else {
                distances.clone()
            };
            if g >= bound {
                truth.on_threshold = g == bound;
                break;
            }
            truth.size = k + 1;
            let unit = if $square { 2 * lowest } else { lowest };
            truth.rest = to_f64(&(&bound - &g), unit);
            truth.sum = to_f64(&distances, lowest);
            sum = &sum + &d;
            if $square {
                squares = &squares + &d * &d;
            }
        }
        truth
    }};
}

fn scaled(value: f64, exponent: i32) -> f64 {
    value * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

fn big_to_f64(value: &BigInt, exponent: i32) -> f64 {
    let shift = value.bits().saturating_sub(60);
    let top = i64::try_from(value >> shift).unwrap() as f64;
    let exponent = exponent + shift as i32;
    scaled(top, exponent.max(-2200))
}

/// `sorted` is in descending order and finite.
fn truth(sorted: &[f64], square: bool, counts: &mut BTreeMap<&'static str, u64>) -> Truth {
    // Only what lies within reach must be representable.
    let reach = sorted.iter().filter(|&&z| sorted[0] - z <= 3.0);
    let lowest = reach.map(|&z| parts(z).1).min().unwrap().min(0);
    let highest = sorted[0].abs().max(4.0).log2().ceil() as i32;
    let squares = if square { 2 * (2 - lowest) + 14 } else { 0 };
    if (highest - lowest + 14).max(squares) < 126 {
        *counts.entry("in i128").or_default() += 1;
        let wide = |m: i64, shift: u32| i128::from(m) << shift;
        let to_f64 = |value: &i128, e: i32| scaled(*value as f64, e);
        return truth_in!(i128, wide, to_f64, sorted, square, lowest);
    }
    *counts.entry("in big integers").or_default() += 1;
    let wide = |m: i64, shift: u32| BigInt::from(m) << shift;
    truth_in!(BigInt, wide, big_to_f64, sorted, square, lowest)
}

/// a_j with sum a_j^beta = (beta * 2^b)^beta, `some` of them at random and the others as it takes.
fn on_the_threshold(random: &mut Random, square: bool, b: u32, some: usize) -> Option<Vec<u64>> {
    let mut chosen = Vec::new();
    let mut rest = if square { 4 << (2 * b) } else { 1u64 << b };
    for _ in 0..some {
        let most = if square { rest.isqrt() } else { rest };
        let a = random.below((2 * most / (some as u64 + 1)).max(1)) + 1;
        let term = if square { a * a } else { a };
        if term < rest {
            chosen.push(a);
            rest -= term;
        }
    }
    if !square {
        chosen.push(rest);
        return Some(chosen);
    }
    // Lagrange: four squares, the first two as large as may be.
    for lower in 0..8 {
        let a = rest.isqrt().checked_sub(lower)?;
        let b = (rest - a * a).isqrt();
        let two = rest - a * a - b * b;
        for c in 0..=two.isqrt() {
            let d = (two - c * c).isqrt();
            if c * c + d * d == two {
                chosen.extend([a, b, c, d].iter().filter(|&&a| a > 0));
                return Some(chosen);
            }
        }
    }
    None
}

/// Scores in no order, and what kind of row they are.
fn make_row<T: Float>(random: &mut Random, square: bool) -> Option<(Vec<T>, &'static str)> {
    let mut row = Vec::new();
    let mut kind = "random";
    let choice = random.below(100);
    if choice < 62 {
        // A threshold y that is a number of the type, from members y + a / 2^b.
        kind = "exactly on the threshold";
        let some = match random.below(200) {
            0 => 200 + random.below(1800),
            1..=12 => random.below(64),
            _ => random.below(8),
        } as usize;
        let b = if some > 100 {
            12
        } else {
            4 + random.below(8) as u32
        };
        let members = on_the_threshold(random, square, b, some)?;
        let unit = 1.0 / (1u64 << b) as f64;
        let room = T::DIGITS - b - 2;
        let y = match random.below(4) {
            0 => 0.0,
            1 => random.below(1 << (room - 1)) as f64,
            2 => -(random.below(1 << b) as f64) * unit,
            _ => random.below(1 << (b + 2)) as f64 * unit,
        };
        row.extend(members.iter().map(|&a| T::round(y + a as f64 * unit)));
        let edge = T::round(y);
        for _ in 0..random.below(3) {
            row.push(edge);
        }
        let sides = random.below(8);
        if sides & 1 != 0 {
            kind = "one ulp above the threshold";
            row.push(edge.up());
        }
        if sides & 2 != 0 {
            row.push(edge.down());
        }
        if sides == 7 {
            row.push(edge.up().up());
        }
    } else if choice < 80 {
        // The nearest numbers of the type to a threshold that is none.
        kind = "rounded thresholds";
        let spread = 10f64.powf(random.uniform() * 4.0 - 4.0);
        let n = 2 + random.below_rarely(50, 1500, 12) as usize;
        let offset = [0.0, 0.0, 7.0, -300.0][random.below(4) as usize];
        row.extend((0..n).map(|_| T::round(offset + spread * random.normal())));
        let mut sorted: Vec<f64> = row.iter().map(|z| z.wide()).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let truth = truth(&sorted, square, &mut BTreeMap::new());
        let size = truth.size as f64;
        let below = if square {
            truth.rest / (truth.sum + (truth.sum * truth.sum + size * truth.rest).sqrt())
        } else {
            truth.rest / size
        };
        let near = T::round(sorted[truth.size - 1] - below);
        row.extend(
            [near, near.up(), near.down()]
                .iter()
                .take(1 + random.below(3) as usize),
        );
    } else if choice < 90 {
        kind = "ties";
        let levels = 1 + random.below(4);
        let step = 10f64.powf(-3.0 * random.uniform());
        let n = 2 + random.below(60);
        row.extend((0..n).map(|_| T::round(random.below(levels + 1) as f64 * step)));
    } else if choice < 95 {
        kind = "huge and tiny";
        let magnitude = 10f64.powf(random.uniform() * 70.0 - 36.0);
        let n = 2 + random.below(20);
        row.extend((0..n).map(|_| T::round(magnitude * random.normal())));
        if random.below(2) == 0 {
            row.push(T::round(1.0));
        }
    } else {
        let spread = 10f64.powf(random.uniform() * 4.0 - 3.0);
        let n = 2 + random.below_rarely(20, 2000, 40);
        row.extend((0..n).map(|_| T::round(spread * random.normal())));
    }
    // Scores far below, which move the others to other lanes.
    let lowest = row
        .iter()
        .fold(f64::INFINITY, |least, z| z.wide().min(least));
    let fill = random.below_rarely(30, 600, 6);
    row.extend((0..fill).map(|_| T::round(lowest - 1e-3 - 3.0 * random.uniform())));
    for j in (1..row.len()).rev() {
        row.swap(j, random.below(j as u64 + 1) as usize);
    }
    Some((row, kind))
}

fn check<T: Float>(row: &[T], square: bool, counts: &mut BTreeMap<&'static str, u64>) {
    let batch = Batch::row(row, if square { 0.5 } else { 1.0 });
    let p = dense(&batch);
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&i, &j| row[j].wide().total_cmp(&row[i].wide()));
    let sorted: Vec<f64> = order.iter().map(|&j| row[j].wide()).collect();
    let truth = truth(&sorted, square, counts);
    if truth.on_threshold {
        *counts
            .entry("rows with a score on the threshold")
            .or_default() += 1;
    }
    let size = truth.size as f64;
    let distance = if square {
        truth.rest / (truth.sum + (truth.sum * truth.sum + size * truth.rest).sqrt())
    } else {
        truth.rest / size
    };
    let probability = |above: f64| {
        let d = above + distance;
        if square {
            d * d / 4.0
        } else {
            d
        }
    };
    let least = probability(0.0);
    for (k, &j) in order.iter().enumerate() {
        let value = p[j].wide();
        if k >= truth.size {
            assert_eq!(value, 0.0, "{row:?}: {:?} is not in the support", row[j]);
        } else if probability(sorted[k] - sorted[truth.size - 1]) >= T::SMALLEST {
            assert!(value > 0.0, "{row:?}: {:?} is in the support", row[j]);
        }
        if k > 0 {
            assert!(value <= p[order[k - 1]].wide(), "{row:?}: not in order");
        }
    }
    let smallest = p[order[truth.size - 1]].wide();
    assert!(
        (smallest - least).abs() < T::SUM,
        "{row:?}: {smallest} {least}"
    );
    if truth.rest < T::RELATIVE * 0.05 && least >= T::SMALLEST {
        *counts.entry("least probabilities near 0").or_default() += 1;
        let error = (smallest / least - 1.0).abs();
        assert!(error < T::RELATIVE, "{row:?}: {smallest} {least}");
    }
    let total: f64 = p.iter().map(|p| p.wide()).sum();
    assert!((total - 1.0).abs() < T::SUM, "{row:?}: sum {total}");
    if row.len() % 16 == 5 {
        *counts.entry("rows in place too").or_default() += 1;
        let mut place = row.to_vec();
        let mut workspace = Workspace::new(T::workspace(row.len(), 1));
        let raw = RowBatch {
            x: place.as_ptr(),
            ..batch.raw()
        };
        let target = to(place.as_mut_ptr());
        unsafe { T::row_map(&raw, 0..1, &target, workspace.pointer()) };
        assert_eq!(bits(&place), bits(&p), "{row:?}: in place");
    }
    if row.len() % 16 == 3 {
        *counts.entry("rows as CSR too").or_default() += 1;
        let form = csr(&batch, false);
        let in_threshold = row.iter().filter(|z| **z > form.thresholds[0]).count();
        let stored = p.iter().filter(|p| p.wide() > 0.0).count();
        assert_eq!(
            (form.sizes[0] as usize, in_threshold),
            (stored, stored),
            "{row:?}"
        );
    }
}

fn the_support_is_exact<T: Float>(square: bool, rows: u64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(T::DIGITS) << 1 ^ u64::from(square));
    let mut counts = BTreeMap::new();
    let mut done = 0;
    while done < rows {
        let Some((row, kind)) = make_row::<T>(&mut random, square) else {
            continue;
        };
        check(&row, square, &mut counts);
        *counts.entry(kind).or_default() += 1;
        done += 1;
    }
    let alpha = if square { 1.5 } else { 2.0 };
    println!(
        "alpha = {alpha}, {} digits: {rows} rows, {counts:?}",
        T::DIGITS
    );
    assert!(counts["rows with a score on the threshold"] > rows / 5);
    assert!(counts["least probabilities near 0"] > rows / 100);
}

const ROWS: u64 = 260_000;

#[test]
fn the_support_of_sparsemax_is_exact_in_f32() {
    the_support_is_exact::<f32>(false, ROWS);
}

#[test]
fn the_support_of_sparsemax_is_exact_in_f64() {
    the_support_is_exact::<f64>(false, ROWS);
}

#[test]
fn the_support_of_entmax15_is_exact_in_f32() {
    the_support_is_exact::<f32>(true, ROWS);
}

#[test]
fn the_support_of_entmax15_is_exact_in_f64() {
    the_support_is_exact::<f64>(true, ROWS);
}
