"""Writes cases for tests/conformance/conformance.cpp: a line of JSON each, and one safetensors file of their tensors."""
import json
import struct
from pathlib import Path

import numpy

GREATEST_RANK = 4


class Case:
    """One case: calls in order, and the values to compare. Tensors are float64 on disk and get the case's type."""

    def __init__(self, name, dtype="float32"):
        self.line = {"name": name, "dtype": dtype, "steps": [], "results": [], "rtol": 0.0, "atol": 0.0,
                     "largest": 0.0, "signs": False, "signs_of_gradients": False}
        self.tensors = {}
        self.count = 0

    def tensor(self, value, name=None):
        """Stores a tensor; returns its name."""
        value = numpy.asarray(value, dtype=numpy.float64)
        if value.ndim > GREATEST_RANK:
            raise ValueError(f"rank {value.ndim}")
        if name is None:
            name = f"t{self.count}"
            self.count += 1
        self.tensors[name] = value
        return name

    def call(self, declaration, inputs, results=1, **options):
        """Adds a call; returns the name of its result, or a list of names if `results` is not 1."""
        out = []
        for _ in range(results):
            out.append(f"v{self.count}")
            self.count += 1
        options = {key: value for key, value in options.items() if value is not None}
        self.line["steps"].append({"call": declaration, "in": list(inputs), "out": out, "options": options})
        return out[0] if results == 1 else out

    def expect(self, value, want, dy=None):
        """`value` must equal the array `want`; dy is the gradient that its backward pass starts from."""
        one = {"value": value, "want": self.tensor(want)}
        if dy is not None:
            one["dy"] = self.tensor(dy)
        self.line["results"].append(one)

    def expect_gradient(self, leaf, want):
        self.line.setdefault("gradients", []).append({"leaf": leaf, "want": self.tensor(want)})

    def tolerate(self, rtol=0.0, atol=0.0, largest=0.0, signs=False, signs_of_gradients=False):
        self.line.update(rtol=float(rtol), atol=float(atol), largest=float(largest), signs=signs,
                         signs_of_gradients=signs_of_gradients)


def plain(value):
    """NumPy's numbers as Python's, for JSON."""
    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} in an option")


def write(folder, name, cases):
    """FOLDER/NAME.jsonl and FOLDER/NAME.safetensors."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps(case.line, default=plain, allow_nan=False) + "\n")
    header, body, end = {}, [], 0
    for number, case in enumerate(cases):
        for key, value in case.tensors.items():
            data = numpy.ascontiguousarray(value).astype("<f8").tobytes()
            header[f"{number}/{key}"] = {"dtype": "F64", "shape": list(value.shape),
                                         "data_offsets": [end, end + len(data)]}
            body.append(data)
            end += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    with open(folder / f"{name}.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(body)
