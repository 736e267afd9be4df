// A grammar as the generator and the filter run it: flat code with rules to call, texts to write, words to bind.
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
  kText,     // write texts[operand]
  kCall,     // expand rules[operand], then go on
  kMention,  // variables[operand] in form `form`: bind it, or repeat it
  kReturn,   // the alternative is written out
};

// A character's tag is that of the innermost tagged thing around it.
inline constexpr std::uint8_t kInheritTag = 255;
inline constexpr std::uint8_t kPlainTag = 0;

struct Instruction {
  Op op = Op::kReturn;
  std::uint8_t tag = kInheritTag;
  std::uint8_t form = 0;
  std::uint32_t operand = 0;
};

// A piece of GrammarProgram::pool.
struct Text {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

struct Alternative {
  double weight = 0;  // a probability once the program is finished
  std::uint32_t code = 0;
};

struct Rule {
  std::string name;  // "" for a group in parentheses
  Location where;
  std::uint32_t first = 0;  // alternatives[first .. first + count)
  std::uint32_t count = 0;
};

struct WordList {
  std::string name;
  Location where;
  std::vector<std::string> forms;                // "" for the word itself, then the names of the others
  std::vector<double> weights;                   // of the entries
  std::vector<Text> texts;                       // [entry][form]
  std::vector<std::uint32_t> variables;          // which variables bind entries of this list
  std::vector<std::uint32_t> shortest, longest;  // characters of each form
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

// What each variable is bound to: 0 for nothing yet, else its entry + 1.
using Bindings = std::array<std::uint16_t, static_cast<std::size_t>(kMaxGrammarVariables)>;

struct GrammarProgram {
  std::string source;  // the file's name, for messages
  std::string pool;
  std::vector<Instruction> code;
  std::vector<Location> locations;  // of each instruction
  std::vector<Text> texts;
  std::vector<Alternative> alternatives;
  std::vector<Rule> rules;  // the first is the start
  std::vector<WordList> lists;
  std::vector<Variable> variables;
  std::vector<std::string> tags;
  Index longest_tale = 0;

  const WordList& list_of(std::uint32_t variable) const { return lists[variables[variable].list]; }
  std::string_view view(const Text& text) const { return std::string_view(pool).substr(text.begin, text.size); }

  // Variables of one list never hold the same word.
  bool taken(const WordList& list, std::uint32_t entry, const Bindings& bindings) const {
    for (const std::uint32_t variable : list.variables) {
      if (bindings[variable] == entry + 1) return true;
    }
    return false;
  }
};

// Reports an error at a place of the grammar: source:line:column: message.
[[noreturn]] void grammar_error(const std::string& source, Location where, const std::string& message);

// Reads the text into a program whose references are all resolved; nothing else is checked.
GrammarProgram parse_grammar(std::string_view text, std::string_view source_name);

// Refuses a program that could not be run, and computes longest_tale.
void check_grammar(GrammarProgram& program);

}  // namespace headlight::detail
