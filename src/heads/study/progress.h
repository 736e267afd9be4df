// Progress and interruption of long measurements: a callback runs between evaluations and may stop the measurement.
#pragma once

#include <functional>
#include <utility>

#include "headlight/base/error.h"
#include "headlight/base/shape.h"

namespace headlight {

// Called after each evaluation by functions that evaluate a model many times. May throw to end the measurement; may be
// empty.
using AfterEvaluation = std::function<void()>;

class Progress {
 public:
  // Receives the name of the stage ("heads ablated") and how many of its `of` evaluations are done. Returns false to
  // stop.
  using Callback = std::function<bool(const char* what, Index done, Index of)>;
  Progress() = default;  // no callback
  explicit Progress(Callback callback) : callback_(std::move(callback)) {}

  // Each runs the callback. Error: InterruptedError if the callback returns false.
  void begin(const char* what, Index of);  // starts a stage of `of` evaluations
  void next();                             // one more evaluation is done
  void ask() const;                        // only checks for interruption

 private:
  Callback callback_;
  const char* what_ = "";
  Index done_ = 0, of_ = 0;
};

}  // namespace headlight
