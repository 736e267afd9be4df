// Argument parsing, --help, and output helpers shared by the commands.
#include "cli.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/format.h"
#include "base/words.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/corpora/corpus.h"
#include "headlight/ops/ops.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/terminal.h"
#include "terminal/columns.h"
#include "training/config.h"
#include "training/run_data.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

const Flag* find_flag(const Command& command, std::string_view name) {
  for (const Flag& flag : command.flags)
    if (flag.name == name) return &flag;
  return nullptr;
}

[[noreturn]] void unknown_flag(const Command& command, const std::string& word) {
  std::vector<std::string> names;
  for (const Flag& flag : command.flags) names.push_back(flag.name);
  const std::string near = did_you_mean(word, names);
  throw UsageError(
      cat("--", word, ": headlight ", command.name, " has no such flag",
          near.empty() ? cat("; see headlight ", command.name, " --help") : cat("; did you mean --", near, "?")));
}

template <class T>
T parse_number(const std::string& flag, const std::string& text, T lowest, T highest, const char* kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= lowest && value <= highest) return value;
  throw UsageError(
      cat("--", flag, " ", text.empty() ? "''" : text, ": expected ", kind, " from ", lowest, " to ", highest));
}

constexpr const char* kUnwritable = "cannot write to standard output (disk full or broken pipe)";

}  // namespace

Arguments::Arguments(const Command& command, const std::vector<std::string>& words) {
  bool only_operands = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (only_operands || word.size() < 2 || word[0] != '-') {
      operands_.push_back(word);
      continue;
    }
    if (word == "--") {
      only_operands = true;
      continue;
    }
    if (word[1] != '-')
      throw UsageError(cat(word, ": flags begin with two dashes; see headlight ", command.name, " --help"));
    const std::size_t equals = word.find('=');
    std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Flag* flag = find_flag(command, name);
    bool negated = false;
    if (!flag && name.rfind("no-", 0) == 0) {
      flag = find_flag(command, name.substr(3));
      negated = flag && flag->negatable();
      if (!negated) unknown_flag(command, name);
      name = name.substr(3);
    }
    if (!flag) unknown_flag(command, name);
    std::string value;
    if (flag->placeholder.empty()) {
      if (equals != std::string::npos)
        throw UsageError(cat("--", name, ": takes no value",
                             flag->negatable() ? cat("; use --", name, " or --no-", name)
                                               : "; omit the value, or omit the flag to turn it off"));
      value = negated ? "no" : "yes";
    } else if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else {
      const std::string usage = cat("--", name, ": needs a value: --", name, " ", flag->placeholder);
      if (i + 1 == words.size()) throw UsageError(usage);
      value = words[++i];
      // If the value is missing, do not take the next flag as the value.
      if (value.rfind("--", 0) == 0) throw UsageError(cat(usage, "; to pass ", value, ", write --", name, "=", value));
    }
    all_[name].push_back(value);
    if (!values_.emplace(name, value).second && !flag->repeatable)
      throw UsageError(cat("--", name, ": given twice; give it once"));
  }
  if (operands_.size() < command.least_operands || operands_.size() > command.most_operands) {
    throw UsageError(cat(operands_.empty() && command.least_operands > 0 ? "the directory of a run is missing"
                         : operands_.size() < command.least_operands     ? "an argument is missing"
                                                                     : cat(operands_.back(), ": unexpected argument"),
                         operands_.size() > command.most_operands && !command.operand_flag.empty()
                             ? cat("; did you mean --", command.operand_flag, " ", quoted(operands_.back()), "?")
                             : "",
                         "; usage: headlight ", command.name, " ", command.usage));
  }
}

std::optional<std::string> Arguments::text(const std::string& flag) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::string Arguments::text(const std::string& flag, const std::string& otherwise) const {
  return text(flag).value_or(otherwise);
}

std::vector<std::string> Arguments::texts(const std::string& flag) const {
  const auto found = all_.find(flag);
  return found == all_.end() ? std::vector<std::string>() : found->second;
}

Index Arguments::whole(const std::string& flag, Index otherwise, Index lowest, Index highest) const {
  const auto given = text(flag);
  return given ? parse_number<Index>(flag, *given, lowest, highest, "a whole number") : otherwise;
}

double Arguments::real(const std::string& flag, double otherwise, double lowest, double highest) const {
  const auto given = text(flag);
  return given ? parse_number<double>(flag, *given, lowest, highest, "a number") : otherwise;
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') line += "\\n";
    else if (byte < 0x20 || byte == 0x7F) line += '?';
    else line += c;
  }
  return line;
}

bool stderr_can_redraw() { return stderr_is_terminal() && may_color(); }

bool may_color() {
  const char *no_color = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  return !(no_color && *no_color) && terminal && std::string_view(terminal) != "dumb";
}

std::string wrapped(const std::string& left, const std::string& text) {
  constexpr std::size_t kWidth = 80;
  std::string lines = left;
  std::size_t column = left.size();
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find(' ', at), text.size());
    const bool first = column == left.size();
    if (!first && column + 1 + end - at > kWidth) {
      lines += cat("\n", std::string(left.size(), ' '));
      column = left.size();
    } else if (!first) {
      lines += ' ';
      ++column;
    }
    lines += text.substr(at, end - at);
    column += end - at;
    at = end + 1;
  }
  return lines + "\n";
}

std::string flag_help(const Flag& flag) {
  return cat(flag.help, flag.default_text.empty() ? "" : cat(" [", flag.default_text, "]"));
}

