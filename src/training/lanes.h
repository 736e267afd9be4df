// Lanes: consecutive training windows, for models that carry a state from one window to the next (truncated
// backpropagation through time).
//
// The text is divided into `rows` lanes of equal length. A step takes the next window of every lane. When no whole
// window is left, the next epoch begins, and the model's state must start from zeros. In each epoch, all lanes start at
// another offset, so that the borders of the windows move and every token is used. The windows of a step depend only on
// the number of the step, so a checkpoint stores no position in the text.
#pragma once

#include "headlight/data/windows.h"

namespace headlight {

class Lanes {
 public:
  // Error: a lane is shorter than one window of `context` predictions.
  Lanes(const TokenIds& text, Index context, Index rows, std::uint64_t seed);

  Index windows() const { return windows_; }  // steps in an epoch
  bool starts_epoch(Index step) const { return step % windows_ == 0; }
  // Fills `batch` with the windows of this step, one row for each lane.
  void fill(Index step, Batch& batch) const;

 private:
  TokenIds text_;
  Index context_, rows_, length_, windows_;  // length_: predictions in a lane
  std::uint64_t seed_;
};

}  // namespace headlight
