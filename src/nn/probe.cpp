#include "headlight/nn/probe.h"

namespace headlight {

constinit thread_local Probe* Probe::active_ = nullptr;

}  // namespace headlight
