// The windows of a text on which heads are measured, in batches that are ready to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "headlight/data/windows.h"
#include "headlight/models/transformer.h"

namespace headlight {

class HeadWindows {
 public:
  // Some of them at a time. A batch never reaches from the first half of the windows into the second.
  struct Piece {
    Index first = 0;  // its first window
    Batch batch;      // followed_by() adds rows without targets at the end
  };
  static constexpr Index kBatchTokens = 4096;  // a batch: enough to keep the cores busy, little memory

  // Up to `most` evaluation windows of the text (data/windows.h), evenly spread. Only whole windows: padding at the end
  // of a text would count as text. Error: the text has no whole window.
  HeadWindows(const TokenText& text, Index context, Index most, Index batch_tokens = kBatchTokens);
  // The first half of the windows (which = 0) or the second (1), as windows of their own. With a single window, both
  // halves are that window.
  HeadWindows half(int which) const;
  // The same windows, each piece followed by the `count` windows after its last; after the last window of all comes the
  // first. These rows have no targets, so their losses are not counted. A piece that holds all windows stays as it is.
  HeadWindows followed_by(Index count) const;

  // Error: there is a single window. What a head does is measured against its mean over windows, and of a single one that
  // is what the head does there.
  void check_several() const;

  Index size() const { return static_cast<Index>(windows_.size()); }
  Index context() const { return context_; }
  const std::vector<Window>& windows() const { return windows_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  // The ids of all windows, one after another, and their targets (kIgnoredTarget where nothing is predicted).
  const std::vector<std::int32_t>& inputs() const { return inputs_; }
  const std::vector<std::int32_t>& targets() const { return targets_; }
  // How many predictions there are.
  Index predictions() const;
  // What belongs to the target of each input: values[place of the target]; 0 beyond the end of the text.
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

// The loss of each prediction, in nats, laid out as targets(); not a number where nothing is predicted. A probe that is
// alive acts as always.
std::vector<float> token_losses(const CharTransformer& model, const HeadWindows& windows);
// The same from logits [B,T,V] and their B T targets, added at the end.
void append_losses(const Tensor& logits, std::span<const std::int32_t> targets, std::vector<float>& losses);
// The mean over those that are numbers.
double mean_loss(std::span<const float> losses);

}  // namespace headlight
