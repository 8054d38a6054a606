// The order of cells in arrays.
#include <algorithm>
#include <cpp11/protect.hpp>

#include "values_decode.h"

namespace instep {
namespace {

constexpr std::int64_t kTile = 32;

// In tiles, so that both sides stay in the cache.
template <typename Move>
void transpose(std::int64_t rows, std::int64_t columns, Move&& move) {
  for (std::int64_t i = 0; i < rows; i += kTile) {
    for (std::int64_t j = 0; j < columns; j += kTile) {
      for (std::int64_t k = j; k < std::min(j + kTile, columns); ++k) {
        for (std::int64_t l = i; l < std::min(i + kTile, rows); ++l) move(k * rows + l, l * columns + k);
      }
    }
  }
}

// Walks the target in its order, in which the first index varies fastest, and follows the source by strides.
template <typename Move>
void permute(const std::vector<std::int64_t>& dims, Move&& move) {
  const std::size_t rank = dims.size();
  std::vector<std::int64_t> strides(rank), position(rank, 0);
  std::int64_t total = 1;
  for (std::size_t i = rank; i-- > 0; total *= dims[i]) strides[i] = total;
  std::int64_t from = 0;
  for (std::int64_t to = 0; to < total; ++to) {
    move(to, from);
    for (std::size_t i = 0; i < rank; ++i) {
      from += strides[i];
      if (++position[i] < dims[i]) break;
      from -= strides[i] * dims[i];
      position[i] = 0;
    }
  }
}

template <typename Move>
void reorder(const std::vector<std::int64_t>& dims, Move&& move) {
  if (dims.size() == 2) return transpose(dims[0], dims[1], move);
  permute(dims, move);
}

template <typename T>
void copy_cells(const std::vector<std::int64_t>& dims, const T* from, T* to) {
  reorder(dims, [&](std::int64_t target, std::int64_t source) { to[target] = from[source]; });
}

}  // namespace

cpp11::sexp first_index_fastest(SEXP x, const std::vector<std::int64_t>& dims) {
  cpp11::sexp out = allocate(TYPEOF(x), Rf_xlength(x));
  switch (TYPEOF(x)) {
    case LGLSXP:
      copy_cells(dims, LOGICAL(x), LOGICAL(out));
      break;
    case INTSXP:
      copy_cells(dims, INTEGER(x), INTEGER(out));
      break;
    case REALSXP:
      copy_cells(dims, REAL(x), REAL(out));
      break;
    case CPLXSXP:
      copy_cells(dims, COMPLEX(x), COMPLEX(out));
      break;
    case RAWSXP:
      copy_cells(dims, RAW(x), RAW(out));
      break;
    case STRSXP:
      reorder(dims, [&](std::int64_t to, std::int64_t from) { SET_STRING_ELT(out, to, STRING_ELT(x, from)); });
      break;
    default:
      reorder(dims, [&](std::int64_t to, std::int64_t from) { SET_VECTOR_ELT(out, to, VECTOR_ELT(x, from)); });
  }
  cpp11::safe[Rf_copyMostAttrib](x, out);
  return out;
}

}  // namespace instep
