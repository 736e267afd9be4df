"""Draws of the operations on elements, axes and shapes, beside PyTorch's functions."""
import numpy
import torch
from torch.nn import functional as F

from torch_draw import Call, Operation, Refused

OPERATIONS = {}


def operation(declaration, **options):
    def register(make):
        OPERATIONS[declaration] = Operation(make, **options)
        return make
    return register


# ---- elements ----

def unary(declaration, function, draw="normal", decide=None, **options):
    def make(d):
        x = getattr(d, draw)(d.shape())
        return Call([x], function, decide=decide and (lambda name, want: decide(name, want, x)))
    OPERATIONS[declaration] = Operation(make, elementwise=True, **options)


def silu_limits(name, want, x):
    """-inf times a gate of 0 is NaN in PyTorch's gradient; the limit is 0."""
    return numpy.where(x == -numpy.inf, 0.0, want) if name == "d0" else want


unary("neg(x)", torch.neg)
unary("abs(x)", torch.abs, signs_of_gradients=False)
unary("exp(x)", torch.exp)
unary("log(x)", torch.log, "positive")
unary("sqrt(x)", torch.sqrt, "positive")
unary("sin(x)", torch.sin)
unary("cos(x)", torch.cos)
unary("tanh(x)", torch.tanh, absolute=4e-7)  # 1 - y^2 loses digits where y is close to 1
unary("sigmoid(x)", torch.sigmoid)
unary("relu(x)", torch.relu)
unary("silu(x)", F.silu, decide=silu_limits, signs_of_gradients=False)  # slopes underflow to 0


# Slack: for x < -1, exp multiplies the rounding error of its argument (src/kernels/simd/math.h).
@operation("gelu(x,form)", elementwise=True, signs_of_gradients=False, slack=10)
def gelu(d):
    form, x = d.pick("erf", "tanh"), d.normal(d.shape())
    approximate = {"erf": "none", "tanh": "tanh"}[form]

    def limits(name, want):
        """If x^2 or x^3 overflows, PyTorch gives NaN or infinity. The limit is x; the slope's limits are 1 and 0."""
        far = (numpy.abs(x) >= 1e30) & (form == "tanh")
        if name == "y0":
            return numpy.where(x >= 1e30, x, want)
        slope = flow.get("dy")
        return want if slope is None else numpy.where(far, numpy.where(x > 0, slope, 0), want)

    flow = {}
    return Call([x], lambda x: F.gelu(x, approximate=approximate), {"form": form}, decide=limits, flow=flow)


@operation("clamp(x,low,high)", elementwise=True)
def clamp(d):
    # No drawn value equals a bound, because there the derivative is 1 in Headlight and 0 in PyTorch 2.15.
    low, high = (d.pick(None, -0.5), d.pick(0.25, 0.75)) if d.chance() else (-0.5, d.pick(None, 0.25))
    return Call([d.normal(d.shape())], lambda x: torch.clamp(x, low, high), {"low": low, "high": high})


@operation("scale(x,factor)", elementwise=True)
def scale(d):
    factor = d.pick(-0.5, 2.0, 0.0)
    return Call([d.normal(d.shape())], lambda x: x * factor, {"factor": factor})


@operation("dropout(x,p)")
def dropout(d):  # p is 0, because Headlight and PyTorch would draw different masks
    return Call([d.normal(d.shape())], lambda x: F.dropout(x, 0.0, True), {"p": 0.0})


