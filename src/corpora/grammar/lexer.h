// The words of the grammar format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "corpora/grammar/program.h"

namespace headlight::detail {

enum class TokenKind : std::uint8_t { kName, kNumber, kText, kMark, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Location where;
  std::string text;  // of a text: what it stands for
  double number = 0;
};

// What an error message calls a token.
std::string shown(const Token& token);

// Cuts the text into tokens; the last is kEnd. Errors: what is no token, by its place.
std::vector<Token> tokenize(std::string_view text, const std::string& source);

}  // namespace headlight::detail
