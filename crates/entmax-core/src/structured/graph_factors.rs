//! The factors of a problem of a graph, as the method asks for them: of logic and structured ones in any order.

use super::any::Any;
use super::custom::WAITING;
use super::graph::{Factors, Places, Projection, State};
use super::graph_layout::{Layout, Parts};
use super::graph_logic::LogicFactors;
use super::graph_structured::Structured;
use super::logic::{Kind, Logic};
use core::ops::Range;

/// Beyond this a coupling of a pair is none the stronger.
const STRONGEST: f64 = 1e100;

/// What a factor whose oracle is the caller's has named so far.
#[repr(C)]
pub struct Named {
    pub vertices: *const f64,
    pub count: usize,
    pub answer: i32,
}

/// The factors of a problem.
pub struct GraphFactors<'a> {
    pub layout: &'a Layout,
    pub memory: *mut u8,
    pub couplings: &'a mut [f64],
    pub room: &'a mut [f64],
    pub faces: &'a mut [i32],
    /// Of each factor; null where no oracle is the caller's.
    pub named: *mut Named,
    /// Where to put what such an oracle is asked about.
    pub question: *mut f64,
    /// How far a copy may be off.
    pub error: f64,
    /// Cotangents and gradients of all variables, for derivatives.
    pub cotangents: &'a [f64],
    pub gradients: &'a mut [f64],
}

impl<'a> GraphFactors<'a> {
    /// For a solve.
    pub fn new(
        layout: &'a Layout,
        memory: *mut u8,
        parts: Parts<'a>,
    ) -> (GraphFactors<'a>, &'a mut [f64]) {
        let factors = GraphFactors {
            layout,
            memory,
            couplings: parts.couplings,
            room: parts.room,
            faces: parts.faces,
            named: core::ptr::null_mut(),
            question: core::ptr::null_mut(),
            error: 0.0,
            cotangents: &[],
            gradients: &mut [],
        };
        (factors, parts.state)
    }

    /// Copies the additional scores to where their factors want them.
    pub fn gather(&mut self, scores: &[f64]) {
        for f in 0..self.layout.factors {
            let is_pair = self.layout.logic(f) == Some(Kind::Pair);
            for at in self.layout.coupling_range(f) {
                let score = scores.get(self.layout.coupling(at)).copied().unwrap_or(0.0);
                if let Some(coupling) = self.couplings.get_mut(at) {
                    *coupling = if is_pair {
                        score.clamp(-STRONGEST, STRONGEST)
                    } else {
                        score
                    };
                }
            }
        }
    }

    /// Forgets the atoms of all factors.
    pub fn begin(&mut self) {
        for f in 0..self.layout.factors {
            if self.layout.logic(f).is_none() {
                // SAFETY: the memory is this problem's.
                *unsafe { self.layout.kept(f, self.memory) }.0 = Default::default();
            }
        }
    }

    fn number(&self, f: usize, kind: Kind) -> f64 {
        if kind == Kind::Pair {
            let at = self.layout.coupling_range(f).start;
            self.couplings.get(at).copied().unwrap_or(0.0)
        } else {
            self.layout.number(f)
        }
    }

    /// A factor of logic as a table of one.
    fn with_logic<R>(
        &mut self,
        (f, kind): (usize, Kind),
        places: &Places,
        gradient: &mut [f64],
        act: impl FnOnce(&mut LogicFactors, &Places) -> R,
    ) -> R {
        let range = places.first..places.first + places.scale.len();
        let (negated, costs) = self.layout.literals(range.clone());
        let own = Places {
            first: 0,
            scale: places.scale,
        };
        let number = [self.number(f, kind)];
        let mut table = LogicFactors {
            kinds: &[kind],
            numbers: &number,
            negated,
            costs,
            faces: self.faces.get_mut(range).unwrap_or(&mut []),
            room: self.room,
            gradients: gradient,
        };
        act(&mut table, &own)
    }

