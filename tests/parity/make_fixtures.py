#!/usr/bin/env python3
"""Computes the reference results for tests/parity with PyTorch.

    python3 tests/parity/make_fixtures.py

writes tests/fixtures/parity_*.safetensors. The script needs only torch. The files in the repository were made with torch
1.13.0 (Debian's python3-torch), parity_special_values with torch 2.15.0. The tests read the files and need no Python.

Inputs are rounded to float32 first; results are computed in float64 and stored as float32. The tests therefore measure the
error of Headlight alone, up to 6e-8. Special values are computed in both types and stored as float64.
"""
import json
import math
import os
import struct

import torch
import torch.nn as nn
import torch.nn.functional as F

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")


def save(name, tensors, wide=False):
    """Writes safetensors: the header's length, the header, the numbers. Whole numbers as I32, others as F32 or F64."""
    header = {"__metadata__": {"made_by": "tests/parity/make_fixtures.py, torch " + torch.__version__}}
    body = b""
    for key in sorted(tensors):
        value = tensors[key].detach().contiguous()
        whole = not value.dtype.is_floating_point
        flat = value.reshape(-1).tolist()
        data = struct.pack("<%d%s" % (len(flat), "i" if whole else "d" if wide else "f"), *flat)
        header[key] = {
            "dtype": "I32" if whole else "F64" if wide else "F32",
            "shape": list(value.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = os.path.join(FOLDER, "parity_%s.safetensors" % name)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def draw(*shape, scale=1.0):
    """Normal numbers that float32 holds exactly, as float64 leaves."""
    return (torch.randn(*shape) * scale).float().double().requires_grad_(True)


def round_parameters(module, scale):
    """Gives every parameter numbers that are far from any default."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            gain = p.dim() == 1 and bool((p == 1).all())
            p.copy_((torch.randn(p.shape) * scale + (1 if gain else 0)).float().double())


def attention():
    """nn.MultiheadAttention: results, weights of each head, and gradients for a random dy."""
    torch.manual_seed(1)
    batch, time, keys, width, heads = 2, 5, 7, 8, 2
    layer = nn.MultiheadAttention(width, heads, batch_first=True).double()
    round_parameters(layer, 0.5)
    out = {
        "qkv.weight": layer.in_proj_weight,
        "qkv.bias": layer.in_proj_bias,
        "out.weight": layer.out_proj.weight,
        "out.bias": layer.out_proj.bias,
        "lengths": torch.tensor([3, 5], dtype=torch.int32),
        "context_lengths": torch.tensor([7, 2], dtype=torch.int32),
    }
    x, context = draw(batch, time, width), draw(batch, keys, width)
    dy = draw(batch, time, width)
    out.update(x=x, context=context, dy=dy)

    def hidden(lengths, size):  # True for padding, which no query may attend to
        return torch.arange(size)[None, :] >= lengths[:, None]

    future = torch.triu(torch.ones(time, time, dtype=torch.bool), 1)
    cases = {
        "plain": (x, {}),
        "causal": (x, {"attn_mask": future}),
        "padding": (x, {"key_padding_mask": hidden(out["lengths"], time)}),
        "causal_padding": (x, {"attn_mask": future, "key_padding_mask": hidden(out["lengths"], time)}),
        "cross": (context, {}),
        "cross_padding": (context, {"key_padding_mask": hidden(out["context_lengths"], keys)}),
    }
    for case, (source, masks) in cases.items():
        layer.zero_grad()
        x.grad = context.grad = None
        y, weights = layer(x, source, source, average_attn_weights=False, **masks)
        y.backward(dy)
        out[case + ".y"] = y
        out[case + ".weights"] = weights
        out[case + ".dx"] = x.grad.clone()
        if source is context:
            out[case + ".dcontext"] = context.grad.clone()
        out[case + ".qkv.weight.grad"] = layer.in_proj_weight.grad.clone()
        out[case + ".qkv.bias.grad"] = layer.in_proj_bias.grad.clone()
        out[case + ".out.weight.grad"] = layer.out_proj.weight.grad.clone()
        out[case + ".out.bias.grad"] = layer.out_proj.bias.grad.clone()
    save("attention", out)


def functions():
    """LayerNorm, both forms of GELU, cross-entropy."""
    torch.manual_seed(2)
    out = {}
    norm = nn.LayerNorm(6).double()
    round_parameters(norm, 0.5)
    x = (torch.randn(3, 4, 6) * 2 + 3).float().double().requires_grad_(True)  # a mean that is not zero
    dy = draw(3, 4, 6)
    y = norm(x)
    y.backward(dy)
    out.update({
        "norm.weight": norm.weight, "norm.bias": norm.bias, "norm.x": x, "norm.dy": dy, "norm.y": y, "norm.dx": x.grad,
        "norm.weight.grad": norm.weight.grad, "norm.bias.grad": norm.bias.grad
    })

    grid = torch.cat([torch.linspace(-6, 6, 49), torch.tensor([-30.0, 30.0, 1e-4])]).double()
    for form in ("none", "tanh"):
        x = grid.clone().requires_grad_(True)
        y = F.gelu(x, approximate=form)
        y.backward(torch.ones_like(y))
        out.update({"gelu.x": grid, "gelu.%s.y" % form: y, "gelu.%s.dx" % form: x.grad})

    logits = draw(2, 5, 7, scale=3.0)
    targets = torch.tensor([[3, -1, 0, 6, 6], [-1, -1, 2, 1, 5]])
    loss = F.cross_entropy(logits.reshape(-1, 7), targets.reshape(-1), ignore_index=-1)
    loss.backward()
    out.update({
        "cross_entropy.logits": logits, "cross_entropy.targets": targets.int(), "cross_entropy.loss": loss,
        "cross_entropy.dlogits": logits.grad
    })
    save("functions", out)


INF, NAN = math.inf, math.nan
UNARY = {
    "neg": torch.neg, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "relu": torch.relu, "silu": F.silu, "gelu_erf": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "scale": lambda x: x * -0.5
}
BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}


def special_values():
    """Every elementwise operation at zeros, denormals, large values, infinities and NaN: y; dx for dy = 1 and inf."""
    out = {}
    for kind, dtype, tiny, ends in (("f32", torch.float32, 1e-45, (1e-39, 88.7, 110, 3e38)),
                                    ("f64", torch.float64, 5e-324, (1e-310, 88.7, 709.7, 745.2, 1e300))):
        sizes = (0.0, tiny, 1e-30, 1.0, 20.0, 1e30, INF) + ends
        values = torch.tensor([s * size for size in sizes for s in (1, -1)] + [NAN], dtype=dtype)
        out[kind + ".x"] = values
        for name, f in UNARY.items():
            for suffix, dy in (("dx", 1.0), ("dx_inf", INF)):
                x = values.clone().requires_grad_(True)
                y = f(x)
                y.backward(torch.full_like(y, dy))
                out["%s.%s.y" % (kind, name)] = y
                out["%s.%s.%s" % (kind, name, suffix)] = x.grad
        few = [s * size for size in (0.0, tiny, ends[0], 1.0, 1e30, INF) for s in (1, -1)] + [NAN]
        pairs = torch.tensor([(a, b) for a in few for b in few], dtype=dtype)
        out[kind + ".a"], out[kind + ".b"] = pairs[:, 0], pairs[:, 1]
        for name, f in BINARY.items():
            a, b = (pairs[:, i].clone().requires_grad_(True) for i in (0, 1))
            y = f(a, b)
            y.backward(torch.ones_like(y))
            for suffix, value in (("y", y), ("da", a.grad), ("db", b.grad)):
                out["%s.%s.%s" % (kind, name, suffix)] = value
    save("special_values", out, wide=True)


def adamw():
    """torch.optim.AdamW, four steps; matrices decay, vectors do not. Gradients are given."""
    torch.manual_seed(3)
    weight, bias = draw(5, 7), draw(9)
    out = {"weight.before": weight.clone(), "bias.before": bias.clone()}
    optimizer = torch.optim.AdamW([{"params": [weight], "weight_decay": 0.2}, {"params": [bias], "weight_decay": 0.0}],
                                  betas=(0.85, 0.97), eps=1e-6)
    for step, rate in enumerate((0.1, 0.05, 0.2, 0.01)):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, p in (("weight", weight), ("bias", bias)):
            p.grad = draw(*p.shape, scale=10.0**-step).detach()
            out["%s.grad%d" % (name, step)] = p.grad.clone()
        optimizer.step()
        out["weight.after%d" % step] = weight.clone()
        out["bias.after%d" % step] = bias.clone()
    save("adamw", out)


class Block(nn.Module):
    def __init__(self, width, heads, hidden, pre_norm, approximate):
        super().__init__()
        self.heads, self.pre_norm, self.approximate = heads, pre_norm, approximate
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc_in, self.fc_out = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def attend(self, x):
        batch, time, width = x.shape
        packed = self.c_attn(x).split(width, dim=2)
        q, k, v = (part.view(batch, time, self.heads, -1).transpose(1, 2) for part in packed)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        future = torch.ones(time, time, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, float("-inf")).softmax(-1)
        return self.c_proj((weights @ v).transpose(1, 2).reshape(batch, time, width))

    def feed(self, x):
        return self.fc_out(F.gelu(self.fc_in(x), approximate=self.approximate))

    def forward(self, x):
        if self.pre_norm:
            x = x + self.attend(self.ln_1(x))
            return x + self.feed(self.ln_2(x))
        x = self.ln_1(x + self.attend(x))
        return self.ln_2(x + self.feed(x))


class Gpt(nn.Module):
    def __init__(self, vocabulary, context, width, heads, hidden, layers, pre_norm, tied, approximate):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.h = nn.ModuleList(Block(width, heads, hidden, pre_norm, approximate) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width) if pre_norm else nn.Identity()
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


HEADLIGHT_NAMES = (("wte", "tokens"), ("wpe", "position"), ("h.", "blocks."), (".ln_1", ".norm1"), (".ln_2", ".norm2"),
                   (".c_attn", ".attn.qkv"), (".c_proj", ".attn.out"), (".fc_in", ".ff.up"), (".fc_out", ".ff.down"),
                   ("ln_f", "norm"), ("lm_head", "head"))


def headlight_name(name):
    for theirs, ours in HEADLIGHT_NAMES:
        if name.startswith(theirs) or theirs.startswith("."):
            name = name.replace(theirs, ours, 1)
    return name


def training_step(name, pre_norm, tied, approximate):
    """One whole step of a GPT: loss, every gradient, clipping to norm 1, AdamW, the parameters after it."""
    torch.manual_seed(4)
    vocabulary, context, batch = 11, 6, 3
    model = Gpt(vocabulary, context, 8, 2, 12, 2, pre_norm, tied, approximate).double()
    round_parameters(model, 0.4)
    ids = torch.randint(vocabulary, (batch, context))
    targets = torch.randint(vocabulary, (batch, context))
    targets[1, 2] = targets[2, 5] = -1
    out = {"ids": ids.int(), "targets": targets.int()}
    for key, p in model.named_parameters():
        out["before." + headlight_name(key)] = p.clone()
    logits = model(ids)
    loss = F.cross_entropy(logits.reshape(-1, vocabulary), targets.reshape(-1), ignore_index=-1)
    loss.backward()
    out["logits"], out["loss"] = logits, loss
    for key, p in model.named_parameters():
        out["grad." + headlight_name(key)] = p.grad.clone()
    out["norm"] = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    # eps is large because the gradient of the keys' bias is rounding noise, which AdamW would scale up to a full step.
    torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                      lr=1e-2, betas=(0.9, 0.99), eps=1e-5).step()
    for key, p in model.named_parameters():
        out["after." + headlight_name(key)] = p.clone()
    save(name, out)


if __name__ == "__main__":
    torch.set_num_threads(1)
    attention()
    functions()
    special_values()
    adamw()
    training_step("gpt", pre_norm=True, tied=True, approximate="tanh")
    training_step("post_norm", pre_norm=False, tied=False, approximate="none")
