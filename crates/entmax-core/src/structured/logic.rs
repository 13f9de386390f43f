//! The factors of logic and their projections (MATH.md section 11).
//!
//! ```text
//! u = argmin 1/2 |u - a|^2 - coupling u12,   u_i = p_i / s_i,   p in the hull of what the factor allows
//! ```
//!
//! s_i is the square root of the number of factors of variable i: in these coordinates the projection of each factor is an
//! ordinary one and its derivative an orthogonal projector, which a *face* describes in a code for each place:
//! fixed at a bound, free, tied by a sum (I - n n^T / n.n), or pooled with others to one p (e e^T / e.e).
//!
//! A negated place stands for 1 - p. So other factors are these: IMPLY is OR with negated premises, XOROUT is XOR with a
//! negated output, ANDOUT is OROUT with all places negated.
//!
//! Edges: a score exactly at a bound or at its threshold is fixed there; inputs of OROUT exactly at the output are free of it;
//! a sum that is met already is not tied. PAIR at coupling 0 counts as attractive. Scores beyond +-1e100 count as those.
//! What nothing fulfils (XOR or OR of nothing, a budget above the number of places) says so.

use super::capped::Cut;

/// What a factor allows of its places.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Exactly one.
    Xor = 0,
    AtMostOne = 1,
    /// At least one.
    Or = 2,
    /// The last is whether any other is.
    OrOut = 3,
    /// Exactly `number`.
    Budget = 4,
    /// At most `number`.
    BudgetAtMost = 5,
    /// Costs sum to at most `number`: the linear relaxation.
    Knapsack = 6,
    /// Two places, and `number` for both at once.
    Pair = 7,
}

const FIXED: i32 = 0;
const FREE: i32 = 1;
const TIED: i32 = 2;
const POOLED: i32 = 3;
/// Added where u12 of a pair moves with the place.
const COUNTED: i32 = 4;
/// Added where it is 1 - p of the place that is tied or pooled.
const TURNED: i32 = 8;

const LARGEST: f64 = 1e100;

/// A factor; slices are of its places.
#[derive(Clone, Copy)]
pub struct Logic<'a> {
    pub kind: Kind,
    /// s: square roots of the numbers of factors.
    pub scale: &'a [f64],
    /// Which are negated: not 0. Empty: none.
    pub negated: &'a [u8],
    /// Of a knapsack, at least 0. Empty: 1 each.
    pub costs: &'a [f64],
    /// The budget, or the coupling.
    pub number: f64,
}

/// f64 of scratch that a projection of `places` needs.
pub const fn room(places: usize) -> usize {
    3 * places
}

/// Whether a place of a table that may be empty is negated.
fn is_negated(negated: &[u8], place: usize) -> bool {
    negated.get(place).is_some_and(|&negated| negated != 0)
}

