// Chorus: the experts' tables and evidence, the exact distribution, and drawing from it.
#include "corpora/chorus.h"

#include <algorithm>
#include <cmath>

#include "corpora/sequence_writer.h"

namespace headlight {

namespace {

enum Rule : std::uint8_t { kTopicFirst, kChorus };
constexpr detail::NamedRule kRules[] = {{"first", "the first symbol: a letter, the topic"},
                                        {"chorus", "all experts together"}};

constexpr Index kLongestOffset = 64;

bool is_digit(char c) { return c >= '1' && c <= '9'; }

// FNV-1a (Fowler, Noll, Vo).
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::string places_back(Index count) {
  constexpr const char* kWords[] = {"one", "two", "three", "four", "five", "six", "seven", "eight"};
  return cat("the symbol ", count <= 8 ? kWords[count - 1] : std::to_string(count), " back");
}

// The index in `line` just after the latest earlier copy of its last symbol; -1 if there is none.
Index after_latest_copy(std::string_view line) {
  const auto last = static_cast<Index>(line.size()) - 1;
  for (Index j = last - 1; j >= 0; --j)
    if (line[static_cast<std::size_t>(j)] == line.back()) return j + 1;
  return -1;
}

}  // namespace

Chorus::Chorus(const ChorusOptions& options) : options_(options), symbols_("\n") {
  const ChorusOptions& o = options_;
  const auto within = [](const char* what, Index count, Index most) {
    if (count < 1 || count > most) fail("chorus: ", count, " ", what, ": the count must lie in 1..", most);
  };
  within("letters", o.letters, static_cast<Index>(detail::kLower.size()));
  within("digits", o.digits, 9);
  if (!(o.scale > 0 && o.scale <= 100))
    fail("chorus: a scale of ", o.scale, ": the scale must be above 0 and at most 100");
  for (Index i = 0; i < o.digits; ++i) symbols_ += static_cast<char>('1' + i);
  symbols_ += detail::kLower.substr(0, static_cast<std::size_t>(o.letters));

  const auto add = [&](std::string name, std::string reads) {
    Expert& expert = experts_.emplace_back();
    Rng rng(mix64(o.tables ^ hash_of(name)));
    for (std::size_t row = 0; row < symbols_.size(); ++row)
      for (std::size_t column = 0; column < symbols_.size(); ++column)
        expert.table.push_back(column == 0 ? 0 : o.scale * rng.normal());
    expert.name = std::move(name);
    expert.reads = std::move(reads);
  };
  add("last", "the last symbol");
  experts_.back().needs_attention = false;
  Index before = 0;
  for (const Index offset : o.offsets) {
    if (offset <= before || offset > kLongestOffset)
      fail("chorus: an offset of ", offset, ": offsets must ascend within 1..", kLongestOffset);
    add(cat("back-", offset), places_back(offset));
    before = offset;
  }
  if (o.topic) add("topic", "the first symbol of the line");
  if (o.digit) add("digit", "the latest digit");
  if (o.induction) add("induction", "the symbol after the latest copy of the last one");
}

Index Chorus::row_of(char symbol) const {
  const std::size_t row = symbols_.find(symbol);
  if (row == std::string::npos) fail("chorus: '", symbol, "' is not one of its symbols");
  return static_cast<Index>(row);
}

std::vector<Index> Chorus::evidence(std::string_view line) const {
  const auto size = static_cast<Index>(line.size());
  std::vector<Index> back;
  back.reserve(experts_.size());
  back.push_back(size > 0 ? 1 : 0);
  for (const Index offset : options_.offsets) back.push_back(offset < size ? offset + 1 : 0);
  if (options_.topic) back.push_back(size);
  if (options_.digit) {
    const auto latest = std::find_if(line.rbegin(), line.rend(), is_digit);
    back.push_back(latest == line.rend() ? 0 : latest - line.rbegin() + 1);
  }
  if (options_.induction) {
    const Index place = after_latest_copy(line);
    back.push_back(place < 0 ? 0 : size - place);
  }
  return back;
}

void Chorus::log_probabilities(std::string_view line, std::span<const Index> evidence, std::span<double> to) const {
  const std::size_t n = symbols_.size();
  std::fill(to.begin(), to.end(), 0.0);
  const auto add_row = [&](const Expert& expert, Index row) {
    for (std::size_t c = 1; c < n; ++c) to[c] += expert.table[static_cast<std::size_t>(row) * n + c];
  };
  if (line.empty()) add_row(experts_[0], 0);
  for (std::size_t e = 0; e < experts_.size(); ++e)
    if (evidence[e] > 0) add_row(experts_[e], row_of(line[line.size() - static_cast<std::size_t>(evidence[e])]));
  for (std::size_t c = 0; c < n; ++c)
    if (c == 0 || (line.empty() && is_digit(symbols_[c]))) to[c] = -INFINITY;
  const double highest = *std::max_element(to.begin(), to.end());
  double total = 0;
  for (const double score : to) total += std::exp(score - highest);
  for (double& score : to) score -= highest + std::log(total);
}

std::vector<double> Chorus::log_probabilities(std::string_view line) const {
  std::vector<double> log_p(symbols_.size());
  log_probabilities(line, evidence(line), log_p);
  return log_p;
}

// Draws lines and records every expert's evidence for each symbol.
class ChorusWriter {
 public:
  explicit ChorusWriter(const Chorus& chorus) : chorus_(chorus), log_p_(chorus.symbols().size()) {
    evidence_.resize(chorus.experts().size());
  }

  void write(Rng& rng, detail::Sequence& out, Index length, bool keep_evidence) {
    while (out.size() < length) {
      const std::vector<Index> back = chorus_.evidence(out.text);
      chorus_.log_probabilities(out.text, back, log_p_);
      // If rounding errors leave a remainder, the loop ends at the last symbol, whose probability is never 0.
      double left = rng.uniform();
      std::size_t next = 1;
      while (next + 1 < log_p_.size() && (left -= std::exp(log_p_[next])) >= 0) ++next;
      out.add(chorus_.symbols()[next], log_p_[next], out.size() == 0 ? kTopicFirst : kChorus);
      if (keep_evidence)
        for (std::size_t e = 0; e < back.size(); ++e) evidence_[e].push_back(static_cast<std::int32_t>(back[e]));
    }
    for (std::vector<std::int32_t>& of_expert : evidence_) of_expert.push_back(0);  // the line break
  }
  std::vector<std::vector<std::int32_t>>& evidence() { return evidence_; }

 private:
  const Chorus& chorus_;
  std::vector<double> log_p_;
  std::vector<std::vector<std::int32_t>> evidence_;  // [expert][character]
};

TracedText draw_chorus(const ChorusOptions& o, Index chars, std::uint64_t seed, Trace trace) {
  const Chorus chorus(o);
  TracedText names;
  detail::set_rules(names, kRules);
  ChorusWriter writer(chorus);
  const bool traced = trace == Trace::kFull;
  TracedText text =
      detail::write_sequences(std::move(names), o.length, chars, seed, trace,
                              [&](Rng& rng, detail::Sequence& s) { writer.write(rng, s, o.length, traced); });
  text.expert_symbols = chorus.symbols();
  text.experts.assign(chorus.experts().begin(), chorus.experts().end());
  if (traced)
    for (std::size_t e = 0; e < text.experts.size(); ++e) text.experts[e].evidence = std::move(writer.evidence()[e]);
  return text;
}

}  // namespace headlight
