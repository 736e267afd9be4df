// Many runs of one model on the same windows that differ from some block on: what enters each block is kept, so that a run
// begins at the first block that differs. Ablating a head of layer l, for one, leaves everything before layer l alone.
#pragma once

#include <cstddef>
#include <vector>

#include "heads/roles/head_windows.h"

namespace headlight {

class BlockRuns {
 public:
  // Runs the model once, whole. Model and windows must outlive it. A probe that is alive acts, here and below, as always.
  BlockRuns(const CharTransformer& model, const HeadWindows& windows);

  // The losses of the last kept run, the first being the constructor's: those of token_losses().
  const std::vector<float>& kept() const { return losses_; }
  // The losses when blocks `first` and those after it run anew on what entered `first` in the kept run.
  std::vector<float> losses(Index first) const;
  // The same, and this is now the kept run.
  const std::vector<float>& keep(Index first);

 private:
  // From block `first` on; what enters each block goes into `entered`, where that is given.
  void run(Index first, std::size_t piece, std::vector<float>& losses, std::vector<std::vector<Tensor>>* entered) const;
  bool has(std::size_t piece, Index layer) const {
    return layer < static_cast<Index>(entered_[piece].size()) &&
           entered_[piece][static_cast<std::size_t>(layer)].defined();
  }

  const CharTransformer& model_;
  const HeadWindows& windows_;
  std::vector<float> losses_;
  std::vector<std::vector<Tensor>> entered_;  // [piece][layer]: [B,T,C]; not defined where memory would not do
};

}  // namespace headlight
