// Compares a tensor with a PyTorch result.
#include "parity/fixture.h"

#include <algorithm>
#include <cmath>

namespace headlight::tests {

::testing::AssertionResult agrees(const Tensor& got, const Tensor& right) {
  if (!got.defined()) return ::testing::AssertionFailure() << "there is no value";
  if (!(got.shape() == right.shape()))
    return ::testing::AssertionFailure() << "shape " << to_text(got.shape()) << " instead of "
                                         << to_text(right.shape());
  const std::vector<double> a = got.to_vector(), b = right.to_vector();
  for (std::size_t i = 0; i < a.size(); ++i)
    // Written so that NaN fails.
    if (!(std::abs(a[i] - b[i]) <= 1e-5 * std::max(1.0, std::abs(b[i]))))
      return ::testing::AssertionFailure() << "element " << i << " is " << a[i] << " instead of " << b[i];
  return ::testing::AssertionSuccess();
}

}  // namespace headlight::tests
