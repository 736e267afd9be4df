"""Helpers for the handlers of ONNX's operators."""
import numpy
import onnx

from cases import GREATEST_RANK


class Inexpressible(Exception):
    """A test that Headlight's operations cannot express: the kind of reason (dtype, op, attribute, rank) and a detail."""

    def __init__(self, kind, detail):
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail = kind, detail


class Value:
    """A value of the graph. Inputs and static values have an array; results of calls have only a name and a shape.
    Static values do not depend on float inputs."""

    def __init__(self, array, static=False, name=None, shape=None):
        self.array, self.static, self.name = array, static, name
        self.shape = tuple(shape if array is None else array.shape)

    @property
    def rank(self):
        return len(self.shape)


class Attributes:
    """The attributes of a node. An attribute that the handler does not read makes the test inexpressible."""

    def __init__(self, node, model):
        self.node = node
        self.values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        self.version = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)

    def __call__(self, name, default=None):
        value = self.values.pop(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def check_all_used(self):
        for name in self.values:
            raise Inexpressible("attribute", f"{self.node.op_type}: {name}")

    def refuse(self, name):
        raise Inexpressible("attribute", f"{self.node.op_type}: {name}")


class Builder:
    """Adds calls to a case. Operands are Values, names of results, or numbers for value overloads."""

    def __init__(self, case, node, shapes, types):
        self.case, self.node = case, node
        self.shapes, self.types = shapes, types  # results: name to shape, name to type

    def name(self, value):
        """The name of a tensor; stores an array at its first use."""
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, Value):
            if value.name is None:
                value.name = self.tensor(value.array)
            return value.name
        return self.tensor(value)

    def tensor(self, array):
        array = numpy.asarray(array)
        if array.ndim > GREATEST_RANK:
            raise Inexpressible("rank", f"{array.ndim}")
        if array.dtype.kind not in "fiub":
            raise Inexpressible("dtype", str(array.dtype))
        return self.case.tensor(array)

    def __call__(self, declaration, *inputs, results=1, **options):
        return self.case.call(declaration, [self.name(x) for x in inputs], results, **options)

    def known(self, value):
        """The array of a value that the call needs as a number: an axis, an index, a bound."""
        if value is None:
            return None
        if value.array is None:
            raise Inexpressible("graph", f"{self.node.op_type}: an option is computed")
        return value.array

    # ---- shorter names ----
    def add(self, a, b):
        return self("add(x,value)", a, value=float(b)) if isinstance(b, (int, float)) else self("add(a,b)", a, b)

    def sub(self, a, b):
        return self("sub(a,b)", a, b)

    def mul(self, a, b):
        return self("mul(x,value)", a, value=float(b)) if isinstance(b, (int, float)) else self("mul(a,b)", a, b)

    def div(self, a, b):
        return self("div(a,b)", a, b)

    def reshape(self, x, shape):
        shape = [int(size) for size in shape]
        if len(shape) > GREATEST_RANK:
            raise Inexpressible("rank", f"{len(shape)}")
        return self("reshape(x,sizes)", x, sizes=shape)

    def permute(self, x, axes):
        return self("permute(x,axes)", x, axes=[int(axis) for axis in axes])

    def slice(self, x, axis, begin, end):
        return self("slice(x,axis,begin,end)", x, axis=int(axis), begin=int(begin), end=int(end))

    def reduce(self, operation, x, rank, axes, keep, **options):
        """sum, mean, ... over several axes; all of them if `axes` is None."""
        extra = ",correction" if operation == "var" else ""
        axes = list(range(rank)) if axes is None else [int(axis) for axis in axes]
        if len(axes) == rank and not keep and operation in ("sum", "mean", "max", "min"):
            return self(f"{operation}(x)", x)
        if len(axes) == 1:
            return self(f"{operation}(x,axis,keep{extra})", x, axis=axes[0], keep=bool(keep), **options)
        if not axes:
            raise Inexpressible("attribute", f"{self.node.op_type}: no axes")
        return self(f"{operation}(x,axes,keep{extra})", x, axes=axes, keep=bool(keep), **options)
