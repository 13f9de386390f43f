"""What torchsparseattn answers: calls as JSON on the standard input, answers on the standard output. regularised_errata.py runs it with a
Python of its own. The package needs PyTorch below 1.5, hence CPython 3.8, and C that today's Python takes:

    python3.8 -m venv torchsparseattn-env && torchsparseattn-env/bin/pip install 'Cython<3' 'numpy<1.24' wheel torch==1.4.0
    torchsparseattn-env/bin/pip download --no-deps --no-binary :all: --no-build-isolation torchsparseattn==0.2
    tar xzf torchsparseattn-0.2.tar.gz && rm torchsparseattn-0.2/torchsparseattn/*.c
    torchsparseattn-env/bin/pip install --no-deps --no-build-isolation ./torchsparseattn-0.2
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

import torch
import torchsparseattn


def answer(call):
    dtype = torch.float32 if call["dtype"] == "float32" else torch.float64
    x = torch.tensor([call["x"]], dtype=dtype, requires_grad=True)
    make = getattr(torchsparseattn, call["module"])
    # Without lengths the package passes None on, which PyTorch 1.4 refuses.
    p = make(**call["options"])(x, torch.tensor([len(call["x"])]))
    (p * torch.tensor([call["dp"]], dtype=dtype)).sum().backward()
    return {"p": p.detach()[0].tolist(), "dx": x.grad[0].tolist()}


if __name__ == "__main__":
    answers = [answer(call) for call in json.load(sys.stdin)]
    json.dump({"torch": torch.__version__, "answers": answers}, sys.stdout)
