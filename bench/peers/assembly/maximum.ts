/**
 * The largest of `n` floats from `source` on. Four accumulators hide the latency of the instruction. `pmax` is one
 * machine instruction, `max` five (it orders signed zeros and passes NaN on, neither of which is needed here).
 */
export function maximum(source: usize, n: i32): f32 {
  let a = f32x4.splat(-Infinity);
  let b = a;
  let c = a;
  let d = a;
  const end = source + ((n as usize) << 2);
  let at = source;
  for (; at + 64 <= end; at += 64) {
    a = f32x4.pmax(a, v128.load(at));
    b = f32x4.pmax(b, v128.load(at, 16));
    c = f32x4.pmax(c, v128.load(at, 32));
    d = f32x4.pmax(d, v128.load(at, 48));
  }
  const all = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d));
  let result = max(
    max(f32x4.extract_lane(all, 0), f32x4.extract_lane(all, 1)),
    max(f32x4.extract_lane(all, 2), f32x4.extract_lane(all, 3)),
  );
  for (; at < end; at += 4) result = max(result, load<f32>(at));
  return result;
}
