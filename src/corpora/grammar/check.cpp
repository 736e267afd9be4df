// The checks of a grammar. Most properties are fixed points over the rules, computed by repeated sweeps instead of
// recursion, so that no grammar can overflow the call stack.
#include <algorithm>
#include <cmath>
#include <set>

#include "corpora/grammar/program.h"
#include "headlight/base/error.h"

namespace headlight::detail {

namespace {

class Checker {
 public:
  explicit Checker(GrammarProgram& program) : program_(program) {}

  void run() {
    check_lists();
    check_reachable();
    check_terminating();
    check_nullable();
    check_left_recursion();
    check_expected_length();
    check_bound_before_use();
    program_.longest_tale = longest_tale();
  }

 private:
  using Mask = std::uint64_t;  // one bit per variable

  [[noreturn]] void error(Location where, const std::string& message) const {
    grammar_error(program_.source, where, message);
  }

  std::size_t rules() const { return program_.rules.size(); }

  std::string title(const Rule& rule) const {
    return rule.name.empty() ? std::string("this group") : cat("the rule '", rule.name, "'");
  }

  template <class Visit>  // visit(alternative)
  void each_alternative(const Rule& rule, const Visit& visit) const {
    for (std::uint32_t i = 0; i < rule.count; ++i) visit(program_.alternatives[rule.first + i]);
  }

  template <class Visit>  // visit(instruction, index in the code); stops when visit returns false
  void each_item(const Alternative& alternative, const Visit& visit) const {
    for (std::size_t pc = alternative.code; program_.code[pc].op != Op::kReturn; ++pc) {
      if (!visit(program_.code[pc], pc)) return;
    }
  }

  // Sweeps over all rules and calls step(rule), which returns whether it changed something. Stops after a sweep without
  // a change. Returns false if there is no such sweep among the first `sweeps`.
  template <class Step>
  bool settle(std::size_t sweeps, const Step& step) const {
    for (std::size_t sweep = 0; sweep < sweeps; ++sweep) {
      bool changed = false;
      // Backwards, because most rules call later ones.
      for (std::size_t rule = rules(); rule-- > 0;) changed = step(rule) || changed;
      if (!changed) return true;
    }
    return false;
  }

  std::uint32_t longest_form(const Instruction& mention) const {
    return program_.list_of(mention.operand).longest[mention.form];
  }

  bool may_be_empty(const Instruction& item) const {
    if (item.op == Op::kText) return program_.texts[item.operand].size == 0;
    if (item.op == Op::kCall) return nullable_[item.operand];
    return program_.list_of(item.operand).shortest[item.form] == 0;
  }

  void check_lists() const {
    for (const WordList& list : program_.lists) {
      if (list.variables.empty()) {
        error(list.where, cat("no variable uses the list '", list.name, "'; write: let x : ", list.name));
      }
      if (list.variables.size() > list.entries()) {
        error(program_.variables[list.variables.back()].where,
              cat("more variables than words: '", list.name, "' has ", list.entries(),
                  ", and each variable needs its own; add words"));
      }
    }
  }

  void check_reachable() const {
    std::vector<bool> reached(rules(), false), mentioned(program_.variables.size(), false);
    std::vector<std::uint32_t> work{0};
    reached[0] = true;
    while (!work.empty()) {
      const Rule& rule = program_.rules[work.back()];
      work.pop_back();
      each_alternative(rule, [&](const Alternative& alternative) {
        each_item(alternative, [&](const Instruction& item, std::size_t) {
          if (item.op == Op::kMention) mentioned[item.operand] = true;
          if (item.op == Op::kCall && !reached[item.operand]) {
            reached[item.operand] = true;
            work.push_back(item.operand);
          }
          return true;
        });
      });
    }
    for (std::size_t rule = 0; rule < rules(); ++rule) {
      if (!reached[rule]) {
        error(program_.rules[rule].where, cat(title(program_.rules[rule]), " is unreachable from '",
                                              program_.rules[0].name, "'; use it or delete it"));
      }
    }
    for (std::size_t variable = 0; variable < mentioned.size(); ++variable) {
      if (!mentioned[variable]) {
        const Variable& unused = program_.variables[variable];
        error(unused.where,
              cat("the variable '", unused.name, "' is never mentioned; use $", unused.name, " or delete it"));
      }
    }
  }

