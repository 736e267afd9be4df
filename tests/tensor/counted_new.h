// Linking this replaces operator new of the whole program by one that counts (not under AddressSanitizer: there it
// counts nothing).
#pragma once

namespace headlight::tests {

long new_calls();

}  // namespace headlight::tests
