// The values that the text of a lesson states. `1.32<!--loss_64 0.05-->` states that the figure loss_64 is
// 1.32 +- 0.05. `3.1<!--speedup time-->` states that the figure speedup was 3.1 in one run. A time depends on the
// machine, so any measured time is accepted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lessons/lesson.h"

namespace headlight::lessons {

// The README.md of a lesson, and a part of the course's page. Error: no such text in this build.
std::string_view text_of(const Lesson& lesson);
std::string_view course_part(std::string_view name);

struct StatedValue {
  std::string name;
  double value = 0, spread = 0;  // spread: infinite for a time
  int decimals = 0;              // of the value, as printed
  std::size_t begin = 0;         // of the number, in the text
  std::size_t number_end = 0;    // past the number's last digit
  std::size_t end = 0;           // past the marker
};
// The stated values in the order of the text. A marker has no space after "<!--". Errors, each beginning with `source`:
// a marker without a number before it, without a name or a spread.
std::vector<StatedValue> stated_values(std::string_view text, const std::string& source);

// A stated value with which the run disagrees.
struct Difference {
  std::string name;
  double measured;
  double stated, spread;
};
// Compares a run with its lesson's text. Errors: the text states a figure that the run lacks, or the reverse.
std::vector<Difference> differences(const Lesson& lesson, const LessonResult& result);

}  // namespace headlight::lessons
