// The size from which results are recomputed instead of stored.
#include "headlight/autograd/saved.h"

#include <atomic>

namespace headlight {

namespace {
std::atomic<std::size_t> threshold = std::size_t{4} << 20;
}

std::size_t recompute_bytes() { return RematScope::active() ? 0 : threshold.load(); }
void set_recompute_bytes(std::size_t bytes) { threshold = bytes; }

}  // namespace headlight
