// The text of places inside a value.
#include "values_path.h"

namespace instep {

std::string Path::text() const {
  std::string out = root_;
  for (const Step& step : steps_) {
    if (step.attribute != nullptr) {
      out = "attr(" + out + ", \"" + step.attribute + "\")";
      continue;
    }
    const SEXP name = step.names == R_NilValue ? NA_STRING : STRING_ELT(step.names, step.index);
    if (name == NA_STRING || LENGTH(name) == 0) {
      out += "[[" + std::to_string(step.index + 1) + "]]";
    } else {
      out += std::string("$") + CHAR(name);
    }
  }
  return out;
}

std::vector<R_xlen_t> Path::position() const {
  std::vector<R_xlen_t> out;
  for (const Step& step : steps_) out.push_back(step.index);
  return out;
}

}  // namespace instep
