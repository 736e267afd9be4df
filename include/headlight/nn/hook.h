// Hook: a callback that reads, and may replace, activations inside a model.
//
//   struct Print : Hook {
//     Tensor on_activation(const HookSite& site, const Tensor& x) override {
//       std::printf("layer %td %s\n", site.layer, to_text(x.shape()).c_str());
//       return x;
//     }
//   } print;                      // active from here to the end of its scope
//   model(ids, 1);                // layer 0 [1,4,64,64] ...
#pragma once

#include "headlight/base/error.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

// The place of an activation in a model.
struct HookSite {
  enum class Kind {
    kAttentionWeights,  // [B,H,T,S]; read only: the hook's result is ignored
    kHeadOutputs,       // z [B,H,T,D]: the heads' outputs before the output projection
  };
  Index layer;  // AttentionLayerOptions::layer
  Kind kind;
  bool operator==(const HookSite&) const = default;
};

class Hook {
 public:
  Hook() = default;
  virtual ~Hook() = default;
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  // Called with each hooked activation. The result, of the same shape, replaces the activation.
  virtual Tensor on_activation(const HookSite& site, const Tensor& x) = 0;
  // Return false if the hook does not need kAttentionWeights; attention then does not store them.
  virtual bool wants_weights() const { return true; }

  // The newest live hook of this thread, or null.
  static Hook* active() { return Scoped<Hook*>::innermost(nullptr); }

 private:
  Scoped<Hook*> scope_{this};
};

// For layers: calls the active hook, if any, with x and returns the replacement. Error: the hook's result has another
// shape.
inline Tensor run_hook(const HookSite& site, const Tensor& x) {
  Hook* hook = Hook::active();
  if (!hook) return x;
  Tensor replacement = hook->on_activation(site, x);
  if (!(replacement.shape() == x.shape()))
    fail("hook: returned ", replacement.shape(), " for an activation of shape ", x.shape(), "; return the same shape");
  return replacement;
}

}  // namespace headlight
