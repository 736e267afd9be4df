// headlight completion and headlight man, generated from the same tables of commands and flags as --help.
#include <algorithm>

#include "base/format.h"
#include "base/version.h"
#include "base/words.h"
#include "cli.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "training/config.h"

namespace headlight::cli {

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += cat(text.empty() ? "" : " ", word);
  return text;
}

std::vector<std::string> flag_words(const Command& command) {
  std::vector<std::string> words;
  for (const Flag& flag : command.flags) {
    words.push_back("--" + flag.name);
    if (flag.negatable()) words.push_back("--no-" + flag.name);
  }
  words.push_back("--help");
  return words;
}

std::vector<std::string> first_words() {
  std::vector<std::string> words = command_words();
  words.push_back("help");
  return words;
}
std::vector<std::string> second_words(const std::string& first) {
  std::vector<std::string> words;
  for (const Command& command : commands())
    if (command.name.rfind(first + " ", 0) == 0) words.push_back(command.name.substr(first.size() + 1));
  return words;
}

// The script with the program's name in the names of its shell functions, so that several programs can have completion.
std::string with_own_functions(std::string script) {
  constexpr std::string_view kPrefix = "_headlight_";
  std::string own = cat("_", short_name(), "_");
  std::replace_if(
      own.begin(), own.end(), [](char c) { return c == '.' || c == '+' || c == '-'; }, '_');
  for (std::size_t at = 0; (at = script.find(kPrefix, at)) != std::string::npos; at += own.size())
    script.replace(at, kPrefix.size(), own);
  return script;
}

// The completion function for bash; zsh runs the same function. One `case` lists the flags of each "command", another
// lists the values of each "command --flag". The builtin compopt marks file names, so that bash does not append a slash
// to a command word that is also the name of a folder.
std::string bash_function() {
  std::string flags, values, seconds, operands;
  for (const Command& command : commands()) {
    flags += cat("    '", command.name, "') flags='", joined(flag_words(command)), "' ;;\n");
    for (const Flag& flag : command.flags)
      if (!flag.placeholder.empty())
        values += cat("    '", command.name, " --", flag.name, "') takes=1 values='", joined(flag.choices), "' ;;\n");
    if (!command.operand_choices.empty())
      operands += cat("    '", command.name, "') operands='", joined(command.operand_choices), "' ;;\n");
    const std::vector<std::string> more = second_words(command.name);
    if (!more.empty()) seconds += cat("    ", command.name, ") second='", joined(more), "' ;;\n");
  }
  return cat(
      "_headlight_words() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  if [ \"$before\" = = ]; then before=\"${COMP_WORDS[COMP_CWORD-2]}\"; elif [ \"$word\" = = ]; then word=; fi\n"
      "  local command=\"${COMP_WORDS[1]}\" second= flags= takes= values= operands= files=\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    [ \"$headlight_only\" = files ] || COMPREPLY=($(compgen -W '",
      joined(first_words()), " --help --version' -- \"$word\"))\n    return\n  fi\n", "  case \"$command\" in\n",
      seconds,
      "  esac\n"
      "  if [ \"$COMP_CWORD\" -gt 2 ] && [ -n \"$second\" ]; then\n"
      "    case \" $second \" in *\" ${COMP_WORDS[2]} \"*) command=\"$command ${COMP_WORDS[2]}\" ;; esac\n  fi\n"
      "  case \"$command $before\" in\n",
      values, "  esac\n  case \"$command\" in\n", flags, "    help) flags='' second='", joined(first_words()),
      "' ;;\n  esac\n  case \"$command\" in\n", operands,
      "  esac\n"
      "  if [ -n \"$values\" ]; then\n    COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
      "  elif [ -n \"$takes\" ]; then\n    files=1\n"
      "  elif [ \"${word#-}\" != \"$word\" ]; then\n    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
      "  elif [ -n \"$operands\" ]; then\n    COMPREPLY=($(compgen -W \"$operands\" -- \"$word\"))\n"
      "  else\n    files=1\n"
      "    if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$second\" ]; then\n"
      "      COMPREPLY=($(compgen -W \"$second\" -- \"$word\"))\n    fi\n  fi\n"
      "  if [ \"$headlight_only\" = files ]; then COMPREPLY=(); fi\n"
      "  if [ -n \"$files\" ] && [ \"$headlight_only\" != words ]; then\n"
      "    if type compopt > /dev/null 2>&1; then compopt -o filenames 2> /dev/null; fi\n"
      "    local IFS=$'\\n'\n    COMPREPLY+=($(compgen -f -- \"$word\"))\n  fi\n}\n");
}

std::string bash_script() {
  return with_own_functions(cat(bash_function(), "complete -F _headlight_words ", short_name(), "\n"));
}

// The zsh script works both with `source` and as a file in $fpath, which zsh runs as a function at the first
// completion. Because zsh has no compopt, the script requests words and files one after the other.
std::string zsh_script() {
  return with_own_functions(
      cat("#compdef ", short_name(), "\nautoload -Uz bashcompinit && bashcompinit\n", bash_function(),
          "_headlight_complete() {\n"
          "  local headlight_only=words none=1\n"
          "  _bash_complete -F _headlight_words && none=0\n"
          "  headlight_only=files\n"
          "  _bash_complete -o filenames -F _headlight_words && none=0\n"
          "  return none\n}\n"
          "compdef _headlight_complete ",
          short_name(), "\nif [ \"${funcstack[1]}\" = _", short_name(), " ]; then _headlight_complete; fi\n"));
}

