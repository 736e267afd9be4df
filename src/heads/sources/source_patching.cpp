// Drawing of swaps, the patching hook, and the measured change of the logits.
#include "heads/sources/source_patching.h"

#include <algorithm>

#include "headlight/autograd/tape.h"
#include "headlight/base/random.h"
#include "heads/ablation/ablation.h"
#include "heads/roles/roles.h"
#include "heads/sources/keep_z.h"

namespace headlight {

namespace {

// Hook that replaces the output of one head by its output in another run.
class PatchHead : public Hook {
 public:
  PatchHead(HeadId head, const Tensor& z) : head_(head), z_(z) {}
  bool wants_weights() const override { return false; }
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site != HookSite{head_.layer, HookSite::Kind::kHeadOutputs}) return x;
    Tensor patched = x.clone();  // [B,H,T,D]
    const Index of_head = x.size(2) * x.size(3);
    for (Index b = 0; b < x.size(0); ++b) {
      const Index first = (b * x.size(1) + head_.head) * of_head;
      std::copy_n(z_.data<float>() + first, of_head, patched.data<float>() + first);
    }
    return patched;
  }

 private:
  HeadId head_;
  const Tensor& z_;
};

struct Swap {
  Index place = -1, at = -1;  // the prediction and its evidence; -1: no swap in this window
  std::int32_t symbol = 0;    // replaces the symbol at `at`
};

// Draws, for each window, a prediction whose evidence for `expert` can be swapped without changing another expert's.
std::vector<Swap> draw_swaps(const ExpertWindows& experts, std::size_t expert, const TokenClasses& classes, Rng& rng) {
  const HeadWindows& windows = experts.windows();
  const auto& inputs = windows.inputs();
  const auto id_at = [&](Index place) { return inputs[static_cast<std::size_t>(place)]; };
  const auto is_digit = [&](std::int32_t id) { return classes.digit[static_cast<std::size_t>(id)]; };
  std::vector<Swap> swaps;
  for (Index w = 0; w < windows.size(); ++w) {
    std::vector<Index> places;
    for (Index place = w * windows.context(); place < (w + 1) * windows.context(); ++place) {
      const Index at = experts.counts(place) ? experts.evidence(expert, place) : -1;
      // Skip evidence equal to the last symbol: another expert's evidence may depend on it.
      if (at < 0 || id_at(at) == id_at(place)) continue;
      bool alone = true;
      for (std::size_t other = 0; other < experts.experts().size(); ++other)
        if (other != expert && experts.evidence(other, place) == at) alone = false;
      if (alone) places.push_back(place);
    }
    Swap swap;
    if (!places.empty()) {
      const Index place = places[static_cast<std::size_t>(rng.below(static_cast<Index>(places.size())))];
      const Index at = experts.evidence(expert, place);
      std::vector<std::int32_t> others;
      for (const std::int32_t id : experts.next())
        if (id != id_at(at) && id != id_at(place) && is_digit(id) == is_digit(id_at(at))) others.push_back(id);
      if (!others.empty())
        swap = {place, at, others[static_cast<std::size_t>(rng.below(static_cast<Index>(others.size())))]};
    }
    swaps.push_back(swap);
  }
  return swaps;
}

// [window]: changes of the logits, projected on the change of the expert's table row, summed over the swaps of one
// expert.
struct Moved {
  explicit Moved(std::size_t windows) : should(windows, 0.0), whole(windows, 0.0) {}
  std::vector<double> should, whole;
  std::vector<std::vector<double>> heads;  // [head][window]
};

double ratio(std::span<const double> above, std::span<const double> below, const std::vector<Index>* drawn) {
  double a = 0, b = 0;
  for (std::size_t w = 0; w < above.size(); ++w) {
    const double times = drawn ? static_cast<double>((*drawn)[w]) : 1;
    a += times * above[w];
    b += times * below[w];
  }
  return b != 0 ? a / b : 0;
}

