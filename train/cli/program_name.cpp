// The name of the program: as invoked, for suggested commands, and without its folder, for help and errors.
#include <algorithm>

#include "base/format.h"
#include "cli.h"

namespace headlight::cli {

namespace {

constexpr std::string_view kHeadlight = "headlight";

std::string& called_as() {
  static std::string name(kHeadlight);
  return name;
}
std::string& called_briefly() {
  static std::string name(kHeadlight);
  return name;
}

// Letters and digits of ASCII, and punctuation that is safe in a shell, in a path and in roff.
bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '+' || c == '-';
}

// Whether `text` begins with a word that may follow the program's name on a command line.
bool begins_with_command(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \n,;:)"));
  if (word == "COMMAND" || word == "--help" || word == "help") return true;
  const std::vector<std::string>& names = command_words();
  return std::find(names.begin(), names.end(), word) != names.end();
}

}  // namespace

const std::string& program_name() { return called_as(); }
const std::string& short_name() { return called_briefly(); }

void set_program_name(const std::string& name) {
  if (name.empty()) return;
  called_as() = quoted(name);
  const std::string brief = name.substr(name.find_last_of('/') + 1);
  const bool is_plain = !brief.empty() && brief[0] != '-' && std::all_of(brief.begin(), brief.end(), is_of_name);
  called_briefly() = is_plain ? brief : kHeadlight;
}

std::string in_own_name(std::string_view text) {
  std::string renamed;
  if (short_name() == kHeadlight) return std::string(text);
  while (true) {
    const std::size_t at = text.find(kHeadlight), end = at + kHeadlight.size();
    if (at == std::string_view::npos) return renamed.append(text);
    const bool begins = at == 0 || !(is_of_name(text[at - 1]) || text[at - 1] == '/');
    const bool names_program =
        begins && end < text.size() && text[end] == ' ' && begins_with_command(text.substr(end + 1));
    renamed.append(text.substr(0, at)).append(names_program ? short_name() : kHeadlight);
    text.remove_prefix(end);
  }
}

}  // namespace headlight::cli
