// The parser of the grammar format, which emits code directly. Every definition begins in the first column of a line.
#include <algorithm>
#include <unordered_map>

#include "corpora/grammar/lexer.h"
#include "corpora/grammar/program.h"
#include "headlight/base/error.h"

namespace headlight::detail {

namespace {

class Parser {
 public:
  Parser(std::string_view text, std::string_view source_name) : text_(text) {
    program_.source = std::string(source_name);
    program_.tags = {"plain"};
  }

  GrammarProgram run() {
    if (static_cast<Index>(text_.size()) > kMaxGrammarBytes) {
      error({}, cat("the grammar has ", text_.size(), " bytes; at most ", kMaxGrammarBytes, " are allowed"));
    }
    tokens_ = tokenize(text_, program_.source);
    while (current().kind != TokenKind::kEnd) parse_definition();
    if (program_.rules.empty()) error(current().where, "there is no rule; write one, such as: tale = \"once.\\n\"");
    resolve();
    return std::move(program_);
  }

 private:
  // A reference by name, resolved after all definitions are parsed.
  struct Reference {
    std::string name, form;
  };

  [[noreturn]] void error(Location where, const std::string& message) const {
    grammar_error(program_.source, where, message);
  }

  const Token& current() const { return tokens_[at_]; }
  bool in_definition() const { return current().kind != TokenKind::kEnd && current().where.column > 1; }
  bool at_mark(char mark) const {
    return in_definition() && current().kind == TokenKind::kMark && current().text[0] == mark;
  }
  bool take_mark(char mark) {
    if (!at_mark(mark)) return false;
    ++at_;
    return true;
  }
  void expect_mark(char mark, std::string_view after) {
    if (take_mark(mark)) return;
    const std::string hint =
        in_definition() ? "" : " (indent lines that continue a definition; a new one begins in the first column)";
    error(current().where, cat("expected '", mark, "' ", after, ", found ", described(current()), hint));
  }
  Token take_name(std::string_view what) {
    if (!in_definition() || current().kind != TokenKind::kName) {
      error(current().where, cat("expected ", what, ", found ", described(current())));
    }
    return tokens_[at_++];
  }

  void parse_definition() {
    const Token head = current();
    if (head.where.column > 1)
      error(head.where, cat("unexpected ", described(head), "; a definition begins in the first column"));
    if (head.kind != TokenKind::kName) {
      error(head.where, cat("expected a rule, 'words' or 'let', found ", described(head)));
    }
    ++at_;
    const bool rule = at_mark('=');
    if (head.text == "words" && !rule) parse_words();
    else if (head.text == "let" && !rule) parse_let();
    else parse_rule(head);
    if (in_definition()) error(current().where, cat("unexpected ", described(current()), " in this definition"));
  }

  double parse_weight() {
    if (!in_definition() || current().kind != TokenKind::kNumber) return 1;
    const double weight = current().number;
    ++at_;
    expect_mark(':', "after a weight");
    return weight;
  }

  // words LIST / FORM / FORM = word / form / form | 2: word / form / form
  void parse_words() {
    WordList list;
    const Token name = take_name("the name of a list after 'words'");
    list.name = name.text;
    list.where = name.where;
    for (const WordList& other : program_.lists) {
      if (other.name == list.name) error(name.where, cat("the list '", name.text, "' is defined twice"));
    }
    list.forms.emplace_back();
    while (take_mark('/')) {
      const Token form = take_name("the name of a form after '/'");
      if (std::find(list.forms.begin(), list.forms.end(), form.text) != list.forms.end()) {
        error(form.where, cat("the form '", form.text, "' is named twice"));
      }
      list.forms.push_back(form.text);
      if (static_cast<Index>(list.forms.size()) > kMaxGrammarForms) {
        error(form.where, cat("more than ", kMaxGrammarForms, " forms of a word (the word included); remove some"));
      }
    }
    expect_mark('=', "before the words");
    std::unordered_map<std::string, bool> seen;
    do {
      const Location where = current().where;
      list.weights.push_back(parse_weight());
      for (std::size_t form = 0; form < list.forms.size(); ++form) {
        if (form > 0) expect_mark('/', cat("before the form '", list.forms[form], "' of this word"));
        const bool word = in_definition() && (current().kind == TokenKind::kName || current().kind == TokenKind::kText);
        if (!word) error(current().where, cat("expected a word, found ", described(current())));
        const Token& token = current();
        if (form == 0 && token.text.empty())
          error(token.where, "a word must not be empty; only its other forms may be");
        if (form == 0 && !seen.emplace(token.text, true).second) {
          error(token.where, cat("the word '", token.text, "' occurs twice in this list; give it a weight instead"));
        }
        list.texts.push_back(store(token.text));
        ++at_;
      }
      if (static_cast<Index>(list.entries()) > kMaxGrammarEntries) {
        error(where, cat("more than ", kMaxGrammarEntries, " words in a list; remove some"));
      }
    } while (take_mark('|'));
    for (std::uint32_t form = 0; form < list.forms.size(); ++form) {
      list.shortest.push_back(list.text(0, form).size);
      list.longest.push_back(list.text(0, form).size);
      for (std::uint32_t entry = 1; entry < list.entries(); ++entry) {
        list.shortest[form] = std::min(list.shortest[form], list.text(entry, form).size);
        list.longest[form] = std::max(list.longest[form], list.text(entry, form).size);
      }
    }
    list.first_tag = tag_number(list.name, name.where);
    list.again_tag = tag_number(list.name + "-again", name.where);
    program_.lists.push_back(std::move(list));
  }

