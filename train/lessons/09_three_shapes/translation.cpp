// Translation of digits to English words: an encoder-decoder and the alignment of its cross-attention.
#include "lessons/09_three_shapes/translation.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "base/format.h"
#include "headlight/models/sequence_models.h"
#include "lessons/09_three_shapes/optimize.h"

namespace headlight::lessons {

namespace {

constexpr Index kContext = 52, kSourceSize = 5, kTargetSize = 46, kBatch = 32, kSteps = 700, kHeads = 4;

struct NumberPair {
  std::vector<std::int32_t> digits, words;
  std::string shown_digits, shown_words;
};

// The pairs of the corpus whose source is in digits.
std::vector<NumberPair> pairs_of(const TracedText& text, const Vocabulary& vocabulary) {
  std::vector<NumberPair> pairs;
  std::istringstream lines(text.text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (line[0] > '9') continue;
    const std::string digits = line.substr(0, tab), words = line.substr(tab + 1);
    pairs.push_back({vocabulary.encode(digits, "numbers"), vocabulary.encode(words, "numbers"), digits, words});
  }
  return pairs;
}

// Padded sources, which end with a tab; inputs of the decoder, which begin with the tab; and their targets.
struct PairBatch {
  std::vector<std::int32_t> sources, inputs, targets;
  std::vector<Index> lengths;  // of the sources
  void add(const NumberPair& pair) {
    const auto put = [](std::vector<std::int32_t>& to, const std::vector<std::int32_t>& ids, std::int32_t fill,
                        Index size) {
      to.insert(to.end(), ids.begin(), ids.end());
      to.insert(to.end(), static_cast<std::size_t>(size) - ids.size(), fill);
    };
    put(sources, pair.digits, kPairTab, static_cast<Index>(pair.digits.size()) + 1);
    put(sources, {}, kPairEnd, kSourceSize - static_cast<Index>(pair.digits.size()) - 1);
    lengths.push_back(static_cast<Index>(pair.digits.size()) + 1);
    inputs.push_back(kPairTab);
    put(inputs, pair.words, kPairEnd, kTargetSize - 1);
    put(targets, pair.words, kPairEnd, static_cast<Index>(pair.words.size()) + 1);
    put(targets, {}, kIgnoredTarget, kTargetSize - static_cast<Index>(pair.words.size()) - 1);
  }
  Tensor logits(const EncoderDecoder& model) const {
    const AttentionMask mask = AttentionMask::padding(lengths, kSourceSize);
    return model.decode(inputs, model.encode(sources, static_cast<Index>(lengths.size()), mask), mask);
  }
};

// The percentage of pairs of which every letter and the end are predicted correctly.
double exact(const EncoderDecoder& model, const std::vector<NumberPair>& pairs) {
  PairBatch batch;
  for (const NumberPair& pair : pairs) batch.add(pair);
  const NoGrad no_recording;
  const Tensor logits = batch.logits(model);  // [B,T,V]
  const float* row = logits.data<float>();
  Index right = 0;
  for (std::size_t pair = 0; pair < pairs.size(); ++pair) {
    bool all = true;
    for (Index t = 0; t < kTargetSize; ++t, row += model.vocabulary()) {
      const std::int32_t target = batch.targets[pair * kTargetSize + static_cast<std::size_t>(t)];
      all &= target == kIgnoredTarget || std::max_element(row, row + model.vocabulary()) == row + target;
    }
    right += all;
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(pairs.size());
}

// For each symbol of the words: the first and the last digit that it belongs to; {-1, -1} for a space. A letter begins
// a word that names a digit ("six"), begins "hundred" or "thousand", or stands later in a word.
enum class Letter { kDigitName, kUnit, kLater };
constexpr std::size_t kLetters = 3;
struct Owner {
  int first, last;
  Letter letter;
};
std::vector<Owner> owners(const NumberPair& pair) {
  const auto digits = static_cast<int>(pair.digits.size());
  std::vector<Owner> result;
  std::istringstream words(pair.shown_words);
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string &word = all[i], &next = i + 1 < all.size() ? all[i + 1] : word;
    const auto ends = [&](const char* with) { return word.ends_with(with); };
    const bool teen = ends("teen") || word == "ten" || word == "eleven" || word == "twelve";
    int place = 0;
    if (word == "thousand" || next == "thousand") place = 3;
    else if (word == "hundred" || next == "hundred") place = 2;
    else if (teen || ends("ty")) place = 1;
    if (i > 0) result.push_back({-1, -1, Letter::kLater});
    const bool unit = word == "hundred" || word == "thousand";
    for (std::size_t letter = 0; letter < word.size(); ++letter)
      result.push_back({digits - 1 - place, digits - 1 - (teen ? 0 : place),
                        letter > 0 ? Letter::kLater
                        : unit     ? Letter::kUnit
                                   : Letter::kDigitName});
  }
  return result;
}

// Numbers of letters, and of letters that attend most to their digit.
struct Aligned {
  std::array<Index, kLetters> count{}, right{};
  double share(Letter letter) const {
    const auto i = static_cast<std::size_t>(letter);
    return 100.0 * static_cast<double>(right[i]) / static_cast<double>(count[i]);
  }
  double share() const {
    return 100.0 * static_cast<double>(right[0] + right[1] + right[2]) /
           static_cast<double>(count[0] + count[1] + count[2]);
  }
};

// One entry per head, and a last one for the mean of the heads.
std::vector<Aligned> alignments(const EncoderDecoder& model, const std::vector<NumberPair>& pairs) {
  std::vector<Aligned> result(kHeads + 1);
  for (const NumberPair& pair : pairs) {
    const Tensor weights = model.alignment(pair.digits, pair.words);  // [1,H,T+1,S+1]
    const std::vector<double> per_head = weights.to_vector(), average = mean(weights, 1).to_vector();
    const std::vector<Owner> owner = owners(pair);
    const Index rows = weights.size(2), columns = weights.size(3);
    for (Index h = 0; h <= kHeads; ++h)
      for (std::size_t t = 0; t < owner.size(); ++t) {
        if (owner[t].first < 0) continue;
        const double* const row =
            (h < kHeads ? per_head.data() + h * rows * columns : average.data()) + static_cast<Index>(t) * columns;
        const Index most = std::max_element(row, row + columns) - row;
        const bool right = most >= owner[t].first && most <= owner[t].last;
        Aligned& to = result[static_cast<std::size_t>(h)];
        const auto letter = static_cast<std::size_t>(owner[t].letter);
        ++to.count[letter];
        to.right[letter] += right;
      }
  }
  return result;
}

AttentionMap drawn(const EncoderDecoder& model, const NumberPair& pair) {
  AttentionMap map{"Words (queries, the symbol predicted) to digits (keys)", {}, {}, {}};
  for (const char c : pair.shown_words) map.queries.push_back(c == ' ' ? "␣" : std::string(1, c));
  map.queries.emplace_back("end");
  for (const char c : pair.shown_digits) map.keys.emplace_back(1, c);
  map.keys.emplace_back("end");
  const Tensor weights = model.alignment(pair.digits, pair.words);
  for (Index h = 0; h < kHeads; ++h) {
    const std::vector<double> of_head = slice(weights, 1, h, h + 1).to_vector();
    map.heads.push_back({cat("cross-attention H", h), {of_head.begin(), of_head.end()}});
  }
  return map;
}

}  // namespace

double translate_numbers(const LessonOptions& options, const LessonProgress& progress, LessonResult& result) {
  const TracedText text = corpus("numbers", 150'000, options.seed + 2, Trace::kNone);  // seed 2 is the held-out text
  const Vocabulary vocabulary = Vocabulary::of_text(text.text, "numbers");
  const std::vector<NumberPair> pairs = pairs_of(text, vocabulary);
  std::vector<NumberPair> tests = pairs_of(corpus("numbers", 20'000, 2, Trace::kNone), vocabulary);
  tests.resize(200);
  seed_generator(options.seed);
  EncoderDecoder model(
      {.vocabulary = vocabulary.size(), .context = kContext, .layers = 1, .heads = kHeads, .width = 64});
  const std::vector<Aligned> before = alignments(model, tests);
  Rng rng(options.seed);
  optimize(model, kSteps, 5e-3, "digits to words", progress, [&] {
    PairBatch batch;
    for (Index row = 0; row < kBatch; ++row)
      batch.add(pairs[static_cast<std::size_t>(rng.below(static_cast<Index>(pairs.size())))]);
    return cross_entropy(batch.logits(model), batch.targets);
  });
  const std::vector<Aligned> after = alignments(model, tests);
  Table table{"Letters that attend most to the digit of their word (numbers never trained on)",
              {"weights", "first letter of a digit's name", "of hundred, thousand", "later letters", "all letters",
               "untrained, all letters"},
              {}};
  std::size_t best = 0;
  for (std::size_t h = 0; h < after.size(); ++h) {
    if (h < kHeads && after[h].share(Letter::kDigitName) > after[best].share(Letter::kDigitName)) best = h;
    const auto percent = [](double value) { return fixed_text(value, 1) + "%"; };
    table.rows.push_back({h < kHeads ? cat("head ", h) : std::string("mean of the heads"),
                          percent(after[h].share(Letter::kDigitName)), percent(after[h].share(Letter::kUnit)),
                          percent(after[h].share(Letter::kLater)), percent(after[h].share()),
                          percent(before[h].share())});
  }
  result.tables.push_back(std::move(table));
  const auto longest = std::max_element(tests.begin(), tests.end(), [](const NumberPair& a, const NumberPair& b) {
    return a.words.size() < b.words.size();
  });
  result.maps.push_back(drawn(model, *longest));
  const Aligned& all = after[kHeads];
  result.figures.insert(result.figures.end(), {{"exact", exact(model, tests)},
                                               {"align_all", all.share()},
                                               {"align_first", all.share(Letter::kDigitName)},
                                               {"align_unit", all.share(Letter::kUnit)},
                                               {"align_later", all.share(Letter::kLater)},
                                               {"align_best_first", after[best].share(Letter::kDigitName)},
                                               {"align_best_later", after[best].share(Letter::kLater)},
                                               {"align_untrained_first", before[kHeads].share(Letter::kDigitName)},
                                               {"align_untrained", before[kHeads].share()}});
  return all.share(Letter::kDigitName);
}

}  // namespace headlight::lessons
