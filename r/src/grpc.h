// Calls over gRPC, as bytes.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace instep {

using Metadata = std::vector<std::pair<std::string, std::string>>;

// How a call ended.
struct Answer {
  grpc::Status status;
  // The serialized response when it went well.
  std::string response;
  // The serialized ErrorDetail of a status that is Instep's own verdict. Empty for trouble of the transport.
  std::string detail;
};

std::shared_ptr<grpc::Channel> make_channel(const std::string& target);

// Calls a unary method and blocks until it ends, at most `timeout_ms`. `idle` is called about every 50 ms while it
// waits, from the caller's thread, and may throw; the call is then cancelled.
Answer call_unary(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& request, const Metadata& metadata, int timeout_ms, const std::function<void()>& idle = nullptr);

}  // namespace instep
