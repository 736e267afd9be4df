// The version of the linked library, such as "0.1.0".
#pragma once

namespace headlight {

const char* version();

}  // namespace headlight
