// Numbers as JSON for all of heads/: null for values that are not finite, with optional rounding to keep files small.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "formats/json.h"

namespace headlight {

// No rounding.
struct Exact {
  double operator()(double value) const { return value; }
};

// Rounds to a multiple of 1 / scale, never to -0. Magnitudes of 1e9 and above are not rounded.
struct Rounded {
  double scale;
  double operator()(double value) const {
    return std::abs(value) < 1e9 ? std::round(value * scale) / scale + 0.0 : value;
  }
};

template <class Shorten = Exact>
Json numbers_json(std::span<const double> values, Shorten shorten = {}) {
  Json array = Json::array();
  for (const double v : values) array.push(Json::finite_or_null(shorten(v)));
  return array;
}

template <class Shorten = Exact>
Json rows_json(const std::vector<std::vector<double>>& rows, Shorten shorten = {}) {
  Json array = Json::array();
  for (const std::vector<double>& row : rows) array.push(numbers_json(row, shorten));
  return array;
}

}  // namespace headlight
