// Text loading, the split into training and validation parts, and batches of fresh sequences.
#include "training/run_data.h"

#include <algorithm>

#include "base/utf8.h"
#include "base/words.h"
#include "corpora/grammar/grammar.h"
#include "headlight/base/error.h"
#include "headlight/corpora/corpus.h"
#include "os/file.h"
#include "training/text_files.h"

namespace headlight {

namespace {

std::uint64_t fingerprint_of(const TokenText& a, const TokenText& b) {
  std::uint64_t hash = 0;
  for (const TokenText* text : {&a, &b})
    for (const std::int32_t id : text->ids.copy()) hash = mix64(hash ^ static_cast<std::uint64_t>(id));
  return hash;
}

std::string read_text(const std::string& path) {
  std::string text = read_text_file(path);
  if (text.empty()) fail(path, ": the file is empty; pass a text to train on");
  return text;
}

TokenText tokens_of(const TracedText& text, const Vocabulary& vocabulary, const std::string& source) {
  TokenText tokens{vocabulary.encode(text.text, source), {}};
  // `starts` holds the token before each document. The first document has no token before it.
  for (const std::int64_t start : text.document_starts)
    if (start > 0) tokens.starts.push_back(start - 1);
  return tokens;
}

// Seeds of the corpora. They do not depend on --seed, so that every run trains on the same text.
constexpr std::uint64_t kTrainingText = 1, kValidationText = 2;

RunData from_generator(const RunConfig& config, const Vocabulary* known) {
  RunData data;
  const auto draw = [&](Index chars, std::uint64_t seed, Trace trace) {
    return config.grammar.empty()
               ? corpus(config.corpus, chars, seed, trace)
               : generate(Grammar::parse(read_text(path_from(config.folder, config.grammar)), config.grammar), chars,
                          seed, trace);
  };
  data.source = config.grammar.empty() ? config.corpus : config.grammar;
  const auto validation_chars = static_cast<Index>(config.val_fraction * static_cast<double>(config.corpus_chars));
  const TracedText train = draw(config.corpus_chars - validation_chars, kTrainingText, Trace::kNone);
  TracedText validation;
  if (validation_chars > 0) validation = draw(validation_chars, kValidationText, Trace::kFull);
  const std::string alphabet = config.grammar.empty() ? corpus_info(config.corpus).alphabet : "";
  if (!alphabet.empty()) data.fresh = config.corpus;
  data.pairs = config.grammar.empty() && corpus_info(config.corpus).pairs;
  data.vocabulary = known                               ? *known
                    : config.tokens == TokenUnit::kByte ? Vocabulary::bytes()
                    : !alphabet.empty()                 ? Vocabulary::of_text(alphabet, data.source)
                                        : Vocabulary::of_text(train.text + validation.text, data.source);
  data.train = tokens_of(train, data.vocabulary, data.source);
  data.validation = tokens_of(validation, data.vocabulary, data.source);
  data.document_end = document_end(data.train);
  // The corpus has one probability per byte, which is one per token only if every character is a single byte.
  if (data.validation.ids.size() == validation.log_probability.size()) {
    data.validation_log_probability = std::move(validation.log_probability);
    data.validation_evidence = std::move(validation.evidence);
    data.validation_rule = std::move(validation.rule);
    data.rule_names = std::move(validation.rule_names);
    data.validation_references = std::move(validation.references);
    data.expert_symbols = std::move(validation.expert_symbols);
    data.validation_experts = std::move(validation.experts);
  }
  data.fingerprint = fingerprint_of(data.train, data.validation);
  for (const auto& [text, part] : {std::pair{&data.train, "training"}, std::pair{&data.validation, "validation"}}) {
    const auto length = static_cast<Index>(text->ids.size());
    if (length == 0 && text == &data.validation) continue;
    if (length <= config.context)
      fail(data.source, ": the ", part, " part has ", counted(length, "token"), ", but a context of ", config.context,
           " needs at least ", config.context + 1, "; use more --corpus-chars or a shorter --context");
  }
  return data;
}

// Splits a file of pairs into lines without their line breaks. Errors: a line that is not one pair.
std::vector<std::string> pairs_of(const std::string& text, const std::string& source) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    at = end + 1;
    const auto tabs = std::count(line.begin(), line.end(), '\t');
    const auto refuse = [&](const std::string& what) {
      fail(source, ": line ", lines.size() + 1, " ", what, "; write a source, a tab and a target in every line");
    };
    if (tabs != 1) refuse(tabs == 0 ? "has no tab" : cat("has ", tabs, " tabs"));
    if (line.starts_with('\t') || line.ends_with('\t'))
      refuse(line.starts_with('\t') ? "has no source" : "has no target");
    lines.push_back(std::move(line));
  }
  return lines;
}

// Tab and line break get the ids 0 and 1.
Vocabulary vocabulary_of_pairs(const std::string& text, const std::string& source) {
  std::u32string characters = U"\t\n", rest = decode_utf8(text, source);
  std::sort(rest.begin(), rest.end());
  rest.erase(std::unique(rest.begin(), rest.end()), rest.end());
  for (const char32_t c : rest)
    if (c != U'\t' && c != U'\n') characters += c;
  return Vocabulary::of_characters(characters, source);
}

