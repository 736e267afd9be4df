#include "signals.h"

#include <csignal>

#include "os/terminal.h"

namespace headlight::cli {

namespace {

volatile std::sig_atomic_t came = 0;

// A signal that ends the program leaves the terminal as it was.
extern "C" void on_last_signal(int signal) {
  leave_own_screen();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// The first signal asks for an orderly end after the step; a second one ends the program at once.
extern "C" void on_signal(int signal) {
  came = 1;
  std::signal(signal, on_last_signal);
}

#ifdef SIGTSTP
// Ctrl-Z and back: the shell has its screen, the next frame takes its own again.
extern "C" void on_stop(int signal) {
  leave_own_screen();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}
extern "C" void on_continue(int) { std::signal(SIGTSTP, on_stop); }
#endif

}  // namespace

void watch_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
#ifdef SIGQUIT
  std::signal(SIGQUIT, on_last_signal);
#endif
#ifdef SIGTSTP
  std::signal(SIGTSTP, on_stop);
  std::signal(SIGCONT, on_continue);
#endif
}

bool interrupted() { return came != 0; }

}  // namespace headlight::cli
