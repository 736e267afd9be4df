// Converts settings from and to text and JSON.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "headlight/base/error.h"
#include "training/config.h"

namespace headlight {

namespace {

template <class T>
std::string number_as_text(T value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

std::string allowed_range(const Setting& s) {
  // Print integers in full: 1000000000, not 1e+09.
  const auto limit = [&](double value) {
    return std::holds_alternative<Index RunConfig::*>(s.field) ? std::to_string(static_cast<Index>(value))
                                                               : number_as_text(value);
  };
  if (s.highest_excluded) return cat("from ", limit(s.lowest), " to below ", limit(s.highest));
  return cat(s.lowest_excluded ? "more than " : "", limit(s.lowest), s.lowest_excluded ? ", at most " : " to ",
             limit(s.highest));
}

bool in_range(const Setting& s, double value) {
  return (s.lowest_excluded ? value > s.lowest : value >= s.lowest) &&
         (s.highest_excluded ? value < s.highest : value <= s.highest);
}

enum class Parsed { kFine, kNoNumber, kTooLarge };

template <class T>
Parsed parse_whole_text(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return Parsed::kNoNumber;
  return error == std::errc() ? Parsed::kFine : Parsed::kTooLarge;
}

[[noreturn]] void refuse(const Setting& s, std::string_view value, const std::string& why) {
  throw UsageError(cat("--", s.name, " ", value.empty() ? "''" : value, ": ", why));
}
[[noreturn]] void refuse_range(const Setting& s, std::string_view value) {
  refuse(s, value, cat("out of range; allowed: ", allowed_range(s)));
}
[[noreturn]] void refuse_choice(const Setting& s, std::string_view value) {
  refuse(s, value, cat("not one of ", word_list(s.choices), suggestion(value, s.choices)));
}

}  // namespace

void set_from_text(RunConfig& config, const Setting& s, std::string_view text) {
  if (const auto* field = std::get_if<Index RunConfig::*>(&s.field)) {
    Index value = 0;
    const Parsed parsed = parse_whole_text(text, value);
    if (parsed == Parsed::kNoNumber) refuse(s, text, cat("not a whole number; allowed: ", allowed_range(s)));
    if (parsed == Parsed::kTooLarge || !in_range(s, static_cast<double>(value))) refuse_range(s, text);
    config.*(*field) = value;
  } else if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) {
    double value = 0;
    const Parsed parsed = parse_whole_text(text, value);
    if (parsed == Parsed::kNoNumber || std::isnan(value))
      refuse(s, text, cat("not a number; allowed: ", allowed_range(s)));
    if (parsed == Parsed::kTooLarge || !in_range(s, value)) refuse_range(s, text);
    config.*(*real) = value;
  } else if (const auto* flag = std::get_if<bool RunConfig::*>(&s.field)) {
    if (text != "yes" && text != "no") refuse(s, text, "use yes or no");
    config.*(*flag) = text == "yes";
  } else if (const auto* choice = std::get_if<ChoiceField>(&s.field)) {
    const auto found = std::find(s.choices.begin(), s.choices.end(), text);
    if (found == s.choices.end()) refuse_choice(s, text);
    choice->set(config, static_cast<std::size_t>(found - s.choices.begin()));
  } else {
    config.*std::get<std::string RunConfig::*>(s.field) = std::string(text);
    if (s.name == std::string_view("data")) config.more_data.clear();
  }
}

std::string text_of(const RunConfig& config, const Setting& s) {
  if (const auto* field = std::get_if<Index RunConfig::*>(&s.field)) return std::to_string(config.*(*field));
  if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) return number_as_text(config.*(*real));
  if (const auto* flag = std::get_if<bool RunConfig::*>(&s.field)) return config.*(*flag) ? "yes" : "no";
  if (const auto* choice = std::get_if<ChoiceField>(&s.field)) {
    const std::size_t number = choice->get(config);
    return number < s.choices.size() ? s.choices[number] : "";
  }
  return config.*std::get<std::string RunConfig::*>(s.field);
}

std::string text_of(const RunConfig& config, std::string_view name) {
  const Setting* setting = find_setting(name);
  if (!setting) fail("settings: unknown setting ", name);
  return text_of(config, *setting);
}

void check_setting(const RunConfig& config, const Setting& s) {
  if (const auto* field = std::get_if<Index RunConfig::*>(&s.field)) {
    if (!in_range(s, static_cast<double>(config.*(*field)))) refuse_range(s, text_of(config, s));
  } else if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) {
    if (!in_range(s, config.*(*real))) refuse_range(s, text_of(config, s));  // NaN fails the range check
  } else if (const auto* choice = std::get_if<ChoiceField>(&s.field)) {
    if (choice->get(config) >= s.choices.size()) refuse_choice(s, text_of(config, s));
  }
}

Json to_json(const RunConfig& config) {
  Json json = Json::object();
  for (const Setting& s : settings()) {
    if (const auto* whole = std::get_if<Index RunConfig::*>(&s.field)) json.set(s.key(), config.*(*whole));
    else if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) json.set(s.key(), config.*(*real));
    else if (const auto* flag = std::get_if<bool RunConfig::*>(&s.field)) json.set(s.key(), config.*(*flag));
    else json.set(s.key(), text_of(config, s));  // strings, and names of choices
  }
  if (!config.more_data.empty()) {
    Json all = Json::array();
    for (const std::string& path : config.all_data()) all.push(path);
    json.set("data", all);
  }
  return json;
}

void from_json(RunConfig& config, const JsonView& json) {
  for (const auto& [key, value] : json.members()) {
    const Setting* found = nullptr;
    std::vector<std::string> keys;
    for (const Setting& s : settings()) {
      keys.push_back(s.key());
      if (keys.back() == key) found = &s;
    }
    if (!found) json.refuse(cat("unknown setting ", key, suggestion(key, keys)));
    if (key == "data" && value.json().is_array()) {
      config.data.clear();
      config.more_data.clear();
      for (const JsonView& path : value.elements())
        (config.data.empty() ? config.data : config.more_data.emplace_back()) = path.as_string();
      continue;
    }
    // Convert through text, so that a file follows the same rules as a flag.
    std::string text;
    if (std::holds_alternative<Index RunConfig::*>(found->field)) text = std::to_string(value.as_index());
    else if (std::holds_alternative<double RunConfig::*>(found->field)) text = number_as_text(value.as_double());
    else if (found->is_switch()) text = value.as_bool() ? "yes" : "no";
    else text = value.as_string();
    try {
      set_from_text(config, *found, text);
    } catch (const UsageError& e) {
      value.refuse(e.what());
    }
  }
}

}  // namespace headlight
