// Windows: the split into training and validation, training windows, and evaluation windows.
#include "headlight/data/windows.h"

#include <algorithm>
#include <utility>

#include "base/words.h"
#include "headlight/base/error.h"
#include "headlight/ops/ops.h"

namespace headlight {

namespace {

Index length(const TokenText& text) { return static_cast<Index>(text.ids.size()); }

// The number of document starts that are followed by a whole window of text.
Index usable_starts(const TokenText& text, Index context) {
  const auto end = std::upper_bound(text.starts.begin(), text.starts.end(), length(text) - context - 1);
  return static_cast<Index>(end - text.starts.begin());
}

void need_window(const TokenText& text, Index context, const char* source, const char* part) {
  if (length(text) <= context)
    fail(source, ": the ", part, " part has ", counted(length(text), "token"), ", but a context of ", context,
         " needs at least ", context + 1, "; use a longer text or a shorter --context");
  if (!text.starts.empty() && usable_starts(text, context) == 0)
    fail(source, ": no document of the ", part, " part begins at least ", counted(context + 1, "token"),
         " before the end of that part; use a longer text or a shorter --context");
}

}  // namespace

TokenSplit split_text(TokenText text, double fraction, Index context, const char* source) {
  if (!(fraction >= 0 && fraction < 1)) fail(source, ": validation fraction ", fraction, " is outside [0, 1)");
  const Index n = length(text);
  TokenSplit split;
  split.cut = n - static_cast<Index>(fraction * static_cast<double>(n));
  if (!text.starts.empty() && fraction > 0) {
    // Move the cut back to a document start.
    const auto after = std::upper_bound(text.starts.begin(), text.starts.end(), split.cut);
    split.cut = after == text.starts.begin() ? 0 : *(after - 1);
  }
  split.validation.ids = text.ids.part(split.cut, n);
  for (const Index start : text.starts)
    if (start >= split.cut) split.validation.starts.push_back(start - split.cut);
  split.train = std::move(text);
  split.train.ids = split.train.ids.part(0, split.cut);
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
  return text.ids.copy(ends[0] + 1 - size, ends[0] + 1);
}

namespace {

// Element i of a pseudorandom permutation of 0 .. n-1; each `key` gives another one. A Feistel network permutes the
// numbers of 2 * half bits, and is repeated until its result is below n ("cycle walking", Black and Rogaway 2002).
Index shuffled(Index i, Index n, std::uint64_t key) {
  int half = 1;
  while ((Index{1} << (2 * half)) < n) ++half;
  const std::uint64_t low = (std::uint64_t{1} << half) - 1;
  auto x = static_cast<std::uint64_t>(i);
  do {
    std::uint64_t left = x >> half, right = x & low;
    for (std::uint64_t round = 0; round < 4; ++round)
      left = std::exchange(right, left ^ (mix64(key ^ mix64(right << 2 | round)) & low));
    x = left << half | right;
  } while (x >= static_cast<std::uint64_t>(n));
  return static_cast<Index>(x);
}

// The choice, 0 .. n-1, of draw number `draw`; n draws are an epoch. Sets `key` to a random number that is the same for
// all draws of the epoch.
Index epoch_choice(Index draw, Index n, std::uint64_t seed, std::uint64_t& key) {
  key = mix64(seed ^ mix64(static_cast<std::uint64_t>(draw / n)));
  return shuffled(draw % n, n, key);
}

// Fills `batch` with the windows that begin at start(0), start(1), ...
template <class Start>
void fill_rows(const TokenText& text, Index context, Index rows, Batch& batch, const Start& start) {
  batch.rows = rows;
  batch.inputs.resize(static_cast<std::size_t>(rows * context));
  batch.targets.resize(batch.inputs.size());
  const auto length = static_cast<std::size_t>(context);
  for (Index row = 0; row < rows; ++row) {
    const Index at = start(row);
    const auto first = static_cast<std::size_t>(row) * length;
    const auto inputs = std::span(batch.inputs).subspan(first, length);
    const auto targets = std::span(batch.targets).subspan(first, length);
    text.ids.read(at, inputs);
    std::copy(inputs.begin() + 1, inputs.end(), targets.begin());
    text.ids.read(at + context, targets.last(1));
  }
}

// The number of positions at which a window can begin: document starts or, in plain text, tokens.
Index window_starts(const TokenText& text, Index context) {
  const Index choices = text.starts.empty() ? length(text) - context : usable_starts(text, context);
  if (choices <= 0) fail("windows: a text of ", counted(length(text), "token"), " has no window of ", context);
  return choices;
}

}  // namespace

void random_windows(const TokenText& text, Index context, Index rows, Rng& rng, Batch& batch) {
  const Index choices = window_starts(text, context);
  fill_rows(text, context, rows, batch, [&](Index) {
    const Index choice = rng.below(choices);
    return text.starts.empty() ? choice : text.starts[static_cast<std::size_t>(choice)];
  });
}

void epoch_windows(const TokenText& text, Index context, Index first, Index rows, std::uint64_t seed, Batch& batch) {
  const Index choices = window_starts(text, context);
  if (!text.starts.empty())
    return fill_rows(text, context, rows, batch, [&](Index row) {
      std::uint64_t key = 0;
      return text.starts[static_cast<std::size_t>(epoch_choice(first + row, choices, seed, key))];
    });
  // An epoch has as many adjacent windows as fit in the text at any offset below `context`. All offsets that leave room
  // for them are drawn, so that the first and the last token are read too.
  const Index windows = std::max<Index>(1, choices / context), offsets = choices - (windows - 1) * context;
  fill_rows(text, context, rows, batch, [&](Index row) {
    std::uint64_t key = 0;
    const Index choice = epoch_choice(first + row, windows, seed, key);
    return static_cast<Index>(mix64(key) % static_cast<std::uint64_t>(offsets)) + choice * context;
  });
}

namespace {

std::vector<Window> windows_of_documents(const TokenText& text, Index context) {
  std::vector<Window> windows;
  const Index n = length(text);
  auto document = text.starts.begin();
  while (document != text.starts.end() && *document + 1 < n) {
    const Index start = *document, end = std::min(start + context, n - 1);  // index of the last possible target
    // The next window begins at the last document start inside this window or, without one, at the next document start.
    auto next = std::upper_bound(document + 1, text.starts.end(), end);
    const bool inside = next != document + 1;
    if (inside) --next;
    windows.push_back({start, start + 1, inside ? *next : end});
    document = next;
  }
  return windows;
}

}  // namespace

std::vector<Window> evaluation_windows(const TokenText& text, Index context, Index most, Padding padding) {
  const Index n = length(text);
  const bool documents = !text.starts.empty(), whole = padding == Padding::kNone;
  std::vector<Window> of_documents;
  if (documents) {
    of_documents = windows_of_documents(text, context);
    if (whole) std::erase_if(of_documents, [&](const Window& w) { return w.start + context > n; });
  }
  // Plain text can have very many windows, so construct only the chosen ones.
  const Index all = documents ? static_cast<Index>(of_documents.size())
                    : whole   ? n / context
                              : std::max<Index>(0, (n - 2 + context) / context);
  const Index count = most > 0 ? std::min(most, all) : all;
  std::vector<Window> windows;
  windows.reserve(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    const Index choice = i * all / count, start = choice * context;
    windows.push_back(documents ? of_documents[static_cast<std::size_t>(choice)]
                                : Window{start, start + 1, std::min(start + context, n - 1)});
  }
  return windows;
}

std::vector<Window> document_windows(const TokenText& text, Index context, Index most) {
  const auto all = static_cast<Index>(text.starts.size());
  const Index count = most > 0 ? std::min(most, all) : all;
  std::vector<Window> windows;
  for (Index i = 0; i < count; ++i) {
    const Index start = text.starts[static_cast<std::size_t>(i * all / count)];
    windows.push_back({start, start + 1, std::min(start + context, length(text) - 1)});
  }
  return windows;
}

namespace {

// Fills `batch` with document windows; choice(row) is an index in text.starts.
template <class Choice>
void fill_documents(const TokenText& text, Index context, Index rows, Batch& batch, const Choice& choice) {
  if (text.starts.empty()) fail("windows: the text has no documents; pass a text with document starts");
  batch.rows = rows;
  batch.inputs.assign(static_cast<std::size_t>(rows * context), 0);
  batch.targets.assign(batch.inputs.size(), kIgnoredTarget);
  const auto documents = static_cast<Index>(text.starts.size());
  for (Index row = 0; row < rows; ++row) {
    const Index start = text.starts[static_cast<std::size_t>(choice(row, documents))];
    const auto count = static_cast<std::size_t>(std::min(context, length(text) - 1 - start));
    const auto at = static_cast<std::size_t>(row * context);
    text.ids.read(start, std::span(batch.inputs).subspan(at, count));
    text.ids.read(start + 1, std::span(batch.targets).subspan(at, count));
  }
}

}  // namespace

void random_documents(const TokenText& text, Index context, Index rows, Rng& rng, Batch& batch) {
  fill_documents(text, context, rows, batch, [&](Index, Index documents) { return rng.below(documents); });
}

void epoch_documents(const TokenText& text, Index context, Index first, Index rows, std::uint64_t seed, Batch& batch) {
  fill_documents(text, context, rows, batch, [&](Index row, Index documents) {
    std::uint64_t key = 0;
    return epoch_choice(first + row, documents, seed, key);
  });
}

void fill_windows(const TokenText& text, std::span<const Window> windows, Index context, Batch& batch) {
  const Index n = length(text);
  batch.rows = static_cast<Index>(windows.size());
  batch.inputs.clear();
  batch.targets.clear();
  std::vector<std::int32_t> ids;
  for (const Window& w : windows) {
    ids.assign(static_cast<std::size_t>(context) + 1, 0);  // padding
    text.ids.read(w.start, std::span(ids).first(static_cast<std::size_t>(std::min(context + 1, n - w.start))));
    batch.inputs.insert(batch.inputs.end(), ids.begin(), ids.end() - 1);
    for (Index i = 1; i <= context; ++i) {
      const bool counts = w.start + i >= w.first && w.start + i <= w.last;
      batch.targets.push_back(counts ? ids[static_cast<std::size_t>(i)] : kIgnoredTarget);
    }
  }
}

}  // namespace headlight
