// The exact filter: all derivations that are consistent with the text so far, with their probabilities.
//
// The continuation of a derivation depends only on its position in the current text, its next instruction, its stack
// and its bindings. Stacks and bindings are interned as numbers, so that comparing derivations is cheap. Equal
// derivations are merged when they reach an instruction that emits text.
#include <cmath>
#include <limits>
#include <unordered_map>

#include "corpora/grammar/program.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"

namespace headlight {

namespace detail {

class FilterState {
 public:
  explicit FilterState(const Grammar& grammar) : grammar_(grammar), program_(grammar.program()) { reset(); }

  void reset() {
    emitting_.clear();
    pending_.clear();
    sites_.clear();
    expand(1.0);
  }

  bool alive() const { return !emitting_.empty(); }
  Index hypotheses() const { return static_cast<Index>(emitting_.size()); }

  std::array<double, 256> next_distribution() const {
    std::array<double, 256> distribution{};
    double total = 0;
    for (const Emitting& w : emitting_) {
      distribution[static_cast<unsigned char>(program_.pool[w.text])] += w.weight;
      total += w.weight;
    }
    for (double& p : distribution) {
      if (total > 0) p /= total;
    }
    return distribution;
  }

  double advance(char character) {
    double total = 0, agreeing = 0;
    for (const Emitting& w : emitting_) {
      total += w.weight;
      if (program_.pool[w.text] == character) agreeing += w.weight;
    }
    if (!(agreeing > 0)) {
      emitting_.clear();
      return -std::numeric_limits<double>::infinity();
    }
    std::size_t kept = 0;
    for (Emitting w : emitting_) {
      if (program_.pool[w.text] != character) continue;
      w.weight /= agreeing;
      if (++w.text == w.end) finish(w);
      else emitting_[kept++] = w;
    }
    emitting_.resize(kept);
    if (!pending_.empty()) expand(0.0);
    return std::log(agreeing / total);
  }

 private:
  // A derivation that is about to execute instruction `pc`.
  struct Point {
    double weight;
    std::uint32_t pc, stack, bindings;
  };
  // A derivation that is about to emit pool[text], in the middle of a text that ends at `end`.
  struct Emitting {
    double weight;
    std::uint32_t text, end;
    std::uint32_t pc, stack, bindings;
    std::uint16_t binds;  // index of the word to bind at the end of the text, plus one; 0: none
  };
  struct Frame {
    std::uint32_t pc = 0, parent = 0;
    bool operator==(const Frame&) const = default;
  };
  struct FrameHash {
    std::size_t operator()(const Frame& frame) const {
      return static_cast<std::size_t>(mix64((std::uint64_t{frame.pc} << 32) | frame.parent));
    }
  };
  struct BindingsHash {
    std::size_t operator()(const Bindings& bindings) const {
      std::uint64_t hash = 0;
      for (const std::uint16_t entry : bindings) hash = hash * 0x9e3779b97f4a7c15u + entry;
      return static_cast<std::size_t>(mix64(hash));
    }
  };

  void finish(const Emitting& w) {
    const std::uint32_t bindings = w.binds ? bind(w.bindings, program_.code[w.pc].operand, w.binds) : w.bindings;
    pending_.push_back({w.weight, w.pc + 1, w.stack, bindings});
  }

  std::uint32_t bind(std::uint32_t bindings, std::uint32_t variable, std::uint16_t entry) {
    Bindings bound = bindings_[bindings];
    bound[variable] = entry;
    const auto [found, fresh] = binding_numbers_.try_emplace(bound, static_cast<std::uint32_t>(bindings_.size()));
    if (fresh) {
      check_nodes(bindings_.size());
      bindings_.push_back(bound);
    }
    return found->second;
  }

