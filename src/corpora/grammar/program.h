// The compiled form of a grammar, which the generator and the filter run: flat code that calls rules, emits texts and
// binds words.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "corpora/grammar/grammar.h"

namespace headlight::detail {

struct Location {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

enum class Op : std::uint8_t {
  kText,     // emit texts[operand]
  kCall,     // expand rules[operand], then continue after this instruction
  kMention,  // emit variables[operand] in form `form`; bind the variable first if it is unbound
  kReturn,   // end of the alternative
};

// A character has the tag of the innermost tagged item that contains it.
inline constexpr std::uint8_t kInheritTag = 255;
inline constexpr std::uint8_t kPlainTag = 0;

struct Instruction {
  Op op = Op::kReturn;
  std::uint8_t tag = kInheritTag;
  std::uint8_t form = 0;
  std::uint32_t operand = 0;
};

// A substring of GrammarProgram::pool.
struct Text {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

struct Alternative {
  double weight = 0;  // normalized to a probability by the parser
  std::uint32_t code = 0;
};

struct Rule {
  std::string name;  // empty for a group in parentheses
  Location where;
  std::uint32_t first = 0;  // alternatives[first .. first + count)
  std::uint32_t count = 0;
};

struct WordList {
  std::string name;
  Location where;
  std::vector<std::string> forms;                // names of the forms; "" is the word itself
  std::vector<double> weights;                   // [entry]
  std::vector<Text> texts;                       // [entry][form]
  std::vector<std::uint32_t> variables;          // the variables of this list
  std::vector<std::uint32_t> shortest, longest;  // [form], minimum and maximum length in characters
  std::uint8_t first_tag = kPlainTag;
  std::uint8_t again_tag = kPlainTag;

  std::uint32_t entries() const { return static_cast<std::uint32_t>(weights.size()); }
  const Text& text(std::uint32_t entry, std::uint32_t form) const { return texts[entry * forms.size() + form]; }
};

struct Variable {
  std::string name;
  Location where;
  std::uint32_t list = 0;
};

// For each variable 0 if unbound, else the index of its word + 1.
using Bindings = std::array<std::uint16_t, static_cast<std::size_t>(kMaxGrammarVariables)>;

struct GrammarProgram {
  std::string source;  // file name, for messages
  std::string pool;
  std::vector<Instruction> code;
  std::vector<Location> locations;  // [instruction]
  std::vector<Text> texts;
  std::vector<Alternative> alternatives;
  std::vector<Rule> rules;  // rules[0] is the start
  std::vector<WordList> lists;
  std::vector<Variable> variables;
  std::vector<std::string> tags;
  Index longest_tale = 0;

  const WordList& list_of(std::uint32_t variable) const { return lists[variables[variable].list]; }
  std::string_view view(const Text& text) const { return std::string_view(pool).substr(text.begin, text.size); }

  // Whether a variable is bound to this word; two variables of a list never have the same word.
  bool taken(const WordList& list, std::uint32_t entry, const Bindings& bindings) const {
    for (const std::uint32_t variable : list.variables) {
      if (bindings[variable] == entry + 1) return true;
    }
    return false;
  }
};

// Throws an error about a place in the grammar: "source:line:column: message".
[[noreturn]] void grammar_error(const std::string& source, Location where, const std::string& message);

// Compiles the text and resolves all references; checks syntax and limits only.
GrammarProgram parse_grammar(std::string_view text, std::string_view source_name);

// Checks the properties listed at Grammar::parse and computes longest_tale.
void check_grammar(GrammarProgram& program);

}  // namespace headlight::detail
