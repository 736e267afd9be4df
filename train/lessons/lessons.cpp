// The table of lessons: one declaration and one line each.
#include "lessons/lesson.h"

namespace headlight::lessons {

Lesson backpropagation();
Lesson many_heads();
Lesson inside();

const std::vector<Lesson>& lessons() {
  static const std::vector<Lesson> all = {
      backpropagation(),
      many_heads(),
      inside(),
  };
  return all;
}

}  // namespace headlight::lessons