  void check_terminating() const {
    std::vector<bool> ends(rules(), false);
    settle(rules() + 1, [&](std::size_t rule) {
      if (ends[rule]) return false;
      each_alternative(program_.rules[rule], [&](const Alternative& alternative) {
        bool all = true;
        each_item(alternative, [&](const Instruction& item, std::size_t) {
          all = item.op != Op::kCall || ends[item.operand];
          return all;
        });
        if (all) ends[rule] = true;
      });
      return bool(ends[rule]);
    });
    for (std::size_t rule = 0; rule < rules(); ++rule) {
      if (!ends[rule]) {
        error(program_.rules[rule].where,
              cat(title(program_.rules[rule]),
                  " never ends, because each alternative leads back to it; add one that does not"));
      }
    }
  }

  void check_nullable() {
    nullable_.assign(rules(), false);
    settle(rules() + 1, [&](std::size_t rule) {
      if (nullable_[rule]) return false;
      each_alternative(program_.rules[rule], [&](const Alternative& alternative) {
        bool all = true;
        each_item(alternative, [&](const Instruction& item, std::size_t) { return all = may_be_empty(item); });
        if (all) nullable_[rule] = true;
      });
      return bool(nullable_[rule]);
    });
    if (nullable_[0]) {
      error(program_.rules[0].where,
            cat("a tale may be empty: ", title(program_.rules[0]), " can produce the empty text; add some text"));
    }
  }

  // Calls visit(callee, index in the code) for each call that may come first in an expansion of the rule.
  template <class Visit>
  void each_left_call(const Rule& rule, const Visit& visit) const {
    each_alternative(rule, [&](const Alternative& alternative) {
      each_item(alternative, [&](const Instruction& item, std::size_t pc) {
        if (item.op == Op::kCall) visit(item.operand, pc);
        return may_be_empty(item);
      });
    });
  }

  void check_left_recursion() const {
    // A rule is settled if all rules that may come first in it are settled. A rule that never settles leads into a
    // cycle of such rules.
    std::vector<bool> settled(rules(), false);
    settle(rules() + 1, [&](std::size_t rule) {
      if (settled[rule]) return false;
      bool all = true;
      each_left_call(program_.rules[rule], [&](std::uint32_t callee, std::size_t) { all = all && settled[callee]; });
      settled[rule] = all;
      return all;
    });
    const auto stuck = std::find(settled.begin(), settled.end(), false);
    if (stuck == settled.end()) return;
    // Follow unsettled callees until one repeats: that rule lies on a cycle.
    std::vector<bool> seen(rules(), false);
    auto rule = static_cast<std::uint32_t>(stuck - settled.begin());
    while (!seen[rule]) {
      seen[rule] = true;
      rule = unsettled_callee(rule, settled).first;
    }
    std::uint32_t named = rule;  // report a rule with a name, not a group
    while (program_.rules[named].name.empty()) named = unsettled_callee(named, settled).first;
    error(program_.locations[unsettled_callee(named, settled).second],
          cat("left recursion: ", title(program_.rules[named]),
              " calls itself before it produces any text; put some text first"));
  }

  std::pair<std::uint32_t, std::size_t> unsettled_callee(std::uint32_t rule, const std::vector<bool>& settled) const {
    std::pair<std::uint32_t, std::size_t> found{rule, program_.alternatives[program_.rules[rule].first].code};
    bool any = false;
    each_left_call(program_.rules[rule], [&](std::uint32_t callee, std::size_t pc) {
      if (!any && !settled[callee]) found = {callee, pc};
      any = any || !settled[callee];
    });
    return found;
  }

  // Each sweep increases the expected lengths, from 0 towards their true values. If a true value is infinite, the
  // sweeps do not settle.
  void check_expected_length() const {
    std::vector<double> mean(rules(), 0.0);
    const bool settled = settle(rules() + 2000, [&](std::size_t rule) {
      double sum = 0;
      each_alternative(program_.rules[rule], [&](const Alternative& alternative) {
        double length = 0;
        each_item(alternative, [&](const Instruction& item, std::size_t) {
          if (item.op == Op::kText) length += program_.texts[item.operand].size;
          else if (item.op == Op::kCall) length += mean[item.operand];
          else length += longest_form(item);
          return true;
        });
        sum += alternative.weight * length;
      });
      sum = std::min(sum, 2 * kMaxGrammarMeanLength);
      const bool changed = sum > mean[rule] * (1 + 1e-6);
      mean[rule] = sum;
      return changed;
    });
    if (settled && mean[0] <= kMaxGrammarMeanLength) return;
    error(program_.rules[0].where, cat("a tale is too long: its expected length is more than ", kMaxGrammarMeanLength,
                                       " characters or infinite; give recursive alternatives smaller weights"));
  }

