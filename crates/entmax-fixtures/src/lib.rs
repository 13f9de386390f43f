//! Kernel modules for tests only; nothing here is published.
//!
//! `sound` keeps every rule of ARCHITECTURE.md, "The rules of a kernel module", and misbehaves on request (it traps,
//! never returns, or uses much stack), so that the tests of the pool can cause what must not happen. Each of the
//! others breaks exactly the rule that it is named after, and the checkers must reject it.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(feature = "allocation")]
mod allocation;
#[cfg(feature = "memory-grow")]
mod memory_grow;
#[cfg(feature = "mutable-static")]
mod mutable_static;
#[cfg(feature = "sound")]
mod sound;
#[cfg(feature = "writable-data")]
mod writable_data;

#[cfg(target_arch = "wasm32")]
#[path = "../../entmax-wasm/src/no_allocator.rs"]
mod no_allocator;

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
