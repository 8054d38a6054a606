// A thin binding of gRPC: bytes in, bytes out. Messages are made elsewhere (message.cpp).
//
// Calls go through the generic stub and a completion queue of their own, so that the waiting thread can look for R's
// interrupts. R is called from its main thread only.

#include "grpc.h"

#include <grpc/grpc.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <cpp11.hpp>
#include <cstring>
#include <thread>

namespace instep {
namespace {

const int kShutdownPolls = 200;
const auto kIdleInterval = std::chrono::milliseconds(50);

grpc::ByteBuffer to_buffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string from_buffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

void prepare(grpc::ClientContext* context, const Metadata& metadata, int timeout_ms) {
  for (const auto& entry : metadata) context->AddMetadata(entry.first, entry.second);
  if (timeout_ms > 0) context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
}

std::string detail_of(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  auto found = trailers.find("instep-error-bin");
  return found == trailers.end() ? std::string() : std::string(found->second.data(), found->second.size());
}

// A queue with one operation in flight at a time.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  grpc::CompletionQueue* queue() { return &queue_; }

  // Waits for the operation in flight. When `idle` throws, cancels the call first.
  bool wait(grpc::ClientContext* context, const std::function<void()>& idle) {
    void* tag;
    bool ok = false;
    if (idle == nullptr) return queue_.Next(&tag, &ok) && ok;
    while (queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kIdleInterval) ==
           grpc::CompletionQueue::TIMEOUT) {
      try {
        idle();
      } catch (...) {
        context->TryCancel();
        queue_.Next(&tag, &ok);
        throw;
      }
    }
    return ok;
  }

 private:
  grpc::CompletionQueue queue_;
};

}  // namespace

std::shared_ptr<grpc::Channel> make_channel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.enable_http_proxy", 0);
  arguments.SetInt("grpc.enable_retries", 0);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

Answer call_unary(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& request, const Metadata& metadata, int timeout_ms,
                  const std::function<void()>& idle) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  prepare(&context, metadata, timeout_ms);
  Waiter waiter;
  Answer answer;
  grpc::ByteBuffer response;
  auto call = stub.PrepareUnaryCall(&context, method, to_buffer(request), waiter.queue());
  call->StartCall();
  call->Finish(&response, &answer.status, nullptr);
  waiter.wait(&context, idle);
  if (answer.status.ok()) {
    answer.response = from_buffer(response);
  } else {
    answer.detail = detail_of(context);
  }
  return answer;
}

}  // namespace instep

namespace {

using instep::Answer;
using instep::Metadata;
using Channel = std::shared_ptr<grpc::Channel>;

const Channel& channel_of(SEXP handle) {
  const Channel& channel = *cpp11::external_pointer<Channel>(handle);
  if (channel == nullptr) cpp11::stop("The channel is closed.");
  return channel;
}

void look_for_interrupt() { cpp11::check_user_interrupt(); }

std::string as_bytes(cpp11::raws raw) {
  return std::string(reinterpret_cast<const char*>(RAW(raw)), static_cast<size_t>(raw.size()));
}

cpp11::writable::raws as_raws(const std::string& bytes) {
  cpp11::writable::raws out(static_cast<R_xlen_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(RAW(out), bytes.data(), bytes.size());
  return out;
}

Metadata as_metadata(cpp11::strings entries) {
  Metadata metadata;
  if (entries.size() == 0) return metadata;
  cpp11::strings names(entries.names());
  for (R_xlen_t i = 0; i < entries.size(); ++i) {
    metadata.emplace_back(std::string(names[i]), std::string(entries[i]));
  }
  return metadata;
}

cpp11::writable::list as_list(const Answer& answer) {
  using namespace cpp11::literals;
  return cpp11::writable::list({"code"_nm = static_cast<int>(answer.status.error_code()),
                                "message"_nm = answer.status.error_message(),
                                "detail"_nm = as_raws(answer.detail),
                                "response"_nm = as_raws(answer.response)});
}

// A stream of responses to one request.
struct Stream {
  grpc::ClientContext context;
  instep::Waiter waiter;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
  ~Stream() { context.TryCancel(); }
};

}  // namespace

[[cpp11::register]] SEXP grpc_channel_(std::string target) {
  return cpp11::external_pointer<Channel>(new Channel(instep::make_channel(target)), true, false);
}

// Closes a channel. Calls through it fail from then on.
[[cpp11::register]] void grpc_close_(SEXP channel) { cpp11::external_pointer<Channel>(channel)->reset(); }

// True while gRPC is in use, with its threads: this process must not fork workers then. gRPC goes away a moment after
// the last channel is closed.
[[cpp11::register]] bool grpc_used_() {
  for (int i = 0; i < instep::kShutdownPolls && grpc_is_initialized(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return grpc_is_initialized() != 0;
}

// Calls a unary method. Always answers with a list of code, message, detail and response.
[[cpp11::register]] cpp11::list grpc_call_(SEXP channel, std::string method, cpp11::raws request,
                                           cpp11::strings metadata, int timeout_ms) {
  return as_list(instep::call_unary(channel_of(channel), method, as_bytes(request), as_metadata(metadata), timeout_ms,
                                    look_for_interrupt));
}

// Opens a server stream.
[[cpp11::register]] SEXP grpc_stream_(SEXP channel, std::string method, cpp11::raws request,
                                      cpp11::strings metadata, int timeout_ms) {
  auto stream = std::make_unique<Stream>();
  instep::prepare(&stream->context, as_metadata(metadata), timeout_ms);
  grpc::GenericStub stub(channel_of(channel));
  stream->call = stub.PrepareCall(&stream->context, method, stream->waiter.queue());
  stream->call->StartCall(nullptr);
  if (stream->waiter.wait(&stream->context, look_for_interrupt)) {
    stream->call->WriteLast(instep::to_buffer(as_bytes(request)), grpc::WriteOptions(), nullptr);
    stream->waiter.wait(&stream->context, look_for_interrupt);
  }
  return cpp11::external_pointer<Stream>(stream.release(), true, false);
}

// The next response of a stream, as grpc_call_() answers; NULL when the stream has ended well.
[[cpp11::register]] SEXP grpc_stream_next_(SEXP handle) {
  cpp11::external_pointer<Stream> stream(handle);
  grpc::ByteBuffer buffer;
  Answer answer;
  stream->call->Read(&buffer, nullptr);
  if (stream->waiter.wait(&stream->context, look_for_interrupt)) {
    answer.response = instep::from_buffer(buffer);
    return as_list(answer);
  }
  stream->call->Finish(&answer.status, nullptr);
  stream->waiter.wait(&stream->context, look_for_interrupt);
  if (answer.status.ok()) return R_NilValue;
  answer.detail = instep::detail_of(stream->context);
  return as_list(answer);
}
