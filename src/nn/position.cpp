// make_position(): creates a position encoding by kind.
#include "headlight/nn/position.h"

#include "nn/position_alibi.h"
#include "nn/position_learned.h"
#include "nn/position_none.h"
#include "nn/position_rotary.h"
#include "nn/position_sinusoidal.h"

namespace headlight {

std::unique_ptr<PositionEncoding> make_position(PositionKind kind, Index context, Index width) {
  switch (kind) {
    case PositionKind::kNone:
      return std::make_unique<NoPosition>();
    case PositionKind::kSinusoidal:
      return std::make_unique<SinusoidalPosition>();
    case PositionKind::kLearned:
      return std::make_unique<LearnedPosition>(context, width);
    case PositionKind::kRotary:
      return std::make_unique<RotaryPosition>();
    case PositionKind::kAlibi:
      return std::make_unique<AlibiPosition>();
  }
  fail("position: unknown encoding");
}

}  // namespace headlight
