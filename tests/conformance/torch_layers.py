"""Draws of losses, norms, attention, recurrent layers, convolution and graphs, beside PyTorch's functions."""
import math

import numpy
import torch
from torch.nn import functional as F

from torch_draw import Call, Operation, Redraw, Refused
from torch_ops import masked_rows

OPERATIONS = {}


def operation(declaration, **options):
    def register(make):
        OPERATIONS[declaration] = Operation(make, **options)
        return make
    return register


# ---- losses ----

def ignored_rows(targets, ignored, axis):
    """Rows with ignored targets have gradient 0 in Headlight; in PyTorch, NaN if the row contains NaN."""
    def decide(name, want):
        if name == "d0":
            want = want.copy()
            rows = numpy.moveaxis(want, axis, -1)
            rows[numpy.reshape([t == ignored for t in targets], rows.shape[:-1]).astype(bool)] = 0
        return want
    return decide


# For rows with +inf, PyTorch gives NaN, and Headlight the limit if it exists.
NO_PLUS_INFINITY = (0.0, -0.0, -numpy.inf, numpy.nan)


@operation("cross_entropy(logits,targets)", special=NO_PLUS_INFINITY)
def cross_entropy(d):
    shape, classes = d.shape(0, 3), d.size(1)
    logits = d.normal((*shape, classes))
    rows = int(numpy.prod(shape))
    targets = [-1 if d.chance(0.2) else i for i in d.ids(rows, classes)]

    def reference(x):
        if all(t == -1 for t in targets):  # PyTorch divides 0 by 0
            return (torch.zeros_like(x) * torch.zeros_like(x)).sum() + 0 * torch.nan_to_num(x, 0, 0, 0).sum()
        return F.cross_entropy(x.reshape(rows, classes), torch.tensor(targets, dtype=torch.long), ignore_index=-1)

    return Call([logits], reference, {"targets": targets}, decide=ignored_rows(targets, -1, -1))


@operation("cross_entropy(logits,targets,options)", special=NO_PLUS_INFINITY)
def cross_entropy_options(d):
    shape, classes = list(d.shape(0, 3)), d.size(1)
    axis = d.whole(0, len(shape) + 1)
    logits = d.normal((*shape[:axis], classes, *shape[axis:]))
    rows, ignored = int(numpy.prod(shape)), d.pick(-1, -7, 0, 2)
    targets = [ignored if d.chance(0.2) else i for i in d.ids(rows, classes)]
    weights = numpy.abs(d.plain((classes,))) + 0.1 if d.chance() else None
    reduction, smoothing = d.pick("mean", "sum", "none"), d.pick(0.0, 0.0, 0.1, 1.0)
    if reduction == "mean" and all(t == ignored for t in targets):
        raise Redraw

    def reference(x, w):
        y = F.cross_entropy(x.movedim(axis, -1).reshape(rows, classes), torch.tensor(targets, dtype=torch.long), weight=w,
                            ignore_index=ignored, reduction=reduction, label_smoothing=smoothing)
        return y.reshape(shape) if reduction == "none" else y

    return Call([logits, weights], reference, {"axis": axis, "targets": targets, "ignored": ignored,
                                               "reduction": reduction, "label_smoothing": smoothing}, constants=(1,),
                decide=ignored_rows(targets, ignored, axis))


