// Weights of eight bits: a quarter of the bytes to read for each token that is written, at a small cost in accuracy.
//
// Symmetric, in groups of 64 along a row: w is stored as round(w / s) in -127..127 with s = max |w| / 127 over the
// group, so no weight moves by more than s / 2. What the weights are multiplied with stays float32.
#pragma once

#include <cstdint>

#include "headlight/models/transformer.h"
#include "headlight/tensor/pool.h"

namespace headlight {

struct QuantizedMatrix {
  Index rows = 0, columns = 0;
  Index groups = 0;                // of a row
  PoolVector<std::int8_t> values;  // [rows, 64 groups]; zero beyond the columns
  PoolVector<float> scales;        // [rows, groups]; not a number for a group that holds one or an infinity
};

// w [rows, columns], float32. Error: another rank or type.
QuantizedMatrix quantize(const Tensor& w);
// The matrix that the integers stand for: [rows, columns].
Tensor dequantize(const QuantizedMatrix& q);

// Replaces each weight matrix of the model by what eight bits leave of it (norms, biases and positions stay): what this
// does to the loss is what Decoder's Weights::kInt8 does. Error: a model that is not float32.
void round_to_int8(CharTransformer& model);

}  // namespace headlight
