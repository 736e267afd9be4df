// Converts tensors to safetensors views, and loads parameters from safetensors files.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"
#include "headlight/nn/module.h"

namespace headlight {

// A view of a float32 or float64 tensor for writing; the tensor must outlive the view.
TensorView stored(const std::string& name, const Tensor& tensor);

// Loads parameters from the tensors named "<prefix><name>", converting between floating-point types. On error, no
// parameter changes. Errors (each names the file and the tensor): a missing tensor, a different shape, a type that is
// not floating-point, or a tensor under the prefix that the model does not have.
void load_parameters(const SafeTensors& file, std::span<const NamedTensor> parameters, const std::string& prefix = "");

}  // namespace headlight
