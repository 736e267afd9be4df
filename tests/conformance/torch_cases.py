"""Draws calls of every operation of ops.h and computes their values and gradients with PyTorch.

Shapes are random, with many sizes 0 and 1. Each call is drawn in float32 and in float64, and again with special values
among the inputs: zeros of both signs, infinities, NaN, and for elementwise operations denormals and large values. Of
ordinary values PyTorch computes in float64 from inputs that float32 holds exactly, so that the error is Headlight's.
Special values are computed in the type of the case, because a type overflows where it does.
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
# float32 rounds at 6e-8; a sum of some hundred terms adds up to a few ten times that.
TOLERANCE = {"float32": {"rtol": 4e-6, "largest": 4e-6}, "float64": {"rtol": 1e-11, "largest": 1e-12}}


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
        draw = Draw(seed, special if operation.special else None, elementwise=operation.elementwise)
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
    inexact = draw.special is not None and dtype == "float32"
    leaves, names = [], []
    for i, array in enumerate(call.inputs):
        if array is None:
            leaves.append(None)
            names.append("")
            continue
        if dtype == "float32":
            array = array.astype(numpy.float32)
        leaf = torch.tensor(array.astype(numpy.float32 if inexact else numpy.float64))
        leaf.requires_grad_(i not in call.constants)
        leaves.append(leaf)
        names.append(case.tensor(array, f"in{i}"))
    wanted = call.torch(*leaves)
    wanted = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
    out = case.call(declaration, names, len(wanted), **call.options)
    out = [out] if len(wanted) == 1 else out
    gradients = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    wants_gradients = operation.gradients and (draw.special is None or operation.special_gradients)
    total, flows = None, []
    for i, y in enumerate(wanted):
        flows.append(None)
        if wants_gradients and y.requires_grad and i not in call.without_gradient:
            dy = torch.tensor(draw.plain(tuple(y.shape)).astype(numpy.float32)).to(y.dtype)
            flows[-1] = dy.double().numpy()
            part = (y, dy)
            total = [part] if total is None else [*total, part]
    if total is not None:
        torch.autograd.backward([y for y, _ in total], [dy for _, dy in total])
        for i, leaf in enumerate(leaves):
            if leaf is not None and leaf.requires_grad:
                grad = leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)
                want = grad.double().numpy()
                case.expect_gradient(f"in{i}", call.decide(f"d{i}", want) if call.decide else want)
    for i, (value, y) in enumerate(zip(out, wanted)):
        want = y.detach().double().numpy()
        case.expect(value, call.decide(f"y{i}", want) if call.decide else want, flows[i])
    bound = TOLERANCE[dtype]
    case.tolerate(rtol=bound["rtol"] * operation.slack, atol=1e-38 if dtype == "float32" else 1e-300,
                  largest=0 if draw.special and operation.elementwise else bound["largest"] * operation.slack,
                  signs=bool(draw.special) and operation.elementwise)
    return case


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
