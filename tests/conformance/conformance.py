#!/usr/bin/env python3
"""Runs independent tests on Headlight's operations: ONNX's node tests, and PyTorch's values and gradients.

    tests/conformance/conformance.py PROGRAM FOLDER [onnx] [torch]

PROGRAM is build/conformance; FOLDER receives the cases. The script needs the packages of requirements.txt. The command
`make conformance` builds the program and runs the script.
"""
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cases  # noqa: E402  (beside this file)


def shorten(details):
    """Formats {detail: number of tests} as "Conv 12, MaxPool 9, ..."."""
    by_count = sorted(details.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {count}" for name, count in by_count)


def write_onnx(folder, verbose):
    import onnx
    import onnx_cases

    made, reasons, total = onnx_cases.collect()
    cases.write(folder, "onnx", made)
    ruled_out = {}
    for (kind, detail), names in reasons.items():
        ruled_out.setdefault(kind, {})[detail] = len(names)
    other_types = sum(ruled_out.get(kind, {}).get(detail, 0) for kind in ("dtype", "type")
                      for detail in ruled_out.get(kind, {}))
    print(f"ONNX {onnx.__version__}: {total} node tests, {total - other_types} of float32 and float64, "
          f"{len(made)} of these expressed, {sum(c.line['name'].endswith('_expanded') for c in made)} of them as the graphs "
          "that define an operator")
    for kind, details in sorted(ruled_out.items()):
        if kind not in ("dtype", "type"):
            print(f"  not expressed, {kind}: {sum(details.values())}" + (f" ({shorten(details)})" if verbose else ""))
    (Path(folder) / "onnx_reasons.txt").write_text(
        "".join(f"{kind}\t{detail}\t{name}\n" for (kind, detail), names in sorted(reasons.items()) for name in names),
        encoding="utf-8")


def write_torch(folder, verbose):
    import torch
    import torch_cases

    made, operations = torch_cases.collect(HERE.parent.parent / "include" / "headlight" / "ops" / "ops.h")
    cases.write(folder, "torch", made)
    doubles = sum(case.line["dtype"] == "float64" for case in made)
    errors = sum("error" in case.line for case in made)
    print(f"PyTorch {torch.__version__}: {operations} declarations of ops.h, {len(made)} cases: {doubles} in float64, "
          f"{errors} that must be refused")


def main():
    words = sys.argv[1:]
    verbose = "-v" in words
    words = [word for word in words if word != "-v"]
    if len(words) < 2:
        sys.exit(__doc__)
    program, folder, parts = words[0], words[1], words[2:] or ["onnx", "torch"]
    failed = False
    for part in parts:
        {"onnx": write_onnx, "torch": write_torch}[part](folder, verbose)
        sys.stdout.flush()
        failed |= subprocess.run([program, folder, part], check=False).returncode != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
