// Scoped: the per-thread stack of live scope objects that implements NoGrad, DTypeScope, LayerScope and similar
// classes.
//
// Such a class has a Scoped member. The most recently created live object of a thread determines the current value.
// Objects may be destroyed in any order, because the stack is a doubly linked list.
#pragma once

namespace headlight {

// A node of the stack. The constructor and destructor are not inline: if they were, GCC 12 would warn that the
// constructor stores the address of a local variable, although the destructor removes it.
class ScopeLink {
 public:
  explicit ScopeLink(ScopeLink*& top) noexcept;
  ~ScopeLink();
  ScopeLink(const ScopeLink&) = delete;
  ScopeLink& operator=(const ScopeLink&) = delete;

  // Whether the thread that created this object has ended.
  bool orphaned() const { return !top_; }

 protected:
  // Marks the remaining objects as orphaned when their thread ends, because the thread-local top of the stack ends too.
  struct AtThreadEnd {
    explicit AtThreadEnd(ScopeLink*& stack_top) noexcept : top(stack_top) {}
    ~AtThreadEnd();
    ScopeLink*& top;
  };

 private:
  ScopeLink *outer_, *inner_ = nullptr;
  ScopeLink** top_;  // the top of the thread's stack; null after the thread has ended
};

// There is one stack for each thread and Value type. An object stays in the stack of the thread that created it.
// Another thread may destroy the object if the creating thread has ended, or if a lock or join orders the accesses of
// the two threads.
template <class Value>
class Scoped : public ScopeLink {
 public:
  explicit Scoped(Value value) : ScopeLink(top_), value_(value) { thread_local const AtThreadEnd orphan(top_); }

  // The value of the most recently created live object of this thread; `otherwise` if there is none.
  static Value innermost(Value otherwise) { return top_ ? static_cast<Scoped*>(top_)->value_ : otherwise; }

 private:
  Value value_;
  static inline constinit thread_local ScopeLink* top_ = nullptr;
};

}  // namespace headlight
