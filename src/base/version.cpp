// The version, as the build defines it.
#include "base/version.h"

namespace headlight {

const char* version() { return HEADLIGHT_VERSION; }

}  // namespace headlight
