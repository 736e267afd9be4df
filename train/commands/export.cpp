// headlight export: converts a trained model to another program's format.
#include "base/format.h"
#include "base/words.h"
#include "cli/cli.h"
#include "exchange/exchange.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "os/folder.h"
#include "terminal/columns.h"
#include "training/config.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

struct Format {
  const char* name;
  bool is_directory;
  const char* end;  // suffix of the default name
  Exported (*write)(const TrainedModel&, const std::string&);
  std::string (*next)(const std::string& path);  // a command or expression that loads the export
};

const Format kFormats[] = {
    {"hf", true, "-hf", export_hugging_face,
     [](const std::string& path) {
       return cat("AutoModelForCausalLM.from_pretrained(\"", path, "\")  # transformers");
     }},
    {"gguf", false, ".gguf", export_gguf,
     [](const std::string& path) {
       return cat("llama-completion -m ", quoted(path), " -no-cnv -n 40 -p \"...\"  # llama.cpp");
     }},
    {"npz", false, ".npz", export_npz,
     [](const std::string& path) { return cat("numpy.load(\"", path, "\")[\"tokens.weight\"]"); }},
    {"npy", true, "-npy", export_npy,
     [](const std::string& path) { return cat("numpy.load(\"", path, "/tokens.weight.npy\")"); }},
};

const Format& find_format(const Arguments& args) {
  const auto given = args.text("to");
  if (!given) throw UsageError("--to: is missing; use hf, gguf, npz or npy, as headlight export --help explains");
  std::vector<std::string> names;
  for (const Format& format : kFormats) {
    if (*given == format.name) return format;
    names.emplace_back(format.name);
  }
  throw UsageError(
      cat("--to ", given->empty() ? "''" : *given, ": not one of ", word_list(names), suggestion(*given, names)));
}

// Error: `path` exists and --force is not given, or `path` holds a run, which an export never replaces.
void check_writable(const std::string& path, const Format& format, bool force) {
  if (!path_exists(path)) return;
  if (is_directory(path) != format.is_directory)
    fail(path, format.is_directory ? ": is a file" : ": is a directory", "; choose another --out");
  if (!format.is_directory && force) return;
  if (!format.is_directory) fail(path, ": already exists; add --force to replace it, or choose another --out");
  if (list_directory(path).empty()) return;
  const RunDirectory run(path);
  // An npy export also has a run's config.json, but no model.safetensors from which a run could be loaded.
  const bool loadable = is_run(path) && path_exists(run.file("model.safetensors"));
  if (path_exists(run.file("state.safetensors")) || path_exists(run.file("log.jsonl")) || loadable)
    fail(path, ": holds a run, which an export would damage; choose another --out");
  if (!force) fail(path, ": is not empty; add --force to replace an earlier export, or choose another --out");
}

int run_export(const Arguments& args) {
  const std::string& directory = args.operands()[0];
  const Format& format = find_format(args);
  const TrainedModel trained =
      load_model(directory, args.has("last") ? CheckpointChoice::kLast : CheckpointChoice::kBest);
  std::string plain = directory;
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  const std::string out = args.text("out", plain + format.end);
  if (out.empty()) throw UsageError("--out '': is empty; give a file or directory name");
  check_writable(out, format, args.has("force"));
  const Exported exported = format.write(trained, out);
  if (args.has("json")) {
    Json files = Json::array();
    for (const std::string& file : exported.files) files.push(file);
    Json notices = Json::array();
    for (const std::string& notice : exported.notices) notices.push(notice);
    print(json_text(Json::object()
                        .set("run", directory)
                        .set("format", format.name)
                        .set("step", trained.step)
                        .set("files", files)
                        .set("verified", exported.verified)
                        .set("logit_difference", exported.verified ? Json(exported.difference) : Json())
                        .set("notices", notices)) +
          "\n");
    return 0;
  }
  if (exported.files.size() <= 4)
    for (const std::string& file : exported.files) print(cat("wrote    ", file, "\n"));
  else print(cat("wrote    ", counted(exported.files.size(), "file"), " in ", out, "\n"));
  if (exported.verified)
    print(cat("checked  read back from the disk: ",
              exported.difference == 0 ? "the same logits, bit for bit"
                                       : cat("logits within ", exported.difference, " of the largest logit"),
              "\n"));
  for (const std::string& notice : exported.notices) {
    std::string lines = wrapped("note     ", notice);
    lines.pop_back();
    say(lines);
  }
  print(cat("next     ", format.next(out), "\n"));
  return 0;
}

}  // namespace

Command export_command() {
  return {.name = "export",
          .summary = "Converts a trained model to another program's format.",
          .usage = "DIR --to hf|gguf|npz|npy [--out PATH]",
          .examples = {"headlight export runs/mine --to hf --out mine-hf      # transformers, PyTorch",
                       "headlight export runs/mine --to gguf --out mine.gguf  # llama.cpp",
                       "headlight export runs/mine --to npz --out mine.npz    # NumPy"},
          .flags = {with_choices({"to", "FORMAT", "hf, gguf, npz or npy"}, {"hf", "gguf", "npz", "npy"}),
                    {"out", "PATH", "the directory (hf, npy) or file (gguf, npz) to write", "Options",
                     "DIR-hf, DIR.gguf, DIR.npz, DIR-npy"},
                    {"last", "", "use the last checkpoint instead of the best step"},
                    {"force", "", "replace the files of an earlier export"},
                    {"json", "", "print one JSON object"}},
          .notes =
              "Formats:\n"
              "  hf    a directory for transformers: AutoModelForCausalLM and AutoTokenizer\n"
              "  gguf  a file for llama.cpp\n"
              "  npz   a file for NumPy, each weight under its name\n"
              "  npy   a directory for NumPy, one file per weight\n"
              "hf and gguf support pre-norm models with layer norms and learned positions\n"
              "(GPT-2) or rotary positions (GPT-NeoX). The export is read back and its logits\n"
              "are compared with the model's. The exported tokenizers silently drop characters\n"
              "outside the vocabulary.\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run_export};
}

}  // namespace headlight::cli
