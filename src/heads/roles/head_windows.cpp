// Choice of windows, their batches, and losses of predictions.
#include "heads/roles/head_windows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/words.h"
#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"

namespace headlight {

HeadWindows::HeadWindows(const TokenText& text, Index context, Index most, Index batch_tokens)
    : context_(context), batch_tokens_(batch_tokens) {
  windows_ = evaluation_windows(text, context, most, Padding::kNone);
  const auto count = static_cast<Index>(windows_.size());
  if (count == 0)
    fail("heads: the text has ", counted(text.ids.size(), "token"), ", fewer than the context of ", context,
         "; use a longer text");
  Batch whole;
  fill_windows(text, windows_, context, whole);
  inputs_ = std::move(whole.inputs);
  targets_ = std::move(whole.targets);
  make_pieces(0, count / 2);
  make_pieces(count / 2, count);
}

void HeadWindows::check_several() const {
  if (size() == 1)
    fail("heads: the text has one window of ", context_,
         " tokens, and means over windows need two or more; use a longer text");
}

HeadWindows HeadWindows::half(int which) const {
  HeadWindows part;
  part.context_ = context_;
  part.batch_tokens_ = batch_tokens_;
  const Index middle = size() / 2;
  Index begin = which == 0 ? 0 : middle, end = which == 0 ? middle : size();
  if (size() == 1) begin = 0, end = 1;
  part.windows_.assign(windows_.begin() + begin, windows_.begin() + end);
  part.inputs_.assign(inputs_.begin() + begin * context_, inputs_.begin() + end * context_);
  part.targets_.assign(targets_.begin() + begin * context_, targets_.begin() + end * context_);
  part.make_pieces(0, end - begin);
  return part;
}

HeadWindows HeadWindows::followed_by(Index count) const {
  HeadWindows windows = *this;
  for (Piece& piece : windows.pieces_) {
    const Index own = piece.batch.rows;
    if (own == size()) continue;
    for (Index i = 0; i < count; ++i) {
      const auto begin = inputs_.begin() + (piece.first + own + i) % size() * context_;
      piece.batch.inputs.insert(piece.batch.inputs.end(), begin, begin + context_);
      ++piece.batch.rows;
    }
  }
  return windows;
}

// Makes pieces of equal size. A piece has at least two windows unless its half has only one.
void HeadWindows::make_pieces(Index begin, Index end) {
  const Index count = end - begin, rows = std::max<Index>(2, batch_tokens_ / context_);
  const Index parts = std::max<Index>(1, count / rows);
  for (Index part = 0; part < parts && count > 0; ++part) {
    const Index first = begin + part * count / parts, last = begin + (part + 1) * count / parts;
    Piece piece{first, {}};
    piece.batch.rows = last - first;
    piece.batch.inputs.assign(inputs_.begin() + first * context_, inputs_.begin() + last * context_);
    piece.batch.targets.assign(targets_.begin() + first * context_, targets_.begin() + last * context_);
    pieces_.push_back(std::move(piece));
  }
}

Index HeadWindows::predictions() const {
  return static_cast<Index>(targets_.size()) -
         static_cast<Index>(std::count(targets_.begin(), targets_.end(), kIgnoredTarget));
}

void append_losses(const Tensor& logits, std::span<const std::int32_t> targets, std::vector<float>& losses) {
  const Tensor log_p = log_softmax(logits);  // [B,T,V]
  const float* p = log_p.data<float>();
  const Index vocabulary = log_p.size(-1);
  for (std::size_t i = 0; i < targets.size(); ++i)
    losses.push_back(targets[i] == kIgnoredTarget ? std::numeric_limits<float>::quiet_NaN()
                                                  : -p[static_cast<Index>(i) * vocabulary + targets[i]]);
}

std::vector<float> token_losses(const LanguageModel& model, const HeadWindows& windows) {
  const NoGrad no_recording;
  std::vector<float> losses;
  losses.reserve(windows.targets().size());
  for (const HeadWindows::Piece& piece : windows.pieces())
    append_losses(model(piece.batch.inputs, piece.batch.rows), piece.batch.targets, losses);
  return losses;
}

double mean_loss(std::span<const float> losses) {
  double sum = 0;
  Index count = 0;
  for (const float loss : losses) {
    if (std::isnan(loss)) continue;
    sum += static_cast<double>(loss);
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

}  // namespace headlight
