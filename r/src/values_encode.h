// Encoding: what the files that turn R objects into nodes share.
#pragma once

#include <cpp11/R.hpp>
#include <cpp11/sexp.hpp>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "values_manifest.h"
#include "values_parts.h"
#include "values_path.h"
#include "values_types.h"

namespace instep {

// What does not survive the encoding.
struct Loss {
  std::string code;
  std::string path;
  std::string message;
};

// Memory that the encoded value borrows.
class Arena {
 public:
  // Space for `count` items; their values are not set.
  template <typename T>
  T* allocate(std::size_t count) {
    return reinterpret_cast<T*>(blocks_.emplace_back(count * sizeof(T) + 1, '\0').data());
  }
  SEXP keep(SEXP object) {
    objects_.emplace_back(object);
    return object;
  }

 private:
  std::deque<std::string> blocks_;
  std::vector<cpp11::sexp> objects_;
};

// An attribute to store: an R attribute, or a note of ours, whose name begins with `r.`.
using Attribute = std::pair<std::string, SEXP>;

struct FrameColumn;

// How an atomic vector is stored, whatever its dimensions, or a column of a data frame.
struct Atomic {
  std::string logical;
  Column column;
  Params params;
  // Null pointer: not a factor.
  SEXP levels = nullptr;
  std::vector<Attribute> attributes;
  bool is_scalar = false;
  bool is_vector = false;
  // Of a data frame inside of a data frame.
  std::vector<FrameColumn> columns;
};

// A column of a data frame, ready to write.
struct FrameColumn {
  Name label;
  bool is_index = false;
  Atomic atomic;
};

// What an encoding works on.
struct EncodeContext {
  explicit EncodeContext(const std::string& name) : path("self$" + name) {}

  Path path;
  Arena arena;
  std::vector<Loss> losses;

  // Once for each code and place.
  void lose(const char* code, const std::string& message) {
    const std::string where = path.text();
    if (losses.empty() || losses.back().code != code || losses.back().path != where) {
      losses.push_back({code, where, message});
    }
  }
};

// Describes an atomic vector. A raw vector that `is_column` has one byte per row; else it is one bytes value.
Atomic describe_atomic(EncodeContext& context, SEXP x, bool is_column);

// The elements of a character vector in UTF-8.
const SEXP* utf8_elements(EncodeContext& context, SEXP x);
// One string in UTF-8.
std::string utf8_text(EncodeContext& context, SEXP x);

// True when a value can be written without an opaque node.
bool is_portable(SEXP x, int depth = 0);
// True when all attributes of a value can be, those of the table of types aside.
bool has_portable_attributes(SEXP x, int depth = 0);

bool has_class(SEXP x, const char* name);
// True when a class attribute is exactly these names.
bool class_is(SEXP classes, std::initializer_list<const char*> names);
// The class attribute without our marks (`instep_scalar`, and `instep_list` of what Python reads as a list); NULL when
// nothing is left.
SEXP plain_class(EncodeContext& context, SEXP x);

// Captured variables beyond this size are worth a word.
constexpr std::size_t kCaptureLimit = std::size_t{1} << 20;

// The serialized form of an object of any type.
struct Serialized {
  Rope bytes;
  // Bytes that belong to captured environments.
  std::size_t captured = 0;
  bool has_handle = false;
};
Serialized serialize_object(SEXP x);

// Environments whose identity matters: those of functions in `x`, and environments as values. Formulas do not count.
void collect_environments(SEXP x, std::set<SEXP>& out);

// A value, encoded. Owns everything that its blobs borrow.
struct Encoded {
  explicit Encoded(const std::string& name) : context(name), parts(new PartsWriter) {}

  EncodeContext context;
  std::unique_ptr<PartsWriter> parts;
  std::string manifest;
  bool portable = true;
  std::vector<Blob> blobs;
};

struct EncodeOptions {
  // Name of the artifact.
  std::string name;
  // Who writes.
  std::string producer;
  // All bytes go into the manifest.
  bool inline_all = false;
  TypeRegistry types;
};
std::unique_ptr<Encoded> encode(SEXP x, const EncodeOptions& options);

}  // namespace instep
