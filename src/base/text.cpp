// Number formatting and appending for cat().
#include "headlight/base/text.h"

#include <cstdio>

namespace headlight {

std::string number_text(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

void append_text(std::string& out, std::string_view piece) { out.append(piece); }
void append_text(std::string& out, char piece) { out.push_back(piece); }
void append_text(std::string& out, long long piece) { out.append(std::to_string(piece)); }
void append_text(std::string& out, unsigned long long piece) { out.append(std::to_string(piece)); }
void append_text(std::string& out, double piece) { out.append(number_text(piece)); }

}  // namespace headlight
