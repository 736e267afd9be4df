// Runs of a model that start at a block, and the memory limit for kept block inputs.
#include "heads/ablation/block_runs.h"

#include "headlight/autograd/tape.h"

namespace headlight {

namespace {
constexpr Index kMaxFloats = Index{1} << 26;  // limit for all kept block inputs: 256 MiB
}

BlockRuns::BlockRuns(const HeadedModel& model, const HeadWindows& windows)
    : model_(model), windows_(windows), entered_(windows.pieces().size()) {
  const Index rows = windows.size() * windows.context();
  // When the block inputs exceed the limit, none are kept for the later pieces, which then run from the first block.
  Index left = rows > 0 ? kMaxFloats : 0;
  for (std::size_t p = 0; p < entered_.size(); ++p) {
    const Index size = windows.pieces()[p].batch.rows * windows.context() * model.width();
    if (size > left / std::max<Index>(1, model.layers())) continue;
    left -= size * model.layers();
    entered_[p].resize(static_cast<std::size_t>(model.layers()));
  }
  keep(0);
}

void BlockRuns::run(Index first, std::size_t p, std::vector<float>& losses,
                    std::vector<std::vector<Tensor>>* entered) const {
  const Batch& batch = windows_.pieces()[p].batch;
  if (!has(p, first)) first = 0;
  Tensor x = has(p, first) ? entered_[p][static_cast<std::size_t>(first)] : model_.embed(batch.inputs, batch.rows);
  for (Index layer = first; layer < model_.layers(); ++layer) {
    if (entered && !entered_[p].empty()) (*entered)[p][static_cast<std::size_t>(layer)] = x;
    x = model_.run_block(layer, x);
  }
  append_losses(model_.logits(x), batch.targets, losses);
}

std::vector<float> BlockRuns::losses(Index first) const {
  const NoGrad no_recording;
  std::vector<float> losses;
  losses.reserve(windows_.targets().size());
  for (std::size_t p = 0; p < entered_.size(); ++p) run(first, p, losses, nullptr);
  return losses;
}

const std::vector<float>& BlockRuns::keep(Index first) {
  const NoGrad no_recording;
  std::vector<float> losses;
  losses.reserve(windows_.targets().size());
  for (std::size_t p = 0; p < entered_.size(); ++p) run(first, p, losses, &entered_);
  losses_ = std::move(losses);
  return losses_;
}

}  // namespace headlight
