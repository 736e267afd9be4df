// Calls of the operations in ops.h by name, with arguments from a JSON object.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "formats/json.h"
#include "headlight/ops/ops.h"

namespace headlight::conformance {

// The tensors and options of one call. Records which options the call reads; see check_all_read().
class Arguments {
 public:
  Arguments(std::span<const Tensor> in, JsonView options) : in_(in), options_(std::move(options)) {}

  // An input; undefined if the call has fewer.
  const Tensor& operator[](std::size_t i) const;
  std::span<const Tensor> all() const { return in_; }

  bool has(const char* key) const { return read(key).has_value(); }
  int axis(const char* key = "axis") const { return static_cast<int>(index(key)); }
  Index index(const char* key) const { return required(key).as_index(); }
  Index index(const char* key, Index otherwise) const { return has(key) ? index(key) : otherwise; }
  double real(const char* key) const { return required(key).as_double(); }
  double real(const char* key, double otherwise) const { return has(key) ? real(key) : otherwise; }
  bool flag(const char* key) const { return has(key) && required(key).as_bool(); }
  std::string word(const char* key) const { return required(key).as_string(); }
  std::vector<Index> indices(const char* key) const;
  std::vector<std::int32_t> ids(const char* key) const;
  Reduction reduction() const;

  // Error: an option that the call did not read.
  void check_all_read() const;

 private:
  std::optional<JsonView> read(const char* key) const;
  JsonView required(const char* key) const;

  std::span<const Tensor> in_;
  JsonView options_;
  mutable std::set<std::string, std::less<>> read_;
};

// Calls the operation that ops.h declares with this name and these parameter names: "sum(x,axis,keep)". Returns its
// results. Errors: no such declaration, an option missing or unused, the errors of the operation.
std::vector<Tensor> call(const std::string& declaration, const Arguments& arguments);

}  // namespace headlight::conformance
