// The table of norms.
#include "headlight/nn/norm.h"

#include "base/part_table.h"

namespace headlight {

namespace {

PartTable<NormKind>& table() {
  static PartTable<NormKind> norms(
      "norm", "norm",
      {{"layer", "zero mean and unit variance, then a gain and an offset for each channel",
        [](Index width) -> std::unique_ptr<Norm> { return std::make_unique<LayerNorm>(width); }},
       {"rms", "unit root mean square, then a gain for each channel",
        [](Index width) -> std::unique_ptr<Norm> { return std::make_unique<RMSNorm>(width); }}});
  return norms;
}

}  // namespace

const std::deque<NormKind>& norm_kinds() { return table().all(); }
const NormKind& find_norm(const std::string& name) { return table().get(name); }
std::unique_ptr<Norm> make_norm(const std::string& name, Index width) { return find_norm(name).make(width); }
void register_norm(NormKind kind) { table().add(std::move(kind), &NormKind::make); }

}  // namespace headlight