    /// The factor of logic itself, and the face that it is on.
    fn logic_of<'b>(
        &'b self,
        (f, kind): (usize, Kind),
        places: &Places<'b>,
    ) -> (Logic<'b>, &'b [i32]) {
        let range = places.first..places.first + places.scale.len();
        let (negated, costs) = self.layout.literals(range.clone());
        let logic = Logic {
            kind,
            scale: places.scale,
            negated,
            costs,
            number: self.number(f, kind),
        };
        (logic, self.faces.get(range).unwrap_or(&[]))
    }

    /// A structured factor with its memory. None where that is too small, which it is not.
    fn with_structured<R>(
        &mut self,
        f: usize,
        act: impl FnOnce(&mut Structured<Any>) -> R,
    ) -> Option<R> {
        // SAFETY: there is one for each factor, and the memory is this problem's.
        unsafe {
            let named = if self.named.is_null() {
                None
            } else {
                Some(&mut *self.named.add(f))
            };
            let (vertices, answer): (&[f64], i32) = match &named {
                Some(named) if named.count > 0 => {
                    let numbers = named.count * self.layout.range(f).len();
                    let vertices = core::slice::from_raw_parts(named.vertices, numbers);
                    (vertices, named.answer)
                }
                Some(named) => (&[], named.answer),
                None => (&[], WAITING),
            };
            let any = self
                .layout
                .structured(f, self.couplings, (vertices, answer));
            let (kept, memory, capacity) = self.layout.kept(f, self.memory);
            let mut structured = Structured::new(&any, capacity, memory, kept)?;
            let result = act(&mut structured);
            if let (Some(named), Any::Custom(custom)) = (named, &any) {
                named.answer = custom.answer.get();
            }
            Some(result)
        }
    }

    /// A structure's additional scores are worth no more than this.
    fn additional(&self, f: usize) -> f64 {
        let couplings = self.couplings.get(self.layout.coupling_range(f));
        let finite = couplings.unwrap_or(&[]).iter().filter(|c| c.is_finite());
        finite.map(|coupling| coupling.abs()).sum()
    }

    /// Which places of a factor are negated.
    fn negated(&self, places: &Places) -> &'a [u8] {
        let layout: &'a Layout = self.layout;
        layout
            .literals(places.first..places.first + places.scale.len())
            .0
    }

    /// Adds the marginals of the additional parts to those of their variables.
    pub fn add_marginals(&mut self, state: &State, mu: &mut [f64]) {
        for f in 0..self.layout.factors {
            let couplings = self.layout.coupling_range(f);
            if couplings.is_empty() {
                continue;
            }
            let range = self.layout.range(f);
            if let Some(kind) = self.layout.logic(f) {
                let places = state.places(range.clone());
                let (logic, _) = self.logic_of((f, kind), &places);
                let both = logic.both(state.copies().get(range).unwrap_or(&[]));
                add_each(self.layout, couplings, &[both], mu);
                continue;
            }
            let layout = self.layout;
            self.with_structured(f, |structured| {
                structured.sum_additional();
                add_each(layout, couplings, structured.additional, mu);
            });
        }
    }
}

/// Adds numbers of a factor's couplings to their variables.
fn add_each(layout: &Layout, couplings: Range<usize>, numbers: &[f64], table: &mut [f64]) {
    for (at, number) in couplings.zip(numbers) {
        if let Some(sum) = table.get_mut(layout.coupling(at)) {
            *sum += number;
        }
    }
}

/// The negation of what is forbidden has the score +inf, of which structures have no difference. What stands for it is worth more
/// than all else together, and no more than that: large scores cost digits.
fn force(scores: &mut [f64], scale: &[f64], damping: f64, additional: f64) {
    let mut all = 1.0 + additional;
    for (score, scale) in scores.iter().zip(scale) {
        all += damping / (scale * scale);
        if score.is_finite() {
            all += (score / scale).abs();
        }
    }
    for (score, scale) in scores.iter_mut().zip(scale) {
        if *score == f64::INFINITY {
            *score = all * scale;
        }
    }
}

