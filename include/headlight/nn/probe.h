// Probe: a hook that reads, and may replace, activations inside a model.
//
//   struct Print : Probe {
//     Tensor see(const std::string& name, const Tensor& x) override {
//       std::printf("%s %s\n", name.c_str(), to_text(x.shape()).c_str());
//       return x;
//     }
//   } probe;                      // active from here to the end of its scope
//   model(ids, 1);                // blocks.0.attn.weights [1,4,64,64] ...
//
// Hooked activations:
//   "<attention layer>.weights" [B,H,T,S]   the attention weights; read only: the hook's result is ignored
//   "<attention layer>.z"       [B,H,T,D]   the heads' outputs before the output projection
#pragma once

#include <string>

#include "headlight/base/error.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

class Probe {
 public:
  Probe() = default;
  virtual ~Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Called with each hooked activation and its full name. The result, of the same shape, replaces the activation.
  virtual Tensor see(const std::string& name, const Tensor& x) = 0;
  // Return false if the hook does not need "weights": the attention weights are then not computed separately.
  virtual bool wants_weights() const { return true; }

  // The newest live probe of this thread, or null.
  static Probe* active() { return Scoped<Probe*>::innermost(nullptr); }

 private:
  Scoped<Probe*> scope_{this};
};

// For layers: calls the active hook, if any, with x and returns the replacement. `name` is appended to the layer path.
// Error: the hook's result has another shape.
inline Tensor tap(const char* name, const Tensor& x) {
  Probe* probe = Probe::active();
  if (!probe) return x;
  const std::string path = LayerScope::path();
  Tensor seen = probe->see(path.empty() ? std::string(name) : cat(path, ".", name), x);
  if (!(seen.shape() == x.shape())) fail("probe: ", name, " came back as ", seen.shape(), " instead of ", x.shape());
  return seen;
}

}  // namespace headlight