std::string fish_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' || c == '\\' ? cat("\\", c) : std::string(1, c);
  return quoted + "'";
}

std::string fish_script() {
  const std::string begin = cat("complete -c ", short_name(), " -n ");
  std::string text = cat(begin, "__fish_use_subcommand -f -l help\n");
  for (const Command& command : commands()) {
    const std::size_t space = command.name.find(' ');
    const std::string first = command.name.substr(0, space), seen = cat("__fish_seen_subcommand_from ", first);
    const std::vector<std::string> more = second_words(first);
    const std::string no_second = more.empty() ? "" : cat("; and not __fish_seen_subcommand_from ", joined(more));
    const std::string second = space == std::string::npos ? "" : command.name.substr(space + 1);
    // The fish conditions for completing the command's last word, and its flags.
    const std::string before = second.empty() ? "__fish_use_subcommand" : seen + no_second;
    const std::string inside =
        second.empty() ? seen + no_second : cat(seen, "; and __fish_seen_subcommand_from ", second);
    text += cat(begin, fish_quoted(before), second.empty() ? " -f" : "", " -a ", second.empty() ? first : second,
                " -d ", fish_quoted(in_own_name(command.summary)), "\n");
    const auto flag_line = [&](const std::string& name, const Flag& flag) {
      return cat(begin, fish_quoted(inside), " -l ", name, flag.placeholder.empty() ? "" : " -r",
                 flag.choices.empty() ? "" : cat(" -f -a ", fish_quoted(joined(flag.choices))), " -d ",
                 fish_quoted(in_own_name(flag.help)), "\n");
    };
    for (const Flag& flag : command.flags) {
      text += flag_line(flag.name, flag);
      if (flag.negatable()) text += flag_line("no-" + flag.name, flag);
    }
    if (!command.operand_choices.empty())
      text += cat(begin, fish_quoted(inside), " -f -a ", fish_quoted(joined(command.operand_choices)), "\n");
  }
  return text;
}

int run_completion(const Arguments& args) {
  const std::string& shell = args.operands()[0];
  const std::vector<std::string> shells = {"bash", "zsh", "fish"};
  if (shell == "bash") print(bash_script());
  else if (shell == "zsh") print(zsh_script());
  else if (shell == "fish") print(fish_script());
  else {
    throw UsageError(cat(shell, ": not one of ", word_list(shells), suggestion(shell, shells)));
  }
  return 0;
}

// Escapes text for roff: backslashes, dashes, and a dot or quote at the start of a line, which would start a request.
std::string roff(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if ((safe.empty() || safe.back() == '\n') && (c == '.' || c == '\'')) safe += "\\&";
    if (c == '\\') safe += "\\e";
    else if (c == '-') safe += "\\-";
    else safe += c;
  }
  return safe;
}

int run_man(const Arguments&) {
  const std::string& name = short_name();
  std::string title = name;
  std::transform(title.begin(), title.end(), title.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  std::string text =
      cat(".TH ", title, " 1 \"\" \"headlight ", version(), "\" \"User Commands\"\n.SH NAME\n", roff(name),
          " \\- train small language models on text and analyze their attention heads\n.SH SYNOPSIS\n.B ", roff(name),
          "\n.I COMMAND\n[OPTIONS]\n.SH COMMANDS\n");
  for (const Command& command : commands()) {
    const std::string call = roff(cat(name, " ", command.name));
    text += cat(".SS ", call, "\n", roff(in_own_name(command.summary)), "\n.PP\n.B ", call, "\n", roff(command.usage),
                "\n.PP\nExamples:\n.nf\n");
    for (const std::string& example : command.examples) text += cat(roff(in_own_name(example)), "\n");
    text += ".fi\n";
    for (const Flag& flag : command.flags)
      text += cat(".TP\n.B ", roff(cat("--", flag.negatable() ? "[no-]" : "", flag.name)),
                  flag.placeholder.empty() ? "" : cat(" ", flag.placeholder), "\n", roff(flag_help(flag)), "\n");
    if (!command.notes.empty()) text += cat(".PP\n.nf\n", roff(in_own_name(command.notes)), ".fi\n");
  }
  text += ".SH EXIT STATUS\n0 success, 1 failure, 2 usage error, 3 training diverged, 130 interrupted.\n";
  text += ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nIf not empty: plain lines instead of the live view.\n";
  text += ".TP\n.B HEADLIGHT_ISA\nThe kernel set: reference, portable, avx2, avx512 or avx512_bf16.\n";
  print(text);
  return 0;
}

}  // namespace

Command completion_command() {
  return {
      .name = "completion",
      .summary = "Prints a shell script that completes commands and flags.",
      .usage = "bash|zsh|fish",
      .examples = {"source <(headlight completion bash)   # a line for ~/.bashrc", "source <(headlight completion zsh)",
                   "headlight completion fish > ~/.config/fish/completions/headlight.fish"},
      .flags = {},
      .least_operands = 1,
      .most_operands = 1,
      .run = run_completion,
      .operand_choices = {"bash", "zsh", "fish"}};
}

Command man_command() {
  return {.name = "man",
          .summary = "Prints the manual page (roff).",
          .usage = "",
          .examples = {"headlight man | man -l -"},
          .flags = {},
          .run = run_man};
}

}  // namespace headlight::cli
