"""A peer in Python: requests on standard input, answers on standard output, as bench/peers/server.js describes. Each peer is a
program with a subclass of Tasks; the oldest Python that one of them needs is 3.8.
"""

import json
import sys
import time

UNTIMED_CALLS = 2  # as in bench/samplers.js
BYTES = {"float32": 4, "float64": 8, "int32": 4}


class Tasks:
    """What was prepared. A subclass has `array_of(data, dtype)`; `find(operation, map_name, rows, n, settings)`, a call without
    arguments or None; `read(result)`, which gives of a call's result the bytes, their type and a scalar or None; and
    `about()`, a dictionary.
    """

    def __init__(self):
        self.forget()

    def forget(self):
        self.arrays, self.calls, self.results = {}, {}, {}
        return "ok"

    def array(self, name, dtype, length):
        data = bytearray(sys.stdin.buffer.read(BYTES[dtype] * int(length)))
        self.arrays[name] = self.array_of(data, dtype)
        return "ok"

    def prepare(self, key, operation, map_name, rows, n, *settings):
        call = self.find(operation, map_name, int(rows), int(n), dict(each.split("=") for each in settings))
        if call is None:
            return "missing"
        self.calls[key] = call
        return "ok"

    def time(self, key, milliseconds, calls):
        call, limit, calls = self.calls[key], int(milliseconds) * 1_000_000, int(calls)
        for _ in range(UNTIMED_CALLS if calls > 1 else 0):
            call()
        samples, total = [], 0
        while len(samples) < calls or total < limit:
            start = time.perf_counter_ns()
            self.results[key] = call()
            samples.append(time.perf_counter_ns() - start)
            total += samples[-1]
        return " ".join(map(str, samples))

    def output(self, key):
        content, dtype, scalar = self.read(self.results[key])
        reply = f"{len(content) // BYTES[dtype]} {dtype}\n".encode() + content
        return reply + ("none" if scalar is None else repr(float(scalar))).encode()

    def clear(self, key):
        self.results.pop(key, None)
        return "ok"


def serve(tasks):
    for line in sys.stdin.buffer:
        name, *words = line.decode().split()
        try:
            if name == "about":
                answer = json.dumps({**tasks.about(), "python": sys.version.split()[0]})
            else:
                answer = getattr(tasks, name)(*words)
        except Exception as error:  # told to the other side, which ends the run
            answer = f"error: {' '.join(str(error).split())}"
        sys.stdout.buffer.write((answer if isinstance(answer, bytes) else answer.encode()) + b"\n")
        sys.stdout.buffer.flush()