/// Changes the sign where a place is negated.
fn flip_signs(negated: &[u8], x: &mut [f64]) {
    for (x, _) in x.iter_mut().zip(negated).filter(|(_, &flag)| flag != 0) {
        *x = -*x;
    }
}

impl Factors for GraphFactors<'_> {
    fn project(
        &mut self,
        factor: usize,
        places: &Places,
        scores: &[f64],
        damping: f64,
        u: &mut [f64],
    ) -> Projection {
        if let Some(kind) = self.layout.logic(factor) {
            return self.with_logic((factor, kind), places, &mut [], |table, own| {
                table.project(0, own, scores, damping, u)
            });
        }
        // What is negated is 1 / scale - u, whose scores are these.
        let negated = self.negated(places);
        let room = core::mem::take(&mut self.room);
        let turned = room.get_mut(..negated.len()).unwrap_or(&mut []);
        let mut is_forced = false;
        for ((turned, &flag), (score, scale)) in turned
            .iter_mut()
            .zip(negated)
            .zip(scores.iter().zip(places.scale))
        {
            *turned = if flag == 0 {
                *score
            } else {
                damping / scale - score
            };
            is_forced |= *turned == f64::INFINITY;
        }
        if is_forced {
            force(turned, places.scale, damping, self.additional(factor));
        }
        let turned = &*turned;
        let (question, error) = (self.question, self.error);
        let ending = self.with_structured(factor, |structured| {
            structured.error = error;
            let ending = structured.project(places, turned, damping, u);
            if ending == Projection::Asks {
                for (part, &score) in structured.question().iter().enumerate() {
                    // SAFETY: there is room for the largest factor's.
                    unsafe { *question.add(part) = score };
                }
            }
            ending
        });
        self.room = room;
        for ((u, &flag), scale) in u.iter_mut().zip(negated).zip(places.scale) {
            if flag != 0 {
                *u = 1.0 / scale - *u;
            }
        }
        ending.unwrap_or(Projection::Infeasible)
    }

    fn allow(&mut self, error: f64) {
        self.error = error;
    }

    fn differentiate(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        if let Some(kind) = self.layout.logic(factor) {
            let (logic, face) = self.logic_of((factor, kind), places);
            logic.differentiate(face, x);
            return;
        }
        let negated = self.negated(places);
        flip_signs(negated, x);
        self.with_structured(factor, |structured| structured.differentiate(places, x));
        flip_signs(negated, x);
    }

    fn differentiate_additional(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        let (layout, couplings) = (self.layout, self.layout.coupling_range(factor));
        if couplings.is_empty() {
            return;
        }
        let gradients = core::mem::take(&mut self.gradients);
        if let Some(kind) = self.layout.logic(factor) {
            let (logic, face) = self.logic_of((factor, kind), places);
            logic.differentiate(face, x);
            add_each(layout, couplings, &[logic.coupling(face, x)], gradients);
        } else {
            flip_signs(self.negated(places), x);
            self.with_structured(factor, |structured| {
                structured.differentiate_additional(places, x);
                add_each(layout, couplings, structured.additional, gradients);
            });
        }
        self.gradients = gradients;
    }

    fn pull_additional(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        let couplings = self.layout.coupling_range(factor);
        let first = couplings.start;
        let (layout, cotangents) = (self.layout, self.cotangents);
        let at = |part: usize| {
            let variable = layout.coupling(first + part);
            cotangents.get(variable).copied().unwrap_or(0.0)
        };
        if couplings.is_empty() {
            x.fill(0.0);
        } else if let Some(kind) = self.layout.logic(factor) {
            let (logic, face) = self.logic_of((factor, kind), places);
            logic.pull_coupling(face, x);
            for x in x {
                *x *= at(0);
            }
        } else {
            let negated = self.negated(places);
            self.with_structured(factor, |structured| {
                structured.pull_additional(places, at, x)
            });
            flip_signs(negated, x);
        }
    }
}
