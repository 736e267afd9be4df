#!/usr/bin/env python3
"""Compares the speed of Headlight and PyTorch: training and generation with the same transformer.

usage: race_torch.py [--program build/headlight] [--presets micro,cpu,baby] [--threads 1,2]
                     [--seconds S] [--turns N] [--variants float32,medium,bf16,compile,compile-bf16]
                     [--headlight-flags "--precision bf16"] [--no-train] [--no-generate]

Both programs take turns in one run, because only this comparison is fair on a shared machine. A training step consists
of forward, cross-entropy, backward, clipping to norm 1, AdamW (fused if PyTorch has a fused version) and clearing the
gradients, on random tokens without dropout. A turn of `--seconds` gives a median step time; the median of the turns
counts for both programs. The ratio is PyTorch's time divided by Headlight's, each with its best number of threads and
its best variant: above 1, Headlight is faster. PyTorch's variants are float32, set_float32_matmul_precision("medium"),
autocast to bfloat16, and torch.compile of the first and the third. Generation adds one character at a time to a full
context. PyTorch runs the whole context for each character, as nanoGPT does; Headlight runs `headlight sample`.
"""
import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from race import milliseconds, numbers, race, run

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    sys.exit("race_torch: this Python has no torch; name one that has: make bench-torch PYTHON=...")

VOCABULARY = 65
# As in src/training/presets.cpp, but without dropout.
PRESETS = {
    "micro": {"layers": 2, "heads": 4, "width": 64, "context": 64, "batch": 16},
    "cpu": {"layers": 4, "heads": 4, "width": 128, "context": 64, "batch": 12},
    "baby": {"layers": 6, "heads": 6, "width": 384, "context": 256, "batch": 64},
}


def attention(q, k, v):
    """Causal attention on [B,H,T,D]; PyTorch before 2.0 has no single operation for it."""
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


VARIANTS = ("float32", "medium", "bf16", "compile", "compile-bf16")


class TorchTraining:
    def __init__(self, sizes, variant):
        torch.manual_seed(1)
        self.variant = variant
        self.model = Transformer(**sizes)
        self.run = torch.compile(self.model) if "compile" in variant else self.model
        try:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.99), fused=True)
        except (TypeError, RuntimeError):
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.99))
        shape = (sizes["batch"], sizes["context"])
        self.ids, self.targets = torch.randint(VOCABULARY, shape), torch.randint(VOCABULARY, shape)

    def step(self):
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in self.variant):
            logits = self.run(self.ids)
            loss = F.cross_entropy(logits.flatten(0, 1), self.targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def median(self, threads, seconds):
        """The median seconds of at least five steps, after two warm-up steps."""
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("medium" if self.variant == "medium" else "highest")
        self.step()
        self.step()
        times, begin = [], time.perf_counter()
        while len(times) < 5 or time.perf_counter() - begin < seconds:
            started = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - started)
        return statistics.median(times)


def race_training(preset, options):
    racers = {}

    def headlight(flags):
        def median(threads):
            words = ["bench", "step", "--preset", preset, "--threads", str(threads), "--dropout", "0", "--json"]
            return json.loads(run(options.program, [*words, "--seconds", str(options.seconds), *flags]))["seconds"]
        return median

    racers["headlight"] = headlight([])
    if options.headlight_flags:
        racers[f"headlight {options.headlight_flags}"] = headlight(options.headlight_flags.split())
    for variant in options.variants.split(","):
        training = TorchTraining(PRESETS[preset], variant)
        racers[f"torch {variant}"] = lambda threads, one=training: one.median(threads, options.seconds)
    race(racers, options.threads, options.turns, milliseconds)


def race_generation(preset, options):
    """Seconds per character, from the difference between a long text and a short text that fills the context."""
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
        folder_of_run = str(Path(folder) / "run")
        # One step is enough, because the time of generation does not depend on the weights.
        run(options.program, ["train", "--preset", preset, "--corpus-chars", "20000", "--steps", "1",
                              "--batch", "1", "--warmup", "0", "--out", folder_of_run])

        def headlight_seconds(threads):
            def seconds(chars):
                begin = time.perf_counter()
                run(options.program, ["sample", folder_of_run, "--chars", str(chars)], threads)
                return time.perf_counter() - begin
            return (seconds(context + count) - seconds(context)) / count

        race({"headlight": headlight_seconds, "torch": torch_seconds}, options.threads, options.turns,
             lambda seconds: f"{1 / seconds:.0f} characters/s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/headlight", help="the program to race")
    parser.add_argument("--presets", default="micro,cpu,baby", help="comma-separated: micro, cpu, baby")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads to try, comma-separated")
    parser.add_argument("--seconds", type=float, default=3, help="seconds per turn; at least five steps are timed")
    parser.add_argument("--turns", type=int, default=3, help="turns per racer; their median counts")
    parser.add_argument("--chars", type=int, default=200, help="characters to generate beyond the context")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="PyTorch's: " + ",".join(VARIANTS))
    parser.add_argument("--headlight-flags", default="", help="also race `bench step` with these flags")
    parser.add_argument("--no-train", action="store_true", help="skip the training steps")
    parser.add_argument("--no-generate", action="store_true", help="skip generation")
    options = parser.parse_args()
    unknown = [name for name in options.presets.split(",") if name not in PRESETS]
    if unknown:
        parser.error(f"{unknown[0]}: not a preset; there are: {', '.join(PRESETS)}")
    for name in options.variants.split(","):
        if name not in VARIANTS:
            parser.error(f"{name}: not a variant; there are: {', '.join(VARIANTS)}")
    print(f"torch {torch.__version__}; ratio: torch's time over Headlight's, each with its best number of threads")
    for preset in options.presets.split(","):
        if not options.no_train:
            print(f"{preset}: a training step")
            race_training(preset, options)
        if not options.no_generate:
            print(f"{preset}: generation")
            race_generation(preset, options)


if __name__ == "__main__":
    main()
