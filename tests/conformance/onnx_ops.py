"""ONNX's operators on elements, axes and shapes as calls of Headlight's operations."""
import math
import numpy
from onnx_graph import Inexpressible

HANDLERS = {}
FLOATS = (numpy.float32, numpy.float64)


def operator(*names):
    def register(handler):
        for name in names:
            HANDLERS[name] = handler
        return handler
    return register


# ---- elements ----

for onnx_name, declaration in {
        "Add": "add(a,b)", "Sub": "sub(a,b)", "Mul": "mul(a,b)", "Div": "div(a,b)", "Pow": "pow(a,b)",
        "Neg": "neg(x)", "Abs": "abs(x)", "Exp": "exp(x)", "Log": "log(x)", "Sqrt": "sqrt(x)", "Sin": "sin(x)",
        "Cos": "cos(x)", "Tanh": "tanh(x)", "Sigmoid": "sigmoid(x)", "Relu": "relu(x)",
        "Where": "where(mask,a,b)"}.items():
    HANDLERS[onnx_name] = lambda b, a, *x, call=declaration: b(call, *x)


@operator("Max", "Min", "Sum", "Mean")
def several(b, a, *x):
    call = {"Max": "maximum(a,b)", "Min": "minimum(a,b)"}.get(b.node.op_type, "add(a,b)")
    total = x[0]
    for value in x[1:]:
        total = b(call, total, value)
    if b.node.op_type == "Mean":
        return b("div(x,value)", total, value=float(len(x)))
    return total if isinstance(total, str) else identity(b, a, total)


@operator("Identity")
def identity(b, a, x):
    return b.reshape(x, x.shape)


@operator("Clip")
def clip(b, a, x, low=None, high=None):
    bounds = {"low": b.known(low), "high": b.known(high)}
    bounds = {key: float(v) for key, v in bounds.items() if v is not None and numpy.isfinite(v)}
    return b("clamp(x,low,high)", x, **bounds)


@operator("Gelu")
def gelu(b, a, x):
    return b("gelu(x,form)", x, form={"none": "erf", "tanh": "tanh"}[a("approximate", "none")])


@operator("Swish")
def swish(b, a, x):
    alpha = a("alpha", 1.0)
    return b("silu(x)", x) if alpha == 1 else b.mul(x, b("sigmoid(x)", b("scale(x,factor)", x, factor=alpha)))


@operator("SwiGLU")
def swiglu(b, a, gate, value):
    return b.mul(swish(b, a, gate), value)


@operator("Cast", "CastLike")
def cast(b, a, x, like=None):
    a("to"), a("saturate"), a("round_mode")
    kind = x.array.dtype if x.array is not None else None
    if b.types[0] not in (numpy.float32, numpy.float64) or (kind is not None and kind not in FLOATS):
        raise Inexpressible("dtype", f"{b.node.op_type} to {b.types[0]}")
    if (b.types[0] == numpy.float64) != (b.case.line["dtype"] == "float64"):
        raise Inexpressible("dtype", f"{b.node.op_type} to {b.types[0]}")
    return identity(b, a, x)


@operator("Reciprocal")
def reciprocal(b, a, x):
    return b("div(value,x)", x, value=1.0)


def positive(b, x):
    return b("relu(x)", x)


def negative(b, x):
    return b("minimum(a,b)", x, numpy.zeros(()))


@operator("LeakyRelu")
def leaky_relu(b, a, x):
    return b.add(positive(b, x), b.mul(negative(b, x), a("alpha", 0.01)))


@operator("PRelu")
def prelu(b, a, x, slope):
    return b.add(positive(b, x), b.mul(negative(b, x), slope))


@operator("Elu", "Celu", "Selu")
def elu(b, a, x):
    kind = b.node.op_type
    alpha = a("alpha", 1.67326319217681884765625 if kind == "Selu" else 1.0)
    inner = b.mul(x, 1 / alpha) if kind == "Celu" else x
    below = b.mul(b("sub(x,value)", b("exp(x)", negative(b, inner)), value=1.0), alpha)
    y = b.add(positive(b, x), below)
    return b.mul(y, a("gamma", 1.05070102214813232421875)) if kind == "Selu" else y


