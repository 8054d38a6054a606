// Data frames: the columns that a Table can hold.
#pragma once

#include <optional>
#include <vector>

#include "values_encode.h"

namespace instep {

// A data frame, ready to write.
struct Frame {
  std::int64_t rows = 0;
  std::vector<FrameColumn> columns;
  std::string family;
  std::vector<Attribute> attributes;
  // Number of frames around it.
  int depth = 0;
};

// Nothing when `x` is not sound, or has a column or an attribute that a Table can't hold, which is a loss. Row names are
// the first column; those of a frame that is a column itself are an attribute.
std::optional<Frame> describe_frame(EncodeContext& context, SEXP x, const Frame* around = nullptr);

}  // namespace instep
