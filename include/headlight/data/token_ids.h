// A sequence of token ids of any length, cheap to copy and to cut. Where the ids come from is its source's business: they
// may stand in memory, or be made from a text when they are asked for (data/text_tokens.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual Index size() const = 0;
  // The ids from place `first` on, as many as there is room for; no more than there are.
  virtual void read(Index first, std::span<std::int32_t> to) const = 0;
};

class TokenIds {
 public:
  TokenIds() = default;
  TokenIds(std::vector<std::int32_t> ids);  // NOLINT(google-explicit-constructor): they are what it is
  explicit TokenIds(std::shared_ptr<const TokenSource> source);

  std::size_t size() const { return static_cast<std::size_t>(size_); }
  bool empty() const { return size_ == 0; }
  // Places first .. first + to.size() - 1 / first .. last - 1 / all. Error: places that there are not.
  void read(Index first, std::span<std::int32_t> to) const;
  std::vector<std::int32_t> copy(Index first, Index last) const;
  std::vector<std::int32_t> copy() const { return copy(0, size_); }
  TokenIds part(Index first, Index last) const;
  // One of them: where many are wanted, read() is faster.
  std::int32_t operator[](std::size_t place) const;

 private:
  void check(Index first, Index last) const;

  std::shared_ptr<const TokenSource> source_;
  Index first_ = 0, size_ = 0;  // of the source
};

}  // namespace headlight
