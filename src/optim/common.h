// Shared by the optimizers: state tensors, and checks of their options.
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "headlight/base/error.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

// One state tensor per parameter, of zeros; undefined for the parameters that `holds` rejects.
template <class Holds>
std::vector<Tensor> zeros_like(std::span<const NamedTensor> parameters, const Holds& holds) {
  std::vector<Tensor> zeros;
  for (const NamedTensor& p : parameters)
    zeros.push_back(holds(p) ? Tensor::zeros(p.value.shape(), DType::kFloat32) : Tensor());
  return zeros;
}

// Appends the defined tensors of `state` as "<parameter>.<suffix>".
inline void append_state(std::vector<NamedTensor>& out, std::span<const NamedTensor> parameters,
                         std::span<const Tensor> state, const char* suffix) {
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (state[i].defined()) out.push_back({cat(parameters[i].name, ".", suffix), state[i]});
}

inline void check_unit_interval(const char* optimizer, const char* name, double value) {
  if (!(value >= 0 && value < 1)) fail(optimizer, ": ", name, " ", value, " is outside [0, 1)");
}
inline void check_decay(const char* optimizer, double value) {
  if (!(value >= 0) || std::isinf(value)) fail(optimizer, ": weight decay ", value, "; use a finite number >= 0");
}

}  // namespace headlight