@operator("HardSigmoid")
def hard_sigmoid(b, a, x):
    return b("clamp(x,low,high)", b.add(b.mul(x, a("alpha", 0.2)), float(a("beta", 0.5))), low=0.0, high=1.0)


@operator("HardSwish")
def hard_swish(b, a, x):
    return b.mul(x, b("clamp(x,low,high)", b.add(b.mul(x, 1 / 6), 0.5), low=0.0, high=1.0))


def softplus_of(b, x):
    """log(e^x + e^0)"""
    return b("logsumexp(x,axis,keep)", b("stack(parts,axis)", x, b.mul(x, 0.0), axis=0), axis=0, keep=False)


@operator("Softplus")
def softplus(b, a, x):
    return softplus_of(b, x)


@operator("Mish")
def mish(b, a, x):
    return b.mul(x, b("tanh(x)", softplus_of(b, x)))


@operator("Softsign")
def softsign(b, a, x):
    return b.div(x, b.add(b("abs(x)", x), 1.0))


@operator("Tan")
def tan(b, a, x):
    return b.div(b("sin(x)", x), b("cos(x)", x))


@operator("Sinh", "Cosh")
def sinh(b, a, x):
    up, down = b("exp(x)", x), b("exp(x)", b("neg(x)", x))
    return b.mul(b.sub(up, down) if b.node.op_type == "Sinh" else b.add(up, down), 0.5)


@operator("Asinh", "Acosh")
def asinh(b, a, x):
    one = 1.0 if b.node.op_type == "Asinh" else -1.0
    return b("log(x)", b.add(x, b("sqrt(x)", b.add(b.mul(x, x), one))))


@operator("Atanh")
def atanh(b, a, x):
    return b.mul(b("log(x)", b.div(b.add(x, 1.0), b("sub(value,x)", x, value=1.0))), 0.5)


@operator("Dropout")
def dropout(b, a, x, ratio=None, training=None):
    a("seed")
    ratio = 0.5 if ratio is None else float(b.known(ratio))
    if training is None or not b.known(training):
        return identity(b, a, x)
    if ratio != 0:
        a.refuse("random numbers of NumPy")
    return b("dropout(x,p)", x, p=0.0)


# ---- products ----

@operator("MatMul")
def matmul(b, a, x, y):
    x_rank, y_rank = x.rank, y.rank
    left = b.reshape(x, (1, *x.shape)) if x_rank == 1 else x
    right = b.reshape(y, (*y.shape, 1)) if y_rank == 1 else y
    z = b("matmul(a,b,options)", left, right)
    return b.reshape(z, b.shapes[0]) if 1 in (x_rank, y_rank) else z


@operator("Gemm")
def gemm(b, a, x, y, c=None):
    y = b("matmul(a,b,options)", x, y, transpose_a=bool(a("transA", 0)), transpose_b=bool(a("transB", 0)),
          scale=a("alpha", 1.0))
    beta = a("beta", 1.0)
    return y if c is None else b.add(y, b.mul(c, beta))


@operator("Einsum")
def einsum(b, a, *x):
    """Products over common letters as a matrix product of [batch, rows, inner] and [batch, inner, columns]."""
    terms, arrow, out = a("equation").replace(" ", "").partition("->")
    terms = terms.split(",")
    if not arrow:  # the letters that occur once, in their order
        out = "".join(sorted(c for c in set("".join(terms)) if "".join(terms).count(c) == 1))
    if any("." in term or len(set(term)) != len(term) for term in terms) or len(terms) > 2:
        a.refuse("diagonals, ellipses, three operands")
    sizes = {letter: size for term, value in zip(terms, x) for letter, size in zip(term, value.shape)}
    if len(terms) == 1:
        gone = [i for i, letter in enumerate(terms[0]) if letter not in out]
        y = b.reduce("sum", x[0], x[0].rank, gone, False) if gone else x[0]
        left = [letter for letter in terms[0] if letter in out]
        return b.permute(y, [left.index(letter) for letter in out])
    batch = [c for c in terms[0] if c in terms[1] and c in out]
    inner = [c for c in terms[0] if c in terms[1] and c not in out]
    rows = [c for c in terms[0] if c not in terms[1]]
    columns = [c for c in terms[1] if c not in terms[0]]
    if any(c not in out for c in rows + columns):
        a.refuse("a sum over one operand's letter")

    def matrix(value, term, *groups):
        order = [term.index(c) for group in groups for c in group]
        return b.reshape(b.permute(value, order), [math.prod(sizes[c] for c in group) for group in groups])

    y = b("matmul(a,b,options)", matrix(x[0], terms[0], batch, rows, inner), matrix(x[1], terms[1], batch, inner, columns))
    letters = batch + rows + columns
    y = b.reshape(y, [sizes[c] for c in letters])
    return b.permute(y, [letters.index(c) for c in out])


