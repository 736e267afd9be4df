// Lesson 1: the loss of one model against the number of symbols it sees, beside n-gram counts and the entropy floor.
#include "lessons/lesson.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "headlight/headlight.h"
#include "lessons/01_context/curves.h"

namespace headlight::lessons {

namespace {

constexpr Index kChars = 400'000;

// The same symbols in random order: the control, in which no symbol depends on another.
void shuffle(TokenText& text, Rng& rng) {
  std::vector<std::int32_t> ids = text.ids.copy();
  for (std::size_t i = ids.size(); i > 1; --i)
    std::swap(ids[i - 1], ids[static_cast<std::size_t>(rng.below(static_cast<Index>(i)))]);
  text.ids = std::move(ids);
}

// The place at which 32 visible symbols help most over 8: the probability of the true next symbol.
Table best_place(const Losses& losses, const TokenText& text, const Vocabulary& vocabulary) {
  std::size_t best = 0;
  const auto gain = [&](std::size_t i) { return losses[7][i] - losses[31][i]; };
  for (std::size_t i = 0; i < losses[0].size(); ++i)
    if (gain(i) > gain(best)) best = i;
  const Index place = kContext + static_cast<Index>(best);
  const auto shown = [&](Index first, Index last) {
    std::string piece = vocabulary.decode(text.ids.copy(first, last));
    std::replace(piece.begin(), piece.end(), '\n', '/');
    return piece;
  };
  Table table{cat("One place of tales where the next symbol is '", shown(place, place + 1), "' (a line break is /)"),
              {"the model sees", "symbols", "probability"},
              {}};
  for (const Index k : {1, 2, 4, 8, 16, 32})
    table.rows.push_back(
        {shown(place - k, place), cat(k), fixed_text(std::exp(-losses[static_cast<std::size_t>(k - 1)][best]), 3)});
  return table;
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonText tales_text = lesson_text("tales", kChars, kContext, options.seed), mixed = tales_text,
             chorus_text = lesson_text("chorus", kChars, kContext, options.seed);
  Rng rng(options.seed);
  shuffle(mixed.split.train, rng);
  shuffle(mixed.split.validation, rng);
  const Curves tales = measure("tales", tales_text, 2400, options, progress),
               chorus = measure("chorus", chorus_text, 1600, options, progress),
               shuffled = measure("shuffled tales", mixed, 300, options, progress);

  LessonResult result;
  Table table{"Loss in nats a symbol", {"visible symbols"}, {}};
  for (const char* name : {"tales", "chorus", "shuffled"})
    for (const char* by : {": n-gram", ": model"}) table.columns.push_back(cat(name, by));
  for (const std::size_t k : {0, 1, 2, 3, 4, 8, 16, 32, 64}) {
    table.rows.push_back({cat(k)});
    for (const Curves* c : {&tales, &chorus, &shuffled}) {
      table.rows.back().push_back(k < c->ngram.size() ? fixed_text(c->ngram[k], 3) : "");
      table.rows.back().push_back(k > 0 ? fixed_text(c->model[k], 3) : "");
    }
  }
  table.rows.push_back({"floor", "", fixed_text(tales.floor, 3), "", fixed_text(chorus.floor, 3), "", ""});
  result.tables = {table, best_place(tales.losses, tales_text.split.validation, tales_text.vocabulary)};

  const auto chart = [&](const std::string& name, const Curves& c) {
    Chart drawn{.title = cat("Loss against visible context, ", name),
                .x_name = "log2 of the visible symbols",
                .y_name = "loss",
                .series = {{"model", Color::kBlue, {}}, {"n-gram counts", Color::kYellow, {}}},
                .levels = {{"floor", c.floor}}};
    for (std::size_t k = 1; k <= kContext; ++k) {
      const double x = std::log2(static_cast<double>(k));
      drawn.series[0].points.push_back({x, c.model[k]});
      if (k < c.ngram.size()) drawn.series[1].points.push_back({x, c.ngram[k]});
    }
    return drawn;
  };
  result.charts = {chart("tales", tales), chart("chorus", chorus)};

  const auto add = [&](const std::string& name, const Curves& c) {
    for (const std::size_t k : {1, 2, 3, 4, 8, 16, 32, 64}) result.figures.push_back({cat(name, "_", k), c.model[k]});
    for (std::size_t k = 0; k < c.ngram.size(); ++k) result.figures.push_back({cat(name, "_ngram", k + 1), c.ngram[k]});
    result.figures.push_back({name + "_floor", c.floor});
    if (name == "tales") result.figures.push_back({name + "_nine_tenths", static_cast<double>(c.nine_tenths())});
  };
  add("tales", tales);
  add("chorus", chorus);
  result.figures.push_back({"shuffled_gain", shuffled.gain(1, 64)});
  result.figures.push_back({"shuffled_64", shuffled.model[64]});
  result.figures.push_back({"shuffled_ngram1", shuffled.ngram[0]});
  result.figures.push_back({"shuffled_ngram5", shuffled.ngram[4]});
  result.figures.push_back({"chorus_third", chorus.gain(2, 3)});
  result.figures.push_back({"chorus_fourth", chorus.gain(3, 4)});
  const std::size_t needed = tales.nine_tenths();
  result.answer = needed <= 4 ? 0 : needed <= 20 ? 1 : 2;
  result.finding = cat("On tales the loss falls from ", fixed_text(tales.model[1], 2),
                       " nats with 1 visible symbol to ", fixed_text(tales.model[64], 2), " with 64; ", needed,
                       " symbols give nine tenths of that. On shuffled symbols it stays at ",
                       fixed_text(shuffled.model[64], 2), ".");
  return result;
}

}  // namespace

Lesson context() {
  return {.number = 1,
          .folder = "01_context",
          .title = "Context",
          .claim = "a symbol's meaning depends on its neighbors",
          .seconds = 35,
          .minutes_to_read = 10,
          .exercise = "write the causal mask",
          .exercise_minutes = 20,
          .difficulty = 2,
          .needs = "",
          .question =
              "A model of English-like tales predicts the next letter from the last k symbols. 64 symbols give a much "
              "lower loss than 1. How many symbols give nine tenths of that gain?",
          .choices = {"at most 4: less than a word", "5 to 20: a few words", "more than 20: a sentence"},
          .files = {"include/headlight/data/windows.h", "src/data/ngram.h", "include/headlight/nn/self_attention.h"},
          .run = run};
}

}  // namespace headlight::lessons
