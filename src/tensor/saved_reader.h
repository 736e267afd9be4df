// SavedReader: lets a running backward function report reads of saved tensors that were changed in place.
#pragma once

#include <cstdint>

namespace headlight {

// While an object is the innermost Scoped<const SavedReader*>, a read of a saved tensor calls changed() if the tensor
// was written after it was saved.
struct SavedReader {
  // `storage`: Tensor::storage_id(). `now`: the current version. `saved`: the version at detach(). Always throws Error.
  [[noreturn]] virtual void changed(const void* storage, std::uint32_t now, std::uint32_t saved) const = 0;

 protected:
  ~SavedReader() = default;
};

}  // namespace headlight