# ---- reductions ----

def axes_of(b, a, x, axes):
    """The axes of a reduction, from its attribute or its input; None for all of them, [] for none."""
    given = a("axes") if axes is None else b.known(axes)
    nothing = a("noop_with_empty_axes", 0)
    if given is None or len(given) == 0:
        return [] if nothing else None
    return [int(axis) for axis in given]


@operator("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceLogSum",
          "ReduceLogSumExp", "ReduceSumSquare")
def reduction(b, a, x, axes=None):
    kind = b.node.op_type[len("Reduce"):]
    axes, keep = axes_of(b, a, x, axes), a("keepdims", 1)
    reduced = [x.shape[axis] for axis in (range(x.rank) if axes is None else axes)]
    if 0 in reduced and kind in ("Mean", "Max", "Min"):
        raise Inexpressible("attribute", f"Reduce{kind}: an empty axis is an error in Headlight")
    operation = {"Mean": "mean", "Max": "max", "Min": "min", "LogSumExp": "logsumexp"}.get(kind, "sum")
    y = x
    if kind == "L1":
        y = b("abs(x)", y)
    if kind in ("L2", "SumSquare"):
        y = b.mul(y, y)
    if axes == []:
        if kind == "LogSumExp":
            y = b("log(x)", b("exp(x)", y))
        y = b.reshape(y, x.shape)
    elif x.rank == 0:
        y = b(f"{operation}(x)", y) if operation in ("sum", "mean", "max", "min") else b.reshape(y, [])
    else:
        y = b.reduce(operation, y, x.rank, axes, keep)
    if kind == "L2":
        y = b("sqrt(x)", y)
    return b("log(x)", y) if kind == "LogSum" else y


@operator("ArgMax", "ArgMin")
def argmax(b, a, x):
    axis, _ = a("axis", 0), a("keepdims", 1)
    if a("select_last_index", 0):
        a.refuse("select_last_index")
    y = b("argmax(x,axis)", b("neg(x)", x) if b.node.op_type == "ArgMin" else x, axis=axis)
    return b.reshape(y, b.shapes[0])


@operator("CumSum")
def cumsum(b, a, x, axis):
    axis, reverse, exclusive = int(b.known(axis)), a("reverse", 0), a("exclusive", 0)
    size = x.shape[axis]
    back = list(range(size))[::-1]
    y = b("gather(x,axis,indices)", x, axis=axis, indices=back) if reverse else x
    if exclusive:
        y = b.slice(b("pad(x,axis,before,after,value)", y, axis=axis, before=1, after=0), axis, 0, size)
    y = b("cumsum(x,axis)", y, axis=axis)
    return b("gather(x,axis,indices)", y, axis=axis, indices=back) if reverse else y


@operator("Softmax", "LogSoftmax")
def softmax(b, a, x):
    if a.version < 13:
        a.refuse("before version 13")
    call = "softmax(x,axis)" if b.node.op_type == "Softmax" else "log_softmax(x,axis)"
    return b(call, x, axis=a("axis", -1))


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(b, a, x):
    axes = range(2, x.rank)
    return b.reduce("mean" if b.node.op_type == "GlobalAveragePool" else "max", x, x.rank, axes, True)


# ---- shapes ----

@operator("Reshape")
def reshape(b, a, x, shape):
    keep_zeros = a("allowzero", 0)
    sizes = [int(n) for n in b.known(shape)]
    return b.reshape(x, [x.shape[i] if n == 0 and not keep_zeros else n for i, n in enumerate(sizes)])


