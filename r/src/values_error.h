// Errors of the value codec. The R side turns them into conditions.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace instep {

// A value that can't be stored. `path` says where in the value, such as `self$result$fits[[3]]`.
class EncodeError : public std::runtime_error {
 public:
  EncodeError(std::string code, std::string path, const std::string& message)
      : std::runtime_error(message), code(std::move(code)), path(std::move(path)) {}

  std::string code;
  std::string path;
};

// Bytes that are not a stored value, or a value that R can't hold.
class DecodeError : public std::runtime_error {
 public:
  DecodeError(std::string code, const std::string& message)
      : std::runtime_error(message), code(std::move(code)) {}

  // Bytes that break the rules of the format.
  explicit DecodeError(const std::string& message) : DecodeError("MALFORMED", message) {}

  // A blob that is missing or damaged.
  DecodeError(std::string code, std::string digest, const std::string& message)
      : std::runtime_error(message), code(std::move(code)), digest(std::move(digest)) {}

  std::string code;
  // Hash of the blob. Empty: the error is not about one.
  std::string digest;
  // Where in the value, such as `$fits[[3]]`; the caller knows its name. Nothing until somebody who knows has said it.
  std::optional<std::string> path;
};

inline void require(bool holds, const char* message) {
  if (!holds) throw DecodeError(message);
}

}  // namespace instep
