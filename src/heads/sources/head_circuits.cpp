// Products of embedding, value, output and unembedding weights.
#include "heads/sources/head_circuits.h"

namespace headlight {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// The elements of a tensor in double precision.
std::vector<double> values_of(const Tensor& t) {
  std::vector<double> values(at(t.numel()));
  const float* p = t.data<float>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(p[i]);
  return values;
}

// x = gain * x, centered first if the norm centers.
void apply_gain(const NormStep& norm, std::span<double> x) {
  double mean = 0;
  if (norm.beta)
    for (const double value : x) mean += value / static_cast<double>(x.size());
  const float* gain = norm.gamma->value().data<float>();
  for (std::size_t c = 0; c < x.size(); ++c) x[c] = (x[c] - mean) * static_cast<double>(gain[c]);
}

}  // namespace

bool has_output_circuits(const TransformerLM& model) { return model.norm && model.norm->step(); }

std::vector<double> output_circuit(const TransformerLM& model, HeadId id) {
  if (!model.norm) fail("heads: direct logit attribution needs a pre-norm model, but this model is post-norm");
  if (!has_output_circuits(model))
    fail("heads: direct logit attribution does not support the norm ", model.config().norm, "; it needs Norm::step()");
  const TransformerConfig& c = model.config();
  const Index width = c.width, size = c.resolved_head_size(), in = c.heads_in(id.layer) * size;
  const std::vector<double> out = values_of(model.blocks[id.layer]->attn->out->weight.value());  // [C,HD]
  const std::vector<double> unembed =
      values_of(model.lm_head ? (*model.lm_head)->weight.value() : model.tokens->weight.value());  // [V,C]
  std::vector<double> circuit(at(c.vocabulary * size), 0.0), column(at(width));
  for (Index d = 0; d < size; ++d) {
    for (Index i = 0; i < width; ++i) column[at(i)] = out[at(i * in + id.head * size + d)];
    apply_gain(*model.norm->step(), column);
    for (Index v = 0; v < c.vocabulary; ++v)
      for (Index i = 0; i < width; ++i) circuit[at(v * size + d)] += unembed[at(v * width + i)] * column[at(i)];
  }
  return circuit;
}

std::vector<double> table_of_head(const TransformerLM& model, HeadId id, std::span<const std::int32_t> from,
                                  std::span<const std::int32_t> to) {
  const std::vector<double> circuit = output_circuit(model, id);
  const TransformerConfig& c = model.config();
  const MultiHeadAttention& attention = *model.blocks[id.layer]->attn;
  const Index width = c.width, size = c.resolved_head_size(), heads = attention.heads(), shared = attention.key_heads();
  const Index first = (heads + shared + id.head / (heads / shared)) * size;       // of the rows of the head's values
  const std::vector<double> qkv = values_of(attention.qkv->weight.value());       // [(H+2G)D,C]
  const std::vector<double> embedding = values_of(model.tokens->weight.value());  // [V,C]
  std::vector<double> table, x(at(width)), v(at(size));
  for (const std::int32_t symbol : from) {
    std::copy_n(embedding.begin() + symbol * width, width, x.begin());
    apply_gain(*model.blocks[id.layer]->norm1->step(), x);
    for (Index d = 0; d < size; ++d) {
      v[at(d)] = 0;
      for (Index i = 0; i < width; ++i) v[at(d)] += qkv[at((first + d) * width + i)] * x[at(i)];
    }
    for (const std::int32_t next : to) {
      double logit = 0;
      for (Index d = 0; d < size; ++d) logit += circuit[at(next * size + d)] * v[at(d)];
      table.push_back(logit);
    }
  }
  return table;
}

}  // namespace headlight
