// Data frames: the columns that a Table can hold.
#pragma once

#include <optional>
#include <vector>

#include "values_encode.h"

namespace instep {

// A column of a data frame, ready to write.
struct FrameColumn {
  Name label;
  bool is_index = false;
  Atomic atomic;
};

// A data frame, ready to write.
struct Frame {
  std::int64_t rows = 0;
  std::vector<FrameColumn> columns;
  std::string family;
  std::vector<Attribute> attributes;
};

// Nothing when `x` is not sound, or has a column or an attribute that a Table can't hold, which is a loss.
std::optional<Frame> describe_frame(EncodeContext& context, SEXP x);

}  // namespace instep
