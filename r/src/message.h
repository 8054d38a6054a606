// Protocol messages by reflection.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <vector>

namespace instep {

// Where the contract is: a directory, and the .proto files below it. Set once, before the first message is made.
void set_contract(const std::string& root, const std::vector<std::string>& files);

// A new, empty message of a type of package instep.v1, named without the package, such as `Task`.
// Throws std::invalid_argument when there is no such type. Safe from any thread.
std::unique_ptr<google::protobuf::Message> new_message(const std::string& type);

// Serializes in tag order, which is the canonical encoding.
std::string serialize(const google::protobuf::Message& message);

}  // namespace instep
