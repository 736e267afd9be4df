// The settings of a run as flags, for commands that train.
#include "cli.h"
#include "headlight/base/text.h"
#include "headlight/corpora/corpus.h"
#include "training/config.h"

namespace headlight::cli {

namespace {

const char* placeholder_of(const Setting& s) {
  if (s.is_switch()) return "";
  if (std::holds_alternative<Index RunConfig::*>(s.field)) return "N";
  if (std::holds_alternative<double RunConfig::*>(s.field)) return "X";
  if (s.name == std::string_view("layer-heads") || s.name == std::string_view("head-slopes")) return "LIST";
  return s.choices.empty() ? (s.name == std::string_view("corpus") ? "NAME" : "FILE") : "KIND";
}

}  // namespace

std::vector<Flag> setting_flags() {
  std::vector<Flag> flags;
  const RunConfig defaults;
  for (const Setting& s : settings()) {
    Flag& flag = flags.emplace_back(
        Flag{s.name, placeholder_of(s), s.help, s.group, text_of(defaults, s), s.name == std::string_view("data")});
    flag.choices.assign(s.choices.begin(), s.choices.end());
    if (s.name == std::string_view("corpus")) flag.choices = corpus_names();
  }
  return flags;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.emplace_back(preset.name);
  return names;
}

}  // namespace headlight::cli
