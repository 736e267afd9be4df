// The table of lessons: one declaration and one line each.
#include "lessons/lesson.h"

namespace headlight::lessons {

Lesson backpropagation();
Lesson context();
Lesson recurrence();
Lesson self_attention_lesson();
Lesson scaling();
Lesson many_heads();
Lesson positions();
Lesson inside();
Lesson simpler_models();
Lesson three_shapes();
Lesson heads();

const std::vector<Lesson>& lessons() {
  static const std::vector<Lesson> all = {
      backpropagation(), context(), recurrence(),     self_attention_lesson(), scaling(), many_heads(),
      positions(),       inside(),  simpler_models(), three_shapes(),          heads(),
  };
  return all;
}

}  // namespace headlight::lessons
