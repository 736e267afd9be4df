// Curves: the losses of one model, and of n-gram counts, against the number of symbols that they see.
#pragma once

#include <string>
#include <vector>

#include "lessons/training.h"

namespace headlight::lessons {

constexpr Index kContext = 64, kTargets = 8192;

// losses[k - 1][i] is the loss on target i, predicted from exactly the k symbols before it.
using Losses = std::vector<std::vector<double>>;

struct Curves {
  Losses losses;
  std::vector<double> model;       // [k]: the mean loss from k visible symbols; [0] is not used
  std::vector<double> ngram = {};  // [k]: the loss of an n-gram of order k + 1, which sees k symbols
  double floor = 0;

  double gain(std::size_t few, std::size_t many) const { return model[few] - model[many]; }
  // The smallest number of visible symbols that gives nine tenths of the gain from 1 to 64 symbols.
  std::size_t nine_tenths() const {
    std::size_t k = 1;
    while (gain(1, k) < 0.9 * gain(1, kContext)) ++k;
    return k;
  }
};

// Trains a transformer with a context of 64 on the training part of `data`, and evaluates it, and n-grams that count the
// same part, on kTargets symbols of the validation part.
Curves measure(const std::string& name, LessonText& data, Index steps, const LessonOptions& options,
               const LessonProgress& progress);

}  // namespace headlight::lessons
