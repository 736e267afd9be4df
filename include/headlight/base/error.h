// Errors: one line that says what is wrong, where, and how to mend it.
//
//   blocks.0.attn.qkv: matmul: inner sizes differ: [8,16,64] x [32,96]
//
// The part before the first colon is the path of the layer that was running: LayerScope keeps it.
#pragma once

#include <deque>
#include <stdexcept>
#include <string>

#include "headlight/base/scope.h"
#include "headlight/base/text.h"

namespace headlight {

// The base of every exception Headlight throws. A program prints what() on standard error and exits with exit_code().
// What a message quotes may come from a file that somebody else made: control characters become \n, \x1B.
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

// Training met a loss or gradient that is not finite: exit 3.
class DivergedError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 3; }
};

// A computation was asked to stop, and did: exit 130.
class InterruptedError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 130; }
};

// One step of a layer's path, such as "attn" in blocks.0.attn.qkv. Paths live as long as their thread (there are as many
// as there are layers), so a tape entry or a profile keeps a pointer and asks for the text only when somebody reads it.
struct LayerPath {
  std::string name;
  LayerPath* outer = nullptr;
  std::deque<LayerPath> inner;  // the paths one step further, in the order they first ran
  std::string text() const;     // "blocks.0.attn.qkv"
};

// Names the layer that runs, for error messages, probes and profiles. Scopes nest: "blocks" then "0" then "attn".
class LayerScope {
 public:
  explicit LayerScope(const std::string& name);
  // Back in a layer that ran before: its backward pass. Null stands for outside any.
  explicit LayerScope(LayerPath* path) : scope_(path) {}

  // The running layer, or null outside any.
  static LayerPath* current() { return Scoped<LayerPath*>::innermost(nullptr); }
  // Its text, "" outside any.
  static std::string path() { return current() ? current()->text() : std::string(); }

 private:
  Scoped<LayerPath*> scope_;
};

// Throws Error with the pieces as one line, the running layer's path before it.
[[noreturn]] void fail_with(const std::string& message);
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
  fail_with(cat(pieces...));
}

}  // namespace headlight
