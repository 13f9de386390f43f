//! One number for each of four rows that a block holds together: four floats, alike on every machine.

use super::ROWS;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod native {
    use core::arch::wasm32::*;

    pub type Lanes = v128;

    #[inline(always)]
    pub fn from_array([a, b, c, d]: [f32; 4]) -> Lanes {
        f32x4(a, b, c, d)
    }
    #[inline(always)]
    pub fn to_array(lanes: Lanes) -> [f32; 4] {
        [
            f32x4_extract_lane::<0>(lanes),
            f32x4_extract_lane::<1>(lanes),
            f32x4_extract_lane::<2>(lanes),
            f32x4_extract_lane::<3>(lanes),
        ]
    }
    #[inline(always)]
    pub fn add(a: Lanes, b: Lanes) -> Lanes {
        f32x4_add(a, b)
    }
    #[inline(always)]
    pub fn sub(a: Lanes, b: Lanes) -> Lanes {
        f32x4_sub(a, b)
    }
    #[inline(always)]
    pub fn mul(a: Lanes, b: Lanes) -> Lanes {
        f32x4_mul(a, b)
    }
    #[inline(always)]
    pub fn div(a: Lanes, b: Lanes) -> Lanes {
        f32x4_div(a, b)
    }
    #[inline(always)]
    pub fn sqrt(a: Lanes) -> Lanes {
        f32x4_sqrt(a)
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod native {
    use core::array::from_fn;

    pub type Lanes = [f32; 4];

    #[inline(always)]
    pub fn from_array(lanes: [f32; 4]) -> Lanes {
        lanes
    }
    #[inline(always)]
    pub fn to_array(lanes: Lanes) -> [f32; 4] {
        lanes
    }
    #[inline(always)]
    pub fn add(a: Lanes, b: Lanes) -> Lanes {
        from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    pub fn sub(a: Lanes, b: Lanes) -> Lanes {
        from_fn(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    pub fn mul(a: Lanes, b: Lanes) -> Lanes {
        from_fn(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    pub fn div(a: Lanes, b: Lanes) -> Lanes {
        from_fn(|lane| a[lane] / b[lane])
    }
    #[inline(always)]
    pub fn sqrt(a: Lanes) -> Lanes {
        // In f64 and back is correctly rounded.
        a.map(|value| crate::simd::sqrt(f64::from(value)) as f32)
    }
}

/// A number for each of four rows.
#[derive(Clone, Copy)]
pub struct Quad(pub(super) native::Lanes);

impl Quad {
    #[inline(always)]
    pub fn new(values: [f32; ROWS]) -> Quad {
        Quad(native::from_array(values))
    }
    #[inline(always)]
    pub fn splat(value: f32) -> Quad {
        Quad::new([value; ROWS])
    }
    #[inline(always)]
    pub fn values(self) -> [f32; ROWS] {
        native::to_array(self.0)
    }
    #[inline(always)]
    pub fn sqrt(self) -> Quad {
        Quad(native::sqrt(self.0))
    }
}

macro_rules! lanewise {
    ($($trait:ident $method:ident),*) => {
        $(impl core::ops::$trait for Quad {
            type Output = Quad;
            #[inline(always)]
            fn $method(self, other: Quad) -> Quad {
                Quad(native::$method(self.0, other.0))
            }
        })*
    };
}

lanewise!(Add add, Sub sub, Mul mul, Div div);
