// Places inside a value.
#pragma once

#include <cpp11/R.hpp>
#include <string>
#include <utility>
#include <vector>

namespace instep {

// Where an encoder or decoder is inside a value, for messages such as `self$result$fits[[3]]`. Text is made only when
// asked. The names of the steps must outlive them.
class Path {
 public:
  explicit Path(std::string root) : root_(std::move(root)) {}

  void enter(SEXP names, R_xlen_t index) { steps_.push_back({names, index, nullptr}); }
  void enter_attribute(const char* name) { steps_.push_back({R_NilValue, 0, name}); }
  void leave() { steps_.pop_back(); }
  std::size_t depth() const { return steps_.size(); }
  std::string text() const;
  // The position of each child on the way, which identifies the node.
  std::vector<R_xlen_t> position() const;

 private:
  struct Step {
    SEXP names;
    R_xlen_t index;
    const char* attribute;
  };
  std::string root_;
  std::vector<Step> steps_;
};

}  // namespace instep
