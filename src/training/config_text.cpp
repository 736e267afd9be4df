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

Index whole_from_text(const Setting& s, std::string_view text) {
  Index value = 0;
  const Parsed parsed = parse_whole_text(text, value);
  if (parsed == Parsed::kNoNumber) refuse(s, text, cat("not a whole number; allowed: ", allowed_range(s)));
  if (parsed == Parsed::kTooLarge || !in_range(s, static_cast<double>(value))) refuse_range(s, text);
  return value;
}

double real_from_text(const Setting& s, std::string_view text) {
  double value = 0;
  const Parsed parsed = parse_whole_text(text, value);
  if (parsed == Parsed::kNoNumber || std::isnan(value))
    refuse(s, text, cat("not a number; allowed: ", allowed_range(s)));
  if (parsed == Parsed::kTooLarge || !in_range(s, value)) refuse_range(s, text);
  return value;
}

bool yes_from_text(const Setting& s, std::string_view text) {
  if (text != "yes" && text != "no") refuse(s, text, "use yes or no");
  return text == "yes";
}

// Whether `text` selects the choice. A choice such as "window:W" is selected by "window:" and a whole number from 1.
// Error: anything else after the colon.
bool is_choice(const Setting& s, std::string_view choice, std::string_view text) {
  const std::size_t colon = choice.find(':');
  if (colon == std::string::npos) return choice == text;
  if (text.substr(0, colon + 1) != choice.substr(0, colon + 1)) return false;
  Index number = 0;
  if (parse_whole_text(text.substr(colon + 1), number) == Parsed::kFine && number >= 1) return true;
  refuse(s, text, cat(choice.substr(colon + 1), " must be a whole number from 1"));
}

std::size_t choice_from_text(const Setting& s, std::string_view text) {
  const auto found = std::find_if(s.choices.begin(), s.choices.end(),
                                  [&](const std::string& choice) { return is_choice(s, choice, text); });
  if (found == s.choices.end()) refuse(s, text, cat("not one of ", word_list(s.choices), suggestion(text, s.choices)));
  return static_cast<std::size_t>(found - s.choices.begin());
}

// The value of a family's own setting in its canonical form.
std::string own_from_text(const Setting& s, ModelSetting::Kind kind, std::string_view text) {
  switch (kind) {
    case ModelSetting::Kind::kInteger:
      return std::to_string(whole_from_text(s, text));
    case ModelSetting::Kind::kFloat:
      return number_as_text(real_from_text(s, text));
    case ModelSetting::Kind::kYesNo:
      return yes_from_text(s, text) ? "yes" : "no";
    case ModelSetting::Kind::kChoice:
      return s.choices[choice_from_text(s, text)];
  }
  return {};
}

// The type of a setting's value in JSON.
enum class JsonKind { kInteger, kFloat, kYesNo, kText };
JsonKind json_kind(const Setting& s) {
  if (std::holds_alternative<Index RunConfig::*>(s.field)) return JsonKind::kInteger;
  if (std::holds_alternative<double RunConfig::*>(s.field)) return JsonKind::kFloat;
  if (s.is_switch()) return JsonKind::kYesNo;
  const auto* own = std::get_if<OwnField>(&s.field);
  if (own && own->setting.kind == ModelSetting::Kind::kInteger) return JsonKind::kInteger;
  if (own && own->setting.kind == ModelSetting::Kind::kFloat) return JsonKind::kFloat;
  return JsonKind::kText;
}

}  // namespace

