// The command line of the headlight program, for programs with models of their own. Link Headlight::cli.
//
//   int main(int argc, char** argv) {
//     headlight::register_model(my_model());   // headlight/models/registry.h
//     return headlight::command_line(argc, argv);
//   }
#pragma once

namespace headlight {

// Runs the command that argv names: train, sample, eval, heads, and all others. Prints errors as one line on standard
// error. Returns the exit code: 0 success, 1 failure, 2 usage error, 3 training diverged, 130 interrupted.
int command_line(int argc, char** argv);

}  // namespace headlight
