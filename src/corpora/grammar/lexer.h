// The tokens of the grammar format.
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
  std::string text;  // for kText, the contents without quotes and escapes
  double number = 0;
};

// The name of a token in error messages.
std::string described(const Token& token);

// Splits the text into tokens; the last is kEnd. Error: an invalid token, with its place.
std::vector<Token> tokenize(std::string_view text, const std::string& source);

}  // namespace headlight::detail