void set_from_text(RunConfig& config, const Setting& s, std::string_view text) {
  if (const auto* whole = std::get_if<Index RunConfig::*>(&s.field)) {
    config.*(*whole) = whole_from_text(s, text);
  } else if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) {
    config.*(*real) = real_from_text(s, text);
  } else if (const auto* flag = std::get_if<bool RunConfig::*>(&s.field)) {
    config.*(*flag) = yes_from_text(s, text);
  } else if (const auto* choice = std::get_if<ChoiceField>(&s.field)) {
    choice->set(config, choice_from_text(s, text));
  } else if (const auto* own = std::get_if<OwnField>(&s.field)) {
    config.own[s.name] = own_from_text(s, own->setting.kind, text);
  } else {
    if (!s.choices.empty()) choice_from_text(s, text);
    if (s.name == std::string_view("model")) find_family(std::string(text));
    config.*std::get<std::string RunConfig::*>(s.field) = std::string(text);
    if (s.name == std::string_view("data")) config.more_data.clear();
  }
}

std::string text_of(const RunConfig& config, const Setting& s) {
  if (const auto* whole = std::get_if<Index RunConfig::*>(&s.field)) return std::to_string(config.*(*whole));
  if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) return number_as_text(config.*(*real));
  if (const auto* flag = std::get_if<bool RunConfig::*>(&s.field)) return config.*(*flag) ? "yes" : "no";
  if (const auto* choice = std::get_if<ChoiceField>(&s.field)) {
    const std::size_t number = choice->get(config);
    return number < s.choices.size() ? s.choices[number] : "";
  }
  if (const auto* own = std::get_if<OwnField>(&s.field)) {
    const auto found = config.own.find(s.name);
    return found == config.own.end() ? own->setting.value : found->second;
  }
  return config.*std::get<std::string RunConfig::*>(s.field);
}

std::string text_of(const RunConfig& config, std::string_view name) {
  const Setting* setting = find_setting(name);
  if (!setting) fail("settings: unknown setting ", name);
  return text_of(config, *setting);
}

void check_setting(const RunConfig& config, const Setting& s) {
  RunConfig checked;
  if (!std::holds_alternative<std::string RunConfig::*>(s.field) || !s.choices.empty())
    set_from_text(checked, s, text_of(config, s));
  else if (s.name == std::string_view("model")) find_family(config.model);
}

Json to_json(const RunConfig& config) {
  Json json = Json::object();
  for (const Setting& s : settings()) {
    if (s.describes_model() && !s.is_of(config.model)) continue;
    const std::string text = text_of(config, s);
    switch (json_kind(s)) {
      case JsonKind::kInteger:
        json.set(s.key(), whole_from_text(s, text));
        break;
      case JsonKind::kFloat:
        json.set(s.key(), real_from_text(s, text));
        break;
      case JsonKind::kYesNo:
        json.set(s.key(), text == "yes");
        break;
      case JsonKind::kText:
        json.set(s.key(), text);
    }
  }
  if (!config.more_data.empty()) {
    Json all = Json::array();
    for (const std::string& path : config.all_data()) all.push(path);
    json.set("data", all);
  }
  return json;
}

void from_json(RunConfig& config, const JsonView& json) {
  // Check the family first, because the other keys depend on the family.
  if (const auto family = json.find("model"); family && !find_model(family->as_string()))
    family->refuse(cat("this program has no model ", family->as_string(), "; use the program that trained the run"));
  for (const auto& [key, value] : json.members()) {
    const Setting* found = nullptr;
    std::vector<std::string> keys;
    for (const Setting& s : settings()) {
      keys.push_back(s.key());
      if (keys.back() == key) found = &s;
    }
    // Removed setting of earlier versions, for pruned models with ALiBi.
    if (key == "head_slopes" && value.as_string().empty()) continue;
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
    switch (json_kind(*found)) {
      case JsonKind::kInteger:
        text = std::to_string(value.as_index());
        break;
      case JsonKind::kFloat:
        text = number_as_text(value.as_double());
        break;
      case JsonKind::kYesNo:
        text = value.as_bool() ? "yes" : "no";
        break;
      case JsonKind::kText:
        text = value.as_string();
    }
    try {
      set_from_text(config, *found, text);
    } catch (const UsageError& e) {
      value.refuse(e.what());
    }
  }
}

}  // namespace headlight