impl Logic<'_> {
    /// Replaces p by 1 - p where that is negated.
    fn flip(&self, u: &mut [f64]) {
        for (place, (u, scale)) in u.iter_mut().zip(self.scale).enumerate() {
            if is_negated(self.negated, place) {
                *u = 1.0 / scale - *u;
            }
        }
    }

    /// The same for a direction.
    fn flip_sign(&self, x: &mut [f64]) {
        for (place, x) in x.iter_mut().enumerate() {
            if is_negated(self.negated, place) {
                *x = -*x;
            }
        }
    }

    /// The projection u of `a`, and the face that it lies on. `room` is scratch of [`room`] numbers. False where nothing fulfils
    /// the factor.
    pub fn project(&self, a: &[f64], room: &mut [f64], u: &mut [f64], face: &mut [i32]) -> bool {
        let places = self.scale.len();
        let Some((b, rest)) = room.split_at_mut_checked(places) else {
            return false;
        };
        let Some((normals, rest)) = rest.split_at_mut_checked(places) else {
            return false;
        };
        let Some(highs) = rest.get_mut(..places) else {
            return false;
        };
        for (b, a) in b.iter_mut().zip(a) {
            *b = a.clamp(-LARGEST, LARGEST);
        }
        self.flip(b);
        for (place, (scale, (n, h))) in self
            .scale
            .iter()
            .zip(normals.iter_mut().zip(highs.iter_mut()))
            .enumerate()
        {
            let cost = match self.kind {
                Kind::Knapsack => self.costs.get(place).copied().unwrap_or(1.0),
                _ => 1.0,
            };
            (*n, *h) = (cost * scale, 1.0 / scale);
        }
        let cut = Cut { normals, highs };
        let possible = match self.kind {
            Kind::Xor => on_sum(cut, b, 1.0, u, face),
            Kind::Budget => on_sum(cut, b, self.number, u, face),
            Kind::AtMostOne => below_sum(cut, b, 1.0, u, face),
            Kind::BudgetAtMost | Kind::Knapsack => below_sum(cut, b, self.number, u, face),
            Kind::Or => {
                let sum = clip(cut, b, FREE, u, face);
                sum >= 1.0 || on_sum(cut, b, 1.0, u, face)
            }
            Kind::OrOut => or_out(cut, b, u, face),
            Kind::Pair => pair(self.number, self.scale, b, u, face),
        };
        self.flip(u);
        possible
    }

    /// J x in place: the derivative of the projection, a symmetric projector.
    pub fn differentiate(&self, face: &[i32], x: &mut [f64]) {
        self.flip_sign(x);
        let (mut along, mut square) = (0.0, 0.0);
        let normal = |place: usize, scale: f64, code: i32| {
            let n = match (code & POOLED, self.kind) {
                (POOLED, _) => 1.0 / scale,
                (_, Kind::Knapsack) => scale * self.costs.get(place).copied().unwrap_or(1.0),
                _ => scale,
            };
            if code & TURNED != 0 {
                -n
            } else {
                n
            }
        };
        for (place, ((&code, &scale), x)) in face.iter().zip(self.scale).zip(x.iter()).enumerate() {
            if code & POOLED >= TIED {
                let n = normal(place, scale, code);
                along += n * x;
                square += n * n;
            }
        }
        let along = if square > 0.0 { along / square } else { 0.0 };
        for (place, ((&code, &scale), x)) in
            face.iter().zip(self.scale).zip(x.iter_mut()).enumerate()
        {
            match code & POOLED {
                FIXED => *x = 0.0,
                TIED => *x -= along * normal(place, scale, code),
                POOLED => *x = along * normal(place, scale, code),
                _ => {}
            }
        }
        self.flip_sign(x);
    }

    /// How u12 of a pair moves with a direction that [`Logic::differentiate`] has projected: the gradient of the coupling.
    pub fn coupling(&self, face: &[i32], projected: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (place, ((code, scale), x)) in face.iter().zip(self.scale).zip(projected).enumerate() {
            if code & COUNTED != 0 {
                sum += if is_negated(self.negated, place) {
                    -scale * x
                } else {
                    scale * x
                };
            }
        }
        sum
    }

    /// The direction in which u12 of a pair grows, on the face: the transpose of [`Logic::coupling`], projected.
    pub fn pull_coupling(&self, face: &[i32], x: &mut [f64]) {
        for (place, (x, (code, scale))) in x.iter_mut().zip(face.iter().zip(self.scale)).enumerate()
        {
            *x = match (code & COUNTED, is_negated(self.negated, place)) {
                (0, _) => 0.0,
                (_, true) => -scale,
                (_, false) => *scale,
            };
        }
        self.differentiate(face, x);
    }

    /// u12 of a pair.
    pub fn both(&self, u: &[f64]) -> f64 {
        let p = |place: usize| {
            let p = self
                .scale
                .get(place)
                .zip(u.get(place))
                .map_or(0.0, |(scale, u)| scale * u);
            if is_negated(self.negated, place) {
                1.0 - p
            } else {
                p
            }
        };
        if self.number >= 0.0 {
            p(0).min(p(1))
        } else {
            (p(0) + p(1) - 1.0).max(0.0)
        }
    }
}

/// Clips `b` to the box; what lies inside gets the code `inside`. Returns <n, u>.
fn clip(cut: Cut, b: &[f64], inside: i32, u: &mut [f64], face: &mut [i32]) -> f64 {
    let mut sum = 0.0;
    let bounds = cut.normals.iter().zip(cut.highs);
    for ((&b, (n, &h)), (u, code)) in b.iter().zip(bounds).zip(u.iter_mut().zip(face)) {
        (*u, *code) = if b <= 0.0 {
            (0.0, FIXED)
        } else if b >= h {
            (h, FIXED)
        } else {
            (b, inside)
        };
        sum += n * *u;
    }
    sum
}

/// <n, u> = total.
fn on_sum(cut: Cut, b: &mut [f64], total: f64, u: &mut [f64], face: &mut [i32]) -> bool {
    let possible = cut.shift(b, total);
    clip(cut, b, TIED, u, face);
    free_of_the_sum(cut, face);
    possible
}

