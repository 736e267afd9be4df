// The table of lessons: one declaration and one line each.
#include "lessons/lesson.h"

namespace headlight::lessons {

Lesson backpropagation();
Lesson context();
Lesson recurrence();

const std::vector<Lesson>& lessons() {
  static const std::vector<Lesson> all = {
      backpropagation(),
      context(),
      recurrence(),
  };
  return all;
}

}  // namespace headlight::lessons