  // A form that several words share does not identify the word, and therefore cannot bind a variable.
  void check_bound_before_use() const {
    std::vector<std::vector<bool>> unique;  // [list][form]: no two words share the form
    for (const WordList& list : program_.lists) {
      unique.emplace_back(list.forms.size(), true);
      for (std::uint32_t form = 0; form < list.forms.size(); ++form) {
        std::set<std::string_view> texts;
        for (std::uint32_t entry = 0; entry < list.entries(); ++entry)
          texts.insert(program_.view(list.text(entry, form)));
        unique.back()[form] = texts.size() == list.entries();
      }
    }
    const Mask every = ~Mask{0};
    // binds: the variables that every expansion of a rule binds.
    // before: the variables that are bound before every use of a rule.
    std::vector<Mask> binds(rules(), every), before(rules(), every);
    const auto after = [&](const Instruction& item) {
      return item.op == Op::kMention ? Mask{1} << item.operand : item.op == Op::kCall ? binds[item.operand] : Mask{0};
    };
    settle(rules() * static_cast<std::size_t>(kMaxGrammarVariables) + 1, [&](std::size_t rule) {
      Mask common = every;
      each_alternative(program_.rules[rule], [&](const Alternative& alternative) {
        Mask bound = 0;
        each_item(alternative, [&](const Instruction& item, std::size_t) {
          bound |= after(item);
          return true;
        });
        common &= bound;
      });
      const bool changed = common != binds[rule];
      binds[rule] = common;
      return changed;
    });
    before[0] = 0;
    settle(rules() * static_cast<std::size_t>(kMaxGrammarVariables) + 1, [&](std::size_t rule) {
      bool changed = false;
      each_alternative(program_.rules[rule], [&](const Alternative& alternative) {
        Mask bound = before[rule];
        each_item(alternative, [&](const Instruction& item, std::size_t) {
          if (item.op == Op::kCall && (before[item.operand] & ~bound) != 0) {
            before[item.operand] &= bound;
            changed = true;
          }
          bound |= after(item);
          return true;
        });
      });
      return changed;
    });
    for (std::size_t rule = 0; rule < rules(); ++rule) {
      each_alternative(program_.rules[rule], [&](const Alternative& alternative) {
        Mask bound = before[rule];
        each_item(alternative, [&](const Instruction& item, std::size_t pc) {
          if (item.op == Op::kMention) check_mention(item, pc, bound, unique);
          bound |= after(item);
          return true;
        });
      });
    }
  }

  void check_mention(const Instruction& item, std::size_t pc, Mask bound,
                     const std::vector<std::vector<bool>>& unique) const {
    const Variable& variable = program_.variables[item.operand];
    if ((bound >> item.operand & 1) != 0 || unique[variable.list][item.form]) return;
    const std::string& form = program_.lists[variable.list].forms[item.form];
    error(program_.locations[pc],
          cat("$", variable.name, ".", form, " may occur before $", variable.name, " is bound, and several words of '",
              program_.lists[variable.list].name, "' share this form; mention $", variable.name, " first"));
  }

  Index longest_tale() const {
    const Index ceiling = Index{1} << 40;
    std::vector<Index> longest(rules(), 0);
    const bool settled = settle(rules() + 1, [&](std::size_t rule) {
      Index most = 0;
      each_alternative(program_.rules[rule], [&](const Alternative& alternative) {
        Index length = 0;
        each_item(alternative, [&](const Instruction& item, std::size_t) {
          if (item.op == Op::kText) length += program_.texts[item.operand].size;
          else if (item.op == Op::kCall) length += longest[item.operand];
          else length += longest_form(item);
          return true;
        });
        most = std::max(most, std::min(length, ceiling));
      });
      const bool changed = most != longest[rule];
      longest[rule] = most;
      return changed;
    });
    return settled ? longest[0] : -1;
  }

  GrammarProgram& program_;
  std::vector<bool> nullable_;
};

}  // namespace

void check_grammar(GrammarProgram& program) { Checker(program).run(); }

}  // namespace headlight::detail
