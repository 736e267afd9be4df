// Errors: one line that says where the error is, what is wrong, and how to fix it.
//
//   blocks.0.attn.qkv: matmul: inner sizes differ: [8,16,64] x [32,96]
//
// The part before the first colon is the path of the running layer, which LayerScope maintains.
#pragma once

#include <deque>
#include <stdexcept>
#include <string>

#include "headlight/base/scope.h"
#include "headlight/base/text.h"

namespace headlight {

// The base class of all Headlight exceptions. A program prints what() on standard error and exits with exit_code().
// Messages may quote untrusted files, so control characters are escaped: \n, \x1B.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
  virtual int exit_code() const noexcept { return 1; }
};

// The command line or the configuration is wrong: exit 2.
class UsageError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 2; }
};

// The loss or a gradient is not finite: exit 3.
class DivergedError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 3; }
};

// A computation stopped on request (Ctrl-C): exit 130.
class InterruptedError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 130; }
};

// One component of a layer's path, such as "attn" in blocks.0.attn.qkv. Paths live as long as their thread, so a tape
// entry or a profile stores a pointer to the path and builds the text only when needed.
struct LayerPath {
  std::string name;
  LayerPath* outer = nullptr;
  std::deque<LayerPath> inner;  // child components, in the order in which they first ran
  std::string text() const;     // "blocks.0.attn.qkv"
};

// Names the running layer for error messages, hooks and profiles. Scopes nest: "blocks" then "0" then "attn".
class LayerScope {
 public:
  explicit LayerScope(const std::string& name);
  // Reenters the path of a layer that ran before, for its backward pass. Null means no layer.
  explicit LayerScope(LayerPath* path) : scope_(path) {}

  // The running layer; null outside all layers.
  static LayerPath* current() { return Scoped<LayerPath*>::innermost(nullptr); }
  // Its path as text; "" outside all layers.
  static std::string path() { return current() ? current()->text() : std::string(); }

 private:
  Scoped<LayerPath*> scope_;
};

// Throws Error with the concatenated pieces as one line, prefixed with the running layer's path.
[[noreturn]] void fail_with(const std::string& message);
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
  fail_with(cat(pieces...));
}

}  // namespace headlight
