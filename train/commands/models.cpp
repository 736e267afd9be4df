// headlight models: lists the model families and their settings.
#include <algorithm>

#include "cli/cli.h"
#include "headlight/models/registry.h"

namespace headlight::cli {

namespace {

// The flags of one family, with their defaults.
std::string settings_of(const ModelKind& kind) {
  std::string text;
  for (const Flag& flag : setting_flags())
    if (find_setting(flag.name)->is_of(kind.name)) text += flag_line(flag, "  ");
  return text;
}

int run_models(const Arguments& args) {
  const auto shown = [&](const ModelKind& kind) { return args.operands().empty() || args.operands()[0] == kind.name; };
  if (!args.operands().empty()) find_family(args.operands()[0]);
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
    text += (text.empty() ? "" : "\n") + wrapped(left, kind.help) + settings_of(kind);
  }
  print(text);
  return 0;
}

}  // namespace

Command models_command() {
  std::vector<std::string> names;
  for (const ModelKind& kind : model_kinds()) names.push_back(kind.name);
  return {.name = "models",
          .summary = "Lists the kinds of models that train --model accepts, and their settings.",
          .usage = "[NAME] [--json]",
          .examples = {"headlight models", "headlight models transformer"},
          .flags = {{"json", "", "print JSON"}},
          .least_operands = 0,
          .most_operands = 1,
          .run = run_models,
          .operand_choices = names};
}

}  // namespace headlight::cli
