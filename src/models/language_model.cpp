// Code shared by all families: the checks of a model's input, the default of carry(), and models with attention heads.
#include "headlight/models/language_model.h"

#include "base/words.h"

namespace headlight {

Tensor LanguageModel::carry(std::span<const std::int32_t> ids, Index batch, std::span<Tensor> state) const {
  if (!state.empty()) fail("model: ", counted(state.size(), "carried tensor"), " for a model that carries none");
  return (*this)(ids, batch);
}

Index LanguageModel::sequence_length(std::span<const std::int32_t> ids, Index batch) const {
  const auto count = static_cast<Index>(ids.size());
  if (batch <= 0 || count % batch != 0)
    fail("model: ", counted(count, "id"), " do not divide into ", counted(batch, "sequence"),
         "; pass sequences of equal length");
  const Index length = count / batch;
  if (length > context())
    fail("model: sequences of ", counted(length, "id"), " exceed the context of ", context(),
         "; pass shorter sequences");
  return length;
}

Tensor HeadedModel::operator()(std::span<const std::int32_t> ids, Index batch) const {
  Tensor x = embed(ids, batch);
  for (Index layer = 0; layer < layers(); ++layer) x = run_block(layer, x);
  return logits(x);
}

const HeadedModel& as_headed(const LanguageModel& model, const std::string& what) {
  if (const auto* headed = dynamic_cast<const HeadedModel*>(&model)) return *headed;
  fail(what, ": needs a causal model with attention heads, but this model is not one (", model.summary(),
       "); train one with --model transformer");
}

}  // namespace headlight
