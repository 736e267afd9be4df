// A long measurement, watched from outside: between its evaluations it says how far it is, and may be stopped.
#pragma once

#include <functional>
#include <utility>

#include "headlight/base/error.h"
#include "headlight/base/shape.h"

namespace headlight {

// Called by functions that evaluate a model many times, after each time; it may throw to end them. Empty: nothing happens.
using AfterEvaluation = std::function<void()>;

class Measuring {
 public:
  // What is being measured ("heads ablated"), and how many of how many are done. Says whether to go on.
  using Callback = std::function<bool(const char* what, Index done, Index of)>;
  Measuring() = default;  // nobody watches
  explicit Measuring(Callback callback) : callback_(std::move(callback)) {}

  // Each asks the callback. Error (InterruptedError): it does not want to go on.
  void begin(const char* what, Index of);  // a stage, of which nothing is done
  void next();                             // one more is done
  void ask() const;                        // as many as before

 private:
  Callback callback_;
  const char* what_ = "";
  Index done_ = 0, of_ = 0;
};

}  // namespace headlight
