// JSON (RFC 8259): values, a strict parser, a writer, and typed access whose errors name the place:
//
//   const Json document = parse_json(read_file("config.json"), "config.json");
//   const JsonView config(document, "config.json");
//   const Index steps = config.at("training").at("steps").as_index(1, 1'000'000);
//   // config.json: training.steps: expected a whole number, found "abc"
//
//   Json record = Json::object();
//   record.set("step", 100).set("loss", 2.25);
//   append_line("log.jsonl", json_text(record));   // {"step":100,"loss":2.25}
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

// One entry of an object. (A template only because Json is not complete yet.)
template <class Value>
struct JsonMember {
  std::string key;
  Value value;
  friend bool operator==(const JsonMember& a, const JsonMember& b) { return a.key == b.key && a.value == b.value; }
};

// A JSON value. Objects keep the order of their members. Whole numbers within 64 bits (signed or unsigned) are kept
// exactly; every other number is a double, as is "-0" or anything with a point or an exponent.
class Json {
 public:
  using Member = JsonMember<Json>;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  template <std::same_as<bool> Bool>
  Json(Bool value) : value_(value) {}
  template <std::integral Whole>
  requires(!std::same_as<Whole, bool> && !std::same_as<Whole, char>) Json(Whole value) {
    if (std::in_range<std::int64_t>(value)) value_ = static_cast<std::int64_t>(value);
    else value_ = static_cast<std::uint64_t>(value);
  }
  template <std::floating_point Real>
  Json(Real value) : value_(static_cast<double>(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value);
  Json(Object value);
  static Json array();
  static Json object();
  // The number, or null if it is not finite: JSON has no nan and no infinity.
  static Json finite_or_null(double value);

  bool is_null() const { return holds<std::monostate>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_number() const { return is_whole() || holds<double>(); }
  bool is_whole() const { return holds<std::int64_t>() || holds<std::uint64_t>(); }
  bool is_string() const { return holds<std::string>(); }
  bool is_array() const { return holds<Array>(); }
  bool is_object() const { return holds<Object>(); }

  // The content, or a null pointer if the value is of another kind. JsonView gives errors instead.
  const bool* if_bool() const { return std::get_if<bool>(&value_); }
  const std::string* if_string() const { return std::get_if<std::string>(&value_); }
  const Array* if_array() const { return std::get_if<Array>(&value_); }
  const Object* if_object() const { return std::get_if<Object>(&value_); }
  // Whole numbers that fit the type; nothing for 1.0 or 1e3.
  std::optional<std::int64_t> if_int64() const;
  std::optional<std::uint64_t> if_uint64() const;
  // Any number; a whole one past 2^53 is rounded.
  std::optional<double> if_double() const;

  // A member of an object; a null pointer if there is none, or this is no object. Looks at one after the other.
  const Json* find(std::string_view key) const;
  // Gives a member a value: replaced where it stands, or added at the end; returns *this. Error: not an object.
  Json& set(std::string key, Json value);
  // Adds to the end of an array; returns *this. Error: not an array.
  Json& push(Json value);

  // Same kinds, same contents, same order of members. 1 and 1.0 differ, as do 0.0 and -0.0 as text but not here.
  friend bool operator==(const Json& a, const Json& b);

 private:
  template <class T>
  bool holds() const {
    return std::holds_alternative<T>(value_);
  }

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

// Bounds on what a text can ask of the parser. Memory stays below some hundred bytes a value and the text's own size.
inline constexpr int kJsonMaxDepth = 128;                // arrays and objects within each other
inline constexpr Index kJsonMaxValues = Index{1} << 22;  // values in one text, at every depth

// Parses one value with nothing but white space around it.
// Errors: everything RFC 8259 does not allow (trailing commas, comments, single quotes, NaN, leading zeros, ...), not
// UTF-8, a byte order mark, lone surrogate escapes, a key twice in one object, a number past the range of a double, more
// than the bounds above. The line begins with `source` and gives line and column (in characters), both from 1.
Json parse_json(std::string_view text, const std::string& source);

// One line without spaces. / Two spaces a level, a line a member, arrays of plain values on one line, '\n' at the end.
// Doubles take the shortest text that reads back the same, always with a point or an exponent. Characters beyond
// ASCII are written as they are.
// Errors: a number that is not finite, a string that is not UTF-8; both name the place.
std::string json_text(const Json& value);
std::string pretty_json_text(const Json& value);

// A value and where it stands, for typed access. It refers to the Json, which must outlive it.
class JsonView {
 public:
  // `source` begins every error: the file's path.
  JsonView(const Json& document, std::string source) : json_(&document), source_(std::move(source)) {}

  const Json& json() const { return *json_; }
  // "config.json: training.steps", "config.json" at the top.
  std::string where() const;

  // A member / an element. Errors: not an object / array, no such member (the error lists those there are) / element.
  JsonView at(std::string_view key) const;
  JsonView at(Index index) const;
  // A member, or nothing; null counts as absent. Error: not an object.
  std::optional<JsonView> find(std::string_view key) const;
  // Elements of an array / members of an object, in order. Error: any other kind.
  Index size() const;
  std::vector<JsonView> elements() const;
  std::vector<std::pair<std::string, JsonView>> members() const;
  // Error: the object has a member that is not in the list; names it and the list.
  void allow_only(std::initializer_list<std::string_view> keys) const;

  bool as_bool() const;
  // A whole number, written without point or exponent. Errors: another kind, outside lowest..highest.
  Index as_index(Index lowest = std::numeric_limits<Index>::min(),
                 Index highest = std::numeric_limits<Index>::max()) const;
  std::uint64_t as_uint64() const;
  // Any number.
  double as_double() const;
  const std::string& as_string() const;

  // An error about this value, in the words of the caller: "config.json: training.steps: <message>".
  [[noreturn]] void refuse(const std::string& message) const;

 private:
  JsonView(const Json& json, std::string source, std::string path)
      : json_(&json), source_(std::move(source)), path_(std::move(path)) {}
  JsonView inside(const Json& json, std::string_view step) const;
  [[noreturn]] void expected(const char* kind) const;

  const Json* json_;
  std::string source_;
  std::string path_;
};

}  // namespace headlight
