//! A map's kernels of one type, as the losses call them: losses are compiled once for both types, and what needs
//! the type, or the map, is behind these pointers.

use super::entropy::Entropy;
use super::value::{self, Solution, Target, Value};
use crate::gradients::cells::Cells;
use crate::maps::kernels::{
    finish_support, solve_rows, together, Group, List, Outcome, RowKernel, Settings,
};
use crate::maps::{RowBatch, Score};
use crate::simd::{copy_short, F32Block, LANES, ROWS};

/// Rows, lists and settings of either type: they hold addresses, whose type only the kernels know.
pub type AnyBatch = RowBatch<f32>;
pub type AnyList = List<f32>;
pub type AnySettings = Settings<f32>;
pub type AnyGroup = Group<f32>;

#[derive(Clone, Copy)]
pub struct Kernels {
    pub gather: unsafe fn(&AnyBatch, usize, usize, Cells),
    /// How many rows of n are solved together.
    pub together: fn(usize) -> usize,
    /// Rows from scores to probabilities, or a single one to the list.
    pub solve:
        unsafe fn(&AnyGroup, usize, &AnySettings, *mut u8, &mut AnyList, &mut [Outcome; ROWS]),
    /// The threshold of row r.
    pub finish: unsafe fn(&AnyBatch, Outcome, Cells, Cells, &AnyList, Cells),
    /// The loss of a solved row, and its derivative by the parameter if that is asked for.
    pub value: unsafe fn(&Solution, &Target, bool) -> Value,
    /// None for a map whose results are always dense rows.
    pub lists: Option<Lists>,
}

/// What the entmax family has beside that: lists, and sums over rows and lists.
#[derive(Clone, Copy)]
pub struct Lists {
    pub spread: unsafe fn(&AnyList, Cells, usize),
    /// Of a row without NaN.
    pub maximum: unsafe fn(Cells, usize) -> f64,
    pub sums: Sums,
    /// Of a list and its row: the largest probability, and the same sum with its score as origin, which comes second.
    pub look: unsafe fn(&AnyList, Cells) -> (f64, f64, f64),
    /// Multiplies a list's probabilities by a number of their type.
    pub scale: unsafe fn(&AnyList, f64),
}

/// Sums over a row, by the block implementation of its type.
#[derive(Clone, Copy)]
pub struct Sums {
    /// The sum of p (z - origin) over p != 0.
    pub dot: unsafe fn(Cells, Cells, usize, f64) -> f64,
    /// Of n probabilities at alpha - 1, for the derivative by alpha.
    pub entropy: unsafe fn(Cells, usize, f64) -> Entropy,
}

impl Kernels {
    /// Those of the entmax family.
    #[inline(always)]
    pub fn of<T: Score, K: RowKernel<T>>(sums: Sums) -> Kernels {
        Kernels {
            together: together::<T, K>,
            lists: Some(Lists {
                spread: spread::<T, K>,
                maximum: maximum::<T, K>,
                sums,
                look: look::<T>,
                scale: scale::<T>,
            }),
            ..Kernels::dense::<T>(solve_rows_of::<T, K>, value::of_family)
        }
    }

    /// Those of a map that gives each row by itself, as a dense one.
    #[inline(always)]
    pub fn dense<T: Score>(
        solve: unsafe fn(
            &AnyGroup,
            usize,
            &AnySettings,
            *mut u8,
            &mut AnyList,
            &mut [Outcome; ROWS],
        ),
        value: unsafe fn(&Solution, &Target, bool) -> Value,
    ) -> Kernels {
        Kernels {
            gather: gather::<T>,
            together: |_| 1,
            solve,
            finish: finish::<T>,
            value,
            lists: None,
        }
    }
}

/// `any` as what it is.
///
/// # Safety
/// `any` is of type `T`; the types are `repr(C)` and differ in the type behind pointers only.
#[inline(always)]
pub unsafe fn typed<A, T>(any: &A) -> &T {
    // SAFETY: by the caller.
    unsafe { &*core::ptr::from_ref(any).cast() }
}

unsafe fn gather<T: Score>(batch: &AnyBatch, first: usize, width: usize, tile: Cells) {
    // SAFETY: passed on, here and below.
    unsafe { typed::<_, RowBatch<T>>(batch).gather(first, width, tile.pointer()) }
}

