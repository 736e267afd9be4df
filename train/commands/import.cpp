// headlight import: converts another program's model to a run directory.
#include "base/format.h"
#include "base/utf8.h"
#include "base/words.h"
#include "cli/cli.h"
#include "exchange/exchange.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/config.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

// --vocabulary: "bytes", or a text file whose distinct characters, sorted, are the vocabulary.
std::optional<Vocabulary> vocabulary_given(const Arguments& args) {
  const auto given = args.text("vocabulary");
  if (!given) return std::nullopt;
  if (*given == "bytes") return Vocabulary::bytes();
  // Keep a byte order mark, because other programs include it in their vocabularies.
  const std::string text = read_file(*given);
  refuse_other_encodings(text, *given, *given);
  return Vocabulary::of_text(text, *given);
}

std::string default_directory(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  path = path.substr(path.find_last_of('/') + 1);
  const std::string end = ".safetensors";
  if (path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0)
    path.resize(path.size() - end.size());
  return cat("runs/", path.empty() || path == "." || path == ".." ? "imported" : path);
}

int run_import(const Arguments& args) {
  const std::string& path = args.operands()[0];
  const std::string out = args.text("out", default_directory(path));
  if (out.empty()) throw UsageError("--out '': is empty; name a directory");
  ImportOptions options;
  options.heads = args.whole("heads", 0, 1, 1000);
  if (path_exists(out) && !is_directory(out))
    fail(out, ": cannot contain the run, because it is a file; choose another --out");
  check_out_directory(out, args.has("force"), "add --force to replace it");
  options.vocabulary = vocabulary_given(args);
  const TrainedModel trained = import_model(path, options);
  save_imported(trained, out);
  // Report the run as loaded from disk, which also checks it.
  const TrainedModel again = load_model(out);
  const RunConfig& c = again.info.config;
  if (args.has("json")) {
    print(json_text(Json::object()
                        .set("run", out)
                        .set("from", path)
                        .set("parameters", again.model->parameter_count())
                        .set("layers", c.layers)
                        .set("heads", c.heads)
                        .set("width", c.width)
                        .set("context", c.context)
                        .set("vocabulary", again.info.vocabulary.size())
                        .set("tokens", again.info.vocabulary.is_bytes() ? "byte" : "character")) +
          "\n");
    return 0;
  }
  print(cat("model    ", counted(c.layers, "layer"), ", ", counted(c.heads, "head"), ", width ", c.width, ", context ",
            c.context, ": ", count_text(static_cast<double>(again.model->parameter_count())),
            " parameters, vocabulary of ", again.info.vocabulary.size(),
            again.info.vocabulary.is_bytes() ? " bytes" : " characters", "\n"));
  print(cat("wrote    ", out, "\n"));
  print(cat("next     ", program_name(), " sample ", quoted(out), "\n         ", program_name(), " train --init ",
            quoted(out), " --data FILE --out runs/further\n"));
  return 0;
}

}  // namespace

Command import_command() {
  return {.name = "import",
          .summary = "Imports a GPT-2 or GPT-NeoX of characters or bytes as a run.",
          .usage = "PATH [--out DIR] [OPTIONS]",
          .examples = {"headlight import mine-hf --out runs/mine   # a Hugging Face directory",
                       "headlight import ckpt.safetensors --vocabulary input.txt --out runs/nano"},
          .flags = {{"out", "DIR", "directory of the new run", "Options", "runs/NAME"},
                    {"vocabulary", "FILE", "a text whose distinct characters, sorted, are the vocabulary; or: bytes",
                     "Options", "tokenizer.json"},
                    {"heads", "N", "attention heads per layer, for weights that do not store this number"},
                    {"force", "", "replace the run in --out"},
                    {"json", "", "print one JSON object"}},
          .notes =
              "PATH is a directory with config.json (model_type gpt2 or gpt_neox),\n"
              "model.safetensors and tokenizer.json, or a .safetensors file with nanoGPT\n"
              "weights. Convert nanoGPT's ckpt.pt with this Python code:\n"
              "  import torch; from safetensors.torch import save_file\n"
              "  c = torch.load(\"ckpt.pt\", map_location=\"cpu\", weights_only=False); save_file(\n"
              "    {k: v.clone() for k, v in c[\"model\"].items()}, \"ckpt.safetensors\",\n"
              "    {k: str(v) for k, v in c[\"model_args\"].items()})\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run_import};
}

}  // namespace headlight::cli
