// Probe: watches what flows inside a model, and may change it, without the layers knowing.
//
//   struct Print : Probe {
//     Tensor see(const std::string& name, const Tensor& x) override {
//       std::printf("%s %s\n", name.c_str(), to_text(x.shape()).c_str());
//       return x;
//     }
//   } probe;                      // alive from here on
//   model(ids, 1);                // blocks.0.attn.weights [1,4,64,64] ...
//
// What can be seen: "<attention layer>.weights" [B,H,T,S], the softmax (only looked at: what is returned is ignored),
// and "<attention layer>.z" [B,H,T,D], the heads' outputs before the output projection.
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

  // Called with each value under its full name; what it returns is used instead. Must keep the shape.
  virtual Tensor see(const std::string& name, const Tensor& x) = 0;
  // A probe that does without the attention weights spares the model writing them down.
  virtual bool wants_weights() const { return true; }

  // The probe made last and still alive, or null.
  static Probe* active() { return Scoped<Probe*>::innermost(nullptr); }

 private:
  Scoped<Probe*> scope_{this};
};

// For layers: lets an active probe see, and replace, x.
inline Tensor tap(const char* name, const Tensor& x) {
  Probe* probe = Probe::active();
  if (!probe) return x;
  const std::string path = LayerScope::path();
  Tensor seen = probe->see(path.empty() ? std::string(name) : cat(path, ".", name), x);
  if (!(seen.shape() == x.shape())) fail("probe: ", name, " came back as ", seen.shape(), " instead of ", x.shape());
  return seen;
}

}  // namespace headlight
