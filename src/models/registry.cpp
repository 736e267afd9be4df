// The table of built-in families, registration, and the values of settings.
#include "headlight/models/registry.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "base/registration.h"
#include "base/words.h"
#include "models/families.h"

namespace headlight {

namespace {

template <class T>
std::string text_of_number(T value) {
  char buffer[40];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

template <class T>
T parsed(const std::string& name, const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) fail("--", name, " ", text, ": not a number");
  return value;
}

bool same(const ModelSetting& a, const ModelSetting& b) {
  return a.kind == b.kind && a.value == b.value && a.lowest == b.lowest && a.highest == b.highest &&
         a.choices == b.choices && a.help == b.help;
}

// Error: a name that cannot be a flag, or a default that the flag would refuse.
void check_own(const std::string& family, const ModelSetting& s) {
  const auto refuse = [&](const auto&... what) {
    fail("register_model: the setting ", s.name.empty() ? "''" : s.name, " of ", family, what...);
  };
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (s.name.empty() || s.name[0] < 'a' || s.name[0] > 'z' || !std::all_of(s.name.begin(), s.name.end(), fits))
    refuse(" cannot be a flag; use lower-case letters, digits and dashes");
  if (s.kind == ModelSetting::Kind::kChoice) {
    if (s.choices.empty()) refuse(" has no choices; give at least one");
    if (std::find(s.choices.begin(), s.choices.end(), s.value) == s.choices.end())
      refuse(" has the default ", s.value, "; use one of its choices: ", word_list(s.choices));
  } else if (s.kind == ModelSetting::Kind::kYesNo) {
    if (s.value != "yes" && s.value != "no") refuse(" has the default ", s.value, "; use yes or no");
  } else {
    const double value = s.kind == ModelSetting::Kind::kInteger ? static_cast<double>(parsed<Index>(s.name, s.value))
                                                                : parsed<double>(s.name, s.value);
    if (!(value >= s.lowest && value <= s.highest))
      refuse(" has the default ", s.value, " outside ", s.lowest, " to ", s.highest, "; use a default in this range");
  }
}

std::deque<ModelKind>& kinds() {
  // Lists the built-in families explicitly, because the linker drops static objects of a library that nothing refers
  // to.
  static std::deque<ModelKind> all{
      transformer_kind(), rnn_kind(), gru_kind(), lstm_kind(), conv_kind(), encoder_kind(), encoder_decoder_kind()};
  return all;
}

const ModelKind* look_up(const std::string& name) {
  const auto found =
      std::find_if(kinds().begin(), kinds().end(), [&](const ModelKind& kind) { return kind.name == name; });
  return found == kinds().end() ? nullptr : &*found;
}

void add(ModelKind kind) {
  if (kind.name.empty() || !kind.make) fail("register_model: a family needs a name and a make function");
  if (look_up(kind.name)) fail("register_model: there is a family ", kind.name, " already; use another name");
  for (std::size_t i = 0; i < kind.settings.size(); ++i) {
    const ModelSetting& own = kind.settings[i];
    check_own(kind.name, own);
    for (std::size_t k = 0; k < i; ++k)
      if (kind.settings[k].name == own.name)
        fail("register_model: ", kind.name, " declares the setting ", own.name, " twice; use another name");
  }
  for (const ModelKind& other : kinds())
    for (const ModelSetting& theirs : other.settings)
      for (const ModelSetting& own : kind.settings)
        if (own.name == theirs.name && !same(own, theirs))
          fail("register_model: the setting ", own.name, " of ", kind.name, " differs from that of ", other.name,
               "; use another name");
  kinds().push_back(std::move(kind));
}

}  // namespace

ModelSetting integer_setting(std::string name, Index value, Index lowest, Index highest, std::string help) {
  return {.name = std::move(name),
          .kind = ModelSetting::Kind::kInteger,
          .value = text_of_number(value),
          .lowest = static_cast<double>(lowest),
          .highest = static_cast<double>(highest),
          .help = std::move(help)};
}

ModelSetting real_setting(std::string name, double value, double lowest, double highest, std::string help) {
  return {.name = std::move(name),
          .kind = ModelSetting::Kind::kFloat,
          .value = text_of_number(value),
          .lowest = lowest,
          .highest = highest,
          .help = std::move(help)};
}

ModelSetting yes_no_setting(std::string name, bool value, std::string help) {
  return {.name = std::move(name),
          .kind = ModelSetting::Kind::kYesNo,
          .value = value ? "yes" : "no",
          .help = std::move(help)};
}

ModelSetting choice_setting(std::string name, std::vector<std::string> choices, std::string help) {
  return {.name = std::move(name),
          .kind = ModelSetting::Kind::kChoice,
          .value = choices.empty() ? "" : choices[0],  // register_model() refuses a setting without choices
          .choices = choices,
          .help = std::move(help)};
}

const std::string& ModelOptions::text(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    fail("model setting ", name, ": the family does not declare it; add it to ModelKind::settings or ::shared");
  return found->second;
}
Index ModelOptions::whole(const std::string& name) const { return parsed<Index>(name, text(name)); }
double ModelOptions::real(const std::string& name) const { return parsed<double>(name, text(name)); }
bool ModelOptions::yes_no(const std::string& name) const { return text(name) == "yes"; }

void register_model(ModelKind kind) {
  registering([&] { add(std::move(kind)); });
}

const std::deque<ModelKind>& model_kinds() { return kinds(); }

const ModelKind* find_model(const std::string& name) {
  check_registrations();
  return look_up(name);
}

}  // namespace headlight
