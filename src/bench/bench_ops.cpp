// Times single operations at the sizes of a model, and compares them with the limits of the machine by the roofline
// model (Williams, Waterman, Patterson 2009). Times attention as a function of the context length.
#include <algorithm>
#include <functional>

#include "base/clock.h"
#include "base/words.h"
#include "bench/bench.h"
#include "bench/median.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"

namespace headlight {

namespace {

constexpr double kFloat = sizeof(float);

// The minimum work of an operation.
struct Work {
  double flops = 0;
  double numbers = 0;  // floats read and written
};

struct Case {
  std::string operation, sizes;
  std::vector<Tensor> inputs;  // inputs with gradients
  std::function<Tensor()> run;
  Work forward, backward;
};

struct Times {
  double forward, backward;
};

double count(const Tensor& x) { return static_cast<double>(x.numel()); }

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  AttentionOptions options;
  options.causal = true;
  return attention(q, k, v, options);
}

class Bench {
 public:
  Bench(const RunConfig& config, Index vocabulary) : c_(config), v_(vocabulary) {}

  std::vector<Case> cases() {
    const Index b = c_.batch, t = c_.context, w = c_.width, h = c_.heads, d = w / h, n = b * t;
    const Index f = c_.hidden > 0 ? c_.hidden : 4 * w;
    std::vector<Case> all;
    embedding_case(all, n, w);
    add_case(all, n, w);
    {
      const Tensor x = input({n, w}), gamma = input({w}), beta = input({w});
      const Work forward{0, 2 * count(x)}, backward{0, 3 * count(x)};  // forward: x, y; backward: x, dy, dx
      all.push_back({"layer_norm",
                     cat(n, " x ", w),
                     {x, gamma, beta},
                     [=] { return layer_norm(x, gamma, beta); },
                     forward,
                     backward});
      all.push_back({"rms_norm", cat(n, " x ", w), {x, gamma}, [=] { return rms_norm(x, gamma); }, forward, backward});
    }
    linear_case(all, n, w, 3 * w, true);
    linear_case(all, n, w, w, true);
    linear_case(all, n, w, f, true);
    linear_case(all, n, f, w, true);
    linear_case(all, n, w, v_, false);
    {
      const Tensor x = input({b, t, 3 * h, d});
      all.push_back({"permute",
                     cat(b, "x", t, "x", 3 * h, "x", d),
                     {x},
                     [=] {
                       return permute(x, {0, 2, 1, 3});
                     },
                     Work{0, 2 * count(x)},
                     Work{0, 2 * count(x)}});
    }
    {
      const Tensor q = input({b, h, t, d}), k = input({b, h, t, d}), v = input({b, h, t, d});
      // Forward: q, k, v, out. Backward: q, k, v, dout, dq, dk, dv.
      const double product = static_cast<double>(n) * static_cast<double>(t * w);
      all.push_back({"attention",
                     cat(b, "x", h, "x", t, "x", d),
                     {q, k, v},
                     [=] { return causal_attention(q, k, v); },
                     Work{2 * product, 4 * count(q)},
                     Work{4 * product, 7 * count(q)}});
    }
    elementwise_case(
        all, "softmax", {b * h * t, t}, [](const Tensor& x) { return softmax(x); }, 3);
    elementwise_case(
        all, "gelu", {n, f}, [](const Tensor& x) { return gelu(x); }, 3);
    elementwise_case(
        all, "dropout", {n, w}, [](const Tensor& x) { return dropout(x, 0.1); }, 2);
    {
      const Tensor logits = input({n, v_});
      const std::vector<std::int32_t> targets = random_ids(n);
      all.push_back({"cross_entropy",
                     cat(n, " x ", v_),
                     {logits},
                     [=] { return cross_entropy(logits, targets); },
                     Work{0, count(logits)},
                     Work{0, 2 * count(logits)}});
    }
    return all;
  }

 private:
  Tensor input(const Shape& shape) {
    Tensor x = Tensor::normal(shape, 0, 1, rng_, DType::kFloat32);
    x.set_requires_grad(true);
    return x;
  }