  std::uint32_t push(std::uint32_t pc, std::uint32_t parent) {
    const auto [found, fresh] =
        frame_numbers_.try_emplace(Frame{pc, parent}, static_cast<std::uint32_t>(frames_.size()));
    if (fresh) {
      check_nodes(frames_.size());
      frames_.push_back({pc, parent});
    }
    return found->second;
  }

  void check_nodes(std::size_t count) const {
    if (static_cast<Index>(count) >= kMaxFilterNodes) {
      fail(program_.source, ": a tale needs more than ", kMaxFilterNodes,
           " stacks or bindings; shorten the tales, and end each with a character that occurs nowhere else, such "
           "as a newline");
    }
  }

  void forget_tale() {
    frames_.assign(1, {});
    bindings_.assign(1, {});
    frame_numbers_.clear();
    binding_numbers_.clear();
    binding_numbers_.emplace(bindings_[0], 0);
  }

  // Advances all pending derivations to their next text. `ended` is the total weight of the derivations whose tale has
  // ended, so that a new tale begins.
  void expand(double ended) {
    expansions_ = 0;
    drain(ended);
    if (ended > 0) {
      // If no derivation is still in the previous tale, its stacks and bindings are no longer needed.
      if (emitting_.empty() && sites_.empty()) forget_tale();
      open(0, ended, 0, 0);
      double never = 0;
      drain(never);
    }
    for (const Point& site : sites_) emit(site);
    sites_.clear();
    if (static_cast<Index>(emitting_.size()) > kMaxHypotheses) too_ambiguous();
  }

  void drain(double& ended) {
    while (!pending_.empty()) {
      if (++expansions_ > kMaxExpansions) too_ambiguous();
      Point point = pending_.back();
      pending_.pop_back();
      const Instruction instruction = program_.code[point.pc];
      if (instruction.op == Op::kCall) {
        const std::uint32_t next = point.pc + 1;
        // A tail call needs no frame, so that right recursion runs in constant space.
        const bool last = program_.code[next].op == Op::kReturn;
        open(instruction.operand, point.weight, last ? point.stack : push(next, point.stack), point.bindings);
      } else if (instruction.op == Op::kReturn) {
        if (point.stack == 0) {
          ended += point.weight;
          continue;
        }
        const Frame frame = frames_[point.stack];
        pending_.push_back({point.weight, frame.pc, frame.parent, point.bindings});
      } else {
        arrive(point);
      }
    }
  }

  void open(std::uint32_t rule_number, double weight, std::uint32_t stack, std::uint32_t bindings) {
    const Rule& rule = program_.rules[rule_number];
    for (std::uint32_t i = 0; i < rule.count; ++i) {
      const Alternative& alternative = program_.alternatives[rule.first + i];
      pending_.push_back({weight * alternative.weight, alternative.code, stack, bindings});
    }
    if (static_cast<Index>(pending_.size()) > 4 * kMaxExpansions) too_ambiguous();
  }

  // Handles an instruction that emits text: merges the derivation into the sites, or skips an empty text.
  void arrive(const Point& point) {
    const Instruction instruction = program_.code[point.pc];
    if (instruction.op == Op::kText) {
      if (program_.texts[instruction.operand].size == 0) {
        pending_.push_back({point.weight, point.pc + 1, point.stack, point.bindings});
        return;
      }
    } else if (pass_empty_forms(point, instruction)) {
      return;
    }
    for (Point& site : sites_) {
      if (site.pc == point.pc && site.stack == point.stack && site.bindings == point.bindings) {
        site.weight += point.weight;
        return;
      }
    }
    sites_.push_back(point);
  }

  // Continues the derivations whose word has an empty form. Returns true if no other derivations remain.
  bool pass_empty_forms(const Point& point, const Instruction& mention) {
    const WordList& list = program_.list_of(mention.operand);
    if (list.shortest[mention.form] > 0) return false;
    bool all = true;
    each_word(
        point,
        [&](double weight, const Text& text, std::uint16_t binds) {
          if (text.size > 0) {
            all = false;
            return;
          }
          const std::uint32_t bindings = binds ? bind(point.bindings, mention.operand, binds) : point.bindings;
          pending_.push_back({weight, point.pc + 1, point.stack, bindings});
        },
        list, mention);
    return all;
  }

