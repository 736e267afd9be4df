// The windows of a text on which heads are measured, in batches that a model can run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "headlight/data/windows.h"
#include "headlight/models/language_model.h"

namespace headlight {

class HeadWindows {
 public:
  // One batch of windows. A batch never contains windows of both halves.
  struct Piece {
    Index first = 0;  // index of the batch's first window
    Batch batch;      // followed_by() adds rows without targets at the end
  };
  static constexpr Index kBatchTokens = 4096;  // per batch: keeps all cores busy in little memory

  // Up to `most` evaluation windows of the text (data/windows.h), evenly spread. Uses only whole windows, because
  // padding at the end of a text would be measured as text. Error: the text has no whole window.
  HeadWindows(const TokenText& text, Index context, Index most, Index batch_tokens = kBatchTokens);
  // The first half of the windows (which = 0) or the second half (1). If there is a single window, both halves consist
  // of that window.
  HeadWindows half(int which) const;
  // The same windows, where each piece also contains the `count` windows after its last one, cyclically. The added rows
  // have no targets, so their losses do not count. A piece that holds all windows does not change.
  HeadWindows followed_by(Index count) const;

  // Error: there is a single window. Mean-ablation needs several, because the mean over one window is the head's own
  // output.
  void check_several() const;

  Index size() const { return static_cast<Index>(windows_.size()); }
  Index context() const { return context_; }
  const std::vector<Window>& windows() const { return windows_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  // The token ids of all windows, concatenated, and their targets (kIgnoredTarget where nothing is predicted).
  const std::vector<std::int32_t>& inputs() const { return inputs_; }
  const std::vector<std::int32_t>& targets() const { return targets_; }
  // The number of predictions.
  Index predictions() const;
  // For each input, the value of its target: values[position of the target in the text]; 0 beyond the end of the text.
  template <class T>
  std::vector<T> of_targets(std::span<const T> values) const {
    std::vector<T> out;
    if (values.empty()) return out;
    for (const Window& w : windows_)
      for (Index i = w.start + 1; i <= w.start + context_; ++i)
        out.push_back(i < static_cast<Index>(values.size()) ? values[static_cast<std::size_t>(i)] : T{});
    return out;
  }

 private:
  HeadWindows() = default;
  void make_pieces(Index begin, Index end);

  Index context_ = 0, batch_tokens_ = kBatchTokens;
  std::vector<Window> windows_;
  std::vector<std::int32_t> inputs_, targets_;
  std::vector<Piece> pieces_;
};

// The loss of each prediction, in nats, laid out as targets(); NaN where nothing is predicted. Active hooks apply.
std::vector<float> token_losses(const LanguageModel& model, const HeadWindows& windows);
// Appends the losses computed from logits [B,T,V] and their B T targets.
void append_losses(const Tensor& logits, std::span<const std::int32_t> targets, std::vector<float>& losses);
// The mean of the losses that are not NaN.
double mean_loss(std::span<const float> losses);

}  // namespace headlight
