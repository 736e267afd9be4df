// The table of built-in families, registration, and the values of settings.
#include "headlight/models/registry.h"

#include <algorithm>
#include <charconv>
#include <deque>

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

std::deque<ModelKind>& kinds() {
  // Lists the built-in families explicitly, because the linker drops static objects of a library that nothing refers
  // to.
  static std::deque<ModelKind> all{
      transformer_kind(), rnn_kind(), gru_kind(), lstm_kind(), conv_kind(), encoder_kind(), encoder_decoder_kind()};
  return all;
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
  if (choices.empty()) fail("model setting ", name, ": has no choices; give at least one");
  return {.name = std::move(name),
          .kind = ModelSetting::Kind::kChoice,
          .value = choices[0],
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
  if (kind.name.empty() || !kind.make) fail("register_model: a family needs a name and a make function");
  if (find_model(kind.name)) fail("register_model: there is a family ", kind.name, " already; use another name");
  for (const ModelKind& other : kinds())
    for (const ModelSetting& theirs : other.settings)
      for (const ModelSetting& own : kind.settings)
        if (own.name == theirs.name && !same(own, theirs))
          fail("register_model: the setting ", own.name, " of ", kind.name, " differs from that of ", other.name,
               "; use another name");
  kinds().push_back(std::move(kind));
}

const std::deque<ModelKind>& model_kinds() { return kinds(); }

const ModelKind* find_model(const std::string& name) {
  const auto found =
      std::find_if(kinds().begin(), kinds().end(), [&](const ModelKind& kind) { return kind.name == name; });
  return found == kinds().end() ? nullptr : &*found;
}

}  // namespace headlight
