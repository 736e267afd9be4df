// The Grammar class and the generator.
#include "corpora/grammar/grammar.h"

#include <algorithm>
#include <bitset>

#include "base/words.h"
#include "corpora/grammar/program.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"

namespace headlight {

using namespace detail;

Grammar Grammar::parse(std::string_view text, std::string_view source_name) {
  auto program = std::make_shared<GrammarProgram>(parse_grammar(text, source_name));
  check_grammar(*program);
  return Grammar(std::move(program));
}

const std::vector<std::string>& Grammar::rule_names() const { return program_->tags; }

Index Grammar::longest_tale() const { return program_->longest_tale; }

std::string Grammar::alphabet() const {
  std::bitset<256> seen;
  const auto add = [&](const Text& text) {
    for (const char c : program_->view(text)) seen.set(static_cast<unsigned char>(c));
  };
  for (std::size_t pc = 0; pc < program_->code.size(); ++pc) {
    const Instruction& item = program_->code[pc];
    if (item.op == Op::kText) add(program_->texts[item.operand]);
    if (item.op == Op::kMention) {
      const WordList& list = program_->list_of(item.operand);
      for (std::uint32_t entry = 0; entry < list.entries(); ++entry) add(list.text(entry, item.form));
    }
  }
  std::string alphabet;
  for (std::size_t c = 0; c < seen.size(); ++c) {
    if (seen[c]) alphabet += static_cast<char>(static_cast<unsigned char>(c));
  }
  return alphabet;
}

namespace {

// Samples tales. The tales are the same with and without a trace.
class Generator {
 public:
  Generator(const GrammarProgram& program, std::uint64_t seed, bool trace, TracedText& out)
      : program_(program), rng_(seed), trace_(trace), out_(out) {}

  void generate_tale() {
    tale_start_ = out_.text.size();
    out_.document_starts.push_back(static_cast<std::int64_t>(tale_start_));
    bindings_ = {};
    for (auto& positions : mentions_) positions.fill(-1);
    stack_.clear();
    pc_ = choose(0);
    tag_ = kPlainTag;
    idle_steps_ = 0;
    while (step()) {
      if (++idle_steps_ > kMaxExpansions) {
        fail(program_.source, ": more than ", kMaxExpansions, " rules in a row produce no text; shorten them");
      }
    }
  }

 private:
  struct Frame {
    std::uint32_t pc;
    std::uint8_t tag;
  };
  // Where a variable last occurred in each form, or -1.
  using Positions = std::array<Index, static_cast<std::size_t>(kMaxGrammarForms)>;

  std::uint32_t choose(std::uint32_t rule_number) {
    const Rule& rule = program_.rules[rule_number];
    double left = rng_.uniform();
    for (std::uint32_t i = rule.first; i + 1 < rule.first + rule.count; ++i) {
      left -= program_.alternatives[i].weight;
      if (left < 0) return program_.alternatives[i].code;
    }
    return program_.alternatives[rule.first + rule.count - 1].code;
  }

  // Executes one instruction; returns false at the end of the tale.
  bool step() {
    const Instruction item = program_.code[pc_];
    const std::uint8_t tag = item.tag == kInheritTag ? tag_ : item.tag;
    switch (item.op) {
      case Op::kReturn:
        if (stack_.empty()) return false;
        pc_ = stack_.back().pc;
        tag_ = stack_.back().tag;
        stack_.pop_back();
        return true;
      case Op::kCall:
        // As in the filter, a tail call needs no frame.
        if (program_.code[pc_ + 1].op != Op::kReturn) {
          stack_.push_back({pc_ + 1, tag_});
          if (static_cast<Index>(stack_.size()) > kMaxFilterNodes) too_long();
        }
        pc_ = choose(item.operand);
        tag_ = tag;
        return true;
      case Op::kText:
        append(program_.view(program_.texts[item.operand]), tag);
        break;
      case Op::kMention:
        mention(item);
        break;
    }
    ++pc_;
    return true;
  }

  void mention(const Instruction& item) {
    const WordList& list = program_.list_of(item.operand);
    std::uint16_t& bound = bindings_[item.operand];
    const bool again = bound != 0;
    if (!again) bound = static_cast<std::uint16_t>(draw(list) + 1);
    const std::string_view text = program_.view(list.text(bound - 1u, item.form));
    const auto begin = static_cast<Index>(out_.text.size());
    append(text, item.tag != kInheritTag ? item.tag : again ? list.again_tag : list.first_tag);
    if (!trace_) return;
    Positions& positions = mentions_[item.operand];
    if (again) set_evidence(list, bound - 1u, item.form, positions, begin);
    positions[item.form] = begin;
  }

