// NumPy's files: numpy.load("tensor.npy") is one array, numpy.load("model.npz")["blocks.0.attn.qkv.weight"] one of many.
//
//   .npy    "\x93NUMPY", version 1.0, u16 length, then the text
//           {'descr': '<f4', 'fortran_order': False, 'shape': (2,3), }   padded to a multiple of 64 bytes, and the values
//   .npz    a zip archive of them, stored without compression
#pragma once

#include <map>
#include <span>
#include <string>

#include "headlight/formats/safetensors.h"

namespace headlight {

// What stands before the values. Error: a type that NumPy does not have (bfloat16, 8-bit floats).
std::string npy_header(const TensorView& tensor);

// Through AtomicFile. Errors: those of npy_header, data that does not match type and shape, and those of AtomicFile.
void save_npy(const std::string& path, const TensorView& tensor);
// `texts` are further files of the archive by name ("config.json"); numpy.load gives their bytes.
// Errors: as above, a name twice; more than 4 GB in all.
void save_npz(const std::string& path, std::span<const TensorView> tensors,
              const std::map<std::string, std::string>& texts = {});

}  // namespace headlight
