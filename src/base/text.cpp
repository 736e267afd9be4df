#include "headlight/base/text.h"

#include <cstdio>

namespace headlight {

std::string number_text(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

}  // namespace headlight
