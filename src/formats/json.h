// JSON (RFC 8259): values, a strict parser, a writer, and typed access with error messages that name the member:
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

// One member of an object. A template, because Json is still incomplete here.
template <class Value>
struct JsonMember {
  std::string key;
  Value value;
  friend bool operator==(const JsonMember& a, const JsonMember& b) { return a.key == b.key && a.value == b.value; }
};

// A JSON value. Objects keep the order of their members. Integers that fit std::int64_t or std::uint64_t are stored
// exactly; all other numbers are doubles, including "-0" and numbers with a decimal point or an exponent.
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
  // The number, or null if it is not finite, because JSON has neither NaN nor infinity.
  static Json finite_or_null(double value);

  bool is_null() const { return holds<std::monostate>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_number() const { return is_whole() || holds<double>(); }
  bool is_whole() const { return holds<std::int64_t>() || holds<std::uint64_t>(); }
  bool is_string() const { return holds<std::string>(); }
  bool is_array() const { return holds<Array>(); }
  bool is_object() const { return holds<Object>(); }

  // The content, or a null pointer if the value has another kind. (JsonView reports errors instead.)
  const bool* if_bool() const { return std::get_if<bool>(&value_); }
  const std::string* if_string() const { return std::get_if<std::string>(&value_); }
  const Array* if_array() const { return std::get_if<Array>(&value_); }
  const Object* if_object() const { return std::get_if<Object>(&value_); }
  // The integer if it fits the type; std::nullopt otherwise, also for 1.0 and 1e3.
  std::optional<std::int64_t> if_int64() const;
  std::optional<std::uint64_t> if_uint64() const;
  // Any number; integers past 2^53 are rounded.
  std::optional<double> if_double() const;

  // A member of an object, or a null pointer if it is missing or this is not an object. Searches linearly.
  const Json* find(std::string_view key) const;
  // Replaces the value of a member, or appends a new member; returns *this. Error: not an object.
  Json& set(std::string key, Json value);
  // Appends to an array; returns *this. Error: not an array.
  Json& push(Json value);

  // Compares kinds, contents and the order of members. 1 and 1.0 are different; 0.0 and -0.0 are equal.
  friend bool operator==(const Json& a, const Json& b);

 private:
  template <class T>
  bool holds() const {
    return std::holds_alternative<T>(value_);
  }

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

// Limits of the parser, which bound its memory to about a hundred bytes per value plus the size of the text.
inline constexpr int kJsonMaxDepth = 128;                // nesting depth of arrays and objects
inline constexpr Index kJsonMaxValues = Index{1} << 22;  // values in one text, nested ones included

// Parses one value, which only white space may surround.
// The parser is strict: it allows no trailing commas, comments, single quotes, NaN or leading zeros. Errors: text that
// RFC 8259 does not allow, invalid UTF-8, a byte order mark, a lone surrogate escape, a duplicate key, a number outside
// the range of a double, an exceeded limit. The message begins with `source` and gives the line and the column (in
// characters), which count from 1.
Json parse_json(std::string_view text, const std::string& source);

// json_text writes one line without spaces. pretty_json_text writes one member per line, indented by two spaces per
// level, arrays of scalars on one line, and a final '\n'. Doubles are written as the shortest text that reads back
// unchanged, always with a decimal point or an exponent. Non-ASCII characters are not escaped.
// Errors, which name the member: a number that is not finite, a string that is not UTF-8.
std::string json_text(const Json& value);
std::string pretty_json_text(const Json& value);

// A reference to a value together with its path, for typed access. The Json must outlive the view.
class JsonView {
 public:
  // Every error message begins with `source`, usually the path of the file.
  JsonView(const Json& document, std::string source) : json_(&document), source_(std::move(source)) {}

  const Json& json() const { return *json_; }
  // "config.json: training.steps", or "config.json" for the document itself.
  std::string where() const;

  // A member of an object or an element of an array. Errors: another kind of value, a missing member or element.
  JsonView at(std::string_view key) const;
  JsonView at(Index index) const;
  // A member, or std::nullopt if it is missing or null. Error: not an object.
  std::optional<JsonView> find(std::string_view key) const;
  // The elements of an array or the members of an object, in order. Errors: another kind of value.
  Index size() const;
  std::vector<JsonView> elements() const;
  std::vector<std::pair<std::string, JsonView>> members() const;
  // Error: the object has a member that is not in `keys`.
  void allow_only(std::initializer_list<std::string_view> keys) const;

  bool as_bool() const;
  // An integer, written without a decimal point or an exponent.
  // Errors: another kind of value, a value outside [lowest, highest].
  Index as_index(Index lowest = std::numeric_limits<Index>::min(),
                 Index highest = std::numeric_limits<Index>::max()) const;
  std::uint64_t as_uint64() const;
  // Any number.
  double as_double() const;
  const std::string& as_string() const;

  // Throws an error about this value: "config.json: training.steps: <message>".
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
