// The JSON parser: recursive descent over UTF-8 text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "base/utf8.h"
#include "formats/json.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Json document() {
    if (const auto problem = find_invalid_utf8(text_))
      fail(source_, ": byte ", problem->offset, ": not UTF-8: ", problem->reason, "; JSON is always UTF-8");
    if (text_.starts_with("\xEF\xBB\xBF")) refuse(0, "JSON must not begin with a byte order mark; remove it");
    Json value = parse_value(0);
    skip_space();
    if (at_ < text_.size()) refuse(at_, cat("expected nothing after the value, found ", found()));
    return value;
  }

 private:
  // ---- position and errors ----

  [[noreturn]] void refuse(std::size_t at, const std::string& message) const {
    Index line = 1, column = 1;
    for (const char c : text_.substr(0, at)) {
      if (c == '\n') ++line, column = 1;
      else if (!continues_utf8(c)) ++column;
    }
    fail(source_, ": line ", line, ", column ", column, ": ", message);
  }

  // The character at the current position, for messages.
  std::string found() const {
    if (at_ >= text_.size()) return "the end";
    std::size_t length = 1;
    while (at_ + length < text_.size() && continues_utf8(text_[at_ + length])) ++length;
    return printable(decode_utf8(text_.substr(at_, length), source_).front());
  }

  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }

  void skip_space() {
    while (next_is(' ') || next_is('\n') || next_is('\r') || next_is('\t')) ++at_;
  }

  // ---- the grammar ----

  Json parse_value(int depth) {
    skip_space();
    if (++values_ > kJsonMaxValues) refuse(at_, cat("more than ", kJsonMaxValues, " values; split the file"));
    if (at_ >= text_.size()) refuse(at_, "expected a value, found the end; check whether the file is truncated");
    switch (text_[at_]) {
      case '{':
        return parse_object(depth + 1);
      case '[':
        return parse_array(depth + 1);
      case '"':
        return parse_string();
      case 't':
        return parse_word("true", true);
      case 'f':
        return parse_word("false", false);
      case 'n':
        return parse_word("null", Json());
      default:
        if (is_digit(text_[at_]) || text_[at_] == '-') return parse_number();
        refuse(at_, cat("expected a value, found ", found(), hint()));
    }
  }

  const char* hint() const {
    switch (text_[at_]) {
      case '\'':
        return "; use double quotes for strings";
      case '/':
      case '#':
        return "; remove it, because JSON has no comments";
      case ']':
      case '}':
        return "; remove the comma before it";
      case 'N':
      case 'I':
        return "; use null, because JSON has no NaN and no Infinity";
      case 'T':
      case 'F':
        return "; write true or false";
      case '+':
      case '.':
        return "; a number begins with a digit or a minus sign";
      default:
        return "";
    }
  }

  Json parse_word(std::string_view word, Json value) {
    if (!text_.substr(at_).starts_with(word))
      refuse(at_, "expected a value; the only words in JSON are true, false and null");
    at_ += word.size();
    return value;
  }

  void enter(int depth) const {
    if (depth > kJsonMaxDepth)
      refuse(at_, cat("arrays and objects are nested more than ", kJsonMaxDepth, " deep; flatten them"));
  }

  Json parse_array(int depth) {
    enter(depth);
    Json::Array elements;
    ++at_;
    skip_space();
    if (take(']')) return elements;
    do {
      elements.push_back(parse_value(depth));
      skip_space();
    } while (take(','));
    if (!take(']')) refuse(at_, cat("expected ',' or ']' after an element, found ", found()));
    return elements;
  }

  Json parse_object(int depth) {
    enter(depth);
    Json::Object members;
    std::vector<std::size_t> places;  // of the keys
    ++at_;
    skip_space();
    if (take('}')) return members;
    do {
      skip_space();
      if (!next_is('"'))
        refuse(at_, cat("expected a key in double quotes, found ", found(),
                        next_is('}') ? "; remove the comma before it" : ""));
      places.push_back(at_);
      std::string key = parse_string();
      skip_space();
      if (!take(':')) refuse(at_, cat("expected ':' after a key, found ", found()));
      members.push_back(Json::Member{std::move(key), parse_value(depth)});
      skip_space();
    } while (take(','));
    if (!take('}')) refuse(at_, cat("expected ',' or '}' after a member, found ", found()));
    reject_duplicates(members, places);
    return members;
  }

  // Sorts the keys, so that the cost is n log n instead of quadratic for hostile input.
  void reject_duplicates(const Json::Object& members, const std::vector<std::size_t>& places) const {
    std::vector<std::size_t> order(members.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto key = [&](std::size_t i) -> const std::string& { return members[i].key; };
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const int compared = key(a).compare(key(b));
      return compared != 0 ? compared < 0 : a < b;
    });
    for (std::size_t i = 1; i < order.size(); ++i)
      if (key(order[i - 1]) == key(order[i])) refuse(places[order[i]], "duplicate key; remove one");
  }

  // ---- strings ----

  std::string parse_string() {
    const std::size_t begin = at_++;
    std::string value;
    for (;;) {
      // Copy runs without escapes in one piece.
      const std::size_t run = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20)
        ++at_;
      value.append(text_.substr(run, at_ - run));
      if (at_ >= text_.size()) refuse(begin, "this string has no closing quote; add one");
      if (take('"')) return value;
      if (text_[at_] != '\\')
        refuse(at_, cat("a string cannot contain ", found(), " unescaped; write an escape, such as \\n or \\u0007"));
      append_escape(value);
    }
  }

  void append_escape(std::string& value) {
    const std::size_t begin = at_++;
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ < text_.size()) {
      if (const std::size_t i = kLetters.find(text_[at_]); i != std::string_view::npos) {
        value += kMeanings[i];
        ++at_;
        return;
      }
    }
    if (!take('u')) refuse(begin, "unknown escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX");
    char32_t character = four_digits(begin);
    if (character >= 0xD800 && character < 0xDC00) {  // high surrogate
      const bool escape_follows = text_.substr(at_).starts_with("\\u");
      at_ += escape_follows ? 2 : 0;
      const char32_t second = escape_follows ? four_digits(begin) : 0;
      if (second < 0xDC00 || second > 0xDFFF) refuse(begin, "half of a surrogate pair; write both \\u escapes");
      character = 0x10000 + ((character - 0xD800) << 10) + (second - 0xDC00);
    } else if (character >= 0xDC00 && character <= 0xDFFF) {
      refuse(begin, "half of a surrogate pair; write both \\u escapes");
    }
    append_utf8(value, character);
  }

  char32_t four_digits(std::size_t begin) {
    const std::string_view digits = text_.substr(at_, 4);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() < 4 || error != std::errc() || end != digits.data() + 4)
      refuse(begin, "\\u needs four hexadecimal digits");
    at_ += 4;
    return value;
  }

  // ---- numbers ----

  void skip_digits(std::size_t begin, const char* place) {
    if (at_ >= text_.size() || !is_digit(text_[at_])) refuse(begin, cat("this number needs a digit ", place));
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  }

  Json parse_number() {
    const std::size_t begin = at_;
    const bool negative = take('-');
    const bool leading_zero = next_is('0');
    const std::size_t digits = at_;
    skip_digits(begin, "after the minus sign");
    if (leading_zero && at_ > digits + 1) refuse(begin, "a number must not begin with extra zeros");
    bool whole = true;
    if (take('.')) {
      whole = false;
      skip_digits(begin, "after the decimal point");
    }
    if (take('e') || take('E')) {
      whole = false;
      if (!take('+')) take('-');
      skip_digits(begin, "in the exponent");
    }
    const std::string_view literal = text_.substr(begin, at_ - begin);
    if (whole && literal != "-0") {
      if (const auto exact = exact_whole(literal, negative)) return *exact;
    }
    const double value = nearest_double(literal);
    if (!std::isfinite(value)) refuse(begin, "this number is too large for a double; use a smaller one");
    return value;
  }

  static std::optional<Json> exact_whole(std::string_view literal, bool negative) {
    const char* end = literal.data() + literal.size();
    if (negative) {
      std::int64_t value = 0;
      if (std::from_chars(literal.data(), end, value).ec == std::errc()) return Json(value);
    } else {
      std::uint64_t value = 0;
      if (std::from_chars(literal.data(), end, value).ec == std::errc()) return Json(value);
    }
    return std::nullopt;
  }

  static double nearest_double(std::string_view literal) {
#ifdef __cpp_lib_to_chars
    double value = 0;
    const auto result = std::from_chars(literal.data(), literal.data() + literal.size(), value);
    if (result.ec == std::errc()) return value;
#endif
    // from_chars reports 1e999 and 1e-999 alike as out of range; strtod returns infinity or zero.
    return std::strtod(std::string(literal).c_str(), nullptr);
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t at_ = 0;
  Index values_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& source) { return Parser(text, source).document(); }

}  // namespace headlight
