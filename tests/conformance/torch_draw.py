"""Helpers for drawing random calls."""
import dataclasses
import typing

import numpy

# Many sizes are 0 or 1, or differ by 1 from the width of a vector register.
SIZES = (0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33)
EXTREME = (0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan)
LARGE = (1e-42, -1e-42, 1e-30, 3e38, -3e38, 1e30, -1e30, 88.0, -88.0, 89.5, -104.5, 1.0, -1.0)


class Redraw(Exception):
    """Raised if the drawn numbers do not fit together; the call is drawn again."""


class Refused(Exception):
    """Headlight refuses this call, with `text` in its error."""

    def __init__(self, text, inputs, **options):
        super().__init__(text)
        self.text, self.inputs, self.options = text, inputs, options


class Draw:
    def __init__(self, seed, special, elementwise):
        self.rng = numpy.random.default_rng(seed)
        self.special, self.elementwise = special, elementwise

    def size(self, least=0, most=33):
        while True:
            n = SIZES[self.rng.integers(len(SIZES))]
            if least <= n <= most:
                return n

    def shape(self, low=0, high=4, least=0, most=9):
        """A random shape of low to high axes; one size may be larger than `most`."""
        shape = [self.size(least, most) for _ in range(self.rng.integers(low, high + 1))]
        if shape and self.rng.random() < 0.5:
            shape[self.rng.integers(len(shape))] = self.size(least)
        return tuple(shape)

    def plain(self, shape):
        return self.rng.standard_normal(shape)

    def normal(self, shape):
        """Normally distributed numbers; in special draws, some are special values."""
        x = self.plain(shape)
        if self.special:
            pool = self.special + (LARGE if self.elementwise else ())
            chosen = self.rng.random(shape) < (0.6 if self.elementwise else 0.1)
            x = numpy.where(chosen, self.rng.choice(pool, shape), x)
        return x

    def positive(self, shape):
        """Numbers between 0.2 and about 4; in special draws, any numbers."""
        return self.normal(shape) if self.special else numpy.abs(self.plain(shape)) + 0.2

    def away_from_zero(self, shape):
        x = self.normal(shape)
        return x if self.special else x + numpy.copysign(0.3, x)

    def broadcast(self, shape):
        """A shape that broadcasts to `shape`."""
        sizes = [1 if self.rng.random() < 0.3 else n for n in shape]
        return tuple(sizes[self.rng.integers(len(sizes) + 1):] if self.rng.random() < 0.3 else sizes)

    def axis(self, rank):
        return int(self.rng.integers(-rank, rank))

    def axes(self, rank):
        count = self.rng.integers(1, rank + 1)
        return [int(axis) for axis in self.rng.permutation(rank)[:count]]

    def chance(self, p=0.5):
        return bool(self.rng.random() < p)

    def whole(self, low, high):
        return int(self.rng.integers(low, high))

    def pick(self, *options):
        return options[self.rng.integers(len(options))]

    def ids(self, count, size):
        return [int(i) for i in self.rng.integers(0, size, count)]


@dataclasses.dataclass
class Call:
    """inputs: arrays, None for an undefined tensor. torch(*leaves) computes the results. Inputs whose
    index is in `constants` and results whose index is in `without_gradient` have no gradient. decide(name, array) gives
    the expected values where Headlight intentionally differs from PyTorch's `array`: "y0" names the first result, "d1"
    the gradient of the second input."""

    inputs: list
    torch: typing.Callable
    options: dict = dataclasses.field(default_factory=dict)
    constants: tuple = ()
    without_gradient: tuple = ()
    decide: typing.Callable = None
    flow: dict = None  # receives the gradient of the first result as "dy"


@dataclasses.dataclass
class Operation:
    make: typing.Callable  # from a Draw to a Call
    elementwise: bool = False
    special: tuple = EXTREME  # values of special draws; () for no such draws
    gradients: bool = True
    special_gradients: bool = True
    signs: bool = True  # compare signs of zeros, in draws of special values
    signs_of_gradients: bool = True
    absolute: float = 0  # additional absolute error allowed in float32
    slack: float = 1  # factor of the usual tolerance
    float64_slack: float = 1
