//! The boundary between JavaScript and the kernels: one module per kernel family.
//!
//! Every export takes and returns plain numbers (addresses in linear memory, lengths, scalars, status codes), so
//! wasm-bindgen generates no marshalling, only a `.d.ts` that type-checks the callers. Nothing is decided here:
//! TypeScript has checked the arguments, `entmax-core` does the work.
//!
//! Every kernel that the thread pool may run begins with the same three parameters, which the pool fills in for
//! each chunk: `first` and `last` (a half-open range of rows) and `workspace` (the calling thread's own scratch).

#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
mod no_allocator;

#[cfg(feature = "attention")]
mod attention;
#[cfg(any(feature = "maps", feature = "regularised"))]
mod feasible_exports;
#[cfg(any(feature = "maps", feature = "regularised"))]
mod loss_exports;
#[cfg(feature = "maps")]
mod losses;
#[cfg(feature = "maps")]
mod maps;
#[cfg(feature = "regularised")]
mod regularised;
#[cfg(feature = "regularised")]
mod regularised_losses;
#[cfg(any(feature = "maps", feature = "regularised"))]
mod row_exports;
#[cfg(feature = "structured")]
mod structured;

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
