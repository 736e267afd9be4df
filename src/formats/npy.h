// Writer of NumPy's .npy files (one array) and .npz archives (named arrays):
// numpy.load("tensor.npy"), numpy.load("model.npz")["blocks.0.attn.qkv.weight"].
//
//   .npy    "\x93NUMPY", version 1.0, u16 length of the header text, the text
//           {'descr': '<f4', 'fortran_order': False, 'shape': (2,3), }   padded to a multiple of 64 bytes, the values
//   .npz    a zip archive of .npy files, stored without compression
#pragma once

#include <map>
#include <span>
#include <string>

#include "headlight/formats/safetensors.h"

namespace headlight {

// The bytes before the values. Error: a type that NumPy lacks (bfloat16, 8-bit floats).
std::string npy_header(const TensorView& tensor);

// Writes a file atomically. Errors: those of npy_header and AtomicFile, data that does not match type and shape.
void save_npy(const std::string& path, const TensorView& tensor);
// `texts` maps names to the contents of additional text files in the archive ("config.json"). numpy.load returns the
// contents as bytes. Errors: as for save_npy(), a duplicate name, an archive of more than 4 GB.
void save_npz(const std::string& path, std::span<const TensorView> tensors,
              const std::map<std::string, std::string>& texts = {});

}  // namespace headlight