Interval estimated_ratio(std::span<const double> above, std::span<const double> below, const Bootstrap& bootstrap) {
  std::vector<double> drawn;
  for (const std::vector<Index>& resample : bootstrap.resamples()) drawn.push_back(ratio(above, below, &resample));
  return percentile_interval(ratio(above, below, nullptr), std::move(drawn));
}

}  // namespace

Patching measure_patching(const HeadedModel& model, const ExpertWindows& experts, const Vocabulary& vocabulary,
                          const Bootstrap& bootstrap, std::uint64_t seed, int rounds,
                          const AfterEvaluation& after_each) {
  const NoGrad no_recording;
  const TokenClasses classes(vocabulary);
  const HeadWindows& windows = experts.windows();
  const std::vector<HeadId> heads = all_heads(model);
  const std::size_t n = experts.experts().size(), count = static_cast<std::size_t>(windows.size());
  std::vector<Tensor> clean;  // [piece]: logits [B,T,V]
  for (const HeadWindows::Piece& piece : windows.pieces()) clean.push_back(model(piece.batch.inputs, piece.batch.rows));
  Patching result;
  result.whole.resize(n);
  result.heads.assign(heads.size(), Estimates(n));
  result.swaps.assign(n, 0);
  Rng rng(mix64(seed));
  std::vector<double> change(experts.next().size());
  for (std::size_t e = 0; e < n; ++e) {
    if (!experts.experts()[e].needs_attention) continue;
    Moved moved(count);
    moved.heads.assign(heads.size(), std::vector<double>(count, 0.0));
    for (int round = 0; round < rounds; ++round) {
      const std::vector<Swap> swaps = draw_swaps(experts, e, classes, rng);
      for (std::size_t p = 0; p < windows.pieces().size(); ++p) {
        const HeadWindows::Piece& piece = windows.pieces()[p];
        const Index first = piece.first * windows.context();
        std::vector<std::int32_t> inputs = piece.batch.inputs;
        const auto each_swap = [&](const auto& f) {
          for (Index w = piece.first; w < piece.first + piece.batch.rows; ++w)
            if (swaps[static_cast<std::size_t>(w)].place >= 0)
              f(static_cast<std::size_t>(w), swaps[static_cast<std::size_t>(w)]);
        };
        each_swap([&](std::size_t, const Swap& s) { inputs[static_cast<std::size_t>(s.at - first)] = s.symbol; });
        const auto add = [&](const Tensor* logits, std::vector<double>& sums) {
          each_swap([&](std::size_t w, const Swap& s) {
            const auto before = experts.row(e, windows.inputs()[static_cast<std::size_t>(s.at)]),
                       after = experts.row(e, s.symbol);
            for (std::size_t i = 0; i < change.size(); ++i) change[i] = after[i] - before[i];
            const Index row = (s.place - first) * clean[p].size(-1);
            for (std::size_t i = 0; i < change.size(); ++i) {
              const Index at = row + experts.next()[i];
              const double by = logits ? static_cast<double>(logits->data<float>()[at]) -
                                             static_cast<double>(clean[p].data<float>()[at])
                                       : change[i];
              sums[w] += by * change[i];
            }
          });
        };
        add(nullptr, moved.should);
        KeepZ swapped(model.layers());
        const Tensor whole = model(inputs, piece.batch.rows);
        add(&whole, moved.whole);
        for (std::size_t h = 0; h < heads.size(); ++h) {
          const PatchHead patch(heads[h], swapped.z[static_cast<std::size_t>(heads[h].layer)]);
          const Tensor patched = model(piece.batch.inputs, piece.batch.rows);
          add(&patched, moved.heads[h]);
        }
      }
      for (const Swap& s : swaps) result.swaps[e] += s.place >= 0 ? 1 : 0;
    }
    result.whole[e] = estimated_ratio(moved.whole, moved.should, bootstrap);
    for (std::size_t h = 0; h < heads.size(); ++h)
      result.heads[h][e] = estimated_ratio(moved.heads[h], moved.whole, bootstrap);
    if (after_each) after_each();
  }
  return result;
}

}  // namespace headlight
