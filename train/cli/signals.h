// Signal handling for commands that train. The first Ctrl-C, SIGTERM or SIGHUP (closed terminal) requests a stop after
// the current step; a second Ctrl-C or SIGTERM ends the program at once. Signals ignored at startup stay ignored
// (nohup).
#pragma once

namespace headlight::cli {

inline constexpr int kInterrupted = 130;  // exit code

// Installs the handlers. A signal that ends or stops the program restores the terminal first. SIGPIPE is ignored, so
// writing to a broken pipe is a write error.
void watch_signals();
// Installs a handler unless the signal is ignored (by nohup, or by a shell script for background jobs). Returns whether
// the handler was installed.
bool handle_signal(int signal, void (*handler)(int));
// Whether a stop was requested.
bool interrupted();

}  // namespace headlight::cli
