// Errors: one line that says what is wrong, where, and how to mend it.
//
//   blocks.0.attn.qkv: matmul: inner sizes differ: [8,16,64] x [32,96]
//
// The part before the first colon is the path of the layer that was running: LayerScope keeps it.
#pragma once

#include <stdexcept>
#include <string>

#include "headlight/base/text.h"

namespace headlight {

// The base of every exception Headlight throws. A program prints what() on standard error and exits with exit_code().
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  virtual int exit_code() const noexcept { return 1; }
};

// The command line or the configuration is wrong: exit 2.
class UsageError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 2; }
};

// Training met a loss or gradient that is not finite: exit 3.
class DivergedError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 3; }
};

// Names the layer that runs, for error messages, probes and profiles. Scopes nest: "blocks.0" then "attn" then "qkv".
// Costs two pointer writes; the text is made only when somebody asks. `name` must outlive the scope.
class LayerScope {
 public:
  explicit LayerScope(const char* name) : name_(name), outer_(innermost_) { innermost_ = this; }
  ~LayerScope() { innermost_ = outer_; }
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

  // "blocks.0.attn.qkv", or "" outside any layer.
  static std::string path();

 private:
  const char* name_;
  const LayerScope* outer_;
  static thread_local const LayerScope* innermost_;
};

// Throws Error with the pieces as one line, the running layer's path before it.
[[noreturn]] void fail_with(const std::string& message);
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
  fail_with(cat(pieces...));
}

}  // namespace headlight
