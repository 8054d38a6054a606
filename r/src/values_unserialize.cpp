// R's own serialization, read from memory.
#include <cstring>

#include "values_decode.h"
#include "values_error.h"

namespace instep {
namespace {

struct Source {
  Span bytes;
  std::size_t at = 0;
};

// Called by R, so that an error is R's.
void read_bytes(R_inpstream_t stream, void* out, int count) {
  auto& source = *static_cast<Source*>(static_cast<void*>(stream->data));
  if (count < 0 || static_cast<std::size_t>(count) > source.bytes.size - source.at) {
    Rf_error("The serialized object ends too early.");
  }
  std::memcpy(out, source.bytes.data + source.at, count);
  source.at += count;
}

int read_char(R_inpstream_t stream) {
  unsigned char byte;
  read_bytes(stream, &byte, 1);
  return byte;
}

// A flow that was captured by a function reads as an empty environment.
SEXP restore_reference(SEXP, SEXP) {
  const SEXP call = PROTECT(Rf_lang1(Rf_install("detached_self")));
  const SEXP space = PROTECT(R_FindNamespace(PROTECT(Rf_mkString("instep"))));
  const SEXP out = Rf_eval(call, space);
  UNPROTECT(3);
  return out;
}

}  // namespace

cpp11::sexp unserialize_object(Span bytes) {
  Source source{bytes};
  return cpp11::unwind_protect([&]() -> SEXP {
    R_inpstream_st stream;
    R_InitInPStream(&stream, reinterpret_cast<R_pstream_data_t>(&source), R_pstream_any_format, read_char, read_bytes,
                    restore_reference, R_NilValue);
    return R_Unserialize(&stream);
  });
}

}  // namespace instep
