// The update of the average, and its exchange with the weights.
#include "training/weight_average.h"

#include <algorithm>

#include "headlight/base/error.h"
#include "headlight/base/threads.h"

namespace headlight {

namespace {

template <class T>
void blend(Tensor& average, const Tensor& weights, double share) {
  T* a = average.data<T>();
  const T* w = weights.data<T>();
  const T take = static_cast<T>(share);
  parallel_for(average.numel(), 1 << 14, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) a[i] += take * (w[i] - a[i]);
  });
}

template <class T>
void exchange_values(Tensor& a, Tensor& b) {
  std::swap_ranges(a.data<T>(), a.data<T>() + a.numel(), b.data<T>());
}

}  // namespace

WeightAverage::WeightAverage(std::vector<NamedTensor> parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay) {
  if (!(decay >= 0 && decay < 1)) fail("average of weights: a decay of ", decay, "; it must be from 0 to below 1");
  for (const NamedTensor& p : parameters_) averages_.push_back({p.name, p.value.clone()});
}

void WeightAverage::add(Index step) {
  const auto s = static_cast<double>(step);
  const double share = 1 - std::min(decay_, (1 + s) / (10 + s));
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    if (averages_[i].value.dtype() == DType::kFloat32) blend<float>(averages_[i].value, parameters_[i].value, share);
    else blend<double>(averages_[i].value, parameters_[i].value, share);
  }
}

void WeightAverage::exchange() {
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    if (averages_[i].value.dtype() == DType::kFloat32) exchange_values<float>(averages_[i].value, parameters_[i].value);
    else exchange_values<double>(averages_[i].value, parameters_[i].value);
  }
}

}  // namespace headlight
