// Saved: rematerialization (Chen et al. 2016). A result that is cheap to compute from other saved tensors is
// recomputed in the backward pass instead of being stored.
//
// The operation that computes such a result provides a function that recomputes the result. Here layer_norm recomputes
// its result from its input, which layer_norm saves anyway:
//
//   rematerializable(y, [x = x.detach()] { return apply(x); });     // after record()
//
// The operation that needs the result in its backward pass captures a Saved. Here the result is the input of linear:
//
//   record("linear", y, {x, w}, [x = Saved(x), ...](const Tensor& dy, const Gradients& d) { ... x.get() ... });
//
// The recomputed numbers are bit-identical, because the same function computes them. Tensors smaller than
// recompute_bytes() are stored: they stay in the caches, and recomputing them would take longer than reading them.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "headlight/tensor/tensor.h"

namespace headlight {

// Recomputes one result.
struct Rematerialization {
  virtual ~Rematerialization() = default;
  virtual Tensor make() const = 0;
};

// Results of at least this many bytes are recomputed. Default: 4 MiB.
std::size_t recompute_bytes();
void set_recompute_bytes(std::size_t bytes);

// A tensor saved for the backward pass: either its numbers or a function that recomputes them.
class Saved {
 public:
  explicit Saved(const Tensor& x) {
    // After an in-place write, recomputing would give the old numbers.
    if (x.slot() && x.slot()->rematerialization && x.slot()->rematerialization_version == x.version())
      rematerialization_ = x.slot()->rematerialization;
    else tensor_ = x.detach();
  }
  Tensor get() const { return rematerialization_ ? rematerialization_->make() : tensor_; }

 private:
  Tensor tensor_;
  std::shared_ptr<const Rematerialization> rematerialization_;
};

// Registers `make`, a function without arguments that recomputes y. Call after record(). Does nothing if y was not
// recorded or is smaller than recompute_bytes(). The captures of `make` live until y's slot and every Saved of y are
// destroyed.
template <class Make>
void rematerializable(Tensor& y, Make make) {
  if (!y.slot() || y.slot()->tape == 0) return;
  if (static_cast<std::size_t>(y.numel()) * element_bytes(y.dtype()) < recompute_bytes()) return;
  struct Made final : Rematerialization {
    explicit Made(Make m) : function(std::move(m)) {}
    Tensor make() const override { return function(); }
    mutable Make function;
  };
  y.slot()->rematerialization = std::allocate_shared<Made>(PoolAllocator<Made>(), std::move(make));
  y.slot()->rematerialization_version = y.version();
}

}  // namespace headlight
