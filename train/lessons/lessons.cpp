// The table of lessons: one declaration and one line each.
#include "lessons/lesson.h"

namespace headlight::lessons {

Lesson backpropagation();
Lesson positions();
Lesson heads();

const std::vector<Lesson>& lessons() {
  static const std::vector<Lesson> all = {
      backpropagation(),
      positions(),
      heads(),
  };
  return all;
}

}  // namespace headlight::lessons
