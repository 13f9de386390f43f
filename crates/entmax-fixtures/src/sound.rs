//! Keeps every rule; its kernels do what a test asks for.

use wasm_bindgen::prelude::wasm_bindgen;

/// A table in read-only data: reading it shows that the family's data lies where the linker put it.
static SQUARES: [u32; 16] = [
    0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121, 144, 169, 196, 225,
];

/// `out[row] = (row mod 16)^2`, through the table.
#[wasm_bindgen]
pub fn square_rows(first: usize, last: usize, _workspace: usize, out: usize) -> u32 {
    for row in first..last {
        // SAFETY: the test passes an address with one u32 for every row.
        unsafe { *(out as *mut u32).add(row) = read_volatile(&SQUARES[row % 16]) }
    }
    0
}

/// As `square_rows`, but traps on the row `bad` when the word at `armed` is not zero (and leaves it zero with `once`).
#[wasm_bindgen]
pub fn trap_on_row(
    first: usize,
    last: usize,
    workspace: usize,
    out: usize,
    armed: usize,
    bad: usize,
    once: bool,
) -> u32 {
    // SAFETY: the test passes the address of a live u32.
    let armed = unsafe { &mut *(armed as *mut u32) };
    if first <= bad && bad < last && *armed != 0 {
        if once {
            *armed = 0;
        }
        trap_below(200, first as u32);
    }
    square_rows(first, last, workspace, out)
}

/// As `square_rows`, but a thread whose workspace is not `spared` never returns while the word at `held` is not zero.
#[wasm_bindgen]
pub fn hold_others(
    first: usize,
    last: usize,
    workspace: usize,
    out: usize,
    held: usize,
    spared: usize,
) -> u32 {
    if workspace != spared {
        // SAFETY: the test passes the address of a live u32.
        while unsafe { read_volatile(held as *const u32) } != 0 {}
    }
    square_rows(first, last, workspace, out)
}

/// Uses about `depth * 64` bytes of stack.
#[wasm_bindgen]
pub fn use_stack(first: usize, _last: usize, _workspace: usize, depth: u32) -> u32 {
    u32::from(deep(depth, first as u32) == u32::MAX)
}

#[inline(never)]
fn deep(depth: u32, seed: u32) -> u32 {
    let mut frame = [seed; 16];
    // SAFETY: the address of a local; the volatile write keeps the frame in memory.
    unsafe { core::ptr::write_volatile(&mut frame[depth as usize % 16], depth) };
    if depth == 0 {
        return frame[0];
    }
    deep(depth - 1, seed).wrapping_add(frame[seed as usize % 16])
}

/// As `deep`, but traps in the innermost frame, which leaves the stack pointer displaced.
#[inline(never)]
fn trap_below(depth: u32, seed: u32) -> u32 {
    let mut frame = [seed; 16];
    // SAFETY: as in `deep`.
    unsafe { core::ptr::write_volatile(&mut frame[depth as usize % 16], depth) };
    if depth == 0 {
        trap();
        return 0;
    }
    trap_below(depth - 1, seed).wrapping_add(frame[seed as usize % 16])
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable()
}

/// # Safety
/// `address` is valid for a read of a u32.
unsafe fn read_volatile(address: *const u32) -> u32 {
    core::ptr::read_volatile(address)
}
