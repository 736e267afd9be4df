// Helpers that compare the message of the Error that an action throws.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "headlight/base/error.h"

namespace headlight {

// The message of the Error that the action throws; "(no error)" if the action throws none.
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

// Fails unless the action throws an Error with each of these pieces in its line.
template <class Action>
void expect_error(const Action& action, std::initializer_list<const char*> pieces) {
  const std::string error = error_of(action);
  for (const char* piece : pieces) EXPECT_TRUE(contains(error, piece));
}

}  // namespace headlight
