// The table of lessons: one declaration and one line each.
#include "lessons/lesson.h"

namespace headlight::lessons {

Lesson backpropagation();
Lesson self_attention_lesson();
Lesson scaling();

const std::vector<Lesson>& lessons() {
  static const std::vector<Lesson> all = {
      backpropagation(),
      self_attention_lesson(),
      scaling(),
  };
  return all;
}

}  // namespace headlight::lessons