// Each part begins with a line break, so that every line follows one.
TokenText tokens_of_pairs(std::span<const std::string> lines, const Vocabulary& vocabulary, const std::string& source) {
  TokenText tokens;
  std::vector<std::int32_t> ids = vocabulary.encode("\n", source);
  for (const std::string& line : lines) {
    tokens.starts.push_back(static_cast<Index>(ids.size()) - 1);
    const std::vector<std::int32_t> more = vocabulary.encode(line + '\n', source);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  tokens.ids = TokenIds(std::move(ids));
  return tokens;
}

RunData from_pairs(const RunConfig& config, const Vocabulary* known) {
  RunData data;
  data.source = config.pairs;
  data.pairs = true;
  if (config.tokens == TokenUnit::kByte) throw UsageError("--pairs: needs --tokens character; leave --tokens out");
  const std::string text = read_text(path_from(config.folder, config.pairs));
  if (const auto problem = find_invalid_utf8(text)) refuse_invalid_utf8(*problem, data.source);
  const std::vector<std::string> lines = pairs_of(text, data.source);
  const auto count = static_cast<Index>(lines.size());
  const Index held_out = static_cast<Index>(config.val_fraction * static_cast<double>(count));
  std::string all;
  for (const std::string& line : lines) all += line + '\n';
  data.vocabulary = known ? *known : vocabulary_of_pairs(all, data.source);
  if (data.vocabulary.is_bytes() || !data.vocabulary.characters().starts_with(U"\t\n"))
    fail(data.source,
         ": the model's vocabulary does not begin with a tab and a line break; use a model trained on pairs");
  const std::span<const std::string> parts = lines;
  data.train = tokens_of_pairs(parts.first(static_cast<std::size_t>(count - held_out)), data.vocabulary, data.source);
  if (held_out > 0)
    data.validation = tokens_of_pairs(parts.last(static_cast<std::size_t>(held_out)), data.vocabulary, data.source);
  data.document_end = document_end(data.train);
  data.fingerprint = fingerprint_of(data.train, data.validation);
  return data;
}

std::string name_of(const std::vector<std::string>& paths) {
  const std::string first = paths[0] == "-" ? "standard input" : paths[0];
  return paths.size() == 1 ? first : cat(first, " and ", paths.size() - 1, " more");
}

TokenIds take_files(RunData& data, const std::vector<std::string>& paths, TextTokens reader) {
  TextFiles files = read_text_files(paths, std::move(reader));
  data.vocabulary = std::move(files.text.vocabulary);
  data.fingerprint = files.text.fingerprint;
  data.files = files.files;
  data.skipped = std::move(files.skipped);
  data.marked = std::move(files.text.marked);
  return std::move(files.text.ids);
}

}  // namespace

Index RunData::longest_pair() const {
  Index longest = 0;
  for (const TokenText* part : {&train, &validation})
    for (std::size_t i = 0; i < part->starts.size(); ++i) {
      const Index end = i + 1 < part->starts.size() ? part->starts[i + 1] : static_cast<Index>(part->ids.size()) - 1;
      longest = std::max(longest, end - part->starts[i]);
    }
  return longest;
}

void RunData::clear_truth() {
  validation_log_probability.clear();
  validation_evidence.clear();
  validation_rule.clear();
  rule_names.clear();
  validation_references.clear();
  expert_symbols.clear();
  validation_experts.clear();
}

RunData load_run_data(const RunConfig& config, const Vocabulary* known) {
  RunData data;
  if (!config.pairs.empty()) {
    data = from_pairs(config, known);
  } else if (config.data.empty()) {
    data = from_generator(config, known);
  } else {
    std::vector<std::string> paths = config.all_data();
    data.source = name_of(paths);
    for (std::string& path : paths) path = path_from(config.folder, path);
    TextTokens reader = known ? TextTokens(*known) : TextTokens(config.tokens == TokenUnit::kByte);
    if (config.keep_byte_order_marks) reader.keep_byte_order_marks();
    const TokenIds ids = take_files(data, paths, std::move(reader));
    TokenSplit split = split_text({ids, {}}, config.val_fraction, config.context, data.source.c_str());
    data.train = std::move(split.train);
    data.validation = std::move(split.validation);
  }
  return data;
}

void draw_batch(const RunData& data, Index context, Index rows, Rng& rng, Batch& batch) {
  if (data.fresh.empty()) return random_windows(data.train, context, rows, rng, batch);
  const Index length = corpus_info(data.fresh).sequence_length;
  const TracedText text = corpus(data.fresh, rows * (length + 1), rng.next(), Trace::kNone);
  const std::vector<std::int32_t> ids = data.vocabulary.encode(cat("\n", text.text), data.fresh);
  batch.rows = rows;
  batch.inputs.clear();
  batch.targets.clear();
  for (const std::int64_t start : text.document_starts) {
    const auto at = ids.begin() + start;  // the preceding line break
    batch.inputs.insert(batch.inputs.end(), at, at + context);
    batch.targets.insert(batch.targets.end(), at + 1, at + context + 1);
  }
}

RunData load_evaluation_text(const std::vector<std::string>& paths, const Vocabulary& vocabulary) {
  RunData data;
  data.source = name_of(paths);
  data.validation = {take_files(data, paths, TextTokens(vocabulary)), {}};
  if (data.validation.ids.size() < 2) fail(data.source, ": the text has only one character; use a longer text");
  return data;
}

}  // namespace headlight
