// Runs command_line() in this process, as a user's program would, and returns its exit code and output.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "headlight/command_line.h"

namespace headlight::tests {

struct Ran {
  int code;
  std::string out, err;
};

// `words`: the program's name and its arguments.
inline int call_command_line(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return command_line(static_cast<int>(words.size()), arguments.data());
}

inline Ran run_own(const std::vector<std::string>& words) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = call_command_line(words);
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

}  // namespace headlight::tests
