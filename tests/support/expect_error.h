// The line of the Error that an action throws, for tests that compare it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "headlight/base/error.h"

namespace headlight {

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "an error is one line: " << error.what();
    return error.what();
  }
  return "(no error)";
}

// Passes when `text` contains `part`; shows both when it does not.
inline testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << text << "\"\n  does not contain \"" << part << "\"";
}

}  // namespace headlight
