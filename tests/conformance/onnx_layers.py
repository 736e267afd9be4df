"""ONNX's losses, norms, convolutions and recurrent layers as calls of Headlight's operations."""
import math

import numpy

from onnx_graph import Inexpressible

HANDLERS = {}


def operator(*names):
    def register(handler):
        for name in names:
            HANDLERS[name] = handler
        return handler
    return register


# ---- losses ----

# No target has this value, so that none is ignored.
NOTHING_IGNORED = -2_000_000_000


@operator("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(b, a, x, target, weights=None):
    ignored, reduction = a("ignore_index"), a("reduction", "mean")
    targets = b.known(target).reshape(-1).tolist()
    loss = b("cross_entropy(logits,targets,options)", x, *([weights] if weights is not None else []), axis=1,
             targets=targets, ignored=NOTHING_IGNORED if ignored is None else ignored, reduction=reduction)
    return [loss, b("log_softmax(x,axis)", x, axis=1) if len(b.shapes) > 1 else None]


@operator("NegativeLogLikelihoodLoss")
def negative_log_likelihood(b, a, x, target, weights=None):
    """-w x at the targets. Row k of the table is w_k times unit vector k; the last row, for ignored targets, is 0."""
    ignored, reduction = a("ignore_index"), a("reduction", "mean")
    classes, ids = x.shape[1], b.known(target)
    w = numpy.ones(classes) if weights is None else b.known(weights)
    chosen = ids if ignored is None else numpy.where(ids == ignored, classes, ids)
    options = {"ids": chosen.reshape(-1).tolist(), "shape": list(ids.shape)}
    picked = b("embedding(table,ids,shape)", numpy.vstack([numpy.diag(w), numpy.zeros(classes)]), **options)
    rank = x.rank
    picked = b.permute(picked, [0, rank - 1, *range(1, rank - 1)])  # classes are axis 1
    losses = b("neg(x)", b("sum(x,axis,keep)", b.mul(x, picked), axis=1, keep=False))
    if reduction == "none":
        return losses
    total = b("sum(x)", losses)
    if reduction == "sum":
        return total
    every = b("embedding(table,ids,shape)", numpy.append(w, 0)[:, None], **options)
    return b.div(total, b("sum(x)", every))


# ---- norms ----

def scaled(b, y, scale, bias, shape):
    y = b.mul(y, b.reshape(scale, shape))
    return y if bias is None else b.add(y, b.reshape(bias, shape))


def inverse_stddev(b, variance, eps):
    return b("div(value,x)", b("sqrt(x)", b.add(variance, eps)), value=1.0)


@operator("LayerNormalization")
def layer_normalization(b, a, x, scale, bias=None):
    axis, eps = a("axis", -1) % x.rank, a("epsilon", 1e-5)
    if a("stash_type", 1) != 1:
        a.refuse("stash_type")
    inner = math.prod(x.shape[axis:])
    rows = b.reshape(x, [math.prod(x.shape[:axis]), inner])
    if math.prod(scale.shape) != inner:
        a.refuse("a scale that broadcasts")
    y = b("layer_norm(x,gamma,beta,eps)", rows, b.reshape(scale, [inner]),
          numpy.zeros(inner) if bias is None else b.reshape(bias, [inner]), eps=eps)
    results = [b.reshape(y, x.shape)]
    small = [*x.shape[:axis], *([1] * (x.rank - axis))]
    if len(b.shapes) > 1:
        results.append(b.reshape(b("mean(x,axis,keep)", rows, axis=1, keep=True), small))
    if len(b.shapes) > 2:
        variance = b("var(x,axis,keep,correction)", rows, axis=1, keep=True, correction=0)
        results.append(b.reshape(inverse_stddev(b, variance, eps), small))
    return results


@operator("RMSNormalization")
def rms_normalization(b, a, x, scale):
    axis, eps = a("axis", -1) % x.rank, a("epsilon", 1e-5)
    a("stash_type", 1)
    inner = math.prod(x.shape[axis:])
    if math.prod(scale.shape) != inner:
        a.refuse("a scale that broadcasts")
    rows = b.reshape(x, [math.prod(x.shape[:axis]), inner])
    return b.reshape(b("rms_norm(x,gamma,eps)", rows, b.reshape(scale, [inner]), eps=eps), x.shape)


@operator("GroupNormalization", "InstanceNormalization")
def group_normalization(b, a, x, scale, bias):
    """layer_norm over the rows of the groups, then a scale for each channel."""
    n, c = x.shape[:2]
    groups = a("num_groups") if b.node.op_type == "GroupNormalization" else c
    a("stash_type", 1)
    if scale.shape != (c,):
        a.refuse("a scale for each group")
    inner = math.prod(x.shape[1:]) // groups
    y = b("layer_norm(x,gamma,beta,eps)", b.reshape(x, [n, groups, inner]), numpy.ones(inner), numpy.zeros(inner),
          eps=a("epsilon", 1e-5))
    return b.reshape(scaled(b, b.reshape(y, [n, c, -1]), scale, bias, [c, 1]), x.shape)


@operator("BatchNormalization")
def batch_normalization(b, a, x, scale, bias, mean, variance):
    eps, momentum, training = a("epsilon", 1e-5), a("momentum", 0.9), a("training_mode", 0)
    channel = [x.shape[1], *([1] * (x.rank - 2))]
    results = []
    if training:
        axes = [0, *range(2, x.rank)]
        old = mean, variance
        mean = b.reduce("mean", x, x.rank, axes, False)
        variance = b.reduce("var", x, x.rank, axes, False, correction=0)
        results = [b.add(b.mul(before, momentum), b.mul(now, 1 - momentum)) for before, now in zip(old, (mean, variance))]
    centered = b.sub(x, b.reshape(mean, channel))
    y = b.mul(centered, b.reshape(inverse_stddev(b, variance, eps), channel))
    return [scaled(b, y, scale, bias, channel), *results]


@operator("MeanVarianceNormalization")
def mean_variance_normalization(b, a, x):
    axes = a("axes", [0, 2, 3])
    mean = b.reduce("mean", x, x.rank, axes, True)
    stddev = b("sqrt(x)", b.reduce("var", x, x.rank, axes, True, correction=0))
    return b.div(b.sub(x, mean), b.add(stddev, 1e-9))


@operator("LpNormalization")
def lp_normalization(b, a, x):
    axis, p = a("axis", -1), a("p", 2)
    size = b("sum(x,axis,keep)", b("abs(x)", x) if p == 1 else b.mul(x, x), axis=axis, keep=True)
    size = size if p == 1 else b("sqrt(x)", size)
    return b.div(x, b("clamp(x,low,high)", size, low=1e-30))  # zeros stay zeros


@operator("LRN")
def local_response_normalization(b, a, x):
    """Divides by a power of the sum of squares over neighboring channels."""
    size, channels = a("size"), x.shape[1]
    before, after = (size - 1) // 2, size // 2
    wide = b("pad(x,axis,before,after,value)", b.mul(x, x), axis=1, before=before, after=after)
    total = b.slice(wide, 1, 0, channels)
    for i in range(1, size):
        total = b.add(total, b.slice(wide, 1, i, i + channels))
    base = b.add(b.mul(total, a("alpha", 1e-4) / size), a("bias", 1.0))
    return b.div(x, b("pow(x,exponent)", base, exponent=a("beta", 0.75)))


# ---- convolution along a sequence ----

def convolve(b, x, weight, bias, before, after, dilation, groups):
    """Pads x [B,C,T] at both ends and convolves. Drops the first results of conv1d, which read before the start."""
    weight = b.known(weight)
    out, _, taps = weight.shape
    wide = b("pad(x,axis,before,after,value)", b.permute(x, [0, 2, 1]), axis=1, before=before, after=after)
    y = b("conv1d(x,w,bias,options)", wide, weight.transpose(0, 2, 1).reshape(out, -1),
          *([bias] if bias is not None else []), dilation=dilation, groups=groups)
    return b.permute(b.slice(y, 1, (taps - 1) * dilation, x.shape[2] + before + after), [0, 2, 1])


@operator("Conv")
def convolution(b, a, x, weight, bias=None):
    pads, dilation, auto = a("pads"), a("dilations", [1]), a("auto_pad", "NOTSET")
    a("kernel_shape")
    if x.rank != 3:
        raise Inexpressible("op", f"Conv of {x.rank - 2} dimensions")
    if a("strides", [1]) != [1] or auto != "NOTSET":
        a.refuse("strides, auto_pad")
    before, after = pads or (0, 0)
    return convolve(b, x, weight, bias, before, after, dilation[0], a("group", 1))


@operator("CausalConvWithState")
def causal_convolution(b, a, x, weight, bias=None, past=None):
    activation, taps = a("activation", "none"), weight.shape[2]
    full = x if past is None else b("concat(parts,axis)", past, x, axis=2)
    length = x.shape[2] + (0 if past is None else taps - 1)
    y = b("conv1d(x,w,bias,options)", b.permute(full, [0, 2, 1]), b.reshape(weight, [x.shape[1], taps]),
          *([bias] if bias is not None else []), groups=x.shape[1])
    y = b.permute(b.slice(y, 1, length - x.shape[2], length), [0, 2, 1])
    if activation in ("silu", "swish"):
        y = b("silu(x)", y)
    wide = b("pad(x,axis,before,after,value)", full, axis=2, before=taps - 1, after=0)
    return [y, b.slice(wide, 2, length, length + taps - 1)]


# ---- recurrent layers ----

def recurrent_inputs(b, a, x, w, r, bias, lengths, gates):
    """x as [B,T,in], and the weights of the one direction."""
    layout, size = a("layout", 0), a("hidden_size")
    if a("direction", "forward") != "forward":
        a.refuse("direction")
    if lengths is not None and not (b.known(lengths) == x.shape[layout]).all():
        a.refuse("sequence_lens")
    x = x if layout else b.permute(x, [1, 0, 2])
    both = numpy.zeros(2 * gates * size) if bias is None else b.known(bias)[0]
    return x, b.known(w)[0], b.known(r)[0], both[:gates * size], both[gates * size:], layout, size


def state(b, x, layout):
    """An initial state as [B,C]."""
    if x is None:
        return None
    batch, size = x.shape[0 if layout else 1], x.shape[2]
    return b.reshape(x, [batch, size])


def recurrent_results(b, y, batch, steps, size, layout):
    """Y and Y_h in the test's layout."""
    last = b.slice(y, 1, steps - 1, steps)
    if layout:
        return [b.reshape(y, [batch, steps, 1, size]), b.reshape(last, [batch, 1, size])]
    return [b.reshape(b.permute(y, [1, 0, 2]), [steps, 1, batch, size]), b.reshape(last, [1, batch, size])]


def reorder(rows, gates, order):
    """The rows of weights or biases with the gates in another order."""
    parts = numpy.split(rows, gates)
    return numpy.concatenate([parts[i] for i in order])


@operator("RNN")
def rnn(b, a, x, w, r, bias=None, lengths=None, start=None):
    if a("activations", [b"Tanh"]) != [b"Tanh"]:
        a.refuse("activations")
    seq, w, r, wb, rb, layout, size = recurrent_inputs(b, a, x, w, r, bias, lengths, 1)
    batch, steps = (x.shape[0], x.shape[1]) if layout else (x.shape[1], x.shape[0])
    y = b("rnn(x,w,bias,h0)", b("linear(x,w,bias,addend)", seq, w, wb), r, rb, state(b, start, layout))
    return recurrent_results(b, y, batch, steps, size, layout)


@operator("LSTM")
def lstm(b, a, x, w, r, bias=None, lengths=None, start=None, start_c=None, peepholes=None):
    """ONNX orders the gates i, o, f, c; Headlight i, f, g, o."""
    if peepholes is not None and b.known(peepholes).any():
        return lstm_peepholes(b, a, x, w, r, bias, lengths, start, start_c, peepholes)
    seq, w, r, wb, rb, layout, size = recurrent_inputs(b, a, x, w, r, bias, lengths, 4)
    batch, steps = (x.shape[0], x.shape[1]) if layout else (x.shape[1], x.shape[0])
    w, r, wb, rb = (reorder(rows, 4, [0, 2, 3, 1]) for rows in (w, r, wb, rb))
    y, cell = b("lstm(x,w,bias,h0,c0,last_cell)", b("linear(x,w,bias,addend)", seq, w, wb), r, rb,
                state(b, start, layout), state(b, start_c, layout), results=2, last_cell=True)
    return [*recurrent_results(b, y, batch, steps, size, layout),
            b.reshape(cell, [batch, 1, size] if layout else [1, batch, size])]


def step_by_step(b, a, x, w, r, bias, lengths, gates, start):
    """The input's part of each gate [B,T,C], the weights and biases of each gate, and the initial state [B,C]."""
    seq, w, r, wb, rb, layout, size = recurrent_inputs(b, a, x, w, r, bias, lengths, gates)
    batch, steps = (x.shape[0], x.shape[1]) if layout else (x.shape[1], x.shape[0])
    products = [b("linear(x,w,bias,addend)", seq, part, extra)
                for part, extra in zip(numpy.split(w, gates), numpy.split(wb, gates))]
    h = numpy.zeros((batch, size)) if start is None else state(b, start, layout)

    def input_of(gate, t):
        return b.reshape(b.slice(products[gate], 1, t, t + 1), [batch, size])

    return input_of, numpy.split(r, gates), numpy.split(rb, gates), h, layout, size, batch, steps


def lstm_peepholes(b, a, x, w, r, bias, lengths, start, start_c, peepholes):
    """An LSTM with peepholes (its gates also read the cell), composed of elementary operations."""
    input_of, r, rb, h, layout, size, batch, steps = step_by_step(b, a, x, w, r, bias, lengths, 4, start)
    c = numpy.zeros((batch, size)) if start_c is None else state(b, start_c, layout)
    p_in, p_out, p_forget = numpy.split(b.known(peepholes)[0], 3)
    states = []
    for t in range(steps):
        def gate(k):
            return b.add(input_of(k, t), b("linear(x,w,bias,addend)", h, r[k], rb[k]))
        i = b("sigmoid(x)", b.add(gate(0), b.mul(p_in, c)))
        f = b("sigmoid(x)", b.add(gate(2), b.mul(p_forget, c)))
        new = b.add(b.mul(f, c), b.mul(i, b("tanh(x)", gate(3))))
        o = b("sigmoid(x)", b.add(gate(1), b.mul(p_out, new)))
        c, h = new, b.mul(o, b("tanh(x)", new))
        states.append(h)
    y = b("stack(parts,axis)", *states, axis=1)
    return [*recurrent_results(b, y, batch, steps, size, layout),
            b.reshape(c, [batch, 1, size] if layout else [1, batch, size])]


@operator("GRU")
def gru(b, a, x, w, r, bias=None, lengths=None, start=None):
    """ONNX orders the gates z, r, h; Headlight r, z, n. By default, ONNX multiplies by r before the matrix product;
    Headlight, like PyTorch, after it. The default is therefore composed of elementary operations."""
    if a("linear_before_reset", 0):
        seq, w, r, wb, rb, layout, size = recurrent_inputs(b, a, x, w, r, bias, lengths, 3)
        batch, steps = (x.shape[0], x.shape[1]) if layout else (x.shape[1], x.shape[0])
        w, r, wb, rb = (reorder(rows, 3, [1, 0, 2]) for rows in (w, r, wb, rb))
        y = b("gru(x,w,bias,h0)", b("linear(x,w,bias,addend)", seq, w, wb), r, rb, state(b, start, layout))
        return recurrent_results(b, y, batch, steps, size, layout)
    input_of, r, rb, h, layout, size, batch, steps = step_by_step(b, a, x, w, r, bias, lengths, 3, start)
    states = []
    for t in range(steps):
        z, reset = (b("sigmoid(x)", b.add(input_of(k, t), b("linear(x,w,bias,addend)", h, r[k], rb[k])))
                    for k in (0, 1))
        n = b("tanh(x)", b.add(input_of(2, t), b("linear(x,w,bias,addend)", b.mul(reset, h), r[2], rb[2])))
        h = b.add(b.mul(b("sub(value,x)", z, value=1.0), n), b.mul(z, h))
        states.append(h)
    y = b("stack(parts,axis)", *states, axis=1)
    return recurrent_results(b, y, batch, steps, size, layout)
