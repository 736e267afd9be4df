#include "headlight/data/windows.h"

#include <algorithm>

#include "headlight/base/error.h"
#include "headlight/ops/ops.h"

namespace headlight {

namespace {

Index length(const TokenText& text) { return static_cast<Index>(text.ids.size()); }

// Document starts from which a whole window fits.
Index usable_starts(const TokenText& text, Index context) {
  const auto end = std::upper_bound(text.starts.begin(), text.starts.end(), length(text) - context - 1);
  return static_cast<Index>(end - text.starts.begin());
}

void need_window(const TokenText& text, Index context, const char* source, const char* part) {
  if (length(text) <= context)
    fail(source, ": the ", part, " part has ", length(text), " tokens, and a context of ", context, " needs at least ",
         context + 1, "; use a longer text or a shorter --context");
  if (!text.starts.empty() && usable_starts(text, context) == 0)
    fail(source, ": no document of the ", part, " part begins ", context + 1, " tokens or more before its end");
}

}  // namespace

TokenSplit split_text(TokenText text, double fraction, Index context, const char* source) {
  if (!(fraction >= 0 && fraction < 1)) fail(source, ": validation fraction ", fraction, " is outside [0, 1)");
  const Index n = length(text);
  TokenSplit split;
  split.cut = n - static_cast<Index>(fraction * static_cast<double>(n));
  if (!text.starts.empty() && fraction > 0) {
    // Back to where a document begins.
    const auto after = std::upper_bound(text.starts.begin(), text.starts.end(), split.cut);
    split.cut = after == text.starts.begin() ? 0 : *(after - 1);
  }
  split.validation.ids.assign(text.ids.begin() + split.cut, text.ids.end());
  for (const Index start : text.starts)
    if (start >= split.cut) split.validation.starts.push_back(start - split.cut);
  split.train = std::move(text);
  split.train.ids.resize(static_cast<std::size_t>(split.cut));
  std::erase_if(split.train.starts, [&](Index start) { return start >= split.cut; });
  need_window(split.train, context, source, "training");
  if (fraction > 0) need_window(split.validation, context, source, "validation");
  return split;
}

std::vector<std::int32_t> document_end(const TokenText& text) {
  if (text.starts.size() < 2) return {};
  const auto ends = std::span(text.starts).subspan(1);
  const auto token = [&](Index place) { return text.ids[static_cast<std::size_t>(place)]; };
  Index size = ends[0] - text.starts[0];
  for (std::size_t i = 1; i < ends.size(); ++i) {
    Index same = 0;
    while (same < size && same < ends[i] - text.starts[i] && token(ends[i] - same) == token(ends[0] - same)) ++same;
    size = same;
  }
  return {text.ids.begin() + ends[0] + 1 - size, text.ids.begin() + ends[0] + 1};
}

void random_windows(const TokenText& text, Index context, Index rows, Rng& rng, Batch& batch) {
  const bool documents = !text.starts.empty();
  const Index choices = documents ? usable_starts(text, context) : length(text) - context;
  if (choices <= 0) fail("windows: a text of ", length(text), " tokens has no window of ", context);
  batch.rows = rows;
  batch.inputs.clear();
  batch.targets.clear();
  for (Index row = 0; row < rows; ++row) {
    const Index choice = rng.below(choices);
    const auto at = text.ids.begin() + (documents ? text.starts[static_cast<std::size_t>(choice)] : choice);
    batch.inputs.insert(batch.inputs.end(), at, at + context);
    batch.targets.insert(batch.targets.end(), at + 1, at + context + 1);
  }
}

std::vector<Window> evaluation_windows(const TokenText& text, Index context) {
  std::vector<Window> windows;
  const Index n = length(text);
  if (text.starts.empty()) {
    for (Index start = 0; start + 1 < n; start += context)
      windows.push_back({start, start + 1, std::min(start + context, n - 1)});
    return windows;
  }
  auto document = text.starts.begin();
  while (document != text.starts.end() && *document + 1 < n) {
    const Index start = *document, end = std::min(start + context, n - 1);  // the last target it could predict
    // The next window begins at the last document that begins in this one, or at the first one after it.
    auto next = std::upper_bound(document + 1, text.starts.end(), end);
    const bool inside = next != document + 1;
    if (inside) --next;
    windows.push_back({start, start + 1, inside ? *next : end});
    document = next;
  }
  return windows;
}

void fill_windows(const TokenText& text, std::span<const Window> windows, Index context, Batch& batch) {
  const Index n = length(text);
  batch.rows = static_cast<Index>(windows.size());
  batch.inputs.clear();
  batch.targets.clear();
  for (const Window& w : windows) {
    for (Index i = w.start; i < w.start + context; ++i) {
      const Index target = i + 1;
      const bool counts = target >= w.first && target <= w.last;
      batch.inputs.push_back(i < n ? text.ids[static_cast<std::size_t>(i)] : 0);
      batch.targets.push_back(counts ? text.ids[static_cast<std::size_t>(target)] : kIgnoredTarget);
    }
  }
}

}  // namespace headlight
