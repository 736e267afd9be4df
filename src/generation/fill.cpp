// Filling the gaps of a text with a masked model.
#include <algorithm>
#include <cmath>

#include "base/words.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/generation/generate.h"

namespace headlight {

namespace {

std::vector<double> softmax_of(std::span<const float> logits) {
  const double top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  std::vector<double> p;
  double total = 0;
  for (const float x : logits) {
    p.push_back(std::exp(static_cast<double>(x) - top));
    total += p.back();
  }
  for (double& x : p) x /= total;
  return p;
}

}  // namespace

std::vector<FilledGap> fill_gaps(const LanguageModel& model, std::span<std::int32_t> ids, FillOrder order) {
  if (model.objective() != Objective::kMasked)
    fail("fill: the model cannot fill gaps (", model.summary(), "); train one with --model encoder");
  const Index vocabulary = model.vocabulary();
  std::vector<FilledGap> gaps;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (ids[i] == vocabulary) gaps.push_back({.place = i, .token = ids[i], .round = 0, .probability = {}});
  if (gaps.empty()) fail("fill: the text has no gap; mark at least one");
  if (const auto count = static_cast<Index>(ids.size()); count > model.context())
    fail("fill: the text has ", counted(count, "token"), ", but the model reads ", model.context(),
         " at a time; pass a shorter part");
  const NoGrad no_recording;
  const auto is_open = [&](const FilledGap& gap) { return ids[gap.place] == vocabulary; };
  for (Index round = 0; std::any_of(gaps.begin(), gaps.end(), is_open); ++round) {
    const Tensor logits = model(ids, 1);  // [1,T,V]
    FilledGap* surest = nullptr;
    for (FilledGap& gap : gaps) {
      if (!is_open(gap)) continue;
      const float* row = logits.data<float>() + static_cast<Index>(gap.place) * vocabulary;
      gap.probability = softmax_of({row, static_cast<std::size_t>(vocabulary)});
      gap.token = static_cast<std::int32_t>(std::max_element(gap.probability.begin(), gap.probability.end()) -
                                            gap.probability.begin());
      gap.round = round;
      const auto chance = [](const FilledGap& g) { return g.probability[static_cast<std::size_t>(g.token)]; };
      if (!surest || chance(gap) > chance(*surest)) surest = &gap;
    }
    if (order == FillOrder::kConfidentFirst) ids[surest->place] = surest->token;
    else
      for (const FilledGap& gap : gaps) ids[gap.place] = gap.token;
  }
  return gaps;
}

}  // namespace headlight
