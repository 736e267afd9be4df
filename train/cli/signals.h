// Ctrl-C and SIGTERM, for commands that train: the first asks for an orderly end, after the step; a second one ends the
// program at once.
#pragma once

namespace headlight::cli {

inline constexpr int kInterrupted = 130;  // exit code

// From here on signals are handled like that; one that ends or stops the program leaves the terminal as it was.
void watch_signals();
// Whether the first has come.
bool interrupted();

}  // namespace headlight::cli
