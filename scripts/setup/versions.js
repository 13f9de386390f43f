/** Every tool that set-up installs outside package.json, with its one pinned version. */

/** As in rust-toolchain.toml, which cargo reads. */
export const RUST = '1.95.0';
/** Must be exactly the version of the crate wasm-bindgen in Cargo.toml. */
export const WASM_BINDGEN = '0.2.130';
export const WASM_PACK = '0.15.1';
/** Node for building and testing; the package itself runs from 20.16 (`engines` in package.json). */
export const NODE_MINIMUM = [20, 19];
