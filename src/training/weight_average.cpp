// The update of the average, and its exchange with the weights.
#include "training/weight_average.h"

#include <algorithm>
#include <utility>

#include "headlight/base/error.h"
#include "headlight/base/threads.h"
#include "kernels/kernels.h"

namespace headlight {

WeightAverage::WeightAverage(std::vector<NamedTensor> parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay) {
  if (!(decay >= 0 && decay < 1)) fail("average of weights: a decay of ", decay, "; it must be from 0 to below 1");
  for (const NamedTensor& p : parameters_) averages_.push_back({p.name, p.value.clone()});
}

void WeightAverage::add(Index step) {
  const auto s = static_cast<double>(step);
  const auto keep = static_cast<float>(std::min(decay_, (1 + s) / (10 + s)));
  const auto& table = kernels::active<float>();
  for (std::size_t k = 0; k < averages_.size(); ++k) {
    float* average = averages_[k].value.data<float>();
    const float* weights = std::as_const(parameters_[k].value).data<float>();
    parallel_for(averages_[k].value.numel(), 1 << 12, [&](Index begin, Index end) {
      table.scale(end - begin, keep, average + begin, average + begin);
      table.multiply_add(end - begin, 1 - keep, weights + begin, average + begin);
    });
  }
}

void WeightAverage::exchange() const {
  for (std::size_t k = 0; k < averages_.size(); ++k) {
    Tensor average = averages_[k].value, weights = parameters_[k].value;
    std::swap_ranges(average.data<float>(), average.data<float>() + average.numel(), weights.data<float>());
  }
}

}  // namespace headlight
