// new_calls(): the number of calls of operator new so far. Linking counted_new.cpp replaces operator new in the whole
// program, except under AddressSanitizer, where the count stays 0.
#pragma once

namespace headlight::tests {

long new_calls();

}  // namespace headlight::tests
