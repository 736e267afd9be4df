// TokenIds: range checks, slicing, and the in-memory source.
#include "headlight/data/token_ids.h"

#include <algorithm>
#include <utility>

#include "headlight/base/error.h"

namespace headlight {

namespace {

class InMemory : public TokenSource {
 public:
  explicit InMemory(std::vector<std::int32_t> ids) : ids_(std::move(ids)) {}
  Index size() const override { return static_cast<Index>(ids_.size()); }
  void read(Index first, std::span<std::int32_t> to) const override {
    std::copy_n(ids_.begin() + first, to.size(), to.begin());
  }

 private:
  std::vector<std::int32_t> ids_;
};

}  // namespace

TokenIds::TokenIds(std::vector<std::int32_t> ids) : TokenIds(std::make_shared<InMemory>(std::move(ids))) {}

TokenIds::TokenIds(std::shared_ptr<const TokenSource> source) : source_(std::move(source)), size_(source_->size()) {}

void TokenIds::check(Index first, Index last) const {
  if (first < 0 || last < first || last > size_)
    fail("tokens: positions ", first, " to ", last, " are outside a text of ", size_, " tokens");
}

void TokenIds::read(Index first, std::span<std::int32_t> to) const {
  check(first, first + static_cast<Index>(to.size()));
  if (!to.empty()) source_->read(first_ + first, to);
}

std::vector<std::int32_t> TokenIds::copy(Index first, Index last) const {
  check(first, last);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(last - first));
  read(first, ids);
  return ids;
}

TokenIds TokenIds::part(Index first, Index last) const {
  check(first, last);
  TokenIds some = *this;
  some.first_ += first;
  some.size_ = last - first;
  return some;
}

std::int32_t TokenIds::operator[](std::size_t place) const {
  std::int32_t id = 0;
  read(static_cast<Index>(place), {&id, 1});
  return id;
}

}  // namespace headlight
