/** Which instructions the host understands, asked by validating a tiny module, never by a version string. */

/**
 * (module (func (param v128 v128 v128) (result v128)
 *   (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get 0) (local.get 1) (local.get 2))))
 */
const RELAXED_DOT = [
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic, version
  0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b, // type: (v128, v128, v128) -> v128
  0x03, 0x02, 0x01, 0x00, // one function of that type
  0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x93, 0x02, 0x0b, // its body
]; // prettier-ignore

let relaxed: boolean | undefined;

/** True where relaxed SIMD can be compiled. */
export function relaxedSimdWorks(): boolean {
  relaxed ??= WebAssembly.validate(new Uint8Array(RELAXED_DOT));
  return relaxed;
}
