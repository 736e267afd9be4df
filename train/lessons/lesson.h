// A lesson of the course: a claim, a question, an experiment that answers the question, and what to read and do next.
//
// A lesson is a folder train/lessons/NN_name/ and one line in lessons.cpp. The folder has README.md (the text),
// lesson.cpp (the experiment), exercise.h (a stub), exercise_test.cpp, solution.h and wrong/*.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "headlight/base/index.h"
#include "terminal/chart.h"

namespace headlight::lessons {

struct LessonOptions {
  std::uint64_t seed = 1;  // of the weights and the data
};

// Reports that `done` of the `of` units of the stage `what` are finished, as in ("attention, seed 1", 120, 400). Throws
// when the user interrupts the program, so an experiment calls this function at least once per second.
using LessonProgress = std::function<void(const std::string& what, Index done, Index of)>;

// A measured value that the README states as `VALUE<!--name SPREAD-->`: `1.32<!--loss_64 0.05-->` holds if the value
// lies in 1.27 .. 1.37. `3.1<!--speedup time-->` states a time, which is shown and never checked.
struct Figure {
  std::string name;
  double value;
};

// The first column is aligned left, the others right.
struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

// The attention of some heads on one sequence, shown as an interactive map on the course page.
struct AttentionMap {
  std::string title;
  std::vector<std::string> queries;  // T symbols, one per row
  std::vector<std::string> keys;     // S symbols, one per column
  struct Head {
    std::string name;            // "L0H2", or the role of the head
    std::vector<float> weights;  // [T,S], row-major; rows sum to 1
  };
  std::vector<Head> heads;
};

struct LessonResult {
  std::size_t answer = 0;  // the index of the choice that the experiment supports
  std::string finding;     // one or two sentences with values: what the experiment showed
  std::vector<Table> tables;
  std::vector<Chart> charts;
  std::vector<AttentionMap> maps;
  std::vector<Figure> figures;
};

struct Lesson {
  int number;
  std::string folder;  // "03_self_attention"
  std::string title, claim;
  int seconds;           // to run the experiment, on two cores
  int minutes_to_read;   // the text
  std::string exercise;  // what to write, in a few words: "the causal mask"
  int exercise_minutes;
  int difficulty;                    // of the exercise, 1 to 5
  std::string needs;                 // "lesson 3"; empty: nothing
  std::string question;              // asked before the experiment runs
  std::vector<std::string> choices;  // possible answers, two to four
  std::vector<std::string> files;    // to read afterwards, in this order, from the top of the repository
  LessonResult (*run)(const LessonOptions&, const LessonProgress&);
};

// All lessons, in order: the table in lessons.cpp.
const std::vector<Lesson>& lessons();

}  // namespace headlight::lessons
