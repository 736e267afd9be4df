// Finds the command and runs it. Errors are one line on standard error.
#include "headlight/command_line.h"

#include <algorithm>
#include <csignal>
#include <exception>
#include <new>

#include "base/registration.h"
#include "base/version.h"
#include "base/words.h"
#include "cli/cli.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "terminal/columns.h"
#include "training/config.h"

namespace headlight::cli {

std::vector<Command> commands() {
  return {train_command(),        sample_command(),
          chat_command(),         fill_command(),
          eval_command(),         heads_command(),
          heads_show_command(),   heads_ablate_command(),
          heads_prune_command(),  heads_recover_command(),
          heads_report_command(), heads_study_command(),
          info_command(),         export_command(),
          import_command(),       plot_command(),
          corpus_command(),       bench_command(),
          models_command(),       lesson_command(),
          completion_command(),   man_command()};
}

const std::vector<std::string>& command_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> firsts;
    for (const Command& command : commands())
      if (command.name.find(' ') == std::string::npos) firsts.push_back(command.name);
    return firsts;
  }();
  return words;
}

namespace {

std::string overview() {
  std::string text =
      "Headlight trains small language models on text, on a CPU, and shows what their\nattention heads learned.\n\n"
      "Usage: headlight COMMAND [OPTIONS]\n\nExamples:\n"
      "  headlight train --data my.txt --out runs/mine\n"
      "  headlight sample runs/mine --prompt \"Once\" --chars 300\n"
      "  headlight heads runs/mine\n\nCommands:\n";
  for (const Command& command : commands()) {
    std::string left = cat("  ", command.name);
    left.resize(16, ' ');
    text += wrapped(left, command.summary);
  }
  return in_own_name(text + "\nheadlight COMMAND --help describes a command; --version prints the version.\n");
}

// Checks what a program registered. Errors: those of registration and check_families(); a family's own setting that is
// named like another flag of a command.
void check_registered() {
  check_registrations();
  check_families();
  for (const Command& command : commands())
    for (const ModelKind& kind : model_kinds())
      for (const ModelSetting& own : kind.settings) {
        const auto clash = [&](const std::string& flag) {
          fail("model ", kind.name, ": its own setting ", own.name, " is named like the flag --", flag, " of ",
               short_name(), " ", command.name, "; use another name");
        };
        if (own.name == "help") clash("help");
        Index count = 0;  // the first match is the family's own flag
        for (const Flag& flag : command.flags) {
          if (flag.name == own.name && ++count == 2) clash(flag.name);
          if (flag.negatable() && own.name == "no-" + flag.name) clash(cat("no-", flag.name));
        }
      }
}

// The command without flags that do not apply to the model family that `words` names.
Command for_family(Command command, const std::vector<std::string>& words) {
  RunConfig config;
  const Setting& model = *find_setting("model");
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--model" && i + 1 < words.size()) set_from_text(config, model, words[i + 1]);
    else if (words[i].starts_with("--model=")) set_from_text(config, model, words[i].substr(8));
  }
  std::erase_if(command.flags, [&](const Flag& flag) {
    const Setting* setting = find_setting(flag.name);
    if (setting && setting->describes_model()) return !setting->is_of(config.model);
    return setting && flag.name.starts_with("watch-") && !config.has_heads();
  });
  return command;
}

int run(const std::vector<std::string>& words) {
  if (words.empty()) {
    say(overview());
    return 2;
  }
  const auto asks_for_help = [](const std::string& word) { return word == "-h" || word == "--help"; };
  if (asks_for_help(words[0]) || (words[0] == "help" && (words.size() == 1 || asks_for_help(words[1])))) {
    print(overview());
    return 0;
  }
  if (words[0] == "--version") {
    print(cat("headlight ", version(), "\n"));
    return 0;
  }
  std::vector<std::string> names;
  const std::size_t first = words[0] == "help" ? 1 : 0;
  std::string wanted = words[first];
  std::size_t used = first + 1;
  // Some commands have two words, such as "heads show".
  if (words.size() > used)
    for (const Command& command : commands())
      if (command.name == cat(wanted, " ", words[used])) {
        wanted = command.name;
        ++used;
        break;
      }
  for (const Command& command : commands()) {
    names.push_back(command.name);
    if (command.name != wanted) continue;
    const std::vector<std::string> rest(words.begin() + static_cast<Index>(used), words.end());
    for (const std::string& word : words) {
      if (word == "--") break;
      if (words[0] == "help" || asks_for_help(word)) {
        print(help_text(for_family(command, words)));
        return 0;
      }
    }
    return command.run(Arguments(command, rest));
  }
  for (const char* other : {"help", "--help", "--version"}) names.emplace_back(other);
  const std::string near = did_you_mean(wanted, names);
  throw UsageError(cat(wanted, ": unknown command",
                       near.empty() ? cat("; see ", short_name(), " --help") : cat("; did you mean ", near, "?")));
}

}  // namespace

}  // namespace headlight::cli

int headlight::command_line(int argc, char** argv) {
#ifdef SIGXFSZ
  std::signal(SIGXFSZ, SIG_IGN);  // so that exceeding the file size limit is a write error and not a signal
#endif
  try {
    if (argc > 0) cli::set_program_name(argv[0]);
    cli::check_registered();
    const int code = cli::run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
    cli::finish_output();
    return code;
  } catch (const Error& e) {
    cli::say(cat(cli::short_name(), ": ", cli::in_own_name(cli::one_line(e.what()))));
    return e.exit_code();
  } catch (const std::bad_alloc&) {
    cli::say(cat(cli::short_name(), ": out of memory; use a smaller --batch, --context or --width"));
  } catch (const std::exception& e) {
    cli::say(cat(cli::short_name(), ": ", cli::one_line(e.what())));
  }
  return 1;
}
