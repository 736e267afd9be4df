// Runs the built program on a pseudo-terminal.
#pragma once

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>

#include <cstdlib>

#include "support/program.h"

namespace headlight {

class OnTerminal {
 public:
  // `variables`: environment variables as "NAME=value". `ignored`: signals that the program ignores.
  OnTerminal(const Words& words, int columns, int rows, const std::vector<std::string>& variables = {},
             const std::vector<int>& ignored = {}) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = static_cast<unsigned short>(rows);
    id_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (id_ != 0) return;
    set_signals(ignored);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    for (const std::string& variable : variables) putenv(const_cast<char*>(variable.c_str()));
    std::vector<std::string> all = Words{HEADLIGHT_BINARY_DIR "/headlight"} + words;
    std::vector<char*> argv;
    for (std::string& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(122);
  }
  ~OnTerminal() {
    if (id_ > 0) {
      kill(id_, SIGKILL);
      waitpid(id_, nullptr, 0);
    }
    if (terminal_ >= 0) close(terminal_);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  void resize(int columns, int rows) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = static_cast<unsigned short>(rows);
    ioctl(terminal_, TIOCSWINSZ, &size);
  }
  void type(const char* text) {
    const auto written = write(terminal_, text, std::char_traits<char>::length(text));
    static_cast<void>(written);
  }
  // Reads until the output contains the text. Returns false if the program ends or prints nothing for a minute.
  bool read_until(const std::string& text) {
    char buffer[4096];
    while (seen.find(text, from_) == std::string::npos) {
      constexpr int kSilence = 60'000;  // milliseconds
      pollfd ready{terminal_, POLLIN, 0};
      if (poll(&ready, 1, kSilence) <= 0) return false;
      const ssize_t n = read(terminal_, buffer, sizeof buffer);
      if (n <= 0) return false;
      seen.append(buffer, static_cast<std::size_t>(n));
    }
    from_ = seen.size();
    return true;
  }
  // As read_until(), but output after the text stays available to the next call.
  bool read_past(const std::string& text) {
    const std::size_t begin = from_;
    if (!read_until(text)) return false;
    from_ = seen.find(text, begin) + text.size();
    return true;
  }
  // Closes the terminal, like a broken SSH connection: the program gets SIGHUP, and its writes fail.
  void hang_up() {
    close(terminal_);
    terminal_ = -1;
  }
  int wait() {
    if (terminal_ >= 0) read_until("(the end never comes)");
    int status = 0;
    waitpid(id_, &status, 0);
    id_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string seen;

 private:
  int terminal_ = -1;
  pid_t id_ = -1;
  std::size_t from_ = 0;
};

}  // namespace headlight