@operation("gated_tanh(x)")
def gated_tanh(d):
    shape = d.shape(0, 3)
    x = d.normal((*shape, 2 * d.size()))
    return Call([x], lambda x: torch.tanh(x[..., :x.shape[-1] // 2]) * torch.sigmoid(x[..., x.shape[-1] // 2:]))


def binary(declaration, function, b="normal", **options):
    def make(d):
        shape = d.shape()
        left, right = (shape, d.broadcast(shape)) if d.chance() else (d.broadcast(shape), shape)
        return Call([d.normal(left), getattr(d, b)(right)], function)
    OPERATIONS[declaration] = Operation(make, elementwise=True, **options)


binary("add(a,b)", torch.add)
binary("sub(a,b)", torch.sub)
binary("mul(a,b)", torch.mul)
binary("div(a,b)", torch.div, "away_from_zero", signs_of_gradients=False)  # gradients underflow to 0
binary("maximum(a,b)", torch.maximum, signs=False)  # 0 and -0 are equal
binary("minimum(a,b)", torch.minimum, signs=False)


# Slack: the exponent is rounded to float32, and log x multiplies its error.
@operation("pow(a,b)", elementwise=True, signs_of_gradients=False, slack=4)
def power(d):
    shape = d.shape()
    return Call([d.positive(shape), d.normal(d.broadcast(shape))], torch.pow)


@operation("pow(x,exponent)", elementwise=True, signs_of_gradients=False, slack=4)
def power_of(d):
    exponent = d.pick(2.0, 3.0, 0.5, -1.0, 0.0, 1.0, 1.7)
    return Call([d.positive(d.shape())], lambda x: torch.pow(x, exponent), {"exponent": exponent})


def with_value(declaration, function, draw="normal"):
    def make(d):
        value = d.pick(-1.5, 0.25, 3.0)
        return Call([getattr(d, draw)(d.shape())], lambda x: function(x, value), {"value": value})
    OPERATIONS[declaration] = Operation(make, elementwise=True)


with_value("add(x,value)", lambda x, v: x + v)
with_value("sub(x,value)", lambda x, v: x - v)
with_value("mul(x,value)", lambda x, v: x * v)
with_value("div(x,value)", lambda x, v: x / v)
with_value("sub(value,x)", lambda x, v: v - x)
with_value("div(value,x)", lambda x, v: v / x, "away_from_zero")


@operation("where(mask,a,b)", elementwise=True)
def where(d):
    shape = d.shape()
    mask = (d.rng.random(d.broadcast(shape)) < 0.5).astype(float)
    # The broadcast shape must be `shape`, so one of the operands has this shape.
    return Call([mask, d.normal(shape), d.normal(d.broadcast(shape))], lambda m, a, b: torch.where(m != 0, a, b),
                constants=(0,))


# ---- reductions ----

def refuse_empty(d, name, x, sizes, **options):
    if name in ("mean", "max", "min") and 0 in sizes:
        raise Refused(f"{name}: ", [x], **options)


def masked_terms(name, x):
    """logsumexp gives masked elements, -inf, the gradient 0; PyTorch NaN if another element is NaN."""
    return (lambda what, want: numpy.where(x == -numpy.inf, 0, want) if what == "d0" else want) if name == "logsumexp" \
        else None


def reduce_torch(name, x, axes, keep):
    if name in ("max", "min"):
        return (torch.amax if name == "max" else torch.amin)(x, axes, keep)
    return getattr(torch, name)(x, axes, keep)


for name in ("sum", "mean", "max", "min", "logsumexp"):
    # Ties share the gradient in PyTorch, and the first element gets it here.
    ties = {"special_gradients": name not in ("max", "min")}

    @operation(f"{name}(x,axis,keep)", **ties)
    def one_axis(d, name=name):
        x, keep = d.normal(d.shape(1, 4)), d.chance()
        axis = d.axis(x.ndim)
        refuse_empty(d, name, x, [x.shape[axis]], axis=axis, keep=keep)
        return Call([x], lambda x: reduce_torch(name, x, [axis], keep), {"axis": axis, "keep": keep},
                    decide=masked_terms(name, x))

    @operation(f"{name}(x,axes,keep)", **ties)
    def some_axes(d, name=name):
        x, keep = d.normal(d.shape(1, 4)), d.chance()
        axes = d.axes(x.ndim)
        refuse_empty(d, name, x, [x.shape[axis] for axis in axes], axes=axes, keep=keep)
        return Call([x], lambda x: reduce_torch(name, x, axes, keep), {"axes": axes, "keep": keep},
                    decide=masked_terms(name, x))

    if name != "logsumexp":
        @operation(f"{name}(x)", **ties)
        def all_axes(d, name=name):
            x = d.normal(d.shape())
            refuse_empty(d, name, x, x.shape)
            return Call([x], getattr(torch, name))


def variance(d, x, over, **options):
    keep, correction = d.chance(), d.pick(0, 1)
    count = int(numpy.prod([x.shape[axis] for axis in over]))
    if count <= correction:
        raise Refused("var: ", [x], keep=keep, correction=correction, **options)
    return Call([x], lambda x: torch.var(x, over, correction=correction, keepdim=keep),
                {"keep": keep, "correction": correction, **options})


@operation("var(x,axis,keep,correction)")
def var(d):
    x = d.normal(d.shape(1, 4))
    axis = d.axis(x.ndim)
    return variance(d, x, [axis], axis=axis)


@operation("var(x,axes,keep,correction)")
def var_axes(d):
    x = d.normal(d.shape(1, 4))
    axes = d.axes(x.ndim)
    return variance(d, x, axes, axes=axes)


@operation("argmax(x,axis)", gradients=False)
def argmax(d):
    x = d.normal(d.shape(1, 4))
    axis = d.axis(x.ndim)
    if x.shape[axis] == 0:
        raise Refused("argmax: ", [x], axis=axis)
    return Call([x], lambda x: torch.argmax(x, axis).flatten(), {"axis": axis})


@operation("cumsum(x,axis)")
def cumsum(d):
    x = d.normal(d.shape(1, 4))
    axis = d.axis(x.ndim)
    return Call([x], lambda x: torch.cumsum(x, axis), {"axis": axis})


def masked_rows(y, seen):
    """A softmax without visible elements is all zeros in Headlight, and NaN in PyTorch."""
    return torch.where(seen, y, torch.zeros_like(y))


for name, function in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
    # In a row with +inf PyTorch gives NaN to all elements, Headlight the limits.
    @operation(f"{name}(x,axis)", special=(0.0, -0.0, -numpy.inf, numpy.nan))
    def softmax(d, name=name, function=function):
        x = d.normal(d.shape(1, 4))
        axis = d.axis(x.ndim)

        def decide(result, want):
            masked = (x == -numpy.inf).all(axis, keepdims=True)  # zeros here, NaN in PyTorch
            return numpy.where(masked, 0, want) if name == "softmax" and x.size else want

        return Call([x], lambda x: function(x, axis), {"axis": axis}, decide=decide)


@operation("masked_softmax(x,mask)")
def masked_softmax(d):
    x = d.normal(d.shape(1, 4))
    mask = (d.rng.random(d.broadcast(x.shape)) < 0.6).astype(float)

    def reference(x, mask):
        seen = (mask != 0).expand(x.shape)
        some = seen.any(-1, keepdim=True).expand(x.shape)
        # A row without visible elements must not reach softmax, whose gradient would be NaN.
        scores = torch.where(seen, x, torch.full_like(x, -torch.inf))
        return masked_rows(F.softmax(torch.where(some, scores, torch.zeros_like(x)), -1), some)

    def decide(result, want):
        if x.size == 0:
            return want
        visible = (mask != 0) & numpy.ones(x.shape, dtype=bool)
        alive = (visible & (x != -numpy.inf)).any(-1, keepdims=True)
        return numpy.where(visible & alive, want, 0)  # PyTorch spreads NaN to masked elements

    return Call([x, mask], reference, constants=(1,), decide=decide)


# ---- shapes ----

def factors(d, count):
    """A random shape of `count` elements."""
    sizes = []
    while len(sizes) < 3 and count > 1:
        fit = [n for n in range(2, count + 1) if count % n == 0]
        n = fit[d.whole(0, len(fit))]
        sizes.append(n)
        count //= n
    return [*sizes, count] if count != 0 else [0, d.size()]


@operation("reshape(x,sizes)")
def reshape(d):
    x = d.normal(d.shape())
    sizes = factors(d, x.size)
    if x.size and sizes and d.chance():
        sizes[d.whole(0, len(sizes))] = -1
    return Call([x], lambda x: x.reshape(sizes), {"sizes": sizes})


@operation("reshape(x,shape)")
def reshape_to(d):
    x = d.normal(d.shape())
    shape = factors(d, x.size)
    return Call([x], lambda x: x.reshape(shape), {"shape": shape})


@operation("permute(x,axes)")
def permute(d):
    x = d.normal(d.shape())
    axes = [int(i) for i in d.rng.permutation(x.ndim)]
    return Call([x], lambda x: x.permute(axes), {"axes": axes})


@operation("transpose(x,axis_a,axis_b)")
def transpose(d):
    x = d.normal(d.shape(1, 4))
    a, b = d.axis(x.ndim), d.axis(x.ndim)
    return Call([x], lambda x: x.transpose(a, b), {"axis_a": a, "axis_b": b})


@operation("slice(x,axis,begin,end)")
def slice_axis(d):
    x = d.normal(d.shape(1, 4))
    axis = d.axis(x.ndim)
    begin = d.whole(0, x.shape[axis] + 1)
    end = d.whole(begin, x.shape[axis] + 1)
    return Call([x], lambda x: x.narrow(axis, begin, end - begin), {"axis": axis, "begin": begin, "end": end})


@operation("concat(parts,axis)")
def concat(d):
    shape = list(d.shape(1, 4))
    axis, parts = d.axis(len(shape)), []
    for _ in range(d.whole(1, 5)):
        shape[axis] = d.size(0, 9)
        parts.append(d.normal(tuple(shape)))
    return Call(parts, lambda *x: torch.cat(x, axis), {"axis": axis})


@operation("stack(parts,axis)")
def stack(d):
    shape = d.shape(0, 3)
    axis = d.whole(-len(shape) - 1, len(shape) + 1)
    parts = [d.normal(shape) for _ in range(d.whole(1, 5))]
    return Call(parts, lambda *x: torch.stack(x, axis), {"axis": axis})


@operation("split(x,axis,size)")
def split(d):
    x = d.normal(d.shape(1, 4, least=1))
    axis = d.axis(x.ndim)
    size = d.whole(1, x.shape[axis] + 2)
    return Call([x], lambda x: torch.split(x, size, axis), {"axis": axis, "size": size})


@operation("pad(x,axis,before,after,value)")
def pad(d):
    x = d.normal(d.shape(1, 4))
    axis, before, after, value = d.axis(x.ndim), d.size(0, 4), d.size(0, 4), d.pick(0.0, -2.5)

    def reference(x):
        ends = [0, 0] * (x.ndim - 1 - axis % x.ndim) + [before, after]
        return F.pad(x, ends, value=value)

    return Call([x], reference, {"axis": axis, "before": before, "after": after, "value": value})


@operation("gather(x,axis,indices)")
def gather(d):
    x = d.normal(d.shape(1, 4))
    axis = d.axis(x.ndim)
    indices = d.ids(d.size(0, 9) if x.shape[axis] else 0, max(1, x.shape[axis]))
    return Call([x], lambda x: torch.index_select(x, axis, torch.tensor(indices, dtype=torch.long)),
                {"axis": axis, "indices": indices})


@operation("embedding(table,ids,shape)")
def embedding(d):
    table = d.normal((d.size(1), d.size()))
    shape = list(d.shape(0, 3))
    ids = d.ids(int(numpy.prod(shape)), table.shape[0])
    return Call([table], lambda t: F.embedding(torch.tensor(ids, dtype=torch.long).reshape(shape), t),
                {"ids": ids, "shape": shape})


# ---- products ----

@operation("matmul(a,b,options)")
def matmul(d):
    m, k, n = d.size(), d.size(), d.size()
    batch = d.shape(0, 2, most=4)
    left, right = (batch, d.broadcast(batch)) if d.chance() else (d.broadcast(batch), batch)
    flip_a, flip_b, scale = d.chance(), d.chance(), d.pick(1.0, 1.0, -0.5)
    a = d.normal((*left, k, m) if flip_a else (*left, m, k))
    b = d.normal((*right, n, k) if flip_b else (*right, k, n))
    return Call([a, b], lambda a, b: scale * ((a.mT if flip_a else a) @ (b.mT if flip_b else b)),
                {"transpose_a": flip_a, "transpose_b": flip_b, "scale": scale})


@operation("linear(x,w,bias,addend)")
def linear(d):
    shape, m, n = d.shape(0, 3), d.size(), d.size()
    bias = d.normal((n,)) if d.chance() else None
    addend = d.normal((*shape, n)) if d.chance() else None
    return Call([d.normal((*shape, m)), d.normal((n, m)), bias, addend],
                lambda x, w, bias, addend: F.linear(x, w, bias) + (0 if addend is None else addend))
