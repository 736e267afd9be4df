// headlight models: lists the model families and their settings.
#include <algorithm>

#include "cli/cli.h"
#include "headlight/models/registry.h"

namespace headlight::cli {

namespace {

// The flags of one family, with their defaults. With `parts`, also the help of each part that a flag can select.
std::string settings_of(const ModelKind& kind, bool parts) {
  std::string text;
  for (const Flag& flag : setting_flags()) {
    const Setting& setting = *find_setting(flag.name);
    if (!setting.is_of(kind.name)) continue;
    text += flag_line(flag, "  ");
    for (std::size_t i = 0; parts && i < setting.choice_help.size(); ++i) {
      std::string left(26, ' ');
      left += setting.choices[i];
      left.resize(std::max<std::size_t>(left.size() + 1, 38), ' ');
      if (!setting.choice_help[i].empty()) text += wrapped(left, setting.choice_help[i]);
    }
  }
  return text;
}

int run_models(const Arguments& args) {
  const auto shown = [&](const ModelKind& kind) { return args.operands().empty() || args.operands()[0] == kind.name; };
  if (!args.operands().empty()) find_family(args.operands()[0], "");
  if (args.has("json")) {
    Json families = Json::array();
    for (const ModelKind& kind : model_kinds()) {
      if (!shown(kind)) continue;
      Json flags = Json::array();
      for (const Setting& setting : settings())
        if (setting.is_of(kind.name)) flags.push(setting.name);
      families.push(Json::object().set("name", kind.name).set("help", kind.help).set("flags", flags));
    }
    print(json_text(families) + "\n");
    return 0;
  }
  std::string text;
  for (const ModelKind& kind : model_kinds()) {
    if (!shown(kind)) continue;
    std::string left = cat(kind.name);
    left.resize(std::max<std::size_t>(left.size() + 1, 16), ' ');
    text += (text.empty() ? "" : "\n") + wrapped(left, kind.help) + settings_of(kind, !args.operands().empty());
  }
  print(text);
  return 0;
}

}  // namespace

Command models_command() {
  std::vector<std::string> names;
  for (const ModelKind& kind : model_kinds()) names.push_back(kind.name);
  return {.name = "models",
          .summary = "Lists the models that train --model accepts, with settings and parts.",
          .usage = "[NAME] [--json]",
          .examples = {"headlight models", "headlight models transformer"},
          .flags = {{"json", "", "print JSON"}},
          .least_operands = 0,
          .most_operands = 1,
          .run = run_models,
          .operand_choices = names};
}

}  // namespace headlight::cli
