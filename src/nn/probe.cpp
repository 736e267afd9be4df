#include "headlight/nn/probe.h"

namespace headlight {

thread_local Probe* Probe::active_ = nullptr;

}  // namespace headlight