  std::vector<std::int32_t> random_ids(Index n) {
    std::vector<std::int32_t> ids;
    for (Index i = 0; i < n; ++i) ids.push_back(static_cast<std::int32_t>(rng_.below(v_)));
    return ids;
  }

  void embedding_case(std::vector<Case>& all, Index n, Index w) {
    const Tensor table = input({v_, w});
    const std::vector<std::int32_t> ids = random_ids(n);
    const double moved = static_cast<double>(n * w) + count(table);  // table and result, in both directions
    all.push_back({"embedding",
                   cat(n, " of ", v_, " x ", w),
                   {table},
                   [=] { return embedding(table, ids, {n}); },
                   Work{0, moved},
                   Work{0, moved}});
  }

  // Both gradients of add are dy itself, so the backward pass has no work.
  void add_case(std::vector<Case>& all, Index n, Index w) {
    const Tensor x = input({n, w}), y = input({n, w});
    all.push_back({"add", cat(n, " x ", w), {x, y}, [=] { return add(x, y); }, Work{0, 3 * count(x)}, Work{}});
  }

  void linear_case(std::vector<Case>& all, Index n, Index in, Index out, bool with_bias) {
    const Tensor x = input({n, in}), w = input({out, in}), bias = with_bias ? input({out}) : Tensor();
    std::vector<Tensor> inputs = {x, w};
    if (with_bias) inputs.push_back(bias);
    const double flops = 2 * count(x) * static_cast<double>(out), y = static_cast<double>(n * out);
    all.push_back({"linear", cat(n, " x ", in, " -> ", out), inputs, [=] { return linear(x, w, bias); },
                   Work{flops, count(x) + count(w) + y}, Work{2 * flops, 2 * (count(x) + count(w)) + y}});
  }

  // The result has the size of the input. `backward` is the minimum number of arrays of this size that the backward
  // pass reads or writes.
  void elementwise_case(std::vector<Case>& all, const char* name, const Shape& shape, Tensor (*f)(const Tensor&),
                        int backward) {
    const Tensor x = input(shape);
    all.push_back({name,
                   cat(shape[0], " x ", shape[1]),
                   {x},
                   [=] { return f(x); },
                   Work{0, 2 * count(x)},
                   Work{0, backward * count(x)}});
  }

  RunConfig c_;
  Index v_;
  Rng rng_{1};
};

// Medians over at least `least` repetitions and about `budget` seconds, after two warm-up repetitions that allocate.
Times time_of(const std::function<Tensor()>& run, std::vector<Tensor>& inputs, Index least, double budget) {
  std::vector<double> forward, backward;
  Rng rng(2);
  Tensor dy;
  const double begin = monotonic_seconds();
  for (Index repetition = 0; repetition < 2 + least || monotonic_seconds() - begin < budget; ++repetition) {
    for (Tensor& x : inputs) x.zero_grad();
    Tape tape;
    const double started = monotonic_seconds();
    const Tensor y = run();
    const double between = monotonic_seconds();
    if (!dy.defined()) dy = Tensor::normal(y.shape(), 0, 1, rng, DType::kFloat32);
    const double again = monotonic_seconds();
    tape.backward(y, dy);
    const double ended = monotonic_seconds();
    if (repetition < 2) continue;
    forward.push_back(between - started);
    backward.push_back(ended - again);
  }
  for (Tensor& x : inputs) x.zero_grad();
  return {median(forward), median(backward)};
}

OperationBench entry(const Case& c, const char* phase, double seconds, const Work& work) {
  const double bytes = work.numbers * kFloat;
  return {c.operation, c.sizes, phase, seconds, work.flops, bytes, static_cast<Index>(bytes)};
}

// Times gradient_norm and AdamW's update on all parameters of the model.
void bench_updates(const RunConfig& config, Index vocabulary, double budget, std::vector<OperationBench>& out) {
  const TransformerLM model(config.transformer(vocabulary));
  AdamW optimizer(model.parameters(), {});
  for (const NamedTensor& p : model.parameters()) {
    Tape tape;
    tape.backward(sum(p.value));  // gives each parameter some gradient
  }
  std::vector<double> norm, adamw;
  const double begin = monotonic_seconds();
  for (int repetition = 0; repetition < 7 || monotonic_seconds() - begin < budget; ++repetition) {
    const double started = monotonic_seconds();
    const double scale = gradient_norm(optimizer.parameters()) > 1 ? 0.5 : 1;
    const double between = monotonic_seconds();
    optimizer.step(1e-4, scale);
    const double ended = monotonic_seconds();
    if (repetition < 2) continue;
    norm.push_back(between - started);
    adamw.push_back(ended - between);
  }
  const Index parameters = model.parameter_count();
  const double bytes = static_cast<double>(parameters) * kFloat;
  const std::string sizes = cat(parameters);
  out.push_back({"gradient_norm", sizes, "update", median(norm), 0, bytes, static_cast<Index>(bytes)});
  // AdamW reads g, p, m, v and writes p, m, v.
  out.push_back({"adamw", sizes, "update", median(adamw), 0, 7 * bytes, static_cast<Index>(4 * bytes)});
}

}  // namespace