  std::uint32_t draw(const WordList& list) {
    double total = 0;
    std::uint32_t last = 0;
    for (std::uint32_t entry = 0; entry < list.entries(); ++entry) {
      if (program_.taken(list, entry, bindings_)) continue;
      total += list.weights[entry];
      last = entry;
    }
    double left = rng_.uniform() * total;
    for (std::uint32_t entry = 0; entry < last; ++entry) {
      if (program_.taken(list, entry, bindings_)) continue;
      left -= list.weights[entry];
      if (left < 0) return entry;
    }
    return last;
  }

  void set_evidence(const WordList& list, std::uint32_t entry, std::uint32_t form, const Positions& positions,
                    Index begin) {
    const std::string_view now = program_.view(list.text(entry, form));
    if (positions[form] >= 0) return point_back(begin, positions[form], now.size());
    Index latest = -1;
    for (std::uint32_t other = 0; other < list.forms.size(); ++other) {
      if (positions[other] <= latest) continue;
      const Shared shared = shared_text(program_.view(list.text(entry, other)), now);
      if (shared.size == 0) continue;
      latest = positions[other];
      std::fill(out_.evidence.begin() + begin, out_.evidence.end(), 0);
      point_back(begin + static_cast<Index>(shared.in_now), latest + static_cast<Index>(shared.in_earlier),
                 shared.size);
    }
  }

  void point_back(Index from, Index to, std::size_t size) {
    std::fill_n(out_.evidence.begin() + from, size, static_cast<std::int32_t>(from - to));
  }

  struct Shared {
    std::size_t in_earlier = 0, in_now = 0, size = 0;
  };

  // The longest common text of two forms that begins at the start of a word in both.
  // Common texts of fewer than three letters do not count.
  static Shared shared_text(std::string_view earlier, std::string_view now) {
    const auto word_starts = [](std::string_view text, std::size_t i) { return i == 0 || text[i - 1] == ' '; };
    Shared best;
    for (std::size_t i = 0; i < earlier.size(); ++i) {
      if (!word_starts(earlier, i)) continue;
      for (std::size_t j = 0; j < now.size(); ++j) {
        if (!word_starts(now, j)) continue;
        std::size_t size = 0;
        while (i + size < earlier.size() && j + size < now.size() && earlier[i + size] == now[j + size]) ++size;
        if (size >= 3 && size > best.size) best = {i, j, size};
      }
    }
    return best;
  }

  void append(std::string_view text, std::uint8_t tag) {
    if (text.empty()) return;
    idle_steps_ = 0;
    out_.text += text;
    if (static_cast<Index>(out_.text.size() - tale_start_) > kMaxTaleChars) too_long();
    if (!trace_) return;
    out_.rule.resize(out_.text.size(), tag);
    out_.evidence.resize(out_.text.size(), 0);
  }

  [[noreturn]] void too_long() const {
    fail(program_.source, ": a tale has more than ", kMaxTaleChars,
         " characters; give recursive alternatives smaller weights");
  }

  const GrammarProgram& program_;
  Rng rng_;
  bool trace_;
  TracedText& out_;
  std::size_t tale_start_ = 0;
  Bindings bindings_{};
  std::array<Positions, static_cast<std::size_t>(kMaxGrammarVariables)> mentions_{};
  std::vector<Frame> stack_;
  std::uint32_t pc_ = 0;
  std::uint8_t tag_ = kPlainTag;
  Index idle_steps_ = 0;
};

}  // namespace

TracedText generate(const Grammar& grammar, Index chars, std::uint64_t seed, Trace trace) {
  if (chars < 1 || chars > kMaxCorpusChars) {
    fail("corpus: ", counted(chars, "character"), ": the count must lie in 1..", kMaxCorpusChars);
  }
  TracedText out;
  out.rule_names = grammar.rule_names();
  Generator generator(grammar.program(), seed, trace == Trace::kFull, out);
  while (out.size() < chars) generator.generate_tale();
  if (trace == Trace::kFull) out.log_probability = score(grammar, out.text);
  return out;
}

}  // namespace headlight
