// int8 and bfloat16 weights: a quarter or half of the bytes to read per generated token, at a small cost in accuracy.
//
// bfloat16: each weight is rounded to 8 significant bits (kernels/bf16.h). int8: symmetric quantization in groups of 64
// along a row. With s = max |w| / 127 over the group, a weight w is stored as round(w / s) in -127..127. No weight
// changes by more than s / 2. Activations stay float32.
#pragma once

#include <cstdint>

#include "headlight/models/transformer.h"
#include "headlight/tensor/pool.h"

namespace headlight {

struct QuantizedMatrix {
  Index rows = 0, columns = 0;
  Index groups = 0;                // per row
  PoolVector<std::int8_t> values;  // [rows, 64 groups]; zero beyond the columns
  PoolVector<float> scales;        // [rows, groups]; NaN for a group with a weight that is not finite
};

// Quantizes w [rows, columns], float32. Error: another rank or dtype.
QuantizedMatrix quantize(const Tensor& w);
// The float32 matrix [rows, columns] that q represents.
Tensor dequantize(const QuantizedMatrix& q);

// The elements of w, float32, rounded to bfloat16.
PoolVector<std::uint16_t> bf16_of(const Tensor& w);

// Rounds each weight matrix of the model to the format (norms, biases and positions do not change). The loss then
// equals that of a Decoder with this format. Error: a model that is not float32.
void round_weights(TransformerLM& model, WeightFormat format);

}  // namespace headlight
