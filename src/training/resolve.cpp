// The precedence of flags, file, preset and plan, and the checks for contradictions.
#include "training/resolve.h"

#include <algorithm>
#include <array>

#include "headlight/base/error.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/text_files.h"

namespace headlight {

namespace {

constexpr std::array kSizeSettings = {"layers", "heads", "width", "hidden", "context", "batch", "accumulate"};
// The settings that --minutes determines.
constexpr std::array kTimed = {"steps", "warmup", "eval-every", "eval-windows", "stop-on-divergence"};

void copy_setting(const RunConfig& from, RunConfig& to, const char* name) {
  const Setting& setting = *find_setting(name);
  set_from_text(to, setting, text_of(from, setting));
}

void apply_file(RunConfig& config, const RequestedSettings& asked) {
  if (!asked.file) return;
  const Index steps = config.steps;
  from_json(config, JsonView(*asked.file, asked.file_name));
  if (asked.minutes) config.steps = steps;
  // A flag that names another kind of text overrides the file.
  const auto given = [&](const char* name) { return asked.flags.count(name) > 0; };
  if (given("grammar") || given("corpus") || given("pairs")) set_from_text(config, *find_setting("data"), "");
  if (given("data") || given("corpus") || given("pairs")) config.grammar = "";
  if (given("data") || given("corpus") || given("grammar")) config.pairs = "";
}

void apply_flags(RunConfig& config, const RequestedSettings& asked) {
  for (const Setting& setting : settings())
    if (const auto given = asked.flags.find(setting.name); given != asked.flags.end())
      set_from_text(config, setting, given->second);
  if (asked.data.size() > 1) config.more_data.assign(asked.data.begin() + 1, asked.data.end());
}

std::string implied_preset(const RequestedSettings& asked) {
  if (asked.has("data")) return "cpu";
  if (asked.has("pairs")) return "numbers";
  if (asked.has("grammar")) return "demo";
  RunConfig config;
  apply_file(config, asked);
  apply_flags(config, asked);
  return preset_of_corpus(config.corpus);
}

// Takes the sizes and the kind of vocabulary from the model of --init.
void take_model(RunConfig& config, const RequestedSettings& asked) {
  if (!asked.start) return;
  for (const Setting& s : settings()) {
    const std::string_view name = s.name;
    const bool is_kept = (s.describes_model() && s.is_of(asked.start->config.model) && name != "dropout") ||
                         name == "model" || name == "tokens";
    if (!is_kept) continue;
    const std::string theirs = text_of(asked.start->config, s);
    if (asked.has(s) && text_of(config, s) != theirs)
      throw UsageError(cat("--", s.name, " ", text_of(config, s), ": the model in ", asked.start_name, " has ", theirs,
                           ", and --init keeps this value; omit the flag"));
    set_from_text(config, s, theirs);
  }
}

// Refuses values for settings of other families.
void check_family(const RunConfig& config, const RequestedSettings& asked) {
  for (const Setting& s : settings())
    if (s.describes_model() && asked.has(s) && !s.is_of(config.model))
      throw UsageError(cat("--", s.name, ": the model ", config.model,
                           " has no such setting; leave it out, or see headlight models ", config.model));
}

void refuse_contradictions(const RequestedSettings& asked) {
  const auto both = [&](const char* a, const char* b) { return asked.flags.count(a) > 0 && asked.flags.count(b) > 0; };
  if (asked.minutes && asked.flags.count("steps") > 0)
    throw UsageError("--minutes and --steps cannot both be given, because --minutes chooses the steps");
  for (const char* other : {"corpus", "corpus-chars", "grammar", "data"})
    if (both("pairs", other)) throw UsageError(cat("--pairs and --", other, " cannot both be given"));
  if (asked.minutes && asked.has("pairs")) throw UsageError("--minutes: no plan for pairs; set --steps instead");
  for (const char* other : {"corpus", "corpus-chars"})
    if (both("data", other)) throw UsageError(cat("--data and --", other, " cannot both be given"));
}

}  // namespace

bool RequestedSettings::has(const Setting& setting) const {
  if (flags.count(setting.name) > 0) return true;
  const Json* value = file ? file->find(setting.key()) : nullptr;
  // --print-config writes every setting; an empty string means that the setting was not given.
  const std::string* text = value ? value->if_string() : nullptr;
  return value && !(text && text->empty());
}

bool RequestedSettings::has(std::string_view name) const {
  const Setting* setting = find_setting(name);
  return setting && has(*setting);
}

bool RequestedSettings::has_size() const {
  return preset || start ||
         std::any_of(kSizeSettings.begin(), kSizeSettings.end(), [&](auto name) { return has(name); });
}

bool RequestedSettings::wants_plan() const { return minutes || (has("data") && !has("steps") && !has_size()); }

void read_settings(RequestedSettings& asked, const std::string& path) {
  constexpr Index kMax = 1 << 20;
  const std::string text = read_file(path, kMax);
  try {
    Json file = parse_json(text, path);
    JsonView view(file, path);
    if (view.find("headlight")) {  // the config.json of a run
      const Json stored = view.at("settings").json();
      file = stored;
      view = JsonView(file, path);
    }
    RunConfig tried;
    from_json(tried, view);
    asked.file = file;
    asked.file_name = path;
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
}

RunConfig resolve(const RequestedSettings& asked, const std::function<void(RunConfig&)>& plan) {
  refuse_contradictions(asked);
  RunConfig config = find_preset(asked.preset ? *asked.preset : implied_preset(asked)).config;
  if (plan) {
    RunConfig planned = config;
    plan(planned);
    if (!asked.has_size()) config = planned;
    else
      for (const char* name : kTimed) copy_setting(planned, config, name);
  }
  apply_file(config, asked);
  apply_flags(config, asked);
  take_model(config, asked);
  check_family(config, asked);
  if (plan && !asked.has("min-lr")) config.min_lr = std::min(config.min_lr, config.lr);
  return config;
}

RunConfig resolve_resumed(const RequestedSettings& asked, const RunInfo& stored, const std::string& directory) {
  RunConfig config = stored.config;
  if (asked.flags.count("data") > 0) {
    if (!config.teacher.empty()) config.teacher = path_from(config.folder, config.teacher);
    config.folder = "";
  }
  for (const Setting& s : settings()) {
    const auto given = asked.flags.find(s.name);
    if (given == asked.flags.end()) continue;
    RunConfig changed = config;
    set_from_text(changed, s, given->second);
    if (!s.free_on_resume && text_of(changed, s) != text_of(config, s))
      throw UsageError(cat("--", s.name, " ", given->second, ": the run in ", directory, " has ", text_of(config, s),
                           ", and a resumed run keeps this value; omit the flag, or start over with --force"));
    config = changed;
  }
  if (asked.data.size() > 1) config.more_data.assign(asked.data.begin() + 1, asked.data.end());
  if (asked.flags.count("teacher") > 0 && !config.teacher.empty() && !is_absolute_path(config.teacher))
    config.teacher = cat(current_folder(), "/", config.teacher);  // config.folder applies to stored paths only
  if (config.teacher.empty() != stored.config.teacher.empty())
    throw UsageError(cat("--teacher ", config.teacher.empty() ? "''" : config.teacher, ": the run in ", directory,
                         config.teacher.empty() ? " has a teacher" : " has no teacher",
                         ", and a resumed run keeps this; omit the flag, or start over with --force"));
  return config;
}

}  // namespace headlight
