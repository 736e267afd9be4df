// int8 weights: a quarter of the bytes to read per generated token, at a small cost in accuracy.
//
// Symmetric quantization in groups of 64 along a row: w is stored as round(w / s) in -127..127 with s = max |w| / 127
// over the group, so no weight changes by more than s / 2. Activations stay float32.
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

// Rounds each weight matrix of the model to its int8 values (norms, biases and positions stay unchanged). The loss then
// equals that of a Decoder with WeightFormat::kInt8. Error: a model that is not float32.
void round_to_int8(TransformerLM& model);

}  // namespace headlight
