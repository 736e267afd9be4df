// ScopeLink: inserts scope objects at the top of their thread's stack, and removes them from any position.
#include "headlight/base/scope.h"

namespace headlight {

ScopeLink::ScopeLink(ScopeLink*& top) noexcept : outer_(top), top_(&top) {
  if (outer_) outer_->inner_ = this;
  top = this;
}

ScopeLink::~ScopeLink() {
  if (!top_) return;
  (inner_ ? inner_->outer_ : *top_) = outer_;
  if (outer_) outer_->inner_ = inner_;
}

ScopeLink::AtThreadEnd::~AtThreadEnd() {
  for (ScopeLink* link = top; link; link = link->outer_) link->top_ = nullptr;
  top = nullptr;
}

}  // namespace headlight
