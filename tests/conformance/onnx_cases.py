"""Reads ONNX's backend node tests from the installed package and expresses them as calls of Headlight's operations.

A test is a graph and its inputs and outputs. Each node becomes one or more calls (onnx_ops.py, onnx_layers.py). Integer
and boolean values that do not depend on float inputs (shapes, axes, indices) are computed with ONNX's reference
evaluator. A test that cannot be expressed raises Inexpressible with a reason; the reasons are counted.
"""
import numpy
import onnx
from onnx.reference import ReferenceEvaluator

import onnx_attention
import onnx_layers
import onnx_ops
from cases import GREATEST_RANK, Case
from onnx_graph import Attributes, Builder, Inexpressible, Value

FLOATS = (numpy.float32, numpy.float64)
# Operations with float inputs whose results are integers.
INDEX_OPERATIONS = ("ArgMax", "ArgMin")
HANDLERS = {**onnx_ops.HANDLERS, **onnx_layers.HANDLERS, **onnx_attention.HANDLERS}


def node_tests():
    """Yields the name, model, inputs, outputs and tolerances of every node test."""
    from onnx.backend.test.case.node import collect_testcases

    for test in collect_testcases(None):
        for inputs, outputs in test.data_sets:
            yield test.name, test.model, inputs, outputs, test.rtol, test.atol


def check_types(model, inputs, outputs):
    """Float tests have float32 or float64 outputs, and inputs that are arrays."""
    for value in [*inputs, *outputs]:
        if not isinstance(value, (numpy.ndarray, numpy.generic)):
            raise Inexpressible("type", type(value).__name__)
    for value in model.graph.input:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            raise Inexpressible("type", kind)
        name = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
        if name in ("FLOAT16", "BFLOAT16", "STRING", "COMPLEX64", "COMPLEX128") or name.startswith(("FLOAT8", "FLOAT4")):
            raise Inexpressible("dtype", name)
    computes_indices = all(node.op_type in INDEX_OPERATIONS for node in model.graph.node)
    for value in outputs:
        if numpy.asarray(value).dtype not in FLOATS and not computes_indices:
            raise Inexpressible("dtype", str(numpy.asarray(value).dtype))
    if not any(numpy.asarray(value).dtype in FLOATS for value in inputs):
        raise Inexpressible("dtype", "no float input")


def is_float(array):
    return numpy.asarray(array).dtype in FLOATS


def express(name, model, inputs, outputs, rtol, atol):
    """A test as a Case."""
    check_types(model, inputs, outputs)
    for value in [*inputs, *outputs]:
        if is_float(value) and numpy.ndim(value) > GREATEST_RANK:
            raise Inexpressible("rank", f"{numpy.ndim(value)}")
    graph = model.graph
    doubles = any(numpy.asarray(v).dtype == numpy.float64 for v in outputs)
    case = Case(name, "float64" if doubles else "float32")
    values = {"": None}
    present = [value for value in graph.input]
    for value, array in zip(present, inputs):
        values[value.name] = Value(numpy.asarray(array), static=not is_float(array))
    for tensor in graph.initializer:
        values[tensor.name] = Value(onnx.numpy_helper.to_array(tensor), static=True)
    wanted = {value.name: numpy.asarray(array) for value, array in zip(graph.output, outputs)}
    known = dict(wanted)
    if len(graph.node) > 1:
        feeds = {value.name: array for value, array in zip(present, inputs)}
        try:
            known = {**ReferenceEvaluator(model).run(None, feeds, intermediate=True), **wanted}
        except Exception as error:  # the evaluator lacks some operations
            raise Inexpressible("reference evaluator", type(error).__name__) from error
    for node in graph.node:
        express_node(case, node, values, known, model)
    expressed = False
    for output, want in wanted.items():
        value = values[output]
        if value.name is None:
            raise Inexpressible("op", "no float operation")
        expressed = expressed or bool(case.line["steps"])
        case.expect(value.name, want)
    if not expressed:
        raise Inexpressible("op", "no float operation")
    case.tolerate(rtol=rtol, atol=atol)
    return case


def express_node(case, node, values, known, model):
    """Adds the calls of one node, or its folded results, to `values`."""
    missing = [name for name in node.input if name not in values]
    if missing:
        raise Inexpressible("graph", f"input {missing[0]}")
    inputs = [values[name] for name in node.input]
    if len(model.graph.node) > 1 and all(value is None or value.static for value in inputs):
        for name in node.output:
            if name:
                values[name] = Value(numpy.asarray(known[name]), static=True)
        return
    if node.op_type in ("Shape", "Size"):
        values[node.output[0]] = Value(numpy.asarray(known[node.output[0]]), static=True)
        return
    handler = HANDLERS.get(node.op_type)
    if handler is None:
        raise Inexpressible("op", node.op_type)
    attributes = Attributes(node, model)
    shapes = [numpy.shape(known[name]) if name in known else None for name in node.output]
    for value in inputs:
        if value is not None and not value.static and len(value.shape) > GREATEST_RANK:
            raise Inexpressible("rank", f"{len(value.shape)}")
    types = [numpy.asarray(known[name]).dtype if name in known else None for name in node.output]
    builder = Builder(case, node, shapes, types)
    results = handler(builder, attributes, *inputs)
    attributes.check_all_used()
    if isinstance(results, str):
        results = [results]
    for index, output in enumerate(node.output):
        if not output:
            continue
        if index >= len(results) or results[index] is None:
            raise Inexpressible("attribute", f"{node.op_type}: output {index + 1}")
        values[output] = Value(None, name=results[index], shape=shapes[index])


def collect():
    """All cases, and for each reason the number of tests that it rules out: {(kind, detail): [names]}."""
    cases, reasons, total = [], {}, 0
    for name, model, inputs, outputs, rtol, atol in node_tests():
        total += 1
        try:
            cases.append(express(name, model, inputs, outputs, rtol, atol))
        except Inexpressible as reason:
            reasons.setdefault((reason.kind, reason.detail), []).append(name)
    return cases, reasons, total
