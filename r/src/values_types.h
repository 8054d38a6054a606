// Users' own types: what R has registered, and calls of the functions that were given for them.
#pragma once

#include <cpp11/R.hpp>
#include <cpp11/sexp.hpp>
#include <string>

namespace instep {

// The registered types: a list of R lists with `name`, `class` and functions.
class TypeRegistry {
 public:
  explicit TypeRegistry(SEXP types) : types_(types) {}

  // The type whose class attribute is exactly that of `x`, or NULL.
  SEXP of_value(SEXP x) const;
  // The type of a name, or NULL.
  SEXP of_name(const std::string& name) const;

 private:
  cpp11::sexp types_;
};

std::string type_name(SEXP type);

// What the user's functions make of a value and of its portable form. They raise R errors that name type and path.
cpp11::sexp to_portable(SEXP type, SEXP x, const std::string& path);
cpp11::sexp from_portable(SEXP type, SEXP form, const std::string& path);

}  // namespace instep
