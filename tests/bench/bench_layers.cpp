// Times one layer, forward and backward, as race_layers.py times PyTorch's:
//
//   bench_layers LAYER WIDTH LENGTH BATCH THREADS SECONDS [cpu]
//
// LAYER is lstm, gru, conv (a layer of the family conv without its norm: kernel 2, dilation 8), full, linear or
// window:N (attention of 4 heads that share the width). Prints the median seconds of a forward and backward pass. The
// input has a gradient too, as in the middle of a model. With `cpu` the seconds are those of the CPU that the process
// used.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "bench/median.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/nn/conv1d.h"
#include "headlight/nn/linear.h"
#include "headlight/nn/recurrent.h"

namespace headlight {
namespace {

struct Sizes {
  Index width, length, batch;
};

using Layer = std::function<Tensor(const std::vector<Tensor>&)>;

// The layer, its parameters and its inputs.
struct Bench {
  Layer layer;
  std::vector<Tensor> inputs, parameters;
};

Tensor leaf(const Shape& shape, Rng& rng) {
  Tensor x = Tensor::normal(shape, 0, 1, rng);
  x.set_requires_grad(true);
  return x;
}

template <class M>
std::vector<Tensor> parameters_of(const M& module) {
  std::vector<Tensor> all;
  for (const NamedTensor& one : module.parameters()) all.push_back(one.value);
  return all;
}

Bench recurrent(RecurrentKind kind, const Sizes& s, Rng& rng) {
  const auto layer = std::make_shared<Recurrent>(kind, s.width, s.width);
  return {[layer](const std::vector<Tensor>& in) { return (*layer)(in[0]); },
          {leaf({s.batch, s.length, s.width}, rng)},
          parameters_of(*layer)};
}

Bench convolution(const Sizes& s, Rng& rng) {
  const auto conv = std::make_shared<Conv1d>(s.width, 2 * s.width, 2, Conv1dOptions{.dilation = 8});
  const auto out = std::make_shared<Linear>(s.width, s.width);
  Bench bench{[conv, out](const std::vector<Tensor>& in) { return (*out)(gated_tanh((*conv)(in[0])), in[0]); },
              {leaf({s.batch, s.length, s.width}, rng)},
              parameters_of(*conv)};
  for (const Tensor& one : parameters_of(*out)) bench.parameters.push_back(one);
  return bench;
}

Bench attention_of(const std::string& kind, const Sizes& s, Rng& rng) {
  constexpr Index kHeads = 4;
  const Shape shape{s.batch, kHeads, s.length, s.width / kHeads};
  AttentionOptions o;
  o.causal = true;
  if (kind.starts_with("window:")) o.window = std::atoll(kind.c_str() + 7);
  const bool is_linear = kind == "linear";
  return {[o, is_linear](const std::vector<Tensor>& in) {
            return is_linear ? linear_attention(in[0], in[1], in[2]) : attention(in[0], in[1], in[2], o);
          },
          {leaf(shape, rng), leaf(shape, rng), leaf(shape, rng)},
          {}};
}

Bench find(const std::string& name, const Sizes& s, Rng& rng) {
  if (name == "lstm") return recurrent(RecurrentKind::kLstm, s, rng);
  if (name == "gru") return recurrent(RecurrentKind::kGru, s, rng);
  if (name == "conv") return convolution(s, rng);
  if (name == "full" || name == "linear" || name.starts_with("window:")) return attention_of(name, s, rng);
  fail("bench_layers: ", name, ": no such layer; use lstm, gru, conv, full, linear or window:N");
}

// Seconds since a fixed moment: wall-clock time, or CPU time of this process if `cpu` is set.
double now(bool cpu) {
  if (cpu) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double time_of(const Bench& bench, double seconds, bool cpu) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  Tensor dy;
  const auto begin = Clock::now();
  for (int pass = -3; pass < 5 || std::chrono::duration<double>(Clock::now() - begin).count() < seconds; ++pass) {
    for (const auto* tensors : {&bench.inputs, &bench.parameters})
      for (Tensor x : *tensors) x.zero_grad();
    const double start = now(cpu);
    Tape tape;
    const Tensor y = bench.layer(bench.inputs);
    if (!dy.defined()) dy = Tensor::ones(y.shape());
    tape.backward(y, dy);
    if (pass >= 0) times.push_back(now(cpu) - start);
  }
  return median(times);
}

}  // namespace
}  // namespace headlight

int main(int count, char** words) {
  using namespace headlight;
  try {
    const bool cpu = count == 8 && std::string(words[7]) == "cpu";
    if (count != 7 && !cpu) throw UsageError("usage: bench_layers LAYER WIDTH LENGTH BATCH THREADS SECONDS [cpu]");
    const Sizes sizes{std::atoll(words[2]), std::atoll(words[3]), std::atoll(words[4])};
    set_thread_count(std::atoi(words[5]));
    Rng rng(1);
    std::printf("%.9f\n", time_of(find(words[1], sizes, rng), std::atof(words[6]), cpu));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
