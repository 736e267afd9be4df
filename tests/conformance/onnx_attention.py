"""ONNX's attention and rotary embedding as calls of Headlight's operations."""
import numpy

HANDLERS = {}


def operator(*names):
    def register(handler):
        for name in names:
            HANDLERS[name] = handler
        return handler
    return register


def heads_of(b, x, heads):
    """[B,T,HD] or [B,H,T,D] as [B,H,T,D], and its shape."""
    if x.rank == 4:
        return x, x.shape
    batch, steps, width = x.shape
    split = b.reshape(x, [batch, steps, heads, width // heads])
    return b.permute(split, [0, 2, 1, 3]), (batch, heads, steps, width // heads)


def with_past(b, past, x, shape):
    """Concatenates past keys or values with the new ones; returns the result and its shape."""
    if past is None:
        return x, shape
    return b("concat(parts,axis)", past, x, axis=2), (*shape[:2], shape[2] + past.shape[2], shape[3])


def scores_of(b, q, q_shape, k, k_shape, scale, softcap):
    """scale q k^T, capped: the heads that share a key head are rows of one matrix."""
    batch, heads, t, size = q_shape
    groups, s = k_shape[1], k_shape[2]
    rows = b.reshape(q, [batch, groups, heads // groups * t, size])
    y = b("matmul(a,b,options)", rows, k, transpose_b=True, scale=scale)
    if softcap:
        y = b.mul(b("tanh(x)", b.mul(y, 1 / softcap)), softcap)
    return b.reshape(y, [batch, heads, t, s])


def padded_to(b, mask, keys):
    """Extends a mask for fewer than S keys to [..,S]; the added keys are hidden."""
    if mask is None or mask.shape[-1] == keys:
        return mask
    more = keys - mask.shape[-1]
    if mask.array is not None and mask.array.dtype == bool:
        wide = numpy.pad(mask.array, [(0, 0)] * (mask.rank - 1) + [(0, more)])
        return type(mask)(wide, static=True)
    return b("pad(x,axis,before,after,value)", mask, axis=mask.rank - 1, before=0, after=more, lowest=True)


@operator("Attention")
def attention(b, a, q, k, v, mask=None, past_key=None, past_value=None, lengths=None):
    if a("softmax_precision", 1) != 1:
        a.refuse("softmax_precision")
    softcap, mode = a("softcap", 0.0), a("qk_matmul_output_mode", 0)
    left, right = a("left_window_size", -1), 0 if a("is_causal", 0) else a("right_window_size", -1)
    a("right_window_size")
    q, q_shape = heads_of(b, q, a("q_num_heads"))
    flat = b.shapes[0] is not None and len(b.shapes[0]) == 3
    key_heads = a("kv_num_heads")
    k, k_shape = with_past(b, past_key, *heads_of(b, k, key_heads))
    v, v_shape = with_past(b, past_value, *heads_of(b, v, key_heads))
    batch, heads, t, size = q_shape
    s = k_shape[2]
    scale = a("scale", size ** -0.5)
    past = 0 if past_key is None else past_key.shape[2]
    seen, bias = None, None
    mask = padded_to(b, mask, s)
    if mask is not None and not isinstance(mask, str) and mask.array is not None and mask.array.dtype == bool:
        seen = mask.array
    else:
        bias = mask
    # The position of query t is t + past; if `lengths` are given, t + length - T in each sequence.
    keys, diagonal = numpy.arange(s), numpy.arange(t)[:, None] + past
    allowed = numpy.ones((t, s), dtype=bool)
    if lengths is not None:
        valid = b.known(lengths)[:, None, None, None]
        diagonal = numpy.arange(t)[:, None] + valid - t
        allowed = keys < valid
    options = {"scale": scale, "causal": False, "softcap": softcap or None}
    if right == 0 and lengths is None:
        options.update(causal=True, shift=past - s + t, window=left + 1 if left >= 0 else None)
    window = (left < 0) | (keys >= diagonal - left)
    hidden = ~(allowed & window & ((right < 0) | (keys <= diagonal + right)))  # for the output of scores
    if not options["causal"] and hidden.any():
        seen = ~hidden if seen is None else seen & ~hidden
    shown = len(b.shapes) > 3 and b.node.output[3] != ""
    weights = shown and mode == 3
    operands = [q, k, v, None if seen is None else seen.astype(float), bias]
    out = b("attention(q,k,v,options,weights)", *operands, results=2 if weights else 1, weights=weights, **options)
    y = out[0] if weights else out
    products = out[1] if weights else None
    if shown and mode < 3:
        products = scores_of(b, q, q_shape, k, k_shape, scale, softcap if mode else 0)
        if mode == 2:
            hidden = hidden if seen is None else hidden | ~seen
            minus = numpy.where(hidden, -numpy.inf, 0)
            products = b.add(products, minus) if hidden.any() else products
            products = products if bias is None else b.add(products, bias)
    if flat:
        y = b.reshape(b.permute(y, [0, 2, 1, 3]), [batch, t, heads * v_shape[3]])
    present = [b.reshape(x, shape) for x, shape in ((k, k_shape), (v, v_shape))] if len(b.shapes) > 1 else [None, None]
    return [y, *present, products]


@operator("RotaryEmbedding")
def rotary_embedding(b, a, x, cosine, sine, positions=None):
    neighbors, width, heads = bool(a("interleaved", 0)), a("rotary_embedding_dim", 0), a("num_heads")
    flat = x.rank == 3
    y, (batch, count, steps, size) = heads_of(b, x, heads)
    width = width or size

    def table(cache):
        if positions is None:
            return b.reshape(cache, [batch, 1, steps, width // 2])
        rows = b("gather(x,axis,indices)", cache, axis=0, indices=b.known(positions).reshape(-1).tolist())
        return b.reshape(rows, [batch, 1, steps, width // 2])

    rotated = b("rotate(x,cosine,sine,neighbors)", b.slice(y, 3, 0, width) if width < size else y, table(cosine),
                table(sine), neighbors=neighbors)
    if width < size:
        rotated = b("concat(parts,axis)", rotated, b.slice(y, 3, width, size), axis=3)
    return b.reshape(b.permute(rotated, [0, 2, 1, 3]), [batch, steps, count * size]) if flat else rotated