#[inline(never)]
unsafe fn solve_rows_of<T: Score, K: RowKernel<T>>(
    group: &AnyGroup,
    n: usize,
    settings: &AnySettings,
    scratch: *mut u8,
    list: &mut AnyList,
    outcomes: &mut [Outcome; ROWS],
) {
    // SAFETY: as above.
    unsafe {
        let list = &mut *core::ptr::from_mut(list).cast();
        let (group, settings) = (typed(group), typed(settings));
        solve_rows::<T, K>(group, n, settings, scratch, list, outcomes);
    }
}

unsafe fn finish<T: Score>(
    batch: &AnyBatch,
    outcome: Outcome,
    x: Cells,
    p: Cells,
    list: &AnyList,
    threshold: Cells,
) {
    // SAFETY: as above.
    unsafe {
        let (batch, list) = (typed::<_, RowBatch<T>>(batch), typed(list));
        let (x, p): (*mut T, *mut T) = (x.pointer(), p.pointer());
        finish_support(
            batch,
            outcome,
            x,
            p,
            list,
            core::ptr::null(),
            threshold.pointer(),
        );
    }
}

unsafe fn spread<T: Score, K: RowKernel<T>>(list: &AnyList, out: Cells, n: usize) {
    // SAFETY: as above.
    unsafe { K::spread(typed(list), out.pointer(), n) }
}

unsafe fn maximum<T: Score, K: RowKernel<T>>(x: Cells, n: usize) -> f64 {
    // SAFETY: as above.
    unsafe { K::maximum(x.pointer::<T>(), n) }.map_or(f64::NAN, T::to_f64)
}

/// [`Lists::look`]: two loops without a call, which is what a list of thousands waits for.
unsafe fn look<T: Score>(list: &AnyList, x: Cells) -> (f64, f64, f64) {
    let x: *const T = x.pointer();
    let (mut top, mut origin, mut sum) = (T::ZERO, T::ZERO, 0.0);
    // SAFETY: as above; indices are the row's.
    unsafe {
        let list: &List<T> = typed(list);
        for j in 0..list.len {
            let p = *list.values.add(j);
            if p > top {
                (top, origin) = (p, *x.add(*list.indices.add(j) as usize));
            }
        }
        let origin = origin.to_f64();
        for j in 0..list.len {
            let p = (*list.values.add(j)).to_f64();
            let distance = (*x.add(*list.indices.add(j) as usize)).to_f64() - origin;
            // Where p = 0 a distance may be infinite.
            sum += if p > 0.0 { p * distance } else { 0.0 };
        }
        (top.to_f64(), origin, sum)
    }
}

/// [`Lists::scale`].
unsafe fn scale<T: Score>(list: &AnyList, factor: f64) {
    // SAFETY: as above; lists lie in scratch, and this one is read no more.
    unsafe {
        let list: &List<T> = typed(list);
        let values = list.values.cast_mut();
        for j in 0..list.len {
            let p = *values.add(j);
            if p > T::ZERO {
                *values.add(j) = T::from_f64(p.to_f64() * factor);
            }
        }
    }
}

/// [`Sums::dot`] of f32.
///
/// # Safety
/// `p` and `x` hold n numbers.
pub unsafe fn dot_f32<V: F32Block>(p: Cells, x: Cells, n: usize, origin: f64) -> f64 {
    let (p, x): (*mut f32, *mut f32) = (p.pointer(), x.pointer());
    let (zero, origin) = (V::splat(0.0), V::splat(origin as f32));
    let mut sums = V::no_sums();
    // SAFETY: by the caller; a block that is not whole is read from copies.
    unsafe {
        for from in (0..n).step_by(LANES) {
            let (mut tail_p, mut tail_x) = ([0.0; LANES], [0.0; LANES]);
            let (mut at_p, mut at_x) = (p.add(from), x.add(from));
            if from + LANES > n {
                copy_short(at_p, tail_p.as_mut_ptr(), n - from);
                copy_short(at_x, tail_x.as_mut_ptr(), n - from);
                (at_p, at_x) = (tail_p.as_mut_ptr(), tail_x.as_mut_ptr());
            }
            let p = V::load(at_p);
            let inside = p.differs(zero);
            if V::any(inside) {
                p.mul(V::load(at_x).sub(origin))
                    .keep(inside)
                    .sum_into(&mut sums);
            }
        }
    }
    V::total(sums)
}

/// [`Sums::dot`] of f64.
///
/// # Safety
/// As [`dot_f32`].
pub unsafe fn dot_f64(p: Cells, x: Cells, n: usize, origin: f64) -> f64 {
    let mut sum = 0.0;
    for j in 0..n {
        // SAFETY: j < n.
        let (p, x) = unsafe { (p.get(j), x.get(j)) };
        if p != 0.0 {
            sum += p * (x - origin);
        }
    }
    sum
}
