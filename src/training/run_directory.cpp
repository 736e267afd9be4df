// Reading and writing config.json, the files of a run directory, and model loading.
#include "training/run_directory.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"
#include "headlight/base/error.h"
#include "headlight/training/checkpoint.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/state.h"

namespace headlight {

namespace {
constexpr Index kConfigFormat = 1;  // format version of config.json
constexpr const char* kRunFiles[] = {"state.safetensors", "model.safetensors", "log.csv",
                                     "log.jsonl",         "heads.jsonl",       "config.json"};
}  // namespace

bool RunDirectory::has_run() const { return path_exists(file("config.json")); }

std::string RunDirectory::occupied_by() const {
  for (const char* name : kRunFiles)
    if (path_exists(file(name))) return name;
  return "";
}

void RunDirectory::clear() const {
  for (const char* name : kRunFiles) remove_file(file(name));
  remove_temporaries();
}

void RunDirectory::remove_temporaries() const {
  if (!is_directory(path_)) return;
  for (const std::string& found : list_directory(path_))
    for (const char* name : kRunFiles)
      if (found.rfind(cat(name, ".tmp."), 0) == 0) remove_file(cat(path_, "/", found));
}

std::string RunDirectory::info_text(const RunInfo& info) {
  Json vocabulary = Json::object();
  vocabulary.set("kind", info.vocabulary.is_bytes() ? "byte" : "character");
  if (!info.vocabulary.is_bytes()) vocabulary.set("characters", encode_utf8(info.vocabulary.characters()));
  Json text = Json::object();
  text.set("source", info.source).set("fingerprint", info.fingerprint);
  // Store the folder that relative paths refer to, so that commands started in another folder find the text.
  std::vector<std::string> paths = info.config.all_data();
  if (!info.config.grammar.empty()) paths.push_back(info.config.grammar);
  if (!info.config.teacher.empty()) paths.push_back(info.config.teacher);
  if (!info.config.pairs.empty()) paths.push_back(info.config.pairs);
  const auto relative = [](const std::string& path) { return path != "-" && !is_absolute_path(path); };
  if (std::any_of(paths.begin(), paths.end(), relative))
    text.set("folder", info.config.folder.empty() ? current_folder() : info.config.folder);
  if (!info.counting.empty()) {
    Json counting = Json::array();
    for (const double loss : info.counting) counting.push(loss);
    text.set("counting", counting);
  }
  if (!info.document_end.empty()) text.set("document_end", info.vocabulary.decode(info.document_end));
  if (info.marks_removed) text.set("byte_order_marks", "removed");
  Json document = Json::object();
  document.set("headlight", kConfigFormat);
  if (!info.program.empty()) document.set("program", info.program);
  if (!info.imported_from.empty()) document.set("imported_from", info.imported_from);
  if (!info.initialized_from.empty()) document.set("initialised_from", info.initialized_from);
  if (info.teacher_fingerprint != 0) document.set("teacher_fingerprint", info.teacher_fingerprint);
  document.set("settings", to_json(info.config)).set("vocabulary", vocabulary).set("text", text);
  return pretty_json_text(document);
}

void RunDirectory::save_info(const RunInfo& info) const { write_file_atomically(file("config.json"), info_text(info)); }

RunInfo RunDirectory::load_info() const {
  if (!has_run()) {
    if (path_.empty()) fail("'': is empty; name the directory of a run");
    if (!path_exists(path_)) fail(path_, ": no such run; train it with: headlight train --out ", path_);
    fail(path_, ": is not a run (config.json is missing); name the directory of a run");
  }
  const std::string name = file("config.json");
  const Json document = parse_json(read_file(name), name);
  const JsonView view(document, name);
  const Index format = view.at("headlight").as_index();
  if (format != kConfigFormat)
    view.at("headlight")
        .refuse(cat("format ", format, " is not supported, only ", kConfigFormat,
                    "; use the version of Headlight that saved the run"));
  RunInfo info;
  from_json(info.config, view.at("settings"));
  try {
    info.config.check();
  } catch (const UsageError& e) {
    view.at("settings").refuse(e.what());
  }
  const JsonView vocabulary = view.at("vocabulary");
  const std::string kind = vocabulary.at("kind").as_string();
  if (kind == "character") {
    const JsonView characters = vocabulary.at("characters");
    info.vocabulary =
        Vocabulary::of_characters(decode_utf8(characters.as_string(), characters.where()), characters.where());
  } else if (kind != "byte") {
    vocabulary.at("kind").refuse(cat("expected \"character\" or \"byte\", found \"", kind, "\""));
  }
  for (const auto& [key, field] : {std::pair{"program", &info.program},
                                   {"imported_from", &info.imported_from},
                                   {"initialised_from", &info.initialized_from}})
    if (const auto text = view.find(key)) *field = text->as_string();
  if (const auto teacher = view.find("teacher_fingerprint")) info.teacher_fingerprint = teacher->as_uint64();
  info.source = view.at("text").at("source").as_string();
  info.fingerprint = view.at("text").at("fingerprint").as_uint64();
  if (const auto folder = view.at("text").find("folder")) info.config.folder = folder->as_string();
  info.marks_removed = view.at("text").find("byte_order_marks").has_value();
  const bool has_mark =
      !info.vocabulary.is_bytes() && info.vocabulary.characters().find(U'\uFEFF') != std::u32string::npos;
  info.config.keep_byte_order_marks = has_mark && !info.marks_removed;
  if (const auto counting = view.at("text").find("counting"))
    for (const JsonView& loss : counting->elements()) info.counting.push_back(loss.as_double());
  if (const auto end = view.at("text").find("document_end"))
    info.document_end = info.vocabulary.encode(end->as_string(), end->where());
  return info;
}

TrainedModel load_model(const std::string& directory, CheckpointChoice weights) {
  const RunDirectory run(directory);
  TrainedModel loaded;
  loaded.info = run.load_info();
  const char* name = weights == CheckpointChoice::kBest ? "model.safetensors" : "state.safetensors";
  if (weights == CheckpointChoice::kLast && !path_exists(run.file(name)) && !loaded.info.imported_from.empty())
    fail(directory, ": was imported, so it has only one set of weights; omit --last");
  if (!path_exists(run.file(name)))
    fail(run.file(name), ": does not exist, because the run has no checkpoint yet; continue it with train --resume");
  // Load the file before building the model, so that a bad configuration causes no large allocation.
  const SafeTensors file = load_checked(run.file(name));
  const Index vocabulary = loaded.info.vocabulary.size();
  const char* last_prefix = loaded.info.config.ema > 0 ? kAveragePrefix : kModelPrefix;
  const std::string prefix = weights == CheckpointChoice::kBest ? "" : last_prefix;
  check_size(file, prefix, loaded.info.config.cost(vocabulary));
  loaded.model = loaded.info.config.make_model(vocabulary);
  load_parameters(file, loaded.model->parameters(), prefix);
  loaded.step = metadata_whole(file, "step");
  loaded.val_loss = metadata_real(file, "val_loss");
  return loaded;
}

}  // namespace headlight
