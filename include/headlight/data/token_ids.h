// TokenIds: an immutable sequence of token ids of any length, cheap to copy and to slice.
//
// The ids come from a TokenSource. A source may hold them in memory, or encode them from text on each read
// (data/text_tokens.h).
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
  // Fills `to` with the ids from index `first` on. The caller ensures first + to.size() <= size().
  virtual void read(Index first, std::span<std::int32_t> to) const = 0;
};

class TokenIds {
 public:
  TokenIds() = default;
  TokenIds(std::vector<std::int32_t> ids);  // NOLINT(google-explicit-constructor): a TokenIds is its ids
  explicit TokenIds(std::shared_ptr<const TokenSource> source);

  std::size_t size() const { return static_cast<std::size_t>(size_); }
  bool empty() const { return size_ == 0; }
  // read() gives the to.size() ids that begin at `first`. copy() and part() give the ids from `first` to before `last`;
  // copy() without arguments gives all ids. Error: a range outside the sequence.
  void read(Index first, std::span<std::int32_t> to) const;
  std::vector<std::int32_t> copy(Index first, Index last) const;
  std::vector<std::int32_t> copy() const { return copy(0, size_); }
  TokenIds part(Index first, Index last) const;
  // A single id. For many ids, read() is faster. Error: an index outside the sequence.
  std::int32_t operator[](std::size_t place) const;

 private:
  void check(Index first, Index last) const;

  std::shared_ptr<const TokenSource> source_;
  Index first_ = 0, size_ = 0;  // the range within the source
};

}  // namespace headlight
