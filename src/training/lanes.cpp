// The division of a text into lanes of consecutive windows.
#include "training/lanes.h"

#include <algorithm>
#include <span>

#include "base/words.h"
#include "headlight/base/error.h"

namespace headlight {

Lanes::Lanes(const TokenIds& text, Index context, Index rows, std::uint64_t seed)
    : text_(text), context_(context), rows_(rows), seed_(seed) {
  length_ = (static_cast<Index>(text.size()) - 1) / rows;
  windows_ = length_ / context;
  if (windows_ == 0)
    throw UsageError(cat("--batch: ", counted(rows, "lane"), " with a context of ", context, " need ",
                         rows * context + 1, " tokens, and the text has ", text.size(),
                         "; use a smaller --batch or --context"));
}

void Lanes::fill(Index step, Batch& batch) const {
  const auto epoch = static_cast<std::uint64_t>(step / windows_);
  const auto slack = static_cast<std::uint64_t>(length_ - windows_ * context_ + 1);
  const Index offset = epoch == 0 ? 0 : static_cast<Index>(mix64(seed_ ^ mix64(epoch)) % slack);
  const auto length = static_cast<std::size_t>(context_);
  batch.rows = rows_;
  batch.inputs.resize(static_cast<std::size_t>(rows_) * length);
  batch.targets.resize(batch.inputs.size());
  for (Index row = 0; row < rows_; ++row) {
    const Index start = row * length_ + offset + step % windows_ * context_;
    const auto first = static_cast<std::size_t>(row) * length;
    const auto inputs = std::span(batch.inputs).subspan(first, length);
    const auto targets = std::span(batch.targets).subspan(first, length);
    text_.read(start, inputs);
    std::copy(inputs.begin() + 1, inputs.end(), targets.begin());
    text_.read(start + context_, targets.last(1));
  }
}

}  // namespace headlight
