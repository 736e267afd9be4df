// Saved: rematerialization (Chen et al. 2016). A result that is cheap to compute from other saved tensors is
// recomputed in the backward pass instead of being stored.
//
// The operation that computes such a result provides a function that recomputes the result. For example, layer_norm
// recomputes its result from its input, which layer_norm saves in any case:
//
//   rematerializable(y, [x = x.detach()] { return apply(x); });     // after record()
//
// The operation that needs the result in its backward pass captures a Saved. Here the result is the input of linear:
//
//   record("linear", y, {x, w}, [x = Saved(x), ...](const Tensor& dy, const Gradients& d) { ... x.get() ... });
//
// The recomputed numbers are bit-identical, because the same function computes them. Tensors smaller than
// recompute_bytes() are stored: they stay in the caches, and recomputing them would take longer than reading them.
//
// Training under a RematScope takes less memory and a few percent more time, with bit-identical results:
//
//   const RematScope remat;
//   Tape tape;
//   ...
//   tape.backward(loss);
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "headlight/base/scope.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

// Recomputes one result.
struct Rematerialization {
  virtual ~Rematerialization() = default;
  virtual Tensor make() const = 0;
};

// Results of at least this many bytes are recomputed. Default: 4 MiB; 0 under a RematScope.
std::size_t recompute_bytes();
void set_recompute_bytes(std::size_t bytes);

// While the object is alive, this thread's operations store fewer results for the backward pass. Results of every size
// are recomputed. The outputs of attention() and linear_attention(), and copies and products made from recomputed
// results, are also recomputed. Only the forward pass needs to run under the scope. RematScope(false) ends the effect
// of an outer scope.
class RematScope {
 public:
  explicit RematScope(bool on = true) : scope_(on) {}
  // Whether the innermost scope of this thread is on.
  static bool active() { return Scoped<bool>::innermost(false); }

 private:
  Scoped<bool> scope_;
};

// Whether a Saved of x recomputes x. False after an in-place write, because recomputing would give the old numbers, and
// after the backward pass.
inline bool is_recomputed(const Tensor& x) {
  return x.slot() && x.slot()->rematerialization && !x.slot()->gone &&
         x.slot()->rematerialization_version == x.version();
}

// A tensor saved for the backward pass: either its numbers or a function that recomputes them.
class Saved {
 public:
  explicit Saved(const Tensor& x) {
    if (is_recomputed(x)) rematerialization_ = x.slot()->rematerialization;
    else tensor_ = x.detach();
  }
  Tensor get() const { return rematerialization_ ? rematerialization_->make() : tensor_; }

 private:
  Tensor tensor_;
  std::shared_ptr<const Rematerialization> rematerialization_;
};

// Makes every later Saved of y use `rematerialization`. Does nothing if y was not recorded.
inline void set_rematerialization(Tensor& y, std::shared_ptr<const Rematerialization> rematerialization) {
  if (!y.slot() || y.slot()->tape == 0) return;
  y.slot()->rematerialization = std::move(rematerialization);
  y.slot()->rematerialization_version = y.version();
}

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
  set_rematerialization(y, std::allocate_shared<Made>(PoolAllocator<Made>(), std::move(make)));
}

// The same for y = f(x), where f is cheap: recomputes x and then y. Does nothing if x is stored.
template <class F>
void rematerializable_from(const Tensor& x, Tensor& y, F f) {
  if (!is_recomputed(x)) return;
  rematerializable(y, [x = Saved(x), f = std::move(f)] { return f(x.get()); });
}

}  // namespace headlight
