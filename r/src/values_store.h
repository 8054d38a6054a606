// The local object store: one file per blob, named by its hash.
#pragma once

#include <string>

#include "values_bytes.h"

namespace instep {

// Writes a blob: to a temporary file, then under its name, durably. False when it was there already, whole.
//
// Any number of processes may write the same blob at once. Throws std::system_error, or std::invalid_argument unless
// the hash is `b3:` and 64 hex digits.
bool put_object(const std::string& root, const Digest& digest, const Rope& bytes);

}  // namespace instep