std::vector<OperationBench> bench_operations(const RunConfig& config, Index vocabulary, double budget) {
  config.check();
  std::vector<OperationBench> out;
  std::vector<Case> cases = Bench(config, vocabulary).cases();
  const double each = budget / static_cast<double>(cases.size() + 1);
  for (Case& c : cases) {
    const Times times = time_of(c.run, c.inputs, 5, each);
    out.push_back(entry(c, "forward", times.forward, c.forward));
    out.push_back(entry(c, "backward", times.backward, c.backward));
    c = Case();  // releases its tensors
  }
  bench_updates(config, vocabulary, each, out);
  return out;
}

Roofline roofline_of(const OperationBench& o, MachineLimits& limits) {
  const double peak = o.flops > 0 ? limits.fma_peak() : 0;
  const double bandwidth = o.bytes > 0 ? limits.bandwidth(o.working_set) : 0;
  const double arithmetic = peak > 0 ? o.flops / peak : 0, memory = bandwidth > 0 ? o.bytes / bandwidth : 0;
  // If the FMA peak is unknown, products are still reported in GFLOP/s.
  if (o.flops > 0 && (peak == 0 || arithmetic >= memory)) return {false, o.flops / o.seconds / 1e9, peak};
  if (bandwidth == 0) return {};
  return {true, o.bytes / o.seconds / 1e9, bandwidth};
}

std::vector<AttentionBench> bench_attention(const RunConfig& config, std::span<const Index> contexts, double budget) {
  std::vector<AttentionBench> out;
  const std::shared_ptr<const AttentionPattern> pattern = make_attention(config.attention);
  RunConfig sizes = config;
  Rng rng(1);
  for (const Index t : contexts) {
    if (t <= 0) fail("bench_attention: context ", t, " is not positive; use at least 1");
    const Index h = config.heads, d = config.width / h;
    std::vector<Tensor> qkv;
    for (int i = 0; i < 3; ++i) {
      const Index heads = i > 0 && config.kv_heads > 0 ? config.kv_heads : h;
      qkv.push_back(Tensor::normal({1, heads, t, d}, 0, 1, rng, DType::kFloat32));
      qkv.back().set_requires_grad(true);
    }
    AttentionOptions causal;
    causal.causal = true;
    const auto run = [&] { return (*pattern)(qkv[0], qkv[1], qkv[2], causal, nullptr); };
    const Times times = time_of(run, qkv, 3, budget / static_cast<double>(contexts.size()));
    const Tensor dy = Tensor::normal({1, h, t, d}, 0, 1, rng, DType::kFloat32);
    pool_reset_peak();
    const Index before = pool_stats().bytes_in_use;
    {
      Tape tape;
      tape.backward(run(), dy);
    }
    const Index extra = pool_stats().bytes_peak - before;
    sizes.context = t;
    const double work = 12 * static_cast<double>(t) * average_keys(sizes) * static_cast<double>(h * d);
    out.push_back({t, times.forward, times.backward, work, extra});
  }
  return out;
}

}  // namespace headlight
