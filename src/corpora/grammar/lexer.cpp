// The lexer of the grammar format.
#include "corpora/grammar/lexer.h"

#include "headlight/base/error.h"

namespace headlight::detail {

void grammar_error(const std::string& source, Location where, const std::string& message) {
  fail(source, ":", where.line, ":", where.column, ": ", message);
}

namespace {

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }

std::string described(char c) {
  if (is_printable(c)) return cat("'", c, "'");
  return cat("the byte ", static_cast<int>(static_cast<unsigned char>(c)));
}

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Token next() {
    skip_blanks();
    Token token;
    token.where = where_;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (is_letter(c)) {
      read_name(token);
    } else if (is_digit(c) || c == '-') {
      read_number(token);
    } else if (c == '"' || c == '\'') {
      read_text(token);
    } else if (std::string_view("=|/:$.(),").find(c) != std::string_view::npos) {
      token.kind = TokenKind::kMark;
      token.text = std::string(1, take());
    } else {
      grammar_error(source_, where_, cat("unexpected ", described(c), "; put text in quotes"));
    }
    return token;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  char take() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++where_.line;
      where_.column = 1;
    } else {
      ++where_.column;
    }
    return c;
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') take();
      } else if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
        take();
      } else {
        return;
      }
    }
  }

  void read_name(Token& token) {
    token.kind = TokenKind::kName;
    while (is_letter(peek()) || is_digit(peek()) || peek() == '-' || peek() == '_') token.text += take();
    if (token.text.size() > 64) grammar_error(source_, token.where, "a name of more than 64 characters; shorten it");
  }

  void read_number(Token& token) {
    token.kind = TokenKind::kNumber;
    const bool negative = peek() == '-';
    if (negative) token.text += take();
    double value = 0;
    double place = 1;
    while (is_digit(peek())) {
      value = value * 10 + (peek() - '0');
      token.text += take();
    }
    if (peek() == '.') {
      token.text += take();
      while (is_digit(peek())) {
        place /= 10;
        value += place * (peek() - '0');
        token.text += take();
      }
    }
    if (negative || !(value > 0)) {
      grammar_error(source_, token.where,
                    cat("the weight ", token.text.substr(0, 20), " is not positive; remove the alternative instead"));
    }
    if (value < 1e-6 || value > 1e6) {
      grammar_error(source_, token.where, "weight out of range; choose one from 0.000001 to 1000000");
    }
    token.number = value;
  }

  void read_text(Token& token) {
    token.kind = TokenKind::kText;
    const char quote = take();
    while (true) {
      if (at_ == text_.size() || text_[at_] == '\n') {
        grammar_error(source_, token.where,
                      cat("this text has no closing ", described(quote), " on its line; write \\n for a new line"));
      }
      const Location place = where_;
      char c = take();
      if (c == quote) return;
      if (c == '\\') {
        const char escaped = peek();
        const std::string_view known = "nt\\\"'";
        if (known.find(escaped) == std::string_view::npos || escaped == '\0') {
          grammar_error(source_, place, "unknown escape; use \\n \\t \\\\ \\\" or \\'");
        }
        take();
        c = escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
      } else if (!is_printable(c)) {
        grammar_error(source_, place, cat(described(c), " in a text; use printable ASCII characters, \\n and \\t"));
      }
      token.text += c;
    }
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t at_ = 0;
  Location where_;
};

}  // namespace

std::string described(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the file";
    case TokenKind::kText:
      return "a quoted text";
    default:
      return cat("'", token.text, "'");
  }
}

std::vector<Token> tokenize(std::string_view text, const std::string& source) {
  Lexer lexer(text, source);
  std::vector<Token> tokens;
  do {
    tokens.push_back(lexer.next());
  } while (tokens.back().kind != TokenKind::kEnd);
  return tokens;
}

}  // namespace headlight::detail
