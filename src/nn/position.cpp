// The table of position encodings.
#include "headlight/nn/position.h"

#include "base/part_table.h"
#include "nn/position_alibi.h"
#include "nn/position_learned.h"
#include "nn/position_none.h"
#include "nn/position_rotary.h"
#include "nn/position_sinusoidal.h"

namespace headlight {

Tensor PositionEncoding::rotate_heads(Tensor x, Index heads, Index size) const {
  const Index b = x.size(0), t = x.size(1), columns = heads * size;
  const Tensor vectors = permute(reshape(slice(x, 2, 0, columns), {b, t, heads, size}), {0, 2, 1, 3});  // [B,H,T,D]
  const Tensor rotated = reshape(permute(rotate(vectors), {0, 2, 1, 3}), {b, t, columns});
  return concat({rotated, slice(x, 2, columns, x.size(2))}, 2);
}

namespace {

template <class Encoding>
std::unique_ptr<PositionEncoding> without_parameters(Index /*context*/, Index /*width*/) {
  return std::make_unique<Encoding>();
}

PartTable<PositionKind>& table() {
  using Site = PositionSite;
  static PartTable<PositionKind> encodings(
      "position encoding", "position",
      {{"learned", "adds a learned vector to each embedding (GPT-2)", Site::kEmbed,
        [](Index context, Index width) -> std::unique_ptr<PositionEncoding> {
          return std::make_unique<LearnedPosition>(context, width);
        },
        [](Index context, Index width) { return static_cast<double>(context) * static_cast<double>(width); }},
       {"sinusoidal", "adds sines and cosines to each embedding (Vaswani et al. 2017)", Site::kEmbed,
        without_parameters<SinusoidalPosition>},
       {"rotary", "rotates queries and keys (Su et al. 2021)", Site::kRotate, without_parameters<RotaryPosition>},
       {"alibi", "lowers scores with distance (Press et al. 2022)", Site::kBias, without_parameters<AlibiPosition>},
       {"none", "no encoding", Site::kNothing, without_parameters<NoPosition>}});
  return encodings;
}

}  // namespace

const std::deque<PositionKind>& position_kinds() { return table().all(); }
const PositionKind& find_position(const std::string& name) { return table().get(name); }
std::unique_ptr<PositionEncoding> make_position(const std::string& name, Index context, Index width) {
  return find_position(name).make(context, width);
}
void register_position(PositionKind kind) { table().add(std::move(kind), &PositionKind::make); }

}  // namespace headlight
