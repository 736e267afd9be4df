#!/usr/bin/env python3
"""Compares the speed of Headlight and PyTorch: training and generation with the same transformer.

usage: race_torch.py [--program build/headlight] [--presets micro,cpu,baby] [--threads 1,2]
                     [--seconds S] [--turns N] [--compile] [--no-train] [--no-generate]

Both programs take turns in one run, because only this comparison is fair on a shared machine. A training step consists
of forward, cross-entropy, backward, clipping to norm 1, AdamW (fused if PyTorch has a fused version) and dropping the
gradients, on random tokens in float32 without dropout. A turn of `--seconds` gives a median step time; the best turn of
each program counts. The ratio is PyTorch's time over Headlight's, each with its best number of threads (and PyTorch with
or without torch.compile): above 1, Headlight is faster. Generation adds one character at a time to a full context. PyTorch
runs the whole context for each character, as nanoGPT does; Headlight generates as `headlight sample` does.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    sys.exit("race_torch: this Python has no torch; name one that has: make bench-torch PYTHON=...")

VOCABULARY = 65
# As in src/training/config.cpp, but without dropout.
PRESETS = {
    "micro": {"layers": 2, "heads": 4, "width": 64, "context": 64, "batch": 16},
    "cpu": {"layers": 4, "heads": 4, "width": 128, "context": 64, "batch": 12},
    "baby": {"layers": 6, "heads": 6, "width": 384, "context": 256, "batch": 64},
}


def attention(q, k, v):
    """Causal, of [B,H,T,D]; PyTorch before 2.0 has no operation of its own for it."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    hidden = torch.full((q.size(2), q.size(2)), float("-inf")).triu(1)
    return F.softmax(q @ k.transpose(2, 3) / q.size(3) ** 0.5 + hidden, dim=-1) @ v


