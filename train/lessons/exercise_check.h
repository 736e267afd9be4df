// Checks an exercise: runs its facts in order, stops at the first that fails, and prints a message for the student.
#pragma once

#include <cmath>
#include <cstdio>
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

// Prints one line per fact. Prints the name before the check runs, so that the output ends with the fact that crashes
// the program. Returns the exit code: 0 if all facts hold, otherwise 1.
inline int check_facts(const char* title, const std::vector<Fact>& facts) {
  std::printf("%s\n", title);
  std::size_t right = 0;
  for (const Fact& fact : facts) {
    std::printf("  %s: ", fact.name.c_str());
    std::fflush(stdout);
    std::string wrong, verdict = "FAIL";
    try {
      wrong = fact.check();
    } catch (const NotWritten& todo) {
      verdict = "TODO", wrong = todo.what();
    } catch (const std::exception& error) {
      wrong = std::string("your code threw an exception: ") + error.what();
    } catch (...) {
      wrong = "your code threw an object that is not a std::exception";
    }
    if (wrong.empty()) {
      std::printf("ok\n");
      ++right;
      continue;
    }
    std::printf("%s\n        %s\n%zu of %zu facts hold\n", verdict.c_str(), wrong.c_str(), right, facts.size());
    return 1;
  }
  std::printf("all %zu facts hold\n", facts.size());
  return 0;
}

}  // namespace headlight::exercise
