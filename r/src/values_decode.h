// Decoding: what the files that turn nodes into R objects share.
#pragma once

#include <cpp11/R.hpp>
#include <cpp11/protect.hpp>
#include <cpp11/sexp.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "values_arrow.h"
#include "values_manifest.h"
#include "values_path.h"
#include "values_types.h"

namespace instep {

// Bytes of blobs, fetched when first needed: mapped files, or raw vectors.
class BlobReader {
 public:
  // `fetch` is an R function of a hash and a size; it gives a path or a raw vector.
  explicit BlobReader(SEXP fetch) : fetch_(fetch) {}

  // Throws DecodeError when the blob is not what its digest says.
  Span read(const Digest& digest);

  SEXP fetch() const { return fetch_; }

 private:
  struct Mapping;
  struct Unmap {
    void operator()(Mapping* mapping) const;
  };

  Span map_file(const std::string& path, const Digest& digest);

  cpp11::sexp fetch_;
  std::map<std::string, Span> known_;
  std::vector<std::unique_ptr<Mapping, Unmap>> mappings_;
  std::vector<cpp11::sexp> raws_;
};

// Rows of a column, over all batches.
struct Slice {
  const ArrowField& field;
  const std::vector<ArrayView>& chunks;
  std::int64_t start;
  std::int64_t count;

  // Calls `visit(chunk, from, count, at)` for each run of rows within one batch; `at` counts from the slice's start.
  template <typename Visit>
  void runs(Visit&& visit) const {
    std::int64_t first = 0, at = 0;
    for (const ArrayView& chunk : chunks) {
      const std::int64_t from = std::max(start + at - first, std::int64_t{0});
      const std::int64_t size = std::min(chunk.length - from, count - at);
      if (start + at >= first && size > 0) {
        visit(chunk, from, size, at);
        at += size;
      }
      first += chunk.length;
    }
  }
};

// What else matters for turning a column into a vector.
struct ColumnHints {
  const Params* params = nullptr;
  // Notes of the R writer.
  bool is_integer = false;
  bool is_raw = false;
  bool is_integer64 = false;
  int na_level = 0;
  cpp11::sexp na_codes;
  std::optional<cpp11::sexp> tzone;
  // Levels of a factor; NULL when there are none.
  cpp11::sexp levels;
  // A bytes value that is not a list of them.
  bool is_scalar = false;
  // Where the column is, for losses.
  const Path* path = nullptr;
};

// The vector that a column of the given logical type is in R, with the attributes that the type implies.
cpp11::sexp decode_column(const Slice& slice, const std::string& logical, const ColumnHints& hints);

// The cells of an array whose last index varies fastest, in R's order.
cpp11::sexp first_index_fastest(SEXP x, const std::vector<std::int64_t>& dims);

// Opens an R object. The bytes must come from a store that the user trusts.
cpp11::sexp unserialize_object(Span bytes);

inline cpp11::sexp allocate(SEXPTYPE type, std::int64_t size) {
  return cpp11::safe[Rf_allocVector](type, static_cast<R_xlen_t>(size));
}

void set_attribute(SEXP x, const char* name, SEXP value);
void set_class(SEXP x, std::initializer_list<const char*> classes);
// One string, checked.
cpp11::sexp text_scalar(const std::string& text);
bool is_installed(const char* package);

struct DecodeOptions {
  // Whether R objects are opened, which can run code.
  bool allow_opaque = true;
  TypeRegistry types;
};

// Decodes a manifest.
cpp11::sexp decode(Span manifest, SEXP fetch, const DecodeOptions& options);

// An element of a value that is spread over tasks.
struct Item {
  cpp11::sexp value;
  // False: `value` is the whole, from which the caller takes the element.
  bool is_element = true;
};
Item decode_item(Span manifest, std::int64_t index, SEXP fetch, const DecodeOptions& options);

}  // namespace instep
