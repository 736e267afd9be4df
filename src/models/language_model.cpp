// Shared by all families: the checks of a model's input, and the default of carry().
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

}  // namespace headlight
