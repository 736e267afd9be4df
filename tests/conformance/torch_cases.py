"""Draws calls of every operation of ops.h and computes their values and gradients with PyTorch.

Shapes are random, with many sizes 0 and 1. Each call is drawn in float32 and in float64, and again with special values
among the inputs: zeros of both signs, infinities, NaN, and for elementwise operations denormals and large values.
For ordinary values, PyTorch computes in float64 from inputs that float32 represents exactly, so that any error is
Headlight's. For special values, PyTorch computes in the type of the case, because float32 and float64 overflow at
different values.
"""
import re
import zlib
from pathlib import Path

import numpy
import torch

import torch_layers
import torch_ops
from cases import Case
from torch_draw import Draw, Refused, Redraw

DRAWS, SPECIAL_DRAWS = 16, 12
OPERATIONS = {**torch_ops.OPERATIONS, **torch_layers.OPERATIONS}
# float32 rounds with a relative error of 6e-8; errors of sums of a few hundred terms are some tens of times larger.
TOLERANCE = {"float32": (4e-6, 4e-6), "float64": (1e-11, 1e-12)}  # relative to the element, to the largest one or 1


def declarations(header):
    """"sum(x,axis,keep)" for each function of ops.h that returns one tensor, several, or indices."""
    text = "\n".join(line.split("//")[0] for line in header.splitlines())
    found = []
    for match in re.finditer(r"^(?:Tensor|PoolVector<Tensor>|PoolVector<std::int32_t>) (\w+)\(([^;]*)\);", text, re.M):
        depth, parameters = 0, [""]
        for c in match[2]:
            depth += (c in "({<") - (c in ")}>")
            if c == "," and depth == 0:
                parameters.append("")
            else:
                parameters[-1] += c
        names = [re.split(r"[\s&*>]+", p.split("=")[0].strip())[-1] for p in parameters]
        found.append(f"{match[1]}({','.join(names)})")
    if len(found) < 70:
        raise SystemExit("conformance: ops.h was not understood; mend torch_cases.declarations()")
    return found


def draw_case(declaration, operation, number, dtype, special):
    """A case, or None if PyTorch refuses every draw."""
    for attempt in range(20):
        seed = zlib.crc32(f"{declaration} {number} {special} {attempt}".encode())
        draw = Draw(seed, operation.special if special else None, elementwise=operation.elementwise)
        name = f"{declaration} {'special ' if special else ''}{number} {dtype}"
        try:
            return make_case(name, declaration, operation, draw, dtype)
        except Redraw:
            continue
        except RuntimeError as error:  # sizes that PyTorch does not take
            if "size" not in str(error) and "dim" not in str(error) and "non-empty" not in str(error):
                raise
    return None


def make_case(name, declaration, operation, draw, dtype):
    case = Case(name, dtype)
    try:
        call = operation.make(draw)
    except Refused as refused:
        case.call(declaration, [case.tensor(x) if x is not None else "" for x in refused.inputs], **refused.options)
        case.line["error"] = refused.text
        return case
    arrays = [array if array is None or dtype == "float64" else array.astype(numpy.float32) for array in call.inputs]
    names = ["" if array is None else case.tensor(array, f"in{i}") for i, array in enumerate(arrays)]
    values, gradients, flows = evaluate(call, operation, draw, arrays, numpy.float64)
    if draw.special and dtype == "float32":
        # Values that are not finite in float32 come from PyTorch in float32, all others from the more exact float64.
        in_float32 = evaluate(call, operation, draw, arrays, numpy.float32, flows)
        values, gradients = (
            [w if n is None else numpy.where(numpy.isfinite(n) & numpy.isfinite(w.astype(numpy.float32)), w, n)
             for w, n in zip(wide, narrow)] for wide, narrow in zip((values, gradients), in_float32))
    if call.flow is not None:
        call.flow["dy"] = flows[0]
    decide = call.decide or (lambda name, want: want)
    out = case.call(declaration, names, len(values), **call.options)
    out = [out] if len(values) == 1 else out
    for i, want in enumerate(gradients):
        if want is not None:
            case.expect_gradient(f"in{i}", decide(f"d{i}", want))
    for i, (value, want) in enumerate(zip(out, values)):
        case.expect(value, decide(f"y{i}", want), flows[i])
    rtol, largest = TOLERANCE[dtype]
    slack = operation.slack * (operation.float64_slack if dtype == "float64" else 1)
    exact = draw.special is not None and operation.elementwise
    # The gradient of a broadcast input is a sum.
    sums = not operation.elementwise or any(a is not None and a.shape != values[0].shape for a in arrays)
    case.tolerate(rtol=rtol * slack, atol=max(operation.absolute if dtype == "float32" else 0,
                                           largest * slack if sums else 1e-38 if dtype == "float32" else 1e-300),
                  largest=0 if exact and not sums else largest * slack, signs=exact and operation.signs,
                  signs_of_gradients=exact and operation.signs_of_gradients)
    return case


def evaluate(call, operation, draw, arrays, dtype, flows=None):
    """The results, the gradients of the inputs (None where there is none), and what the backward pass started from."""
    leaves = []
    for i, array in enumerate(arrays):
        leaves.append(None if array is None else torch.tensor(array.astype(dtype)))
        if array is not None:
            leaves[-1].requires_grad_(i not in call.constants)
    results = call.torch(*leaves)
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    if flows is None:
        wanted = operation.gradients and (draw.special is None or operation.special_gradients)
        flows = [draw.plain(tuple(y.shape)).astype(numpy.float32).astype(float)
                 if wanted and y.requires_grad and i not in call.without_gradient else None
                 for i, y in enumerate(results)]
    parts = [(y, torch.tensor(dy.astype(dtype))) for y, dy in zip(results, flows) if dy is not None]
    gradients = [None] * len(leaves)
    if parts:
        torch.autograd.backward([y for y, _ in parts], [dy for _, dy in parts])
        for i, leaf in enumerate(leaves):
            if leaf is not None and leaf.requires_grad:
                gradients[i] = (leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)).double().numpy()
    return [y.detach().double().numpy() for y in results], gradients, flows


def collect(header):
    """All cases. Error: an operation of ops.h without a draw, or a draw without an operation."""
    declared = set(declarations(Path(header).read_text(encoding="utf-8")))
    for missing in sorted(declared - set(OPERATIONS)):
        raise SystemExit(f"conformance: {missing}: no draw; add one to torch_ops.py or torch_layers.py, and a call to "
                         "operations.cpp")
    for unknown in sorted(set(OPERATIONS) - declared):
        raise SystemExit(f"conformance: {unknown}: ops.h declares no such operation; remove its draw")
    cases = []
    for declaration in sorted(OPERATIONS):
        operation = OPERATIONS[declaration]
        made = 0
        for special, draws in ((None, DRAWS), ("special", SPECIAL_DRAWS)):
            if special and not operation.special:
                continue
            for number in range(draws):
                for dtype in ("float32", "float64"):
                    case = draw_case(declaration, operation, number, dtype, special)
                    if case is not None:
                        cases.append(case)
                        made += "error" not in case.line
        if made == 0:
            raise SystemExit(f"conformance: {declaration}: no draw succeeded; mend its draw")
    return cases, len(declared)
