// Checks an exercise: runs its facts in order, stops at the first that fails, and prints a message for the student.
#pragma once

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "headlight/base/text.h"

namespace headlight::exercise {

// Thrown by a stub: `start` says where to start, as in "scores[t][j] = dot(q[t], k[j])".
struct NotWritten : std::runtime_error {
  explicit NotWritten(const std::string& start) : std::runtime_error("not written yet: start with: " + start) {}
};

// A fact about the student's code.
struct Fact {
  std::string name;                    // what holds: "each row sums to 1"
  std::function<std::string()> check;  // empty if the fact holds; otherwise the first wrong value, with indices
};

// Whether two values agree to `tolerance`, relative to the larger of 1 and |expected|. False for NaN.
inline bool close(double value, double expected, double tolerance = 1e-4) {
  return std::abs(value - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

// The sizes that a fact is checking now, as in "B = 2, T = 0": shown if the student's code throws or crashes.
inline std::string& sizes_now() {
  static std::string sizes;
  return sizes;
}

// Turns a crash of the student's code into a failed fact. Nothing is unwound, so only plain output and exit remain.
extern "C" inline void report_crash(int signal) {
  std::printf("FAIL\n        %s%syour code %s\n", sizes_now().c_str(), sizes_now().empty() ? "" : ": ",
              signal == SIGFPE    ? "crashed: it divided an integer by 0 (/ or %)"
              : signal == SIGSEGV ? "crashed: it used memory outside its arrays"
                                  : "was aborted: a check of the standard library failed, or memory is damaged");
  std::fflush(stdout);
  std::_Exit(1);
}

// Prints one line per fact. Prints the name before the check runs, so that the output ends with the fact that crashes
// the program. Returns the exit code: 0 if all facts hold, otherwise 1.
inline int check_facts(const char* title, const std::vector<Fact>& facts) {
  for (const int signal : {SIGFPE, SIGSEGV, SIGABRT}) std::signal(signal, report_crash);
  std::printf("%s\n", title);
  std::size_t right = 0;
  for (const Fact& fact : facts) {
    std::printf("  %s: ", fact.name.c_str());
    std::fflush(stdout);
    std::string wrong, verdict = "FAIL";
    sizes_now().clear();
    try {
      wrong = fact.check();
    } catch (const NotWritten& todo) {
      verdict = "TODO", wrong = todo.what();
    } catch (const std::exception& error) {
      wrong = cat(sizes_now(), sizes_now().empty() ? "" : ": ", "your code threw an exception: ", error.what());
    } catch (...) {
      wrong =
          cat(sizes_now(), sizes_now().empty() ? "" : ": ", "your code threw an object that is not a std::exception");
    }
    if (wrong.empty()) {
      std::printf("ok\n");
      ++right;
      continue;
    }
    std::printf("%s\n        %s\nstopped at fact %zu of %zu\n", verdict.c_str(), wrong.c_str(), right + 1,
                facts.size());
    return 1;
  }
  std::printf("all %zu facts hold\n", facts.size());
  return 0;
}

}  // namespace headlight::exercise
