// The table of optimizers.
#include <algorithm>

#include "base/part_table.h"
#include "headlight/optim/optimizer.h"

namespace headlight {

namespace {

using Parameters = std::vector<NamedTensor>;

AdamW::Options adamw_options(const OptimizerOptions& o) {
  return {.beta1 = o.beta1, .beta2 = o.beta2, .eps = 1e-8, .weight_decay = o.weight_decay};
}

PartTable<OptimizerKind>& table() {
  static PartTable<OptimizerKind> optimizers(
      "optimizer", "optimizer",
      {{.name = "adamw",
        .help = "",
        .flags = {"beta1", "beta2", "weight-decay"},
        .matrix_state = 2,
        .other_state = 2,
        .make = [](Parameters p, const OptimizerOptions& o) -> std::unique_ptr<Optimizer> {
          return std::make_unique<AdamW>(std::move(p), adamw_options(o));
        }},
       {.name = "sgd",
        .help = "with momentum",
        .flags = {"momentum", "weight-decay"},
        .matrix_state = 1,
        .other_state = 1,
        .make = [](Parameters p, const OptimizerOptions& o) -> std::unique_ptr<Optimizer> {
          const Sgd::Options options{.momentum = o.momentum, .weight_decay = o.weight_decay};
          return std::make_unique<Sgd>(std::move(p), options);
        }},
       {.name = "muon",
        .help = "and AdamW outside the blocks",
        .flags = {"beta1", "beta2", "weight-decay", "matrix-lr"},
        .matrix_state = 1,
        .other_state = 2,
        .make = [](Parameters p, const OptimizerOptions& o) -> std::unique_ptr<Optimizer> {
          const Muon::Options options{
              .others = adamw_options(o), .matrix_rate = o.matrix_rate, .weight_decay = o.weight_decay};
          return std::make_unique<Muon>(std::move(p), options);
        }}});
  return optimizers;
}

}  // namespace

bool OptimizerKind::uses(const std::string& flag) const {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

const std::deque<OptimizerKind>& optimizer_kinds() { return table().all(); }
const OptimizerKind& find_optimizer(const std::string& name) { return table().get(name); }
void register_optimizer(OptimizerKind kind) { table().add(std::move(kind), &OptimizerKind::make); }

}  // namespace headlight
