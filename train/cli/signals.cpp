// The signal handlers.
#include "signals.h"

#include <csignal>

#include "os/terminal.h"

namespace headlight::cli {

namespace {

volatile std::sig_atomic_t stop_requested = 0;

// Restores the terminal, then ends the program with the signal's default action.
extern "C" void on_last_signal(int signal) {
  leave_alternate_screen();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// The first signal requests a stop after the step; the second ends the program at once.
extern "C" void on_signal(int signal) {
  stop_requested = 1;
  std::signal(signal, on_last_signal);
}

#ifdef SIGHUP
// A closing terminal can send SIGHUP several times (from the shell and the kernel), so a repeated SIGHUP must not end
// the program before the step is saved.
extern "C" void on_hangup(int signal) {
  stop_requested = 1;
  std::signal(signal, on_hangup);
}
#endif

#ifdef SIGTSTP
// Ctrl-Z: returns the screen to the shell; the next frame after `fg` switches back.
extern "C" void on_stop(int signal) {
  leave_alternate_screen();
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
  std::signal(SIGPIPE, SIG_IGN);  // in `train 2>&1 | tee log`, the run must survive the end of tee
#endif
#ifdef SIGQUIT
  handle_signal(SIGQUIT, on_last_signal);
#endif
#ifdef SIGTSTP
  if (handle_signal(SIGTSTP, on_stop)) std::signal(SIGCONT, on_continue);
#endif
}

bool interrupted() { return stop_requested != 0; }

}  // namespace headlight::cli
