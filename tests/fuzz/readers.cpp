// The fuzzed readers: each parses bytes, uses the result, and checks it.
#include "fuzz/readers.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "corpora/grammar/grammar.h"
#include "exchange/exchange.h"
#include "exchange/tokenizer_json.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/formats/safetensors.h"
#include "heads/watch/head_history.h"
#include "os/file.h"
#include "os/folder.h"
#include "support/random_model.h"
#include "support/temporary_directory.h"
#include "training/config.h"
#include "training/run_directory.h"
#include "training/run_log.h"

namespace headlight::tests {

namespace {

void expect(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// Writes a file for readers that take a path. Unlike write_file_atomically(), does not flush to the disk: faster.
void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void read_safetensors(const std::string& bytes) {
  const SafeTensors file = SafeTensors::parse(bytes, "file");
  for (const TensorView& tensor : file.tensors()) {
    expect(file.find(tensor.name) == &tensor, "a tensor is not found by its name");
    std::vector<float> values(tensor.data.size() / static_cast<std::size_t>(bytes_of(tensor.type)));
    try {
      copy_values(tensor, "file", values);
    } catch (const Error&) {  // integer tensors do not convert
    }
  }
}

void read_gguf(const std::string& bytes) {
  const Gguf file = Gguf::parse(bytes, "file");
  std::size_t sum = 0;
  for (const TensorView& tensor : file.tensors())
    for (const std::byte byte : tensor.data) sum += std::to_integer<std::size_t>(byte);
  expect(sum + 1 > 0 && file.source() == "file", "gguf");
}

// The written JSON must read back as the same value.
void read_json(const std::string& bytes) {
  const Json value = parse_json(bytes, "file");
  const std::string line = json_text(value), pretty = pretty_json_text(value);
  expect(json_text(parse_json(line, "again")) == line, "JSON does not read back as it was written");
  expect(json_text(parse_json(pretty, "again")) == line, "pretty JSON does not read back as it was written");
}

void read_grammar(const std::string& bytes) {
  const Grammar grammar = Grammar::parse(bytes, "file");
  const TracedText text = generate(grammar, 64, 1, Trace::kFull);
  // The grammar must give its own text a probability above 0.
  for (const double p : score(grammar, text.text)) expect(std::isfinite(p), "a grammar finds its own text impossible");
}

void read_config(const std::string& bytes) {
  RunConfig config;
  const Json document = parse_json(bytes, "file");
  from_json(config, JsonView(document, "file"));
  config.check();
  const std::string text = json_text(to_json(config));
  RunConfig again;
  const Json copy = parse_json(text, "again");
  from_json(again, JsonView(copy, "again"));
  expect(json_text(to_json(again)) == text, "a configuration does not read back as it was written");
  expect(config.memory(65) >= 0, "a configuration has a negative memory estimate");
}

void read_run(const std::string& bytes) {
  static const TemporaryDirectory directory;
  put(directory / "config.json", bytes);
  const RunInfo info = RunDirectory(directory.path()).load_info();
  expect(info.vocabulary.size() > 0, "a run without a vocabulary");
}

void read_tokenizer(const std::string& bytes) {
  const Json document = parse_json(bytes, "file");
  const Vocabulary vocabulary = vocabulary_of(JsonView(document, "file"));
  const Json written = tokenizer_json(vocabulary);
  const Vocabulary again = vocabulary_of(JsonView(written, "again"));
  expect(again.size() == vocabulary.size() && again.characters() == vocabulary.characters(),
         "a vocabulary does not read back as it was written");
}

// The config.json of a Hugging Face model, with valid weights and a valid tokenizer.
void read_import(const std::string& bytes) {
  static const TemporaryDirectory directory;
  static const std::string path = directory / "model";
  if (!path_exists(path)) export_hugging_face(random_model(), path);
  put(path + "/config.json", bytes);
  const TrainedModel trained = import_model(path);
  expect(trained.model != nullptr, "an import without a model");
}

// The index of a model in two shards, with valid shards.
void read_shards(const std::string& bytes) {
  static const TemporaryDirectory directory;
  static const std::string path = directory / "model";
  if (!path_exists(path)) {
    export_hugging_face(random_model(), path);
    const SafeTensors all = SafeTensors::load(path + "/model.safetensors");
    std::vector<TensorView> first, second;
    for (const TensorView& tensor : all.tensors()) (tensor.name < "transformer.h.1" ? first : second).push_back(tensor);
    save_safetensors(path + "/model-00001-of-00002.safetensors", first);
    save_safetensors(path + "/model-00002-of-00002.safetensors", second);
    remove_file(path + "/model.safetensors");
  }
  put(path + "/model.safetensors.index.json", bytes);
  expect(import_model(path).model != nullptr, "an import without a model");
}

void read_run_log(const std::string& bytes) {
  static const TemporaryDirectory directory;
  const std::string path = directory / "log.jsonl";
  put(path, bytes);
  const std::vector<StepRecord> records = read_log(path);
  // The log must be readable after a resume removed lines.
  RunLog(directory.path()).cut_from(5);
  expect(read_log(path).size() <= records.size(), "a log that was cut has more lines");
}

// The written history must read back as the same history, and a run must be able to resume with it.
void read_heads(const std::string& bytes) {
  static const TemporaryDirectory directory;
  const std::string path = directory / "heads.jsonl", again = directory / "again.jsonl";
  put(path, bytes);
  const HeadHistory history = head_history(path);
  std::string text = header_line(history) + "\n";
  for (const HeadSnapshot& snapshot : history.snapshots) text += snapshot_line(history, snapshot) + "\n";
  put(again, text);
  const HeadHistory same = head_history(again);
  std::string copy = header_line(same) + "\n";
  for (const HeadSnapshot& snapshot : same.snapshots) copy += snapshot_line(same, snapshot) + "\n";
  expect(copy == text, "heads do not read back as they were written");
  expect(truncate_head_history(again, history, 5), "heads cannot be cut");
  expect(head_history(again).snapshots.size() <= history.snapshots.size(), "heads that were cut have more snapshots");
}

}  // namespace

const std::vector<Reader>& readers() {
  static const std::vector<Reader> all = {
      {"safetensors", read_safetensors},
      {"gguf", read_gguf},
      {"json", read_json},
      {"grammar", read_grammar},
      {"config", read_config},
      {"run", read_run},
      {"tokenizer", read_tokenizer},
      {"import", read_import},
      {"shards", read_shards},
      {"log", read_run_log},
      {"heads", read_heads},
  };
  return all;
}

const Reader& reader_named(const std::string& name) {
  for (const Reader& reader : readers())
    if (name == reader.name) return reader;
  throw std::logic_error("no reader is named " + name);
}

std::string refusal(const Reader& reader, const std::string& bytes) {
  try {
    reader.read(bytes);
  } catch (const Error& error) {
    const std::string line = error.what();
    expect(!line.empty() && line.find_first_of("\n\r") == std::string::npos, "an error that is not one line");
    return line;
  }
  return "";
}

}  // namespace headlight::tests
