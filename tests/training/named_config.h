// The configuration that a test's parameter names.
#pragma once

#include <sstream>
#include <string>

#include "training/config.h"

namespace headlight::tests {

// `name` is a family, followed by settings if any: "transformer feed-forward=swiglu position=rotary".
inline RunConfig named_config(const std::string& name) {
  RunConfig c;
  std::istringstream words(name);
  words >> c.model;
  for (std::string word; words >> word;) {
    const std::size_t sign = word.find('=');
    set_from_text(c, *find_setting(word.substr(0, sign)), word.substr(sign + 1));
  }
  return c;
}

}  // namespace headlight::tests
