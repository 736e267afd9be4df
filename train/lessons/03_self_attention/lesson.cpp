// Lesson 3: two heads set by hand, the same heads learned, and the number of symbols that a head attends to.
#include "lessons/lesson.h"

#include <string>

#include "base/format.h"
#include "headlight/base/text.h"
#include "lessons/03_self_attention/chorus_heads.h"
#include "lessons/03_self_attention/copying.h"

namespace headlight::lessons {

namespace {

constexpr double kExact = 128;  // a score at which all other weights are 0 in float32

Head by_hand(Program program, double sharpness) { return head_that_reads(kSymbols, kLength, sharpness, program); }

std::vector<std::string> row(const std::string& name, const Score& s) {
  return {name, fixed_text(s.weight, 3), fixed_text(s.seen, 2), fixed_text(s.right, 1) + "%",
          fixed_text(s.exact, 0) + "%"};
}

// From a head that averages to a head that reads: one number of the program changes.
void make_sharper(LessonResult& result) {
  Table table{"A head set by hand to read the first symbol, made sharper",
              {"score of that key", "weight on it", "effective number", "right symbol", "exact output"},
              {}};
  for (const double sharpness : {0.0, 1.0, 2.0, 4.0, 8.0, 16.0, kExact}) {
    const Score s = score(by_hand(first_position, sharpness), first_position);
    table.rows.push_back(row(cat(sharpness), s));
    if (sharpness == 0)
      result.figures.insert(result.figures.end(), {{"right_0", s.right}, {"weight_0", s.weight}, {"seen_0", s.seen}});
    if (sharpness == 2)
      result.figures.insert(result.figures.end(), {{"right_2", s.right}, {"weight_2", s.weight}, {"seen_2", s.seen}});
  }
  result.tables.push_back(table);
}

void learn_both(const LessonOptions& options, const LessonProgress& progress, LessonResult& result) {
  Table table{"The two programs, by hand and learned",
              {"head", "weight on the key", "effective number", "right symbol", "exact output"},
              {}};
  Rng rng(options.seed);
  const Line line = random_line(rng);
  AttentionMap map{"Two programs on a random line", {}, {}, {}};
  for (const std::int32_t symbol : line) map.queries.push_back(std::string(1, static_cast<char>('a' + symbol)));
  map.keys = map.queries;
  Chart chart{.title = "Symbols that a learning head attends to",
              .x_name = "step",
              .y_name = "effective number",
              .levels = {{"all equally", score(by_hand(first_position, 0), first_position).seen}}};
  struct Kind {
    std::string name;
    Program program;
    Color ink;
  };
  for (const Kind& kind :
       {Kind{"previous", previous_position, Color::kBlue}, Kind{"first", first_position, Color::kYellow}}) {
    Series seen{"reading the " + kind.name + " symbol", kind.ink, {}};
    const Head hand = by_hand(kind.program, kExact),
               learned =
                   learn(kind.program, "reading the " + kind.name + " symbol", options.seed, progress, seen.points);
    const Score exact = score(hand, kind.program), trained = score(learned, kind.program);
    table.rows.push_back(row(kind.name + ", by hand", exact));
    table.rows.push_back(row(kind.name + ", learned", trained));
    map.heads.push_back(drawn(kind.name + ", by hand", hand, line));
    map.heads.push_back(drawn(kind.name + ", learned", learned, line));
    chart.series.push_back(seen);
    result.figures.insert(result.figures.end(), {{"exact_" + kind.name, exact.exact},
                                                 {"learned_right_" + kind.name, trained.right},
                                                 {"learned_weight_" + kind.name, trained.weight},
                                                 {"learned_exact_" + kind.name, trained.exact}});
  }
  result.tables.push_back(table);
  result.charts.push_back(chart);
  result.maps.push_back(map);
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  make_sharper(result);
  learn_both(options, progress, result);
  const double seen = add_chorus_heads(options, progress, result);
  result.answer = seen < 3 ? 2 : seen < 30 ? 1 : 0;
  return result;
}

}  // namespace

Lesson self_attention_lesson() {
  return {.number = 3,
          .folder = "03_self_attention",
          .title = "Self-attention",
          .claim = "attention is a weighted sum of values; queries and keys set the weights, and not equally",
          .seconds = 8,
          .minutes_to_read = 25,
          .exercise = "attention forward, then its backward pass by hand",
          .exercise_minutes = 40,
          .difficulty = 3,
          .needs = "lesson 0",
          .question =
              "A model has learned to predict lines of 64 symbols. One of its heads reads the first symbol of the "
              "line. Late in the line 33 to 64 symbols are visible. Over how many does the head spread its weights?",
          .choices = {"over all of them, about equally", "over a part of them, 3 to 30", "over fewer than 3"},
          .files = {"include/headlight/nn/self_attention.h", "train/lessons/03_self_attention/programs.h",
                    "train/lessons/03_self_attention/copying.cpp", "src/kernels/reference/rows.h",
                    "src/kernels/reference/attention.h"},
          .run = run};
}

}  // namespace headlight::lessons
