"""Files as NumPy and the safetensors package write them, and float32 digits as NumPy prints them.

    python -m venv golden-env && golden-env/bin/pip install numpy==2.4.6 safetensors==0.8.0
    golden-env/bin/python scripts/golden/files.py

Writes ts/test/formats/golden.json: each file in base64 with its type, its shape and its values in row-major order
(numbers, or the words of float("...") for what JSON has not). With `--check FILE...` it reads files that `entmax map` has
written instead, and prints their dtype, shape and sum.
"""

import base64
import io
import json
import struct
import sys
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

OUT = Path(__file__).resolve().parents[2] / "ts" / "test" / "formats" / "golden.json"


def number(value):
    value = float(value)
    return value if np.isfinite(value) else str(value)


def case(name, file, array):
    values = [number(each) for each in np.asarray(array).ravel(order="C")]
    return {"name": name, "file": base64.b64encode(file).decode(), "shape": list(array.shape), "values": values}


def npy(array, version=None):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue()


def npy_cases(rng):
    values = np.array([[0.1, -2.5, np.inf], [np.nan, -np.inf, 1e-40]])
    for dtype in ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2"]:
        for order in "CF":
            yield case(f"{dtype} {order}", npy(np.array(values, dtype=dtype, order=order)), values.astype(dtype))
    for version in [(1, 0), (2, 0), (3, 0)]:
        array = rng.normal(size=(2, 3)).astype("<f4")
        yield case(f"version {version[0]}", npy(array, version), array)
    for shape in [(), (5,), (1, 4), (2, 3, 4), (2, 3, 2, 2), (0, 3), (3, 0), (0,)]:
        for order in "CF":
            array = np.asarray(rng.normal(size=shape).astype(">f4"), order=order)
            yield case(f"shape {shape} {order}", npy(array), array)
    for dtype in ["|b1", "|i1", "|u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<u4", "<i8", ">i8", "<u8"]:
        array = np.array([[0, 1, 1], [100, 0, 7]]).astype(dtype)
        yield case(dtype, npy(np.asfortranarray(array)), array)


def refused_cases():
    structured = np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")])
    for name, array in [
        ("complex", np.zeros(2, dtype="<c8")),
        ("text", np.array(["a", "bc"])),
        ("bytes", np.array([b"a"])),
        ("structured", structured),
        ("long double", np.zeros(2, dtype=np.longdouble)),
    ]:
        yield {"name": name, "file": base64.b64encode(npy(array)).decode()}


def safetensors_cases(rng):
    arrays = {
        "f32": rng.normal(size=(2, 3)).astype("f4"),
        "f64": rng.normal(size=(4,)),
        "f16": np.array([[0.1, -65504, 6e-8, np.inf], [np.nan, 1, 2, -0.0]], dtype="f2"),
        "empty": np.zeros((0, 4), dtype="f4"),
        "i64": np.array([[1, 0, -5]]),
        "bool": np.array([True, False]),
        "u8": np.array([200, 0], dtype="u1"),
    }
    file = safetensors.numpy.save(arrays, metadata={"made": "by the reference"})
    tensors = [{"name": name, "shape": list(a.shape), "values": [number(v) for v in a.ravel()]} for name, a in arrays.items()]
    return {"file": base64.b64encode(file).decode(), "tensors": tensors}


def shortest_digits(rng):
    """[bits, the shortest text that NumPy prints]: every power of two, neighbours of them, and random bits."""
    powers = [exponent << 23 for exponent in range(255)] + [1 << bit for bit in range(23)]
    near = [bits + step for bits in powers for step in (-1, 1) if bits + step > 0]
    random = rng.integers(1, 0x7F800000, 600).tolist() + rng.integers(0x30000000, 0x3F800001, 600).tolist()
    for bits in sorted({*powers, *near, *random}):
        value = np.frombuffer(struct.pack("<I", bits), "<f4")[0]
        yield [bits, np.format_float_scientific(value, unique=True, trim="-")]


def main():
    rng = np.random.default_rng(20260101)
    golden = {
        "versions": {"numpy": np.__version__, "safetensors": safetensors.__version__},
        "npy": list(npy_cases(rng)),
        "refused": list(refused_cases()),
        "safetensors": safetensors_cases(rng),
        "digits": list(shortest_digits(rng)),
    }
    lines = [f'"{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in golden.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def check(path):
    arrays = {path: np.load(path)} if path.endswith(".npy") else safetensors.numpy.load_file(path)
    for name, array in arrays.items():
        print(name, array.dtype, array.shape, array.sum())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        for each in sys.argv[2:]:
            check(each)
    else:
        main()
