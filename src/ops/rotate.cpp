// Rotary position encoding (Su et al. 2021) in the half-split layout. For position t and pair i < D/2, with the angle
// a = (t + offset) base^(-2i/D):
//   y[i]       = x[i] cos a - x[i + D/2] sin a
//   y[i + D/2] = x[i] sin a + x[i + D/2] cos a
// The transpose of a rotation by a is the rotation by -a, so dx is dy rotated by -a.
#include <algorithm>
#include <cmath>

#include "base/words.h"
#include "ops/common.h"

namespace headlight {

namespace {

// cos and sin of the angle of every (position, pair). Cached per thread, because every layer needs the same table.
template <class T>
struct Angles {
  Index positions = -1, half = 0, offset = 0;
  double base = 0;
  std::vector<T> cosine, sine;
};

template <class T>
const Angles<T>& angles(Index positions, Index half, Index offset, double base) {
  thread_local Angles<T> cached;
  if (cached.positions == positions && cached.half == half && cached.offset == offset && cached.base == base)
    return cached;
  cached.cosine.resize(static_cast<std::size_t>(positions * half));
  cached.sine.resize(cached.cosine.size());
  for (Index t = 0; t < positions; ++t) {
    for (Index i = 0; i < half; ++i) {
      const double frequency = std::pow(base, -static_cast<double>(i) / static_cast<double>(half));
      const double angle = static_cast<double>(t + offset) * frequency;
      cached.cosine[static_cast<std::size_t>(t * half + i)] = static_cast<T>(std::cos(angle));
      cached.sine[static_cast<std::size_t>(t * half + i)] = static_cast<T>(std::sin(angle));
    }
  }
  cached.positions = positions;
  cached.half = half;
  cached.offset = offset;
  cached.base = base;
  return cached;
}

// y = x with the first `heads` vectors of `size` columns rotated; y may share x's storage. direction: +1 rotates by the
// angles, -1 by their negatives.
void rotate_rows(const Tensor& x, Index heads, Index size, Index offset, double base, int direction, Tensor& y) {
  const Index positions = x.size(-2), width = x.size(-1), half = size / 2, rotated = heads * size;
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Angles<T>& a = angles<T>(positions, half, offset, base);
    const auto sign = static_cast<T>(direction);
    const T* px = x.data<T>();
    T* py = y.data<T>();
    const auto rotate_row = kernels::active<T>().rotate;
    parallel_for(x.shape().outer(-1), row_grain(width), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const Index at = r % positions * half;
        const T* row = px + r * width;
        T* out = py + r * width;
        rotate_row(heads, half, sign, a.cosine.data() + at, a.sine.data() + at, row, out);
        if (out != row) std::copy(row + rotated, row + width, out + rotated);
      }
    });
  });
}

// Writes the rotated x to y, which is a new tensor or shares x's storage, and records the operation.
Tensor rotate_into(const char* operation, const Tensor& x, Tensor y, Index heads, Index size, Index offset,
                   double base) {
  if (offset < 0 || !(base > 0))
    fail(operation, ": offset ", offset, ", base ", base, "; use an offset >= 0 and a base > 0");
  rotate_rows(x, heads, size, offset, base, 1, y);
  record(operation, y, {x}, [heads, size, offset, base](const Tensor& dy, const Gradients& d) {
    Tensor dx = overwritten(dy);
    rotate_rows(dy, heads, size, offset, base, -1, dx);
    d[0].add(dx);
  });
  return y;
}

// Rotates by the angles with these cosines and sines, which have the shape of x with D/2 instead of D.
Tensor rotate_by(const Tensor& x, const Tensor& cosine, const Tensor& sine, bool neighbors, int direction) {
  const Index width = x.size(-1), half = width / 2, step = neighbors ? 2 : 1, apart = neighbors ? 1 : half;
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto sign = static_cast<T>(direction);
    const T *px = x.data<T>(), *pc = cosine.data<T>(), *ps = sine.data<T>();
    T* py = y.data<T>();
    parallel_for(x.shape().outer(-1), row_grain(width), [&](Index begin, Index end) {
      for (Index i = begin * half; i < end * half; ++i) {
        const Index low = i / half * width + i % half * step, high = low + apart;
        py[low] = px[low] * pc[i] - sign * px[high] * ps[i];
        py[high] = sign * px[low] * ps[i] + px[high] * pc[i];
      }
    });
  });
  return y;
}

}  // namespace

Tensor rotate(const Tensor& x, Index offset, double base) {
  if (x.rank() < 2 || x.size(-1) % 2 != 0) fail("rotate: needs [...,T,D] with D even, got ", x.shape());
  return rotate_into("rotate", x, Tensor::empty(x.shape(), x.dtype()), 1, x.size(-1), offset, base);
}

Tensor rotate_heads(Tensor x, Index heads, Index size, Index offset, double base) {
  if (x.rank() < 2) fail("rotate_heads: needs [...,T,C], got ", x.shape());
  if (size < 2 || size % 2 != 0) fail("rotate_heads: a head size of ", size, "; use an even size from 2");
  if (heads < 0 || heads > x.size(-1) / size)
    fail("rotate_heads: ", counted(heads, "head"), " of size ", size, " do not fit in ", x.shape());
  return rotate_into("rotate_heads", x, overwritten(x), heads, size, offset, base);
}

Tensor rotate(const Tensor& x, const Tensor& cosine, const Tensor& sine, bool neighbors) {
  if (x.rank() < 2 || x.size(-1) % 2 != 0) fail("rotate: needs [...,T,D] with D even, got ", x.shape());
  const Shape pairs = x.shape().with(-1, x.size(-1) / 2);
  const auto angles_of = [&](const char* name, const Tensor& table) {
    check_same_dtype("rotate", x, table);
    if (!(broadcast(table.shape(), pairs, "rotate") == pairs))
      fail("rotate: ", name, " ", table.shape(), " does not broadcast to ", pairs, " for x ", x.shape());
    return expand_to(table.detach(), pairs);
  };
  const Tensor c = angles_of("cosine", cosine), s = angles_of("sine", sine);
  Tensor y = rotate_by(x, c, s, neighbors, 1);
  record("rotate", y, {x},
         [c, s, neighbors](const Tensor& dy, const Gradients& d) { d[0].add(rotate_by(dy, c, s, neighbors, -1)); });
  return y;
}

}  // namespace headlight
