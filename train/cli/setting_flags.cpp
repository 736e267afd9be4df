// Flags for the settings of a run, for commands that train.
#include "cli.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/corpora/corpus.h"
#include "training/config.h"
#include "training/resolve.h"

namespace headlight::cli {

namespace {

const char* placeholder_of(const Setting& s) {
  if (s.is_switch()) return "";
  if (std::holds_alternative<Index RunConfig::*>(s.field)) return "N";
  if (std::holds_alternative<double RunConfig::*>(s.field)) return "X";
  if (s.name == std::string_view("layer-heads")) return "LIST";
  if (!s.choices.empty()) return "KIND";
  if (const auto* own = std::get_if<OwnField>(&s.field))
    return own->setting.kind == ModelSetting::Kind::kInteger ? "N" : "X";
  if (s.name == std::string_view("teacher")) return "RUN";
  return s.name == std::string_view("corpus") || s.name == std::string_view("model") ? "NAME" : "FILE";
}

}  // namespace

std::vector<Flag> setting_flags() {
  std::vector<Flag> flags;
  const RunConfig defaults;
  for (const Setting& s : settings()) {
    Flag& flag = flags.emplace_back(
        Flag{s.name, placeholder_of(s), s.help, s.group, text_of(defaults, s), s.name == std::string_view("data")});
    flag.choices = s.choices;
    if (s.name == std::string_view("corpus")) flag.choices = corpus_names();
    if (s.name == std::string_view("model"))
      for (const ModelKind& kind : model_kinds()) flag.choices.push_back(kind.name);
  }
  return flags;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.emplace_back(preset.name);
  return names;
}

RequestedSettings requested_settings(const Arguments& args) {
  RequestedSettings asked;
  for (const Setting& s : settings())
    if (const auto given = args.text(s.name)) asked.flags.emplace(s.name, *given);
  asked.data = args.texts("data");
  asked.preset = args.text("preset");
  asked.minutes = args.has("minutes");
  if (const auto path = args.text("config")) read_settings(asked, *path);
  return asked;
}

}  // namespace headlight::cli