@operator("Squeeze", "Unsqueeze", "Flatten")
def squeeze(b, a, x, axes=None):
    axis = a("axis", 1) if b.node.op_type == "Flatten" else None
    a("axes")
    if axis is not None:
        return b.reshape(x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])
    return b.reshape(x, b.shapes[0])


@operator("Transpose")
def transpose(b, a, x):
    return b.permute(x, a("perm", list(range(x.rank))[::-1]))


@operator("Concat")
def concat(b, a, *x):
    return b("concat(parts,axis)", *x, axis=a("axis"))


@operator("Split")
def split(b, a, x, sizes=None):
    axis, _ = a("axis", 0), a("num_outputs")
    whole, lengths = x.shape[axis], [shape[axis] for shape in b.shapes]
    if lengths[0] > 0 and all(n == lengths[0] for n in lengths[:-1]) and 0 < lengths[-1] <= lengths[0] == -(-whole // len(lengths)):
        out = b("split(x,axis,size)", x, results=len(lengths), axis=axis, size=lengths[0])
        return out if isinstance(out, list) else [out]
    ends = numpy.cumsum(lengths)
    return [b.slice(x, axis, end - n, end) for n, end in zip(lengths, ends)]


@operator("Slice")
def slice_axes(b, a, x, starts, ends, axes=None, steps=None):
    starts, ends = b.known(starts), b.known(ends)
    axes = range(len(starts)) if axes is None else b.known(axes)
    steps = [1] * len(starts) if steps is None else b.known(steps)
    y = x
    for begin, end, axis, step in zip(starts, ends, axes, steps):
        chosen = range(x.shape[int(axis)])[slice(int(begin), int(end), int(step))]
        if step == 1:
            first = chosen.start if len(chosen) else 0
            y = b.slice(y, axis, first, first + len(chosen))
        else:
            y = b("gather(x,axis,indices)", y, axis=int(axis), indices=list(chosen))
    return y


@operator("Gather")
def gather(b, a, x, indices):
    axis = a("axis", 0)
    ids = numpy.asarray(b.known(indices))
    ids = numpy.where(ids < 0, ids + x.shape[axis], ids)
    y = b("gather(x,axis,indices)", x, axis=axis, indices=ids.reshape(-1).tolist())
    return b.reshape(y, b.shapes[0])


@operator("Pad")
def pad(b, a, x, pads, value=None, axes=None):
    mode = a("mode", "constant")
    axes = list(range(x.rank)) if axes is None else [int(axis) % x.rank for axis in b.known(axes)]
    pads = [int(n) for n in b.known(pads)]
    value = 0.0 if value is None or b.known(value).size == 0 else float(b.known(value))
    y = x
    for i, axis in enumerate(axes):
        before, after = pads[i], pads[i + len(axes)]
        if mode == "constant":
            if min(before, after) < 0:
                y = b.slice(y, axis, max(0, -before), x.shape[axis] - max(0, -after))
            y = b("pad(x,axis,before,after,value)", y, axis=axis, before=max(0, before), after=max(0, after),
                  **({"lowest": True} if value == -math.inf else {"value": value}))
        else:
            ids = numpy.pad(numpy.arange(x.shape[axis]), (before, after), mode={"reflect": "reflect", "edge": "edge",
                                                                                 "wrap": "wrap"}[mode])
            y = b("gather(x,axis,indices)", y, axis=axis, indices=ids.tolist())
    return y


@operator("Expand")
def expand(b, a, x, shape):
    return b.mul(x, numpy.ones([int(n) for n in b.known(shape)]))


@operator("Tile")
def tile(b, a, x, repeats):
    y = x
    for axis, count in enumerate(b.known(repeats)):
        y = b("concat(parts,axis)", *([y] * int(count)), axis=axis)
    return y


@operator("Trilu")
def trilu(b, a, x, k=None):
    k = 0 if k is None else int(b.known(k))
    triangle = (numpy.triu if a("upper", 1) else numpy.tril)(numpy.ones(x.shape[-2:]), k)
    return b("where(mask,a,b)", triangle, x, numpy.zeros(()))
