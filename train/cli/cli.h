// The command line: each command has a table of flags, which drives parsing, --help and error messages.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "heads/study/head_study.h"
#include "terminal/columns.h"
#include "training/resolve.h"
#include "training/run_data.h"
#include "training/run_directory.h"
#include "training/run_log.h"

namespace headlight::cli {

struct Flag {
  std::string name;         // without the dashes
  std::string placeholder;  // "N", "FILE"; empty for a switch
  std::string help;
  std::string group = "Options";
  std::string default_text = "";  // the default as --help shows it; empty: not shown

  bool repeatable = false;
  std::vector<std::string> choices = {};  // for completion; empty: any value

  // Whether --no-NAME exists: for a switch that is a setting with a default, not an action.
  bool negatable() const { return placeholder.empty() && !default_text.empty(); }
};

// Returns the flag with its choices set.
Flag with_choices(Flag flag, std::vector<std::string> choices);

class Arguments;

struct Command {
  std::string name;
  std::string summary;                // one line
  std::string usage;                  // the part of the usage line after "headlight NAME "
  std::vector<std::string> examples;  // complete command lines
  std::vector<Flag> flags;
  std::string notes = "";  // text after the flags in --help
  std::size_t least_operands = 0, most_operands = 0;
  std::function<int(const Arguments&)> run;
  std::string operand_flag = "";                  // the flag to suggest for an unexpected operand
  std::vector<std::string> operand_choices = {};  // for completion; empty: complete file names
};

// The parsed arguments of a command.
class Arguments {
 public:
  // Errors (UsageError): an unknown flag (the message suggests the closest flag), a missing value, a repeated flag, too
  // many or too few operands.
  Arguments(const Command& command, const std::vector<std::string>& words);

  bool has(const std::string& flag) const { return values_.count(flag) > 0; }
  std::optional<std::string> text(const std::string& flag) const;
  std::string text(const std::string& flag, const std::string& otherwise) const;
  // The flag's value, or `otherwise` if not given. Errors (UsageError): not a number, outside lowest..highest.
  Index whole(const std::string& flag, Index otherwise, Index lowest, Index highest) const;
  double real(const std::string& flag, double otherwise, double lowest, double highest) const;
  // All values of a repeatable flag, in order.
  std::vector<std::string> texts(const std::string& flag) const;
  const std::vector<std::string>& operands() const { return operands_; }
  const std::map<std::string, std::string>& values() const { return values_; }

 private:
  std::map<std::string, std::string> values_;  // the first value of each flag
  std::map<std::string, std::vector<std::string>> all_;
  std::vector<std::string> operands_;
};

std::string help_text(const Command& command);
// A flag's text in --help: its help, and its default in brackets.
std::string flag_help(const Flag& flag);
// The line of a flag in --help: its name after `indent`, and flag_help().
std::string flag_line(const Flag& flag, const std::string& indent);
// `left`, followed by `text` wrapped in a column to the right, at most 80 columns wide; ends with a line break.
std::string wrapped(const std::string& left, const std::string& text);

// For commands that train: one flag for each of settings(), and the choices of --preset.
std::vector<Flag> setting_flags();
std::vector<std::string> preset_names();
// Collects the values of these flags, --config and --minutes.
RequestedSettings requested_settings(const Arguments& args);

// For commands that study heads: the flags --windows, --subspaces, --untrained, and their values.
std::vector<Flag> study_flags(const char* group);
StudyOptions study_options(const Arguments& args);
// --seed: the seed of all random choices in a study of one model.
Flag study_seed_flag();
std::uint64_t study_seed(const Arguments& args);

// For commands that evaluate a trained model on a text: --data, --corpus, --last, --json and the command's `own` flags.
std::vector<Flag> model_and_text_flags(std::vector<Flag> own);
struct ModelAndText {
  TrainedModel trained;
  RunData data;
};
// Loads the run named by the first operand and the text of --data or --corpus; by default, the run's own text.
// Errors: the run's text has changed; a character outside the model's vocabulary.
ModelAndText load_model_and_text(const Arguments& args);

// Call this function before reading a text. If a path is "-" and standard input is a terminal, prompts the user to type
// the text. If `again` (the name of a run trained on standard input) is not empty, fails instead, because the run needs
// the same text again.
void check_standard_input(const std::vector<std::string>& paths, const std::string& again = "");

// Prints the files whose byte order mark was removed to standard error, if there are any.
void print_byte_order_marks(const std::vector<std::string>& files);

// Whether the directory holds a run of this program, judged by its config.json, even if damaged.
bool is_run(const std::string& directory);
// Checks that a new run can be written to the directory. With `force`, an existing run may be overwritten; files that
// do not belong to a run are never overwritten. `how` is the advice in the error for an existing run.
// Errors: an existing run without `force`; other files with a run's file names.
void check_out_directory(const std::string& directory, bool force, const std::string& how);

// Writes to standard output; finish_output() flushes. Error: cannot write (disk full or broken pipe).
void print(std::string_view text);
void finish_output();
// Writes a message line to standard error.
void say(std::string_view text);
// Writes wrapped(left, text) to standard error.
void say_wrapped(const std::string& left, const std::string& text);
// The program name as invoked ("build/headlight"), for suggested commands.
const std::string& program_name();
void set_program_name(const std::string& name);
// Replaces line breaks and control characters, so that an error message with user input stays on one line.
std::string one_line(std::string_view text);
// Whether lines on standard error may be redrawn: standard error is a terminal, TERM is not dumb, NO_COLOR is not set.
bool stderr_can_redraw();
// Whether the environment allows color: TERM is not dumb, NO_COLOR is not set.
bool may_color();

// The lines to print after a validation on a text with a known distribution: the loss for each rule, and the distance
// of the model from reference predictors. At most 80 columns wide; empty without rules and references.
std::string rule_loss_lines(const StepRecord& record);
// Right-aligns text to a width.
std::string padded(std::string text, std::size_t width);

// The commands, each in its own file. commands() lists them in the order of --help.
Command train_command();
Command sample_command();
Command fill_command();
Command chat_command();
Command eval_command();
Command heads_command();
Command info_command();
Command export_command();
Command import_command();
Command heads_report_command();
Command heads_study_command();
Command heads_show_command();
Command heads_ablate_command();
Command heads_prune_command();
Command heads_recover_command();
Command corpus_command();
Command lesson_command();
Command models_command();
Command bench_command();
Command completion_command();
Command man_command();
Command plot_command();
std::vector<Command> commands();

}  // namespace headlight::cli
