// What a running backward function tells the tensors that it reads.
#pragma once

#include <cstdint>

namespace headlight {

// While an object is the innermost Scoped<const SavedReader*>, a tensor that was saved and then changed reports itself.
struct SavedReader {
  // `storage` is Tensor::storage_id(); its version is `now`, and was `saved` when the handle was detached. Throws Error.
  [[noreturn]] virtual void changed(const void* storage, std::uint32_t now, std::uint32_t saved) const = 0;

 protected:
  ~SavedReader() = default;
};

}  // namespace headlight