  void emit(const Point& site) {
    const Instruction instruction = program_.code[site.pc];
    if (instruction.op == Op::kText) {
      const Text text = program_.texts[instruction.operand];
      emitting_.push_back({site.weight, text.begin, text.begin + text.size, site.pc, site.stack, site.bindings, 0});
      return;
    }
    each_word(
        site,
        [&](double weight, const Text& text, std::uint16_t binds) {
          if (text.size == 0) return;
          emitting_.push_back({weight, text.begin, text.begin + text.size, site.pc, site.stack, site.bindings, binds});
        },
        program_.list_of(instruction.operand), instruction);
  }

  // Calls visit(weight, text, binds) for the bound word of the mention, or for each word that the mention may bind;
  // `binds` is that of Emitting.
  template <class Visit>
  void each_word(const Point& point, const Visit& visit, const WordList& list, const Instruction& mention) {
    const Bindings bindings = bindings_[point.bindings];
    if (const std::uint16_t bound = bindings[mention.operand]) {
      visit(point.weight, list.text(bound - 1u, mention.form), std::uint16_t{0});
      return;
    }
    expansions_ += list.entries();
    if (expansions_ > kMaxExpansions) too_ambiguous();
    double total = 0;
    for (std::uint32_t entry = 0; entry < list.entries(); ++entry) {
      if (!program_.taken(list, entry, bindings)) total += list.weights[entry];
    }
    for (std::uint32_t entry = 0; entry < list.entries(); ++entry) {
      if (program_.taken(list, entry, bindings)) continue;
      visit(point.weight * list.weights[entry] / total, list.text(entry, mention.form),
            static_cast<std::uint16_t>(entry + 1));
    }
  }

  [[noreturn]] void too_ambiguous() const {
    fail(program_.source, ": too ambiguous: more than ", kMaxHypotheses, " derivations or ", kMaxExpansions,
         " steps at one character; remove alternatives that produce the same text");
  }

  Grammar grammar_;  // keeps the program alive
  const GrammarProgram& program_;
  std::vector<Emitting> emitting_;
  std::vector<Point> pending_;          // derivations on the way to their next text
  std::vector<Point> sites_;            // derivations at an instruction that emits text, merged
  std::vector<Frame> frames_{{}};       // 0: the empty stack
  std::vector<Bindings> bindings_{{}};  // 0: nothing bound
  std::unordered_map<Frame, std::uint32_t, FrameHash> frame_numbers_;
  std::unordered_map<Bindings, std::uint32_t, BindingsHash> binding_numbers_;
  Index expansions_ = 0;
};

}  // namespace detail

GrammarFilter::GrammarFilter(const Grammar& grammar) : state_(std::make_unique<detail::FilterState>(grammar)) {}
GrammarFilter::~GrammarFilter() = default;
GrammarFilter::GrammarFilter(GrammarFilter&&) noexcept = default;
GrammarFilter& GrammarFilter::operator=(GrammarFilter&&) noexcept = default;

std::array<double, 256> GrammarFilter::next_distribution() const { return state_->next_distribution(); }
double GrammarFilter::advance(char character) { return state_->advance(character); }
bool GrammarFilter::alive() const { return state_->alive(); }
Index GrammarFilter::hypotheses() const { return state_->hypotheses(); }
void GrammarFilter::reset() { state_->reset(); }

std::vector<double> score(const Grammar& grammar, std::string_view text) {
  GrammarFilter filter(grammar);
  std::vector<double> scores;
  scores.reserve(text.size());
  for (const char character : text) scores.push_back(filter.advance(character));
  return scores;
}

}  // namespace headlight
