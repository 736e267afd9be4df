// Scoped: the stack of living scope objects behind NoGrad, DTypeScope, LayerScope and their kind.
//
// Such an object holds a Scoped as a member; the innermost living object of a thread decides. Objects may be destroyed in
// any order: each is unlinked from the middle of the stack as from its top.
#pragma once

namespace headlight {

// The links of one object. Functions are not inline: GCC 12 warns of the address of a local variable that an inlined
// constructor stores, and does not see that the destructor removes it.
class ScopeLink {
 public:
  explicit ScopeLink(ScopeLink*& top) noexcept;
  ~ScopeLink();
  ScopeLink(const ScopeLink&) = delete;
  ScopeLink& operator=(const ScopeLink&) = delete;

  // Whether the thread that made this object has ended.
  bool orphaned() const { return !top_; }

 protected:
  // The stack's top goes with its thread: objects that outlive the thread must not touch the top.
  struct AtThreadEnd {
    explicit AtThreadEnd(ScopeLink*& stack_top) noexcept : top(stack_top) {}
    ~AtThreadEnd();
    ScopeLink*& top;
  };

 private:
  ScopeLink *outer_, *inner_ = nullptr;
  ScopeLink** top_;  // of the thread's stack; null once that thread has ended
};

// One stack for each Value type and thread. The stack belongs to the thread that made the objects. An object may be
// destroyed on another thread, if the two threads are synchronized as for any shared object, or after its thread has ended.
template <class Value>
class Scoped : public ScopeLink {
 public:
  explicit Scoped(Value value) : ScopeLink(top_), value_(value) { thread_local const AtThreadEnd orphan(top_); }

  // The value of the innermost living object on this thread; `otherwise` when none lives.
  static Value innermost(Value otherwise) { return top_ ? static_cast<Scoped*>(top_)->value_ : otherwise; }

 private:
  Value value_;
  static inline constinit thread_local ScopeLink* top_ = nullptr;
};

}  // namespace headlight
