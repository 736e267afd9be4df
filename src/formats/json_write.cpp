// The JSON writer, compact and pretty.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/utf8.h"
#include "formats/json.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

class JsonWriter {
 public:
  explicit JsonWriter(bool pretty) : pretty_(pretty) {}

  void value(const Json& json, int level) {
    if (json.is_null()) text_ += "null";
    else if (const bool* truth = json.if_bool()) text_ += *truth ? "true" : "false";
    else if (const auto small = json.if_int64()) text_ += cat(*small);
    else if (const auto large = json.if_uint64()) text_ += cat(*large);
    else if (const auto real = json.if_double()) number(*real);
    else if (const std::string* string = json.if_string()) quoted(*string);
    else if (const Json::Array* elements = json.if_array()) array(*elements, level);
    else if (const Json::Object* members = json.if_object()) object(*members, level);
  }

  std::string text_;

 private:
  // The path of the current value, for errors: "training.steps".
  std::string place() const {
    std::string path;
    for (const std::string& step : path_) path += cat(path.empty() || step.front() == '[' ? "" : ".", step);
    return path.empty() ? "the value" : path;
  }

  void new_line(int level) {
    if (!pretty_) return;
    text_ += '\n';
    text_.append(2 * static_cast<std::size_t>(level), ' ');
  }

  void number(double value) {
    if (!std::isfinite(value))
      fail("json: ", place(), " is ", value, ", which JSON cannot represent; write null instead");
#ifdef __cpp_lib_to_chars
    char buffer[32];
    const std::string_view digits(
        buffer, static_cast<std::size_t>(std::to_chars(buffer, buffer + sizeof buffer, value).ptr - buffer));
#else
    char buffer[32];
    int precision = 15;
    do std::snprintf(buffer, sizeof buffer, "%.*g", precision, value);
    while (std::strtod(buffer, nullptr) != value && ++precision <= 17);
    const std::string_view digits(buffer);
#endif
    text_ += digits;
    if (digits.find_first_of(".e") == std::string_view::npos) text_ += ".0";
  }

  void quoted(const std::string& string) {
    if (const auto problem = find_invalid_utf8(string))
      fail("json: ", place(), " is not UTF-8: byte ", problem->offset, ": ", problem->reason);
    text_ += '"';
    for (const char c : string) {
      constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t";
      constexpr std::string_view kLetters = "\"\\bfnrt";
      if (const std::size_t i = kSpecial.find(c); i != std::string_view::npos) {
        text_ += '\\';
        text_ += kLetters[i];
      } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
        text_ += escape;
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }

  void array(const Json::Array& elements, int level) {
    const bool plain = std::none_of(elements.begin(), elements.end(),
                                    [](const Json& element) { return element.is_array() || element.is_object(); });
    text_ += '[';
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (i > 0) text_ += plain && pretty_ ? ", " : ",";
      if (!plain) new_line(level + 1);
      path_.push_back(cat("[", i, "]"));
      value(elements[i], level + 1);
      path_.pop_back();
    }
    if (!plain) new_line(level);
    text_ += ']';
  }

  void object(const Json::Object& members, int level) {
    text_ += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) text_ += ',';
      new_line(level + 1);
      path_.push_back(members[i].key.empty() ? "\"\"" : members[i].key);
      quoted(members[i].key);
      text_ += pretty_ ? ": " : ":";
      value(members[i].value, level + 1);
      path_.pop_back();
    }
    if (!members.empty()) new_line(level);
    text_ += '}';
  }

  bool pretty_;
  std::vector<std::string> path_;
};

}  // namespace

std::string json_text(const Json& value) {
  JsonWriter writer(false);
  writer.value(value, 0);
  return std::move(writer.text_);
}

std::string pretty_json_text(const Json& value) {
  JsonWriter writer(true);
  writer.value(value, 0);
  return std::move(writer.text_) + "\n";
}

}  // namespace headlight
