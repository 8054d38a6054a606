// What the R side calls. Errors come back as lists, from which R makes conditions with a class and a call.
#include <cpp11.hpp>
#include <memory>

#include "values_blake3.h"
#include "values_decode.h"
#include "values_encode.h"
#include "values_error.h"
#include "values_store.h"

using namespace cpp11::literals;

namespace {

using cpp11::writable::list;

// A blob of an encoded value, kept by R until it was written.
struct PendingBlob {
  std::shared_ptr<instep::Encoded> owner;
  std::size_t index;

  const instep::Rope& bytes() const { return owner->blobs[index].bytes; }
};

template <typename Body>
list guarded(Body&& body) {
  try {
    return body();
  } catch (const instep::EncodeError& error) {
    return list({"error"_nm = list({"code"_nm = error.code, "path"_nm = error.path, "message"_nm = error.what()})});
  } catch (const instep::DecodeError& error) {
    return list({"error"_nm = list({"code"_nm = error.code, "path"_nm = error.path.value_or(""),
                                    "digest"_nm = error.digest, "message"_nm = error.what()})});
  }
}

instep::Span span_of(const cpp11::raws& bytes) {
  return {RAW(bytes.data()), static_cast<std::size_t>(bytes.size())};
}

cpp11::writable::raws raws_of(const std::string& bytes) {
  cpp11::writable::raws out(static_cast<R_xlen_t>(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), RAW(out.data()));
  return out;
}

list digest_list(const instep::Digest& digest) {
  return list({"hash"_nm = digest.hash, "size"_nm = static_cast<double>(digest.size)});
}

list blob_list(const std::shared_ptr<instep::Encoded>& owner, std::size_t index) {
  const instep::Blob& blob = owner->blobs[index];
  list out = digest_list(blob.digest);
  if (blob.is_stored) {
    out.push_back("data"_nm = R_NilValue);
  } else {
    out.push_back("data"_nm = cpp11::external_pointer<PendingBlob>(new PendingBlob{owner, index}));
  }
  return out;
}

const PendingBlob& pending(const cpp11::sexp& pointer) { return *cpp11::external_pointer<PendingBlob>(pointer); }

}  // namespace

[[cpp11::register]] cpp11::writable::list value_encode_(SEXP x, std::string name, std::string producer,
                                                        bool inline_all, SEXP types) {
  return guarded([&] {
    const std::shared_ptr<instep::Encoded> encoded =
        instep::encode(x, {name, producer, inline_all, instep::TypeRegistry(types)});
    list blobs, losses;
    for (std::size_t i = 0; i < encoded->blobs.size(); ++i) blobs.push_back(blob_list(encoded, i));
    for (const instep::Loss& loss : encoded->context.losses) {
      losses.push_back(list({"code"_nm = loss.code, "path"_nm = loss.path, "message"_nm = loss.message}));
    }
    instep::Rope manifest;
    manifest.borrow(encoded->manifest.data(), encoded->manifest.size());
    return list({"manifest"_nm = raws_of(encoded->manifest), "digest"_nm = digest_list(manifest.digest()),
                 "blobs"_nm = blobs, "portable"_nm = encoded->portable, "losses"_nm = losses});
  });
}

[[cpp11::register]] cpp11::writable::list value_decode_(cpp11::raws manifest, SEXP fetch, bool allow_opaque,
                                                        SEXP types) {
  return guarded([&] {
    const instep::DecodeOptions options{allow_opaque, instep::TypeRegistry(types)};
    return list({"value"_nm = instep::decode(span_of(manifest), fetch, options)});
  });
}

[[cpp11::register]] cpp11::writable::list value_decode_item_(cpp11::raws manifest, double index, SEXP fetch,
                                                             bool allow_opaque, SEXP types) {
  return guarded([&] {
    const instep::DecodeOptions options{allow_opaque, instep::TypeRegistry(types)};
    const instep::Item item =
        instep::decode_item(span_of(manifest), static_cast<std::int64_t>(index), fetch, options);
    return list({"value"_nm = item.value, "is_element"_nm = item.is_element});
  });
}

// The bytes of a blob from `offset` on, at most `size`.
[[cpp11::register]] cpp11::writable::raws blob_bytes_(cpp11::sexp pointer, double offset, double size) {
  const instep::Rope& rope = pending(pointer).bytes();
  auto skip = static_cast<std::size_t>(offset);
  const std::size_t stop = std::min(rope.size(), skip + static_cast<std::size_t>(size));
  cpp11::writable::raws out(static_cast<R_xlen_t>(stop - std::min(skip, stop)));
  std::uint8_t* to = RAW(out.data());
  std::size_t left = static_cast<std::size_t>(out.size());
  for (const instep::Span& span : rope.spans()) {
    if (skip >= span.size) {
      skip -= span.size;
      continue;
    }
    const std::size_t step = std::min(left, span.size - skip);
    to = std::copy_n(span.data + skip, step, to);
    left -= step;
    skip = 0;
    if (left == 0) break;
  }
  return out;
}

// Writes a blob, or raw bytes, to the object store. False when it was there already.
[[cpp11::register]] bool object_put_(std::string root, std::string hash, double size, SEXP data) {
  const instep::Digest digest{hash, static_cast<std::int64_t>(size)};
  if (TYPEOF(data) != RAWSXP) return instep::put_object(root, digest, pending(data).bytes());
  instep::Rope bytes;
  bytes.borrow(RAW(data), static_cast<std::size_t>(XLENGTH(data)));
  return instep::put_object(root, digest, bytes);
}

[[cpp11::register]] std::string blake3_(cpp11::raws bytes) {
  instep::Blake3 hasher;
  const instep::Span span = span_of(bytes);
  hasher.update(span.data, span.size);
  return instep::hash_text(hasher.finish());
}