  // let VARIABLE, VARIABLE : LIST
  void parse_let() {
    const std::size_t first = program_.variables.size();
    do {
      const Token name = take_name("the name of a variable");
      if (variables_.count(name.text)) error(name.where, cat("the variable '", name.text, "' is defined twice"));
      variables_[name.text] = static_cast<std::uint32_t>(program_.variables.size());
      program_.variables.push_back({name.text, name.where, 0});
      if (static_cast<Index>(program_.variables.size()) > kMaxGrammarVariables) {
        error(name.where, cat("more than ", kMaxGrammarVariables, " variables; remove some"));
      }
    } while (take_mark(','));
    expect_mark(':', "and a list of words after the variables");
    const Token list = take_name("the name of a list of words");
    for (std::size_t i = first; i < program_.variables.size(); ++i) lets_.push_back(list);
  }

  void parse_rule(const Token& name) {
    if (!rule_numbers_.emplace(name.text, static_cast<std::uint32_t>(program_.rules.size())).second) {
      error(name.where, cat("the rule '", name.text, "' is defined twice; join its alternatives with '|'"));
    }
    expect_mark('=', cat("after '", name.text, "'"));
    parse_alternatives(name.text, name.where, 0);
  }

  // Parses alternatives into a new rule and returns the number of the rule.
  std::uint32_t parse_alternatives(const std::string& name, Location where, Index nesting) {
    const auto number = static_cast<std::uint32_t>(program_.rules.size());
    if (number == kMaxGrammarRules) error(where, cat("more than ", kMaxGrammarRules, " rules and groups; remove some"));
    program_.rules.push_back({name, where, 0, 0});
    std::vector<Alternative> alternatives;
    double total = 0;
    do {
      Alternative alternative;
      alternative.weight = parse_weight();
      total += alternative.weight;
      std::vector<Instruction> code;
      std::vector<Location> locations;
      while (in_definition() && !at_mark('|') && !at_mark(')')) {
        locations.push_back(current().where);
        code.push_back(parse_item(nesting));
      }
      if (code.empty()) error(current().where, "empty alternative; write \"\" for an empty text");
      code.push_back({});
      locations.push_back(locations.back());
      alternative.code = static_cast<std::uint32_t>(program_.code.size());
      program_.code.insert(program_.code.end(), code.begin(), code.end());
      program_.locations.insert(program_.locations.end(), locations.begin(), locations.end());
      if (static_cast<Index>(program_.code.size()) > kMaxGrammarItems) {
        error(where,
              cat("more than ", kMaxGrammarItems, " texts, references and mentions in the grammar; remove some"));
      }
      alternatives.push_back(alternative);
    } while (take_mark('|'));
    for (Alternative& alternative : alternatives) alternative.weight /= total;
    Rule& rule = program_.rules[number];
    rule.first = static_cast<std::uint32_t>(program_.alternatives.size());
    rule.count = static_cast<std::uint32_t>(alternatives.size());
    program_.alternatives.insert(program_.alternatives.end(), alternatives.begin(), alternatives.end());
    return number;
  }

