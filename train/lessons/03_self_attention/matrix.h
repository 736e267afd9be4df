// A row-major matrix of doubles with checked indices, for the exercises.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include "headlight/base/text.h"

namespace headlight::lessons {

struct Matrix {
  Matrix(int row_count, int column_count)  // all zeros
      : rows(row_count), columns(column_count), values(static_cast<std::size_t>(row_count * column_count)) {}
  Matrix(int row_count, int column_count, std::vector<double> numbers)  // row by row
      : rows(row_count), columns(column_count), values(std::move(numbers)) {}

  double& operator()(int row, int column) { return values[index(row, column)]; }
  double operator()(int row, int column) const { return values[index(row, column)]; }

  int rows, columns;
  std::vector<double> values;

 private:
  std::size_t index(int row, int column) const {
    if (row < 0 || row >= rows || column < 0 || column >= columns)
      throw std::out_of_range(cat("your code uses element (", row, ",", column, ") of a matrix of shape [", rows, ",",
                                  columns, "]: check which index runs over which axis"));
    return static_cast<std::size_t>(row * columns + column);
  }
};

}  // namespace headlight::lessons
