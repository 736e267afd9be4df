// Logits added by each head, and their regression on the experts' tables.
#include "heads/sources/direct_logits.h"

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "heads/sources/head_circuits.h"
#include "heads/sources/keep_z.h"

namespace headlight {

namespace {

// The reciprocal of the norm's scale for one row.
double inverse_scale(const NormStep& norm, const float* row, Index width) {
  const auto n = static_cast<double>(width);
  double mean = 0, squares = 0;
  if (norm.beta)
    for (Index c = 0; c < width; ++c) mean += static_cast<double>(row[c]) / n;
  for (Index c = 0; c < width; ++c) {
    const double away = static_cast<double>(row[c]) - mean;
    squares += away * away / n;
  }
  return 1 / std::sqrt(squares + norm.eps);
}

}  // namespace

std::vector<std::vector<double>> direct_logits(const TransformerLM& model, const ExpertWindows& experts) {
  const NoGrad no_recording;
  const TransformerConfig& c = model.config();
  const std::vector<HeadId> heads = all_heads(c);
  const Index size = c.resolved_head_size();
  const auto next = experts.next();
  // [head]: the rows of symbols that may come next, centered over these symbols: [S,D].
  std::vector<std::vector<double>> circuits;
  for (const HeadId id : heads) {
    const std::vector<double> whole = output_circuit(model, id);
    std::vector<double>& circuit = circuits.emplace_back();
    for (const std::int32_t symbol : next)
      circuit.insert(circuit.end(), whole.begin() + symbol * size, whole.begin() + (symbol + 1) * size);
    for (std::size_t d = 0; d < static_cast<std::size_t>(size); ++d) {
      double mean = 0;
      for (std::size_t i = d; i < circuit.size(); i += static_cast<std::size_t>(size))
        mean += circuit[i] / static_cast<double>(next.size());
      for (std::size_t i = d; i < circuit.size(); i += static_cast<std::size_t>(size)) circuit[i] -= mean;
    }
  }
  const NormStep norm = *model.norm->step();  // output_circuit() has checked that there is one
  std::vector<std::vector<double>> logits(heads.size());
  for (const HeadWindows::Piece& piece : experts.windows().pieces()) {
    const Index batch = piece.batch.rows, length = experts.windows().context();
    KeepZ hook(c.layers);
    Tensor x = model.embed(piece.batch.inputs, batch);
    for (Index layer = 0; layer < c.layers; ++layer) x = model.run_block(layer, x);
    std::vector<double> inverse;
    for (Index i = 0; i < batch * length; ++i)
      inverse.push_back(inverse_scale(norm, x.data<float>() + i * c.width, c.width));
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const Tensor& z = hook.z[static_cast<std::size_t>(heads[h].layer)];
      for (Index i = 0; i < batch * length; ++i) {
        const Index b = i / length, t = i % length;
        const float* row = z.data<float>() + ((b * z.size(1) + heads[h].head) * length + t) * size;
        for (std::size_t s = 0; s < next.size(); ++s) {
          double logit = 0;
          for (Index d = 0; d < size; ++d)
            logit += circuits[h][s * static_cast<std::size_t>(size) + static_cast<std::size_t>(d)] *
                     static_cast<double>(row[d]);
          logits[h].push_back(logit * inverse[static_cast<std::size_t>(i)]);
        }
      }
    }
  }
  return logits;
}

DirectLogits measure_direct_logits(const TransformerLM& model, const ExpertWindows& experts,
                                   const ExpertRegression& regression) {
  DirectLogits result;
  const auto next = experts.next();
  const auto& targets = experts.windows().targets();
  for (const std::vector<double>& logits : direct_logits(model, experts)) {
    result.by_expert.push_back(regression.fit(logits));
    double sum = 0, count = 0;
    for (std::size_t p = 0; p < targets.size(); ++p) {
      if (!experts.counts(static_cast<Index>(p))) continue;
      const auto symbol = static_cast<std::size_t>(std::find(next.begin(), next.end(), targets[p]) - next.begin());
      sum += logits[p * next.size() + symbol];
      ++count;
    }
    result.to_target.push_back(sum / count);
  }
  return result;
}

}  // namespace headlight
