// The command line: one table for each command says which flags it takes; parsing, --help and messages come from it.
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
  std::string default_text = "";  // as help shows it; empty: nothing to show

  bool repeatable = false;
  std::vector<std::string> choices = {};  // for completion, where there are such

  // A switch that is a setting (on or off by default) rather than an action: --no-NAME turns it off.
  bool negatable() const { return placeholder.empty() && !default_text.empty(); }
};

// The flag, with what its value may be.
Flag with_choices(Flag flag, std::vector<std::string> choices);

class Arguments;

struct Command {
  std::string name;
  std::string summary;                // one line
  std::string usage;                  // after "headlight NAME "
  std::vector<std::string> examples;  // whole command lines
  std::vector<Flag> flags;
  std::string notes = "";  // what help says after the flags
  std::size_t least_operands = 0, most_operands = 0;
  std::function<int(const Arguments&)> run;
  std::string operand_flag = "";                  // what a word that stands alone was probably meant for
  std::vector<std::string> operand_choices = {};  // for completion; empty: files
};

// What was given to a command.
class Arguments {
 public:
  // Errors (UsageError): an unknown flag (with the closest known one), a flag without its value or twice, too many or
  // too few operands.
  Arguments(const Command& command, const std::vector<std::string>& words);

  bool has(const std::string& flag) const { return values_.count(flag) > 0; }
  std::optional<std::string> text(const std::string& flag) const;
  std::string text(const std::string& flag, const std::string& otherwise) const;
  // Errors (UsageError): not a number, outside lowest..highest.
  Index whole(const std::string& flag, Index otherwise, Index lowest, Index highest) const;
  double real(const std::string& flag, double otherwise, double lowest, double highest) const;
  // Of a repeatable flag: each value, in order.
  std::vector<std::string> texts(const std::string& flag) const;
  const std::vector<std::string>& operands() const { return operands_; }
  const std::map<std::string, std::string>& values() const { return values_; }

 private:
  std::map<std::string, std::string> values_;  // of a repeatable flag the first
  std::map<std::string, std::vector<std::string>> all_;
  std::vector<std::string> operands_;
};

std::string help_text(const Command& command);
// What help says after a flag: its help, and its default in brackets.
std::string flag_help(const Flag& flag);
// `left`, then the words of the text beside it, broken into lines of at most 80 columns; ends with a line break.
std::string wrapped(const std::string& left, const std::string& text);

// For commands that train: a flag for each of settings(), and what --preset may be.
std::vector<Flag> setting_flags();
std::vector<std::string> preset_names();
// What those flags, --config and --minutes ask for.
Asked asked_of(const Arguments& args);

// For commands that study heads: --windows, --subspaces, --untrained, and what they say.
std::vector<Flag> study_flags(const char* group);
StudyOptions study_options(const Arguments& args);
// --seed of what is drawn at random in a study of one model.
Flag study_seed_flag();
std::uint64_t study_seed(const Arguments& args);

// For commands that look at a trained model on a text: --data, --corpus, --last, --json and flags of the command's own.
std::vector<Flag> model_and_text_flags(std::vector<Flag> own);
struct ModelAndText {
  TrainedModel trained;
  RunData data;
};
// The run named by the first operand, and the text of --data or --corpus or else its own. Error: its text is not what it
// was; a character that the model does not know.
ModelAndText load_model_and_text(const Arguments& args);

// To be called before a text is read: at a terminal a person is told to type it, or else, where it is a text that was there
// before (`again` says which), refused: nobody types that again.
void check_standard_input(const std::vector<std::string>& paths, const std::string& again = "");

// On standard error, where byte order marks were removed from a text: from which files.
void say_marks(const std::vector<std::string>& files);

// Whether a run of this program is there, going by its config.json; a damaged one counts.
bool is_run(const std::string& directory);
// A run is never overwritten unasked, and what is not a run not even then. `how` says what to do with a run that is
// there. Errors: something is in the way of a run in this directory.
void check_vacant(const std::string& directory, bool force, const std::string& how);

// Written to standard output; error when nobody can take it (a full disk, a closed pipe).
void print(std::string_view text);
void finish_output();
// Messages, on standard error.
void say(std::string_view text);
// As wrapped() breaks it.
void say_wrapped(const std::string& left, const std::string& text);
// The program as it was called ("build/headlight"), for commands to try next.
const std::string& program_name();
void set_program_name(const std::string& name);
// What a user gave may hold line breaks and escape codes; an error is one plain line.
std::string one_line(std::string_view text);
// Whether standard error may show lines that renew themselves: a terminal, not TERM=dumb, NO_COLOR not set.
bool stderr_is_lively();
// Whether the surroundings allow colours at all: not TERM=dumb, NO_COLOR not set.
bool may_colour();

// After a validation on a text whose truth is known: the loss on each rule's characters, and how far the model is from
// simpler readers. Whole lines, at most 80 columns; empty where there is nothing to say.
std::string truth_lines(const StepRecord& record);
// Spaces before it, up to a width.
std::string padded(std::string text, std::size_t width);

// The commands, in the order help shows them; each in its own file.
Command train_command();
Command sample_command();
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
Command bench_command();
Command completion_command();
Command man_command();
Command plot_command();
std::vector<Command> commands();

}  // namespace headlight::cli
