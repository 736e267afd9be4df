// PartTable: a table of named parts, such as norms, to which programs add their own.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/registration.h"
#include "base/words.h"
#include "headlight/base/error.h"

namespace headlight {

// `Kind` has a name. Pointers to the kinds remain valid.
template <class Kind>
class PartTable {
 public:
  // `what` names a part in errors, such as "norm". The function that adds parts is register_`adder`.
  PartTable(std::string what, std::string adder, std::deque<Kind> built_in)
      : what_(std::move(what)), adder_("register_" + std::move(adder)), all_(std::move(built_in)) {}

  const std::deque<Kind>& all() const { return all_; }

  // Null if there is no such part. Error: that of check_registrations().
  const Kind* find(const std::string& name) const {
    check_registrations();
    return look_up(name);
  }

  // Errors: that of find(); no such part, and the message lists all of them.
  const Kind& get(const std::string& name) const {
    if (const Kind* kind = find(name)) return *kind;
    std::vector<std::string> names;
    for (const Kind& kind : all_) names.push_back(kind.name);
    fail("no ", what_, " ", name, "; use ", word_list(names, "or"));
  }

  // `function` is the function member that every kind must set, such as NormKind::make. Errors, which
  // check_registrations() throws: no name or function, a name that is taken.
  template <class F>
  void add(Kind kind, F Kind::*function) {
    registering([&] {
      if (kind.name.empty() || !(kind.*function)) fail(adder_, ": no name or no function; give both");
      if (look_up(kind.name)) fail(adder_, ": the name ", kind.name, " is taken; use another name");
      all_.push_back(std::move(kind));
    });
  }

 private:
  const Kind* look_up(const std::string& name) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const Kind& kind) { return kind.name == name; });
    return found == all_.end() ? nullptr : &*found;
  }

  std::string what_, adder_;
  std::deque<Kind> all_;
};

}  // namespace headlight
