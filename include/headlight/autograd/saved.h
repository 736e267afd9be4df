// Saving for the backward pass without storing: a result that is cheap to compute from what is stored anyway is made
// again when it is needed (rematerialisation; Chen et al. 2016).
//
// The operation that makes such a result says how (layer_norm, from its input, which it saves itself):
//
//   recomputable(y, [x = x.detach()] { return apply(x); });     // after record()
//
// and the operation that needs it later saves it as a Saved (linear, whose input it is):
//
//   record("linear", y, {x, w}, [x = Saved(x), ...](const Tensor& dy, const Gradients& d) { ... x.get() ... });
//
// The numbers are the same bits, for they are computed by the same function. Small tensors are stored all the same:
// those stay in the caches, and making them again would cost more than it saves.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "headlight/tensor/tensor.h"

namespace headlight {

struct Recipe {
  virtual ~Recipe() = default;
  virtual Tensor make() const = 0;
};

// Results of at least this many bytes are made again. 4 MiB at the start.
std::size_t recompute_bytes();
void set_recompute_bytes(std::size_t bytes);

class Saved {
 public:
  explicit Saved(const Tensor& x) {
    // A result that was changed in place is not what the recipe makes.
    if (x.slot() && x.slot()->recipe && x.slot()->recipe_version == x.version()) recipe_ = x.slot()->recipe;
    else tensor_ = x.detach();
  }
  Tensor get() const { return recipe_ ? recipe_->make() : tensor_; }

 private:
  Tensor tensor_;
  std::shared_ptr<const Recipe> recipe_;
};

// Offers `make`, a function without arguments, as a way to y, which was just recorded. Does nothing for a small or an
// unrecorded y. What `make` captures lives as long as somebody may need y.
template <class Make>
void recomputable(Tensor& y, Make make) {
  if (!y.slot() || y.slot()->tape == 0) return;
  if (static_cast<std::size_t>(y.numel()) * element_bytes(y.dtype()) < recompute_bytes()) return;
  struct Made final : Recipe {
    explicit Made(Make m) : function(std::move(m)) {}
    Tensor make() const override { return function(); }
    mutable Make function;
  };
  y.slot()->recipe = std::allocate_shared<Made>(PoolAllocator<Made>(), std::move(make));
  y.slot()->recipe_version = y.version();
}

}  // namespace headlight