# A teacher's probability of 0 has no part in the sum; PyTorch multiplies 0 by infinity.
@operation("distillation_loss(logits,teacher,temperature)", special=(0.0, -0.0, numpy.nan))
def distillation_loss(d):
    shape = (*d.shape(0, 3, least=1), d.size(1))
    t = d.pick(1.0, 2.0, 0.5)

    def reference(x, teacher):
        rows = max(1, x.numel() // x.shape[-1])
        log_p, log_q = F.log_softmax(teacher / t, -1), F.log_softmax(x / t, -1)
        return t * t * F.kl_div(log_q, log_p, log_target=True, reduction="sum") / rows

    return Call([d.normal(shape), d.normal(shape)], reference, {"temperature": t}, constants=(1,))


def elementwise_loss(name, function, draw_x, draw_target, constants=(), **options):
    @operation(f"{name}({'p' if name == 'binary_cross_entropy' else 'x'},target,reduction)", **options)
    def make(d):
        shape, reduction = d.shape(), d.pick("mean", "sum", "none")
        x, target = draw_x(d, shape), draw_target(d, shape)
        if reduction == "mean" and x.size == 0:
            raise Refused(name, [x, target], reduction=reduction)
        return Call([x, target], lambda x, t: function(x, t, reduction=reduction), {"reduction": reduction},
                    constants=constants)


def probability(d, shape):
    p = d.rng.random(shape)
    return numpy.where(d.rng.random(shape) < 0.2, numpy.round(p), p)  # with exact zeros and ones


def stable_loss(x, target, reduction):
    """PyTorch's loss; for infinite x, where PyTorch subtracts infinities, the limits and their slopes."""
    far = torch.isinf(x)
    y = F.binary_cross_entropy_with_logits(torch.where(far, 0.0, x), target, reduction="none")
    certain = torch.where(x > 0, target == 1, target == 0)
    limit = Limit.apply(x, torch.where(certain, 0.0, torch.inf).to(x.dtype), torch.sigmoid(x.detach()) - target)
    y = torch.where(far, limit, y)
    return {"none": lambda: y, "sum": y.sum, "mean": y.mean}[reduction]()


class Limit(torch.autograd.Function):
    """Given values with given slopes."""

    @staticmethod
    def forward(ctx, x, y, slope):
        ctx.save_for_backward(slope)
        return y.clone()

    @staticmethod
    def backward(ctx, dy):
        return dy * ctx.saved_tensors[0], None, None


elementwise_loss("mse_loss", F.mse_loss, lambda d, s: d.normal(s), lambda d, s: d.normal(s))
elementwise_loss("binary_cross_entropy", F.binary_cross_entropy, probability, probability, (1,),
                 float64_slack=1e5)  # PyTorch's smallest denominator, 1e-12, is a float32
elementwise_loss("binary_cross_entropy_with_logits", stable_loss, lambda d, s: d.normal(s), probability, (1,))


# ---- norms ----

@operation("layer_norm(x,gamma,beta,eps)", slack=10)
def layer_norm(d):
    x, eps = d.normal((*d.shape(0, 3), d.size(1))), d.pick(1e-5, 0.1)
    n = x.shape[-1:]
    return Call([x, d.plain(n), d.plain(n)], lambda x, g, b: F.layer_norm(x, n, g, b, eps), {"eps": eps})


@operation("rms_norm(x,gamma,eps)", slack=10)
def rms_norm(d):
    x, eps = d.normal((*d.shape(0, 3), d.size(1))), d.pick(1e-5, 0.1)
    return Call([x, d.plain(x.shape[-1:])], lambda x, g: F.rms_norm(x, x.shape[-1:], g, eps), {"eps": eps})


# ---- attention ----

def attend(q, k, v, o, mask, bias):
    """softmax(scale q k^T + bias) v over what the mask, causality and the window allow; zeros where nothing is."""
    if k.shape[1] != q.shape[1] and k.shape[1] > 0:
        group = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    t, s = q.shape[2], k.shape[2]
    seen = torch.ones(t, s, dtype=torch.bool)
    if o.get("causal"):
        back = torch.arange(t)[:, None] + s - t + o.get("shift", 0) - torch.arange(s)[None, :]
        seen = (back >= 0) & (back < (o.get("window") or math.inf))
    seen = seen.expand(*q.shape[:3], s)
    if mask is not None:
        seen = seen & (mask != 0)
    some = seen.any(-1, keepdim=True)
    scale = o.get("scale") or 1 / math.sqrt(max(1, q.shape[3]))
    added = torch.zeros(seen.shape, dtype=q.dtype).masked_fill(~seen & some, -torch.inf)
    if bias is not None:
        added = added + bias
    scores = scale * q @ k.mT
    if o.get("softcap"):
        scores = o["softcap"] * torch.tanh(scores / o["softcap"])
    weights = torch.softmax(scores + added, -1)
    z = weights @ v if o.get("softcap") else F.scaled_dot_product_attention(q, k, v, attn_mask=added, scale=scale)
    weights = weights.detach()
    return masked_rows(z, some.expand(z.shape)), masked_rows(weights, some.expand(weights.shape))


def draw_attention(d):
    """Sizes, options, mask and bias of an attention."""
    b, g, group = d.size(0, 3), d.size(1, 3), d.pick(1, 1, 2, 3)
    t = d.pick(d.size(), d.size(0, 9), 70)
    s = t + d.pick(0, 0, 1, 5) if d.chance() else d.size(1)
    o = {"causal": d.chance(), "scale": d.pick(None, 0.3)}
    if o["causal"]:
        o["window"] = d.pick(None, None, 1, 3, 20)
        o["shift"] = d.pick(0, 0, 1, -2, t - s) if s >= t else t - s
    o["softcap"] = d.pick(None, None, 2.0)
    scores = (b, g * group, t, s)
    mask = (d.rng.random(d.broadcast(scores)) < 0.7).astype(float) if d.chance(0.4) else None
    bias = d.plain(d.broadcast(scores)) if d.chance(0.4) else None
    return b, g, g * group, t, s, o, mask, bias


def attention(d):
    b, g, h, t, s, o, mask, bias = draw_attention(d)
    size, value_size = d.size(1), d.size(1)
    inputs = [d.normal((b, h, t, size)), d.normal((b, g, s, size)), d.normal((b, g, s, value_size)), mask, bias]
    wanted = d.chance()

    def reference(q, k, v, mask, bias):
        z, weights = attend(q, k, v, o, mask, bias)
        return (z, weights) if wanted else z

    return Call(inputs, reference, {**o, "weights": wanted}, constants=(3,), without_gradient=(1,))


# NaN and infinities reach all elements of a product in PyTorch, also those that a mask hides.
OPERATIONS["attention(q,k,v,options,weights)"] = Operation(attention, special=())
OPERATIONS["attention_composite(q,k,v,options,weights)"] = Operation(attention, special=())


@operation("attention_packed(qkv,heads,options,key_heads)", special=())
def attention_packed(d):
    b, g, h, t, _, o, mask, bias = draw_attention(d)
    size = d.size(1)
    if o["causal"] is False:
        o["causal"] = d.chance()
    scores = (b, h, t, t)
    mask = None if mask is None else (d.rng.random(d.broadcast(scores)) < 0.7).astype(float)
    bias = None if bias is None else d.plain(d.broadcast(scores))

    def reference(qkv, mask, bias):
        x = qkv.reshape(b, t, h + 2 * g, size).transpose(1, 2)
        z, _ = attend(x[:, :h], x[:, h:h + g], x[:, h + g:], o, mask, bias)
        return z.transpose(1, 2).reshape(b, t, h * size)

    return Call([d.normal((b, t, (h + 2 * g) * size)), mask, bias], reference,
                {**o, "heads": h, "key_heads": d.pick(g, None) if g == h else g}, constants=(1,))


@operation("linear_attention(q,k,v,weights)", special=(), slack=4)
def linear_attention(d):
    b, g, group, t = d.size(0, 3), d.size(1, 3), d.pick(1, 2), d.pick(d.size(), 100)
    size, value_size, wanted = d.size(1), d.size(1), d.chance()

    def reference(q, k, v):
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = ((F.elu(q) + 1) @ (F.elu(k) + 1).mT).tril()
        weights = scores / scores.sum(-1, keepdim=True)
        return (weights @ v, weights.detach()) if wanted else weights @ v

    return Call([d.normal((b, g * group, t, size)), d.normal((b, g, t, size)), d.normal((b, g, t, value_size))],
                reference, {"weights": wanted}, without_gradient=(1,))


def rotate_halves(x, cos, sin):
    low, high = x.chunk(2, -1)
    return torch.cat([low * cos - high * sin, low * sin + high * cos], -1)


@operation("rotate(x,cosine,sine,neighbors)")
def rotate_by(d):
    shape, half, neighbors = (*d.shape(0, 2), d.size()), d.size(), d.chance()
    angles = d.plain((*d.broadcast(shape), half))

    def reference(x, cos, sin):
        if neighbors:  # complex multiplication
            y = torch.stack([x[..., ::2] * cos - x[..., 1::2] * sin, x[..., ::2] * sin + x[..., 1::2] * cos], -1)
            return y.flatten(-2)
        return rotate_halves(x, cos, sin)

    return Call([d.normal((*shape, 2 * half)), numpy.cos(angles), numpy.sin(angles)], reference,
                {"neighbors": neighbors}, constants=(1, 2))


def rotated(x, offset, base):
    half = x.shape[-1] // 2
    angles = (torch.arange(x.shape[-2]) + offset).double()[:, None] * base ** (-torch.arange(half).double() / max(1, half))
    return rotate_halves(x, angles.cos().to(x.dtype), angles.sin().to(x.dtype))


@operation("rotate(x,offset,base)")
def rotate(d):
    x, offset, base = d.normal((*d.shape(0, 2), d.size(), 2 * d.size())), d.pick(0, 0, 3, 500), d.pick(10000.0, 100.0)
    return Call([x], lambda x: rotated(x, offset, base), {"offset": offset, "base": base})


@operation("rotate_heads(x,heads,size,offset,base)")
def rotate_heads(d):
    heads, size, others = d.size(0, 4), 2 * d.size(1), d.size(0, 5)
    x, offset, base = d.normal((*d.shape(0, 2), d.size(), heads * size + others)), d.pick(0, 3), d.pick(10000.0, 100.0)

    def reference(x):
        vectors = [rotated(part, offset, base) for part in x[..., :heads * size].split(size, -1)] if heads else []
        return torch.cat([*vectors, x[..., heads * size:]], -1)

    return Call([x], reference, {"heads": heads, "size": size, "offset": offset, "base": base})


# ---- recurrent layers ----

def recurrent(name, gates):
    def make(d):
        b, t, c = d.size(1, 17), d.pick(1, d.size(1, 9), d.size(1)), d.size(1)
        inputs = [d.normal((b, t, gates * c)), 0.5 * d.plain((gates * c, c)),
                  d.plain((gates * c,)) if d.chance() else None, d.normal((b, c)) if d.chance() else None]
        options = {}
        if name == "lstm":
            inputs.append(d.normal((b, c)) if d.chance() else None)
            options["last_cell"] = d.chance()

        def reference(x, w, bias, h0, c0=None):
            def zeros(*shape):
                return torch.zeros(*shape, dtype=x.dtype)
            # PyTorch multiplies the input by a matrix first: here the identity.
            weights = [torch.eye(gates * c, dtype=x.dtype), w, zeros(gates * c),
                       zeros(gates * c) if bias is None else bias]
            h0 = (zeros(b, c) if h0 is None else h0)[None]
            rest = (weights, True, 1, 0.0, False, False, True)
            if name == "lstm":
                c0 = (zeros(b, c) if c0 is None else c0)[None]
                y, _, last = torch.lstm(x, (h0, c0), *rest)
                return (y, last[0]) if options["last_cell"] else y
            return {"rnn": torch.rnn_tanh, "gru": torch.gru}[name](x, h0, *rest)[0]

        return Call(inputs, reference, options)
    parameters = "x,w,bias,h0,c0,last_cell" if name == "lstm" else "x,w,bias,h0"
    # A product with a matrix of zeros and infinities gives NaN in PyTorch's input product.
    OPERATIONS[f"{name}({parameters})"] = Operation(make, special=(), slack=4)


recurrent("rnn", 1)
recurrent("gru", 3)
recurrent("lstm", 4)


# ---- convolution and graphs ----

@operation("conv1d(x,w,bias,options)")
def conv1d(d):
    groups, taps, dilation = d.pick(1, 1, 2, 3), d.pick(1, 2, 3, 5), d.pick(1, 1, 2, 7)
    b, t, c, o = d.size(0, 3), d.size(), groups * d.size(1, 9), groups * d.size(1, 9)

    def reference(x, w, bias):
        if x.numel() == 0:
            return torch.zeros(b, t, o, dtype=x.dtype) + 0 * (x.sum() + w.sum() + (0 if bias is None else bias.sum()))
        p = w.reshape(o, taps, c // groups).permute(0, 2, 1)
        past = F.pad(x.transpose(1, 2), (dilation * (taps - 1), 0))
        return F.conv1d(past, p, bias, dilation=dilation, groups=groups).transpose(1, 2)

    return Call([d.normal((b, t, c)), d.plain((o, taps * c // groups)), d.normal((o,)) if d.chance() else None],
                reference, {"dilation": dilation, "groups": groups})


@operation("graph_attention(h,source,target,edges,options)", special=())
def graph_attention(d):
    nodes, heads, size = d.size(1), d.size(1, 3), d.size(1)
    edges = [tuple(d.ids(2, nodes)) for _ in range(d.pick(0, 1, nodes, 3 * nodes))]
    slope, loops = d.pick(None, 0.1), d.chance()

    def reference(h, source, target):
        features = h.reshape(nodes, heads, size)
        all_edges = edges + [(i, i) for i in range(nodes) if loops and (i, i) not in edges]
        rows = []
        for i in range(nodes):
            incoming = [a for a, b in all_edges if b == i]
            if not incoming:
                rows.append(torch.zeros_like(features[i]) + 0 * features[i])
                continue
            scores = torch.stack([(source * features[j] + target * features[i]).sum(-1) for j in incoming])  # [E,H]
            weights = torch.softmax(F.leaky_relu(scores, 0.2 if slope is None else slope), 0)
            rows.append((weights[:, :, None] * features[incoming]).sum(0))
        return torch.stack(rows).reshape(nodes, heads * size)

    return Call([d.normal((nodes, heads * size)), d.plain((heads, size)), d.plain((heads, size))], reference,
                {"edges": [end for edge in edges for end in edge], "slope": slope, "self_loops": loops})
