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

// The first asks for an orderly end after the step; the same signal once more ends the program at once.
extern "C" void on_signal(int signal) {
  came = 1;
  std::signal(signal, on_last_signal);
}

#ifdef SIGHUP
// Of a terminal that closes several may come: from the shell, from the system, beside a SIGTERM. None ends the program at
// once, or the step would be lost.
extern "C" void on_hangup(int signal) {
  came = 1;
  std::signal(signal, on_hangup);
}
#endif

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

bool handle_signal(int signal, void (*handler)(int)) {
  if (std::signal(signal, SIG_IGN) == SIG_IGN) return false;
  std::signal(signal, handler);
  return true;
}

void watch_signals() {
  handle_signal(SIGINT, on_signal);
  handle_signal(SIGTERM, on_signal);
#ifdef SIGHUP
  handle_signal(SIGHUP, on_hangup);
#endif
#ifdef SIGPIPE
  std::signal(SIGPIPE, SIG_IGN);  // `train 2>&1 | tee log`: the run outlives its reader
#endif
#ifdef SIGQUIT
  handle_signal(SIGQUIT, on_last_signal);
#endif
#ifdef SIGTSTP
  if (handle_signal(SIGTSTP, on_stop)) std::signal(SIGCONT, on_continue);
#endif
}

bool interrupted() { return came != 0; }

}  // namespace headlight::cli
