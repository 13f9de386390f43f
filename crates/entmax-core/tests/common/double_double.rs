//! Arithmetic with about 31 digits, for the oracle of f64 rows: slow, plain, and nothing of it comes from the crate.

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Dd(pub f64, pub f64);

fn normal(high: f64, low: f64) -> Dd {
    let sum = high + low;
    Dd(sum, low - (sum - high))
}

impl Dd {
    pub const ONE: Dd = Dd(1.0, 0.0);
    pub const ZERO: Dd = Dd(0.0, 0.0);
    const LN_2: Dd = Dd(std::f64::consts::LN_2, 2.319_046_813_846_3e-17);

    pub fn from(value: f64) -> Dd {
        Dd(value, 0.0)
    }
    /// a - b without an error.
    pub fn difference(a: f64, b: f64) -> Dd {
        Dd::from(a).add(Dd::from(-b))
    }
    pub fn add(self, other: Dd) -> Dd {
        let sum = self.0 + other.0;
        let part = sum - self.0;
        let error = (self.0 - (sum - part)) + (other.0 - part);
        normal(sum, error + self.1 + other.1)
    }
    pub fn neg(self) -> Dd {
        Dd(-self.0, -self.1)
    }
    pub fn sub(self, other: Dd) -> Dd {
        self.add(other.neg())
    }
    pub fn mul(self, other: Dd) -> Dd {
        let product = self.0 * other.0;
        let error = self.0.mul_add(other.0, -product);
        normal(product, error + self.0 * other.1 + self.1 * other.0)
    }
    pub fn div(self, other: Dd) -> Dd {
        let q = self.0 / other.0;
        let rest = self.sub(other.mul(Dd::from(q)));
        let q2 = rest.0 / other.0;
        let rest = rest.sub(other.mul(Dd::from(q2)));
        normal(q, q2 + rest.0 / other.0)
    }
    pub fn value(self) -> f64 {
        self.0 + self.1
    }
    pub fn exp(self) -> Dd {
        if self.0 < -740.0 {
            return Dd::ZERO;
        }
        let k = (self.0 / std::f64::consts::LN_2).round();
        let r = self
            .sub(Dd::LN_2.mul(Dd::from(k)))
            .mul(Dd::from(1.0 / 256.0));
        let mut term = Dd::ONE;
        let mut sum = Dd::ONE;
        for i in 1..14 {
            term = term.mul(r).div(Dd::from(f64::from(i)));
            sum = sum.add(term);
        }
        for _ in 0..8 {
            sum = sum.mul(sum);
        }
        let scale =
            |v: f64| v * 2f64.powi((k / 2.0) as i32) * 2f64.powi((k - (k / 2.0).trunc()) as i32);
        Dd(scale(sum.0), scale(sum.1))
    }
    /// Two Newton steps on exp.
    pub fn ln(self) -> Dd {
        let mut y = Dd::from(self.0.ln());
        for _ in 0..2 {
            y = y.add(self.mul(y.neg().exp()).sub(Dd::ONE));
        }
        y
    }
}

#[test]
fn exp_and_ln_have_28_digits() {
    for x in [-300.0, -20.5, -1.0, -1e-9, 0.0, 0.3, 12.0] {
        let back = Dd::from(x).exp().ln();
        assert!(
            back.sub(Dd::from(x)).value().abs() <= 1e-28 * (1.0 + x.abs()),
            "{x}: {back:?}"
        );
    }
    let e = Dd::ONE.exp();
    assert_eq!(e.0, std::f64::consts::E);
    assert!((e.1 - 1.445_646_891_729_250_2e-16).abs() < 1e-28);
}
