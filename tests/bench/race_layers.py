#!/usr/bin/env python3
"""Races Headlight's layers against PyTorch's: forward and backward of one layer, float32.

usage: race_layers.py [--program build/bench_layers] [--rows lstm,gru,conv,attention] [--threads 1,2] [--seconds S]
                      [--turns N] [--compile] [--cpu]

lstm and gru: nn.LSTM and nn.GRU of one layer, width 128 and 256, 64 steps, 16 sequences. conv: the layer of the family
conv without its norm, x + out(tanh(a) sigmoid(b)), where a and b come from a causal convolution of 2 taps, dilation 8.
attention: one causal sequence of 4096 tokens, 4 heads of size 32, against scaled_dot_product_attention. PyTorch's
function has no window and no linear form, so it computes full attention, and for a window also attention with a mask.
With --cpu the times are CPU times of one thread, which vary less on a shared machine.
"""
import argparse
import statistics
import sys
import time

from race import milliseconds, numbers, race, run

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    sys.exit("race_layers: this Python has no torch; name one that has: make bench-torch PYTHON=...")

STEPS, BATCH = 64, 16
TOKENS, HEADS, WIDTH, WINDOW = 4096, 4, 128, 128


class Recurrent(nn.Module):
    def __init__(self, kind, width):
        super().__init__()
        self.layer = kind(width, width, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0]


class Convolution(nn.Module):
    """The input is [B,C,T], PyTorch's layout, so the time includes no transposition."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv1d(width, 2 * width, 2, dilation=8)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x):
        a, b = self.conv(F.pad(x, (8, 0))).chunk(2, 1)
        return x + self.out(torch.tanh(a) * torch.sigmoid(b))


class Attention(nn.Module):
    def __init__(self, window=0):
        super().__init__()
        self.mask = None
        if window:
            back = torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)[None, :]
            self.mask = (back >= 0) & (back < window)

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, is_causal=self.mask is None)


def torch_racer(options, module, shapes, compiled=False):
    """A function from a number of threads to the median seconds of a pass, after three warm-up passes."""
    clock = time.process_time if options.cpu else time.perf_counter
    torch.manual_seed(1)
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    run_layer = torch.compile(module) if compiled else module

    def median(threads):
        torch.set_num_threads(threads)
        times, dy, begin, count = [], None, time.perf_counter(), -3
        while count < 5 or time.perf_counter() - begin < options.seconds:
            for one in [*inputs, *module.parameters()]:
                one.grad = None
            start = clock()
            y = run_layer(*inputs)
            if dy is None:
                dy = torch.ones_like(y)
            y.backward(dy)
            if count >= 0:
                times.append(clock() - start)
            count += 1
        return statistics.median(times)

    return median


def headlight_racer(options, layer, width, length, batch):
    return lambda threads: float(run(options.program, [layer, str(width), str(length), str(batch), str(threads),
                                                       str(options.seconds), *(["cpu"] if options.cpu else [])]))


def race_row(title, options, ours, theirs):
    """ours: {name: (layer, width, length, batch)}, theirs: {name: (module, shapes)}"""
    print(title)
    racers = {name: headlight_racer(options, *sizes) for name, sizes in ours.items()}
    for name, (module, shapes) in theirs.items():
        racers[name] = torch_racer(options, module, shapes)
        if options.compile:
            racers[f"{name}, compiled"] = torch_racer(options, module, shapes, True)
    race(racers, options.threads, options.turns, milliseconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/bench_layers", help="the program that times Headlight")
    parser.add_argument("--rows", default="lstm,gru,conv,attention", help="comma-separated: lstm, gru, conv, attention")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads to try, comma-separated")
    parser.add_argument("--seconds", type=float, default=1, help="seconds per turn; at least five passes are timed")
    parser.add_argument("--turns", type=int, default=5, help="turns per racer; their median counts")
    parser.add_argument("--compile", action="store_true", help="also race torch.compile")
    parser.add_argument("--cpu", action="store_true", help="measure CPU time, with one thread")
    options = parser.parse_args()
    if options.cpu:
        options.threads = [1]
    print(f"torch {torch.__version__}; ratio: torch's time over Headlight's, each at its best")
    rows = options.rows.split(",")
    for kind in (nn.LSTM, nn.GRU):
        name = kind.__name__.lower()
        for width in (128, 256) if name in rows else ():
            race_row(f"{name}, width {width}", options, {"headlight": (name, width, STEPS, BATCH)},
                     {"torch": (Recurrent(kind, width), [(BATCH, STEPS, width)])})
    for width in (128, 256) if "conv" in rows else ():
        race_row(f"conv, width {width}", options, {"headlight": ("conv", width, STEPS, BATCH)},
                 {"torch": (Convolution(width), [(BATCH, width, STEPS)])})
    if "attention" in rows:
        shape = [(1, HEADS, TOKENS, WIDTH // HEADS)] * 3
        for name, kind in (("full attention", "full"), (f"window of {WINDOW}", f"window:{WINDOW}"),
                           ("linear attention", "linear")):
            theirs = {"torch full": (Attention(), shape)}
            if kind.startswith("window"):
                theirs["torch band mask"] = (Attention(WINDOW), shape)
            race_row(f"{name}, {TOKENS} tokens", options, {f"headlight {kind}": (kind, WIDTH, TOKENS, 1)}, theirs)


if __name__ == "__main__":
    main()