class Layer(nn.Module):
    """x += out(attention(norm(x))); x += down(gelu(up(norm(x))))."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):  # [B,T,C]
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [B,H,T,D]
        seen = attention(q, k, v)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Transformer(nn.Module):
    def __init__(self, layers, heads, width, context, batch):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.position = nn.Embedding(context, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for matrix in (p for p in self.parameters() if p.dim() == 2):
            nn.init.normal_(matrix, std=0.02)

    def forward(self, ids):  # [B,T] -> [B,T,V]
        x = self.tokens(ids) + self.position.weight[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return F.linear(self.norm(x), self.tokens.weight)  # tied


class TorchTraining:
    def __init__(self, sizes, compiled):
        torch.manual_seed(1)
        self.model = Transformer(**sizes)
        self.run = torch.compile(self.model) if compiled else self.model
        try:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.99), fused=True)
        except (TypeError, RuntimeError):
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.99))
        shape = (sizes["batch"], sizes["context"])
        self.ids, self.targets = torch.randint(VOCABULARY, shape), torch.randint(VOCABULARY, shape)

    def step(self):
        logits = self.run(self.ids)
        F.cross_entropy(logits.flatten(0, 1), self.targets.flatten()).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def median(self, threads, seconds):
        """Of at least five steps, after two; in seconds."""
        torch.set_num_threads(threads)
        self.step()
        self.step()
        times, begin = [], time.perf_counter()
        while len(times) < 5 or time.perf_counter() - begin < seconds:
            started = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - started)
        return statistics.median(times)


def headlight(program, words, threads=0):
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)} if threads else None
    done = subprocess.run([program, *words], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"race_torch: {program} {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def race_training(preset, options):
    racers = {}  # name -> a function from threads to the median seconds of a step

    def headlight_median(threads):
        words = ["bench", "step", "--preset", preset, "--threads", str(threads), "--dropout", "0", "--json"]
        return json.loads(headlight(options.program, [*words, "--seconds", str(options.seconds)]))["seconds"]

    racers["headlight"] = headlight_median
    eager = TorchTraining(PRESETS[preset], False)
    racers["torch"] = lambda threads: eager.median(threads, options.seconds)
    if options.compile:
        compiled = TorchTraining(PRESETS[preset], True)
        racers["torch.compile"] = lambda threads: compiled.median(threads, options.seconds)
    best = {}
    for _ in range(options.turns):
        for threads in options.threads:
            for name, median in racers.items():
                key = name, threads
                best[key] = min(best.get(key, float("inf")), median(threads))
    for (name, threads), seconds in sorted(best.items()):
        print(f"  {name:14} {threads} thread{'s' if threads > 1 else ' '} {seconds * 1e3:10.2f} ms a step", flush=True)
    ours = min(seconds for (name, _), seconds in best.items() if name == "headlight")
    theirs = min(seconds for (name, _), seconds in best.items() if name != "headlight")
    print(f"  ratio     {theirs / ours:.2f}", flush=True)


def race_generation(preset, options):
    """Seconds a character, from the difference between a long text and a short one that fills the context."""
    sizes = PRESETS[preset]
    context, count = sizes["context"], options.chars

    model = Transformer(**sizes).eval()

    @torch.no_grad()
    def torch_seconds(threads):
        torch.set_num_threads(threads)
        ids = torch.zeros(1, context, dtype=torch.long)
        for turn in range(count + 3):
            if turn == 3:
                begin = time.perf_counter()
            weights = F.softmax(model(ids[:, -context:])[:, -1], dim=-1)
            ids = torch.cat([ids, torch.multinomial(weights, 1)], dim=1)
        return (time.perf_counter() - begin) / count

    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / "run")
        # A single step: what the weights are does not matter for the time.
        headlight(options.program, ["train", "--preset", preset, "--corpus-chars", "20000", "--steps", "1",
                                    "--batch", "1", "--warmup", "0", "--out", run])

        def headlight_seconds(threads):
            def seconds(chars):
                begin = time.perf_counter()
                headlight(options.program, ["sample", run, "--chars", str(chars)], threads)
                return time.perf_counter() - begin
            return (seconds(context + count) - seconds(context)) / count

        best = {}
        for _ in range(options.turns):
            for threads in options.threads:
                for name, measure in (("headlight", headlight_seconds), ("torch", torch_seconds)):
                    key = name, threads
                    best[key] = min(best.get(key, float("inf")), measure(threads))
    for (name, threads), seconds in sorted(best.items()):
        print(f"  {name:14} {threads} thread{'s' if threads > 1 else ' '} {1 / seconds:10.0f} characters a second")
    ours = min(seconds for (name, _), seconds in best.items() if name == "headlight")
    theirs = min(seconds for (name, _), seconds in best.items() if name == "torch")
    print(f"  ratio     {theirs / ours:.2f}", flush=True)


def numbers(text):
    return [int(word) for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/headlight", help="the program to race")
    parser.add_argument("--presets", default="micro,cpu,baby", help="of: micro, cpu, baby")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads to try")
    parser.add_argument("--seconds", type=float, default=3, help="of a turn; at least five steps are taken")
    parser.add_argument("--turns", type=int, default=2, help="of each racer; the best counts")
    parser.add_argument("--chars", type=int, default=200, help="characters to write beyond the context")
    parser.add_argument("--compile", action="store_true", help="race torch.compile too (it takes a minute to compile)")
    parser.add_argument("--no-train", action="store_true", help="leave the training steps out")
    parser.add_argument("--no-generate", action="store_true", help="leave writing text out")
    options = parser.parse_args()
    unknown = [name for name in options.presets.split(",") if name not in PRESETS]
    if unknown:
        parser.error(f"{unknown[0]}: not a preset; there are: {', '.join(PRESETS)}")
    print(f"torch {torch.__version__}; ratio: torch's time over Headlight's, each with its best number of threads")
    for preset in options.presets.split(","):
        if not options.no_train:
            print(f"{preset}: a training step")
            race_training(preset, options)
        if not options.no_generate:
            print(f"{preset}: writing text")
            race_generation(preset, options)


if __name__ == "__main__":
    main()
