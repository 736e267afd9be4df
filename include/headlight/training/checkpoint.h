// Tensors to and from safetensors files.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"
#include "headlight/nn/module.h"

namespace headlight {

// A float32 or float64 tensor as it will be stored; it must outlive the view.
TensorView stored(const std::string& name, const Tensor& tensor);

// Fills parameters from the stored tensors "<prefix><name>", converting other floating types. Nothing is changed unless
// everything fits. Errors name the file and the tensor: missing, of another shape, not a floating type, or one in the file
// under that prefix that the model does not have.
void load_parameters(const SafeTensors& file, std::span<const NamedTensor> parameters, const std::string& prefix = "");

}  // namespace headlight
