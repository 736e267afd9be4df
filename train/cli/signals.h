// Ctrl-C, SIGTERM and SIGHUP (a terminal that closes), for commands that train: the first asks for an orderly end, after the
// step; a second Ctrl-C or SIGTERM ends the program at once. A signal that is ignored at the start stays ignored (nohup).
#pragma once

namespace headlight::cli {

inline constexpr int kInterrupted = 130;  // exit code

// Handles signals like that from here on; a signal that ends or stops the program restores the terminal. Writing to a
// pipe without a reader becomes an error of the write instead of a signal.
void watch_signals();
// Sets a handler, unless the signal is ignored (by nohup, or by a script that runs the program in the background). Returns
// whether the handler was set.
bool handle_signal(int signal, void (*handler)(int));
// Whether the first has come.
bool interrupted();

}  // namespace headlight::cli