std::string flag_line(const Flag& flag, const std::string& indent) {
  std::string left = cat(indent, "--", flag.negatable() ? "[no-]" : "", flag.name,
                         flag.placeholder.empty() ? "" : cat(" ", flag.placeholder));
  left.resize(std::max<std::size_t>(left.size() + 1, 24), ' ');
  return wrapped(left, flag_help(flag));
}

std::string help_text(const Command& command) {
  std::string text = cat(command.summary, "\n\n", wrapped(cat("Usage: headlight ", command.name, " "), command.usage),
                         "\nExamples:\n");
  for (const std::string& example : command.examples) text += cat("  ", example, "\n");
  std::string group;
  for (const Flag& flag : command.flags) {
    if (flag.group != group) text += cat("\n", group = flag.group, ":\n");
    text += flag_line(flag, "  ");
  }
  text += "\nHelp:\n  -h, --help            this text\n";
  return command.notes.empty() ? text : cat(text, "\n", command.notes);
}

Flag with_choices(Flag flag, std::vector<std::string> choices) {
  flag.choices = std::move(choices);
  return flag;
}

std::vector<Flag> model_and_text_flags(std::vector<Flag> own) {
  std::vector<Flag> flags = {
      {"data", "FILE", "use all of this text instead: a file, a folder or - (standard input); repeatable", "Options",
       "the run's validation part", true},
      with_choices({"corpus", "NAME", "use this built-in corpus instead"}, corpus_names()),
      {"last", "", "use the last checkpoint instead of the best one"},
      {"json", "", "print one JSON object"}};
  flags.insert(flags.begin() + 2, own.begin(), own.end());
  return flags;
}

void check_standard_input(const std::vector<std::string>& paths, const std::string& again) {
  if (std::count(paths.begin(), paths.end(), "-") == 0 || !stdin_is_terminal()) return;
  if (!again.empty())
    fail(again, ": was trained on standard input, which is now a terminal; pipe the same text, ",
         "or pass it with --data FILE");
  say("reading the text from the terminal; Ctrl-D at the start of a line ends it");
}

void print_byte_order_marks(const std::vector<std::string>& files) {
  if (files.empty()) return;
  say(cat("notice  ", one_line(files[0]),
          files.size() > 1 ? cat(" and ", counted(static_cast<Index>(files.size()) - 1, "more file")) : "",
          ": the byte order mark (U+FEFF) at the start is removed"));
}

ModelAndText load_model_and_text(const Arguments& args) {
  if (args.has("data") && args.has("corpus")) throw UsageError("--data and --corpus cannot both be given");
  ModelAndText loaded{
      load_model(args.operands()[0], args.has("last") ? CheckpointChoice::kLast : CheckpointChoice::kBest), {}};
  const RunInfo& info = loaded.trained.info;
  if (args.has("data")) {
    check_standard_input(args.texts("data"));
    loaded.data = load_evaluation_text(args.texts("data"), info.vocabulary);
    if (!args.has("quiet")) print_byte_order_marks(loaded.data.marked);
    return loaded;
  }
  if (const auto pairs = args.text("pairs")) {
    if (args.has("data") || args.has("corpus"))
      throw UsageError(cat("--pairs and --", args.has("data") ? "data" : "corpus", " cannot both be given"));
    RunConfig config = info.config;
    config.folder = "";
    config.pairs = *pairs;
    config.val_fraction = 0;
    loaded.data = load_run_data(config, &info.vocabulary);
    loaded.data.validation = std::move(loaded.data.train);
    loaded.data.train = {};
    return loaded;
  }
  if (const auto name = args.text("corpus")) {
    RunConfig config = info.config;
    config.data = config.grammar = config.pairs = "";
    config.more_data.clear();
    config.corpus = *name;
    check_corpus_name("--corpus", *name);
    if (config.val_fraction == 0) config.val_fraction = RunConfig().val_fraction;
    loaded.data = load_run_data(config, &info.vocabulary);
    return loaded;
  }
  if (!info.imported_from.empty()) fail(args.operands()[0], ": was imported without a text; pass one with --data");
  check_standard_input(info.config.all_data(), args.operands()[0]);
  loaded.data = load_run_data(info.config, &info.vocabulary);
  if (loaded.data.fingerprint != info.fingerprint)
    fail(loaded.data.source, ": differs from the text that the run was trained on; pass a text with --data");
  return loaded;
}

bool is_run(const std::string& directory) {
  const std::string config = RunDirectory(directory).file("config.json");
  if (!path_exists(config)) return false;
  try {
    return parse_json(read_file(config), config).find("headlight") != nullptr;
  } catch (const Error&) {
    return true;
  }
}

void check_out_directory(const std::string& directory, bool force, const std::string& how) {
  const RunDirectory run(directory);
  const std::string found = run.occupied_by();
  if (found.empty()) return;
  if (!run.has_run())
    fail(directory, ": contains ", found, " but no run; move this file away, or choose another --out");
  if (!force) fail(directory, ": already contains a run; ", how, ", or choose another --out");
  if (!is_run(directory))
    fail(run.file("config.json"), ": does not belong to a run, and --force replaces only runs; choose another --out");
}

namespace {
std::string& called_as() {
  static std::string name = "headlight";
  return name;
}
}  // namespace

const std::string& program_name() { return called_as(); }
void set_program_name(const std::string& name) {
  if (!name.empty()) called_as() = quoted(name);
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail(kUnwritable);
}

void finish_output() {
  if (std::fflush(stdout) != 0) fail(kUnwritable);
}

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fputc('\n', stderr);
}

void say_wrapped(const std::string& left, const std::string& text) {
  const std::string lines = wrapped(left, text);
  say(std::string_view(lines).substr(0, lines.size() - 1));
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

}  // namespace headlight::cli
