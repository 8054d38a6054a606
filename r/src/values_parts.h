// The parts of a value that is being written: pools, streams of their own, raw bytes; and how they become blobs.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "values_arrow.h"
#include "values_manifest.h"

namespace instep {

// Bytes for the object store. Without bytes it is known to be in the store already.
struct Blob {
  Digest digest;
  Rope bytes;
  bool is_stored = false;
};

// Collects parts in the order of first use. Must outlive the blobs, which borrow from its pools.
class PartsWriter {
 public:
  struct Place {
    Index part;
    std::int64_t start;
  };

  // Rows of a single column. Few rows share a part with all others of their type, so that many small values cost
  // few streams.
  Place rows(const Column& column);
  // A part of its own for one or more columns.
  Index stream(std::vector<Column> columns, std::int64_t rows);
  // A part of raw bytes.
  Index bytes(Rope bytes);
  // A part of another value.
  Index copy(const Part& part);

  // Ends the writing. With `inline_all` there are no blobs, whatever the size.
  void finish(bool inline_all, std::vector<Part>& parts, std::vector<Blob>& blobs);

 private:
  // An Arrow type and, of timestamps, whether there is a zone: what all rows of a part have in common.
  using PoolKey = std::pair<ArrowType, std::string>;
  // Rows of one Arrow type, appended as they come.
  struct Pool {
    Column column;
    std::string items;
  };
  // Exactly one of the three is used.
  struct Slot {
    Pool* pool = nullptr;
    Rope bytes;
    const Part* copied = nullptr;
  };

  std::vector<Slot> slots_;
  std::map<PoolKey, std::pair<Index, Pool>> pools_;
  std::deque<Part> copies_;
};

}  // namespace instep
