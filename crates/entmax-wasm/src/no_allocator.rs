//! A global allocator that never gives memory, so that "kernels do not allocate" is a fact and not a promise.
//!
//! One binary serves many threads without atomics (ARCHITECTURE.md); an allocator would be shared mutable state.
//! wasm-bindgen's runtime needs the symbol to exist, and none of its allocating paths is reached by exports that
//! pass numbers only.

use core::alloc::{GlobalAlloc, Layout};

struct NoAllocator;

// SAFETY: returning null is the documented way to refuse an allocation; nothing is ever handed out, so there is
// nothing that `dealloc` could be given.
unsafe impl GlobalAlloc for NoAllocator {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoAllocator = NoAllocator;
