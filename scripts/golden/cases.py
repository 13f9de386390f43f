"""Writing ts/test/conformance/*.json: the format of docs/conformance.md. Rows that a seed describes, numbers as text
where JSON has none, tolerances, and the rounding of exact values to float32 and float64.
"""

import json
import math
import platform
import struct
from fractions import Fraction
from pathlib import Path

import mpmath
from mpmath import mp, mpf

OUT = Path(__file__).resolve().parents[2] / "ts" / "test" / "conformance"


def versions(**more):
    return {"python": platform.python_version(), "mpmath": mpmath.__version__, "digits": mp.dps, **more}


def number(value):
    """A float for JSON: the nearest float64, or text where JSON has no number."""
    value = float(value)
    if math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 2**53 and (value or math.copysign(1, value) > 0) else value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def numbers(values):
    return [number(value) for value in values]


def fraction(value):
    """A float, an mpf or a Fraction exactly."""
    if isinstance(value, mpmath.mpf):
        sign, man, exp, _ = value._mpf_
        return Fraction((-1) ** sign * int(man)) * Fraction(2) ** exp
    return Fraction(value)


def rounded(value, dtype):
    """The nearest number of the type, ties to even."""
    value = fraction(value)
    if dtype == "float64":
        return value.numerator / value.denominator
    if value == 0:
        return 0.0
    exponent = math.frexp(float(value))[1] - 1
    if abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    quantum = Fraction(2) ** (max(exponent, -126) - 23)
    return float(round(value / quantum) * quantum)


def neighbour(value, dtype, steps):
    """The number of the type so many places above (below) a nonzero one."""
    pack, unpack = ("<f", "<i") if dtype == "float32" else ("<d", "<q")
    bits = struct.unpack(unpack, struct.pack(pack, value))[0]
    return struct.unpack(pack, struct.pack(unpack, bits + (steps if value > 0 else -steps)))[0]


def is_float32(value):
    return math.isinf(value) or math.isnan(value) or struct.unpack("<f", struct.pack("<f", value))[0] == value


def random_bits(seed):
    """Marsaglia's xorshift32, as in ts/test/oracle/random.ts."""
    state = seed

    def bits():
        nonlocal state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        return state

    return bits


def normal_row(seed, n, scale=1.0):
    """About N(0, scale^2), as in ts/test/oracle/random.ts: four 16-bit uniforms, summed, centred, scaled by 7/4."""
    bits = random_bits(seed)
    return [(sum(bits() >> 16 for _ in range(4)) / 65536 - 2) * 1.75 * scale for _ in range(n)]


def largest(values):
    return max((abs(float(value)) for value in values if math.isfinite(value)), default=0.0)


def tolerance(float64, float32=None, rows=()):
    """Absolute tolerances of the quantities, per type; float32 only where all inputs are float32 numbers."""
    result = {"float64": {name: number(f"{value:.1e}") for name, value in float64.items()}}
    if float32 is not None and all(is_float32(float(each)) for row in rows for each in row):
        result["float32"] = {name: number(f"{value:.1e}") for name, value in float32.items()}
    return result


def write(name, about, cases, script, **more):
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), [each for each in names if names.count(each) > 1]
    head = {"format": 1, "about": about, "script": f"scripts/golden/{script}", "versions": versions(**more), "cases": []}
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    text = json.dumps(head, ensure_ascii=False)[: -len("[]}")] + "[\n" + lines + "\n]}\n"
    (OUT / name).write_text(text, encoding="utf-8")
    print(f"{name}: {len(cases)} cases, {(OUT / name).stat().st_size} bytes")
