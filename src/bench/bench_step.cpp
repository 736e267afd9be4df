// Times a training step, counts its allocations, and profiles it by operation.
#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "base/clock.h"
#include "base/profile.h"
#include "bench/bench.h"
#include "bench/median.h"
#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "os/process.h"

namespace headlight {

namespace {

// A model, its optimizer and a batch of random tokens.
class Workload {
 public:
  Workload(const RunConfig& config, Index vocabulary)
      : config_(config),
        model_(config.make_model(vocabulary)),
        optimizer_(config.make_optimizer(model_->parameters())) {
    Rng rng(1);
    for (Index i = 0; i < config.batch * config.context; ++i) {
      ids_.push_back(static_cast<std::int32_t>(rng.below(vocabulary)));
      targets_.push_back(static_cast<std::int32_t>(rng.below(vocabulary)));
    }
  }

  void step() {
    {
      const PrecisionScope precision(config_.precision);
      const RematScope remat(config_.remat);
      Tape tape;
      const Tensor loss = cross_entropy((*model_)(ids_, config_.batch), targets_);
      tape.backward(loss);
    }
    mark_time("release");
    const double norm = gradient_norm(optimizer_->parameters());
    mark_time("gradient_norm");
    optimizer_->step(1e-4, norm > 1 ? 1 / norm : 1);
    mark_time("optimizer");
    model_->zero_grad();
    mark_time("zero_grad");
  }

  Index parameters() const { return model_->parameter_count(); }

 private:
  RunConfig config_;
  std::unique_ptr<LanguageModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<std::int32_t> ids_, targets_;
};

std::string trace_of(const Profile& profile) {
  Json events = Json::array();
  for (const Profile::Event& e : profile.events()) {
    events.push(Json::object()
                    .set("name", e.name)
                    .set("cat", phase_name(e.phase))
                    .set("ph", "X")
                    .set("ts", std::round(e.begin * 1e9) / 1e3)
                    .set("dur", std::round((e.end - e.begin) * 1e9) / 1e3)
                    .set("pid", 1)
                    .set("tid", 1)
                    .set("args", Json::object().set("layer", e.layer ? e.layer->text() : std::string())));
  }
  return json_text(Json::object().set("traceEvents", events));
}

}  // namespace

double average_keys(const RunConfig& c) {
  const auto context = static_cast<double>(c.context);
  const auto step = make_attention(c.attention)->step();
  if (step && step->linear) return 32 + static_cast<double>(c.head_size > 0 ? c.head_size : c.width / c.heads);
  if (!step || step->window == 0 || step->window >= c.context) return context / 2;
  const auto window = static_cast<double>(step->window);
  return window * (1 - window / (2 * context));
}

double step_flops(const RunConfig& c, Index vocabulary) {
  const auto width = static_cast<double>(c.width), layers = static_cast<double>(c.layers);
  const double matrices = c.cost(vocabulary).matrix_parameters + width * static_cast<double>(vocabulary);
  const auto context = static_cast<double>(c.context);
  const double tokens = static_cast<double>(c.batch) * context;
  const double keys = c.is_transformer() ? average_keys(c) : context / 2;
  return 6 * matrices * tokens + 12 * layers * keys * width * tokens;
}

StepBench bench_step(const RunConfig& config, Index vocabulary, double budget,
                     const std::function<Index()>& allocated) {
  config.check();
  Workload workload(config, vocabulary);
  StepBench bench;
  bench.parameters = workload.parameters();
  bench.tokens = config.batch * config.context;
  bench.flops = step_flops(config, vocabulary);
  workload.step();
  workload.step();  // after two steps the tensor pool no longer grows
  const Index allocations = pool_stats().system_allocations;
  std::vector<double> seconds;
  const double begin = monotonic_seconds();
  while (seconds.size() < 5 || monotonic_seconds() - begin < budget) {
    const Index bytes = allocated ? allocated() : 0;
    const double started = monotonic_seconds();
    workload.step();
    const double ended = monotonic_seconds();
    if (allocated) bench.allocated_bytes += allocated() - bytes;
    seconds.push_back(ended - started);
  }
  bench.steps = static_cast<Index>(seconds.size());
  bench.seconds = median(seconds);
  bench.best_seconds = *std::min_element(seconds.begin(), seconds.end());
  bench.system_allocations = pool_stats().system_allocations - allocations;
  bench.pool_peak_bytes = pool_stats().bytes_peak;
  bench.peak_memory_bytes = peak_memory_bytes();

  // Profile separate steps, because the clock calls would disturb the timing above.
  const Index profiled = std::clamp<Index>(static_cast<Index>(1 / bench.seconds), 1, 20);
  const Profile profile;
  for (Index i = 0; i < profiled; ++i) workload.step();
  // All steps run the same sequence of operations. The median of each operation hides single interruptions.
  const std::vector<Profile::Event>& events = profile.events();
  const std::size_t each = events.size() / static_cast<std::size_t>(profiled);
  for (std::size_t i = 0; i < events.size(); ++i)
    if (std::string_view(events[i].name) != events[i % each].name)
      fail("bench step: the operations of two steps differ: ", events[i].name, " and ", events[i % each].name);
  std::map<std::pair<std::string, std::string>, OperationTime> by_name;
  for (std::size_t i = 0; i < each; ++i) {
    std::vector<double> lengths;
    for (std::size_t at = i; at < events.size(); at += each) lengths.push_back(events[at].end - events[at].begin);
    OperationTime& time = by_name[{events[i].name, phase_name(events[i].phase)}];
    time.operation = events[i].name;
    time.phase = phase_name(events[i].phase);
    ++time.calls;
    time.seconds += median(std::move(lengths));
  }
  for (auto& [name, time] : by_name) bench.operations.push_back(time);
  std::sort(bench.operations.begin(), bench.operations.end(),
            [](const OperationTime& a, const OperationTime& b) { return a.seconds > b.seconds; });
  bench.trace = trace_of(profile);
  return bench;
}

}  // namespace headlight