  // Parses one item: "text", rule, $variable, $variable.form, (alternatives), or `tag:` followed by one of these.
  Instruction parse_item(Index nesting) {
    const Token token = current();
    Instruction item;
    ++at_;
    if (token.kind == TokenKind::kName && take_mark(':')) {
      if (!in_definition() || at_mark(':'))
        error(current().where, cat("expected an item after the tag '", token.text, "'"));
      if (current().kind == TokenKind::kName && at_ + 1 < tokens_.size() && tokens_[at_ + 1].text == ":") {
        error(current().where, "two tags on one item; keep one of them");
      }
      item = parse_item(nesting);
      item.tag = tag_number(token.text, token.where);
    } else if (token.kind == TokenKind::kName) {
      item.op = Op::kCall;
      item.operand = reference({token.text, ""});
    } else if (token.kind == TokenKind::kText) {
      item.op = Op::kText;
      item.operand = static_cast<std::uint32_t>(program_.texts.size());
      program_.texts.push_back(store(token.text));
    } else if (token.kind == TokenKind::kMark && token.text == "$") {
      const std::string name = take_name("the name of a variable after '$'").text;
      std::string form;
      if (take_mark('.')) form = take_name("the name of a form after '.'").text;
      item.op = Op::kMention;
      item.operand = reference({name, form});
    } else if (token.kind == TokenKind::kMark && token.text == "(") {
      if (nesting == kMaxGrammarNesting) {
        error(token.where, cat("parentheses nested more than ", kMaxGrammarNesting,
                               " deep; give the inner ones rules of their own"));
      }
      item.op = Op::kCall;
      item.operand = reference({"", ""});
      const std::uint32_t slot = item.operand;
      groups_[slot] = parse_alternatives("", token.where, nesting + 1);
      expect_mark(')', "to close the group");
    } else if (token.kind == TokenKind::kNumber) {
      error(token.where, "unexpected number; a weight belongs at the start of an alternative");
    } else {
      error(token.where, cat("unexpected ", described(token)));
    }
    return item;
  }

  std::uint32_t reference(Reference reference) {
    references_.push_back(std::move(reference));
    return static_cast<std::uint32_t>(references_.size() - 1);
  }

  Text store(const std::string& text) {
    const Text stored{static_cast<std::uint32_t>(program_.pool.size()), static_cast<std::uint32_t>(text.size())};
    program_.pool += text;
    return stored;
  }

  std::uint8_t tag_number(const std::string& name, Location where) {
    auto& tags = program_.tags;
    const auto found = std::find(tags.begin(), tags.end(), name);
    if (found == tags.end()) {
      if (static_cast<Index>(tags.size()) == kMaxGrammarTags) {
        error(where, cat("more than ", kMaxGrammarTags, " tags (each list of words counts as two); remove some"));
      }
      tags.push_back(name);
      return static_cast<std::uint8_t>(tags.size() - 1);
    }
    return static_cast<std::uint8_t>(found - tags.begin());
  }

  void resolve() {
    for (std::size_t i = 0; i < program_.variables.size(); ++i) {
      const auto found = std::find_if(program_.lists.begin(), program_.lists.end(),
                                      [&](const WordList& list) { return list.name == lets_[i].text; });
      if (found == program_.lists.end()) {
        error(lets_[i].where,
              cat("the list '", lets_[i].text, "' is undefined; define it: words ", lets_[i].text, " = ..."));
      }
      program_.variables[i].list = static_cast<std::uint32_t>(found - program_.lists.begin());
      found->variables.push_back(static_cast<std::uint32_t>(i));
    }
    for (std::size_t i = 0; i < program_.code.size(); ++i) {
      Instruction& instruction = program_.code[i];
      if (instruction.op == Op::kCall) resolve_call(instruction, program_.locations[i]);
      if (instruction.op == Op::kMention) resolve_mention(instruction, program_.locations[i]);
    }
  }

  void resolve_call(Instruction& instruction, Location where) {
    const auto group = groups_.find(instruction.operand);
    if (group != groups_.end()) {
      instruction.operand = group->second;
      return;
    }
    const std::string& name = references_[instruction.operand].name;
    const auto found = rule_numbers_.find(name);
    if (found == rule_numbers_.end()) {
      const std::string advice =
          variables_.count(name) ? cat("write the variable as $", name) : cat("define it: ", name, " = ...");
      error(where, cat("the rule '", name, "' is undefined; ", advice));
    }
    instruction.operand = found->second;
  }

  void resolve_mention(Instruction& instruction, Location where) {
    const Reference& reference = references_[instruction.operand];
    const auto found = variables_.find(reference.name);
    if (found == variables_.end()) {
      error(where,
            cat("the variable '", reference.name, "' is undefined; define it: let ", reference.name, " : a-list"));
    }
    instruction.operand = found->second;
    const WordList& list = program_.list_of(found->second);
    const auto form = std::find(list.forms.begin(), list.forms.end(), reference.form);
    if (form == list.forms.end()) {
      error(where, cat("the list '", list.name, "' has no form '", reference.form, "'"));
    }
    instruction.form = static_cast<std::uint8_t>(form - list.forms.begin());
  }

  std::string_view text_;
  GrammarProgram program_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<Reference> references_;
  std::vector<Token> lets_;  // for each variable the name of its list
  std::unordered_map<std::string, std::uint32_t> rule_numbers_, variables_;
  std::unordered_map<std::uint32_t, std::uint32_t> groups_;  // from reference to rule
};

}  // namespace

GrammarProgram parse_grammar(std::string_view text, std::string_view source_name) {
  return Parser(text, source_name).run();
}

}  // namespace headlight::detail
