#!/usr/bin/env python3
"""Computes the reference results for Muon with NumPy.

    python3 tests/parity/make_muon_fixture.py

writes tests/fixtures/parity_muon.safetensors: ten steps of Muon on a tall, a wide and three stacked matrices, and of
AdamW on an embedding and a bias. The script needs only numpy. It computes the coefficients of Polar Express with the Remez
algorithm and applies them to the matrices themselves, without Gram matrices. All results are computed in float64.
"""
import json
import os
import struct

import numpy as np

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "parity_muon.safetensors")
STEPS, DECAY, BETAS, EPS = 10, 0.2, (0.85, 0.97), 1e-6
MATRIX_RATE, MOMENTUM, MOMENTUM_STEPS = 4.0, (0.8, 0.9), 6


def save(tensors):
    header = {"__metadata__": {"made_by": "tests/parity/make_muon_fixture.py, numpy " + np.__version__}}
    body = b""
    for key in sorted(tensors):
        data = tensors[key].astype("<f4").tobytes()
        header[key] = {"dtype": "F32", "shape": list(tensors[key].shape),
                       "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(PATH, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def best_polynomial(degree, low, high):
    """Coefficients of x, x^3, ..., x^degree with the smallest maximal distance from 1 on [low, high]: Remez exchange."""
    powers = np.arange(1, degree + 1, 2)
    count = len(powers) + 1
    grid = np.sort(np.concatenate([np.geomspace(low, high, 200001), np.linspace(low, high, 200001)]))
    points = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * np.arange(count) / (count - 1))
    for _ in range(30):
        equations = np.concatenate([points[:, None] ** powers, (-1.0) ** np.arange(count)[:, None]], 1)
        coefficients = np.linalg.solve(equations, np.ones(count))[:-1]
        error = grid[:, None] ** powers @ coefficients - 1
        # The extremes: the largest error of every run of errors with one sign.
        runs = np.split(np.arange(len(grid)), np.flatnonzero(np.diff(np.sign(error))) + 1)
        points = np.array([grid[run[np.argmax(np.abs(error[run]))]] for run in runs])
        assert len(points) == count
    return coefficients


def polar_express(degrees, low, cushion=0.02407327424182761):
    """Amsel et al. 2025, algorithm 1: each step is the best for the interval that the previous step leaves."""
    steps, high = [], 1.0
    for degree in degrees:
        step = best_polynomial(degree, max(low, cushion * high), high)
        at = lambda x: step @ x ** np.arange(1, degree + 1, 2)
        step = step * 2 / (at(low) + at(high))
        low = at(low)
        high = 2 - low
        steps.append(step)
    return steps


STEPS_OF_DEGREE_5_AND_9 = polar_express((5, 9), 2e-3)


def orthogonal(u):
    x = u / (np.sum(np.linalg.svd(u, compute_uv=False) ** 4) ** 0.25 + 1e-7)
    for step in STEPS_OF_DEGREE_5_AND_9:
        x = x / 1.02
        gram, power, result = x @ x.T, x, np.zeros_like(x)
        for coefficient in step:
            result = result + coefficient * power
            power = gram @ power
        x = result
    return x


def main():
    rng = np.random.default_rng(5)
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32).astype(np.float64)
    shapes = {"tall": (8, 5), "wide": (4, 7), "stacked": (9, 3), "embedding": (3, 4), "bias": (5,)}
    out, p, m, v = {}, {}, {}, {}
    for name, shape in shapes.items():
        p[name], m[name], v[name] = draw(*shape), np.zeros(shape), np.zeros(shape)
        out[name + ".before"] = p[name]
    for step in range(STEPS):
        rate = 0.05 / (1 + step)
        b = MOMENTUM[0] + min(1, step / MOMENTUM_STEPS) * (MOMENTUM[1] - MOMENTUM[0])
        for name in shapes:
            g = draw(*shapes[name])
            out["%s.grad%d" % (name, step)] = g
            if name in ("tall", "wide", "stacked"):
                m[name] = b * m[name] + (1 - b) * g
                u = b * m[name] + (1 - b) * g
                parts = np.split(u, 3 if name == "stacked" else 1)
                scale = max(1, parts[0].shape[0] / parts[0].shape[1]) ** 0.5
                update = scale * np.concatenate([orthogonal(part) for part in parts])
                p[name] = p[name] - MATRIX_RATE * rate * (DECAY * p[name] + update)
            else:
                m[name] = BETAS[0] * m[name] + (1 - BETAS[0]) * g
                v[name] = BETAS[1] * v[name] + (1 - BETAS[1]) * g * g
                correct = m[name] / (1 - BETAS[0] ** (step + 1)), v[name] / (1 - BETAS[1] ** (step + 1))
                decay = DECAY if name == "embedding" else 0
                p[name] = p[name] - rate * (decay * p[name] + correct[0] / (np.sqrt(correct[1]) + EPS))
            out["%s.after%d" % (name, step)] = p[name]
    save(out)
    for step in STEPS_OF_DEGREE_5_AND_9:
        print(step.tolist())


if __name__ == "__main__":
    main()
