// Runs one model repeatedly on the same windows when only the later blocks change. The input of each block is kept, so
// a run starts at the first block that changes. For example, ablating a head of layer 3 changes no earlier block.
#pragma once

#include <cstddef>
#include <vector>

#include "heads/roles/head_windows.h"

namespace headlight {

class BlockRuns {
 public:
  // Runs the whole model once. `model` and `windows` must outlive this object. Active hooks apply to all runs.
  BlockRuns(const HeadedModel& model, const HeadWindows& windows);

  // The losses of the kept run (at first, the constructor's run), laid out as token_losses().
  const std::vector<float>& kept() const { return losses_; }
  // Runs block `first` and all later blocks on the kept input of block `first`. Returns the losses.
  std::vector<float> losses(Index first) const;
  // As losses(), but the new run becomes the kept run.
  const std::vector<float>& keep(Index first);

 private:
  // Runs block `first` and all later blocks. Stores the input of each block in `entered` unless that is null.
  void run(Index first, std::size_t piece, std::vector<float>& losses, std::vector<std::vector<Tensor>>* entered) const;
  bool has(std::size_t piece, Index layer) const {
    return layer < static_cast<Index>(entered_[piece].size()) &&
           entered_[piece][static_cast<std::size_t>(layer)].defined();
  }

  const HeadedModel& model_;
  const HeadWindows& windows_;
  std::vector<float> losses_;
  std::vector<std::vector<Tensor>> entered_;  // [piece][layer]: [B,T,C]; undefined where the memory limit is exceeded
};

}  // namespace headlight