/// Places without a cost are not tied.
fn free_of_the_sum(cut: Cut, face: &mut [i32]) {
    for (n, code) in cut.normals.iter().zip(face) {
        if *n == 0.0 && *code == TIED {
            *code = FREE;
        }
    }
}

/// <n, u> <= total.
fn below_sum(cut: Cut, b: &mut [f64], total: f64, u: &mut [f64], face: &mut [i32]) -> bool {
    clip(cut, b, FREE, u, face) <= total || on_sum(cut, b, total, u, face)
}

/// The last is the largest at least, and the sum of the others at most. First the largest: the output is pooled with the inputs
/// above it, by Newton's method from below, which is monotone. Where the sum is then too small, it is tight: XOR with 1 - output.
fn or_out(cut: Cut, b: &mut [f64], u: &mut [f64], face: &mut [i32]) -> bool {
    // In p the target is b / h, of weight h^2.
    let Some((&last, _)) = b.split_last() else {
        return false;
    };
    let high = cut.highs.last().copied().unwrap_or(1.0);
    let start = last / high;
    let mut level = start;
    for _ in 0..=b.len() {
        let (mut sum, mut weight) = (high * high * start, high * high);
        for (&b, &h) in b.iter().zip(cut.highs).take(b.len() - 1) {
            if b / h > level {
                sum += h * b;
                weight += h * h;
            }
        }
        let next = sum / weight;
        if next <= level {
            break;
        }
        level = next;
    }
    let inputs = b.len() - 1;
    let pooled = if level > 0.0 && level < 1.0 {
        POOLED
    } else {
        FIXED
    };
    clip(cut, b, FREE, u, face);
    let level = level.clamp(0.0, 1.0);
    let mut sum = 0.0;
    for (place, (((u, code), &b), &h)) in u
        .iter_mut()
        .zip(face.iter_mut())
        .zip(b.iter())
        .zip(cut.highs)
        .enumerate()
    {
        if place == inputs || b / h > level {
            (*u, *code) = (level * h, pooled);
        }
        if place < inputs {
            sum += *u / h;
        }
    }
    if sum >= level {
        return true;
    }
    if let Some(output) = b.last_mut() {
        *output = high - *output;
    }
    let possible = on_sum(cut, b, 1.0, u, face);
    if let (Some(output), Some(code)) = (u.last_mut(), face.last_mut()) {
        *output = high - *output;
        *code |= TURNED;
    }
    possible
}

/// p12 is min(p1, p2) where it is worth something, and else max(0, p1 + p2 - 1) = p1 - min(p1, 1 - p2), so that a repulsive pair
/// is an attractive one of p1 and 1 - p2 with a part of the coupling in the score of p1.
fn pair(coupling: f64, scale: &[f64], b: &[f64], u: &mut [f64], face: &mut [i32]) -> bool {
    let (&[s1, s2], &[b1, b2]) = (scale, b) else {
        return false;
    };
    let ([u1, u2], [face1, face2]) = (u, face) else {
        return false;
    };
    let repels = coupling < 0.0;
    // Targets of p, and 1 / weight of each.
    let (d1, d2) = (s1 * s1, s2 * s2);
    let (q1, q2) = match repels {
        false => (s1 * b1, s2 * b2),
        true => (s1 * b1 + coupling * d1, 1.0 - s2 * b2),
    };
    let c = coupling.abs();
    let inside = |p: f64, code: i32| if p > 0.0 && p < 1.0 { code } else { FIXED };
    let (p1, p2);
    if q1 > q2 + c * d2 {
        (p1, p2) = (q1, q2 + c * d2);
        (*face1, *face2) = (inside(p1, FREE), inside(p2, FREE));
        // p12 is p2, or p1 + p2 - 1.
        *face1 |= if repels { COUNTED } else { 0 };
        *face2 |= COUNTED;
    } else if q2 > q1 + c * d1 {
        (p1, p2) = (q1 + c * d1, q2);
        (*face1, *face2) = (inside(p1, FREE), inside(p2, FREE));
        *face1 |= if repels { 0 } else { COUNTED };
    } else {
        let level = (d2 * q1 + d1 * q2 + c * d1 * d2) / (d1 + d2);
        (p1, p2) = (level, level);
        (*face1, *face2) = (inside(level, POOLED), inside(level, POOLED));
        *face1 |= if repels { 0 } else { COUNTED };
        *face2 |= if repels { TURNED } else { 0 };
    }
    let (p1, p2) = (p1.clamp(0.0, 1.0), p2.clamp(0.0, 1.0));
    (*u1, *u2) = (p1 / s1, if repels { 1.0 - p2 } else { p2 } / s2);
    true
}
