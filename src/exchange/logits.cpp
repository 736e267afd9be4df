// Computes the logits of the evaluation windows and saves them as an npz file.
#include "exchange/logits.h"

#include <algorithm>

#include "base/words.h"
#include "formats/npy.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/ops/ops.h"

namespace headlight {

Index save_logits(const std::string& path, const LanguageModel& model, const TokenText& text, Index most) {
  const NoGrad no_recording;
  const Index context = model.context(), vocabulary = model.vocabulary();
  const std::vector<Window> windows = evaluation_windows(text, context, most);
  const auto count = static_cast<Index>(windows.size());
  constexpr double kMaxBytes = 4e9;
  if (const double bytes = 4.0 * static_cast<double>(count) * static_cast<double>(context * vocabulary);
      bytes > kMaxBytes)
    fail(path, ": the logits of ", counted(count, "window"), " would take ", bytes / 1e9,
         " GB, but the limit is 4 GB; lower --windows");

  const auto values = static_cast<std::size_t>(count * context);
  std::vector<std::int32_t> inputs, targets;
  std::vector<float> logits;
  inputs.reserve(values);
  targets.reserve(values);
  logits.reserve(values * static_cast<std::size_t>(vocabulary));
  Batch batch;
  for (const Window& window : windows) {
    fill_windows(text, std::span(&window, 1), context, batch);
    const Tensor y = model(batch.inputs, 1);  // [1,T,V]
    logits.insert(logits.end(), y.data<float>(), y.data<float>() + y.numel());
    inputs.insert(inputs.end(), batch.inputs.begin(), batch.inputs.end());
    for (const std::int32_t target : batch.targets) targets.push_back(target == kIgnoredTarget ? -1 : target);
  }
  const TensorView views[] = {tensor_view<std::int32_t>("inputs", {count, context}, inputs),
                              tensor_view<std::int32_t>("targets", {count, context}, targets),
                              tensor_view<float>("logits", {count, context, vocabulary}, logits)};
  save_npz(path, views);
  return count;
}

}  // namespace headlight
