//! Breaks "no allocation": a kernel that takes its scratch from the global allocator.

extern crate alloc;

use alloc::vec::Vec;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
pub fn scratch_from_the_heap(first: usize, last: usize, _workspace: usize) -> u32 {
    let mut rows = Vec::new();
    for row in first..last {
        rows.push(row as u32);
    }
    u32::from(rows.iter().fold(0, |sum, row| sum ^ row) == u32::MAX)
}
