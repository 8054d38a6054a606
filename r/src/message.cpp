// Protocol messages: R lists to bytes and back, by reflection over the .proto files, which are read at first use.
//
// The conversion is strict where R and protobuf differ, because a message that is quietly damaged is worse than an
// error: NA is refused, text becomes UTF-8, whole numbers must be whole and fit, names must be fields. Reading gives
// every field a name, so that `$` never matches a longer one by accident.

#include "message.h"

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cmath>
#include <cpp11.hpp>
#include <cstring>
#include <mutex>
#include <vector>

namespace pb = google::protobuf;

namespace instep {
namespace {

// Keeps the first mistake of a .proto file, which is one of ours or a damaged installation.
class FirstError : public pb::compiler::MultiFileErrorCollector {
 public:
  void AddError(const std::string& file, int line, int, const std::string& message) override {
    if (text.empty()) text = file + ":" + std::to_string(line + 1) + ": " + message;
  }
  std::string text;
};

// The contract as the .proto files tell it. Never freed: messages may be in use until the process ends.
struct Contract {
  Contract(const std::string& root, const std::vector<std::string>& files) : importer(&tree, &errors) {
    tree.MapPath("", root);
    for (const std::string& file : files) {
      if (importer.Import(file) == nullptr) throw std::runtime_error("Can't read the protocol: " + errors.text + ".");
    }
  }
  pb::compiler::DiskSourceTree tree;
  FirstError errors;
  pb::compiler::Importer importer;
  pb::DynamicMessageFactory factory;
};

std::mutex contract_mutex;
std::string contract_root;
std::vector<std::string> contract_files;
Contract* contract = nullptr;

Contract& get_contract() {
  std::lock_guard<std::mutex> lock(contract_mutex);
  if (contract == nullptr) contract = new Contract(contract_root, contract_files);
  return *contract;
}

}  // namespace

void set_contract(const std::string& root, const std::vector<std::string>& files) {
  contract_root = root;
  contract_files = files;
}

std::unique_ptr<pb::Message> new_message(const std::string& type) {
  Contract& all = get_contract();
  const pb::Descriptor* descriptor = all.importer.pool()->FindMessageTypeByName("instep.v1." + type);
  if (descriptor == nullptr) throw std::invalid_argument("There is no message type " + type + ".");
  return std::unique_ptr<pb::Message>(all.factory.GetPrototype(descriptor)->New());
}

std::string serialize(const pb::Message& message) {
  std::string bytes;
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace instep

namespace {

using instep::new_message;
using instep::serialize;
using Field = pb::FieldDescriptor;

[[noreturn]] void refuse(const Field* field, const std::string& why) {
  throw std::invalid_argument("Field " + field->full_name() + " " + why + ".");
}

// Element `i` of an R vector as a whole number that `field` can hold.
int64_t whole_number(const Field* field, SEXP x, R_xlen_t i) {
  double value = NA_REAL;
  if (TYPEOF(x) == INTSXP || TYPEOF(x) == LGLSXP) {
    int element = TYPEOF(x) == INTSXP ? INTEGER(x)[i] : LOGICAL(x)[i];
    if (element != NA_INTEGER) value = element;
  } else if (TYPEOF(x) == REALSXP) {
    value = REAL(x)[i];
  } else {
    refuse(field, "takes a number");
  }
  double limit = field->cpp_type() == Field::CPPTYPE_INT32 ? 2147483647.0 : 9007199254740992.0;
  if (std::isnan(value)) refuse(field, "can't be NA");
  if (value != std::trunc(value) || std::fabs(value) > limit) refuse(field, "takes a whole number in range");
  return static_cast<int64_t>(value);
}

double real_number(const Field* field, SEXP x, R_xlen_t i) {
  if (TYPEOF(x) == REALSXP && !ISNA(REAL(x)[i])) return REAL(x)[i];
  return static_cast<double>(whole_number(field, x, i));
}

bool truth(const Field* field, SEXP x, R_xlen_t i) {
  if (TYPEOF(x) != LGLSXP || LOGICAL(x)[i] == NA_LOGICAL) refuse(field, "takes TRUE or FALSE");
  return LOGICAL(x)[i] != 0;
}

std::string text(const Field* field, SEXP x, R_xlen_t i) {
  if (TYPEOF(x) != STRSXP) refuse(field, "takes text");
  SEXP element = STRING_ELT(x, i);
  if (element == NA_STRING) refuse(field, "can't be NA");
  return cpp11::safe[Rf_translateCharUTF8](element);
}

std::string bytes(const Field* field, SEXP x) {
  if (TYPEOF(x) != RAWSXP) refuse(field, "takes a raw vector");
  return std::string(reinterpret_cast<const char*>(RAW(x)), static_cast<size_t>(Rf_xlength(x)));
}

const pb::EnumValueDescriptor* enum_value(const Field* field, SEXP x, R_xlen_t i) {
  std::string name = text(field, x, i);
  const pb::EnumValueDescriptor* value = field->enum_type()->FindValueByName(name);
  if (value == nullptr) refuse(field, "has no value " + name);
  return value;
}

void fill(pb::Message* message, SEXP values);

void set_field(pb::Message* message, const Field* field, SEXP x) {
  const pb::Reflection* reflection = message->GetReflection();
  if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
    fill(reflection->MutableMessage(message, field), x);
    return;
  }
  if (field->type() == Field::TYPE_BYTES) {
    reflection->SetString(message, field, bytes(field, x));
    return;
  }
  if (Rf_xlength(x) != 1) refuse(field, "takes one value, not " + std::to_string(Rf_xlength(x)));
  switch (field->cpp_type()) {
    case Field::CPPTYPE_INT32:
      reflection->SetInt32(message, field, static_cast<int32_t>(whole_number(field, x, 0)));
      break;
    case Field::CPPTYPE_INT64: reflection->SetInt64(message, field, whole_number(field, x, 0)); break;
    case Field::CPPTYPE_DOUBLE: reflection->SetDouble(message, field, real_number(field, x, 0)); break;
    case Field::CPPTYPE_BOOL: reflection->SetBool(message, field, truth(field, x, 0)); break;
    case Field::CPPTYPE_STRING: reflection->SetString(message, field, text(field, x, 0)); break;
    case Field::CPPTYPE_ENUM: reflection->SetEnum(message, field, enum_value(field, x, 0)); break;
    default: refuse(field, "has a type that R can't write");
  }
}

// Messages and bytes come as a list, the others as a vector.
void add_fields(pb::Message* message, const Field* field, SEXP x) {
  const pb::Reflection* reflection = message->GetReflection();
  bool as_list = field->cpp_type() == Field::CPPTYPE_MESSAGE || field->type() == Field::TYPE_BYTES;
  if (as_list && TYPEOF(x) != VECSXP) refuse(field, "takes a list");
  for (R_xlen_t i = 0; i < Rf_xlength(x); ++i) {
    if (field->type() == Field::TYPE_BYTES) {
      reflection->AddString(message, field, bytes(field, VECTOR_ELT(x, i)));
      continue;
    }
    switch (field->cpp_type()) {
      case Field::CPPTYPE_MESSAGE: fill(reflection->AddMessage(message, field), VECTOR_ELT(x, i)); break;
      case Field::CPPTYPE_INT32:
        reflection->AddInt32(message, field, static_cast<int32_t>(whole_number(field, x, i)));
        break;
      case Field::CPPTYPE_INT64: reflection->AddInt64(message, field, whole_number(field, x, i)); break;
      case Field::CPPTYPE_DOUBLE: reflection->AddDouble(message, field, real_number(field, x, i)); break;
      case Field::CPPTYPE_BOOL: reflection->AddBool(message, field, truth(field, x, i)); break;
      case Field::CPPTYPE_STRING: reflection->AddString(message, field, text(field, x, i)); break;
      case Field::CPPTYPE_ENUM: reflection->AddEnum(message, field, enum_value(field, x, i)); break;
      default: refuse(field, "has a type that R can't write");
    }
  }
}

// Sets the fields of a message from a named list. NULL leaves a field unset.
void fill(pb::Message* message, SEXP values) {
  const pb::Descriptor* type = message->GetDescriptor();
  if (TYPEOF(values) != VECSXP) throw std::invalid_argument("Message " + type->name() + " takes a list.");
  SEXP names = Rf_getAttrib(values, R_NamesSymbol);
  for (R_xlen_t i = 0; i < Rf_xlength(values); ++i) {
    SEXP x = VECTOR_ELT(values, i);
    const char* name = names == R_NilValue ? "" : CHAR(STRING_ELT(names, i));
    const Field* field = type->FindFieldByName(name);
    if (field == nullptr) {
      throw std::invalid_argument("Message " + type->name() + " has no field '" + std::string(name) + "'.");
    }
    if (x == R_NilValue) continue;
    if (field->is_repeated()) {
      add_fields(message, field, x);
    } else {
      set_field(message, field, x);
    }
  }
}

cpp11::sexp r_text(const std::string& value) {
  return cpp11::safe[Rf_mkCharLenCE](value.data(), static_cast<int>(value.size()), CE_UTF8);
}

cpp11::sexp r_raw(const std::string& value) {
  cpp11::sexp raw = cpp11::safe[Rf_allocVector](RAWSXP, static_cast<R_xlen_t>(value.size()));
  if (!value.empty()) std::memcpy(RAW(raw), value.data(), value.size());
  return raw;
}

// The name of an enum value; one that this version does not know reads as the zero value.
const std::string& enum_name(const Field* field, int number) {
  const pb::EnumValueDescriptor* value = field->enum_type()->FindValueByNumber(number);
  return (value == nullptr ? field->enum_type()->FindValueByNumber(0) : value)->name();
}

cpp11::sexp read(const pb::Message& message);

cpp11::sexp read_one(const pb::Message& message, const Field* field) {
  const pb::Reflection* reflection = message.GetReflection();
  if (field->has_presence() && !reflection->HasField(message, field)) return R_NilValue;
  switch (field->cpp_type()) {
    case Field::CPPTYPE_MESSAGE: return read(reflection->GetMessage(message, field));
    case Field::CPPTYPE_INT32: return cpp11::safe[Rf_ScalarInteger](reflection->GetInt32(message, field));
    case Field::CPPTYPE_INT64:
      return cpp11::safe[Rf_ScalarReal](static_cast<double>(reflection->GetInt64(message, field)));
    case Field::CPPTYPE_DOUBLE: return cpp11::safe[Rf_ScalarReal](reflection->GetDouble(message, field));
    case Field::CPPTYPE_BOOL: return cpp11::safe[Rf_ScalarLogical](reflection->GetBool(message, field));
    case Field::CPPTYPE_ENUM:
      return cpp11::safe[Rf_ScalarString](r_text(enum_name(field, reflection->GetEnumValue(message, field))));
    case Field::CPPTYPE_STRING: {
      std::string value = reflection->GetString(message, field);
      if (field->type() == Field::TYPE_BYTES) return r_raw(value);
      return cpp11::safe[Rf_ScalarString](r_text(value));
    }
    default: refuse(field, "has a type that R can't read");
  }
}

cpp11::sexp read_many(const pb::Message& message, const Field* field) {
  const pb::Reflection* reflection = message.GetReflection();
  int count = reflection->FieldSize(message, field);
  auto allocate = [count](SEXPTYPE type) -> cpp11::sexp { return cpp11::safe[Rf_allocVector](type, count); };
  switch (field->cpp_type()) {
    case Field::CPPTYPE_MESSAGE: {
      cpp11::sexp out = allocate(VECSXP);
      for (int i = 0; i < count; ++i) {
        SET_VECTOR_ELT(out, i, read(reflection->GetRepeatedMessage(message, field, i)));
      }
      return out;
    }
    case Field::CPPTYPE_INT32: {
      cpp11::sexp out = allocate(INTSXP);
      for (int i = 0; i < count; ++i) INTEGER(out)[i] = reflection->GetRepeatedInt32(message, field, i);
      return out;
    }
    case Field::CPPTYPE_INT64: {
      cpp11::sexp out = allocate(REALSXP);
      for (int i = 0; i < count; ++i) {
        REAL(out)[i] = static_cast<double>(reflection->GetRepeatedInt64(message, field, i));
      }
      return out;
    }
    case Field::CPPTYPE_ENUM: {
      cpp11::sexp out = allocate(STRSXP);
      for (int i = 0; i < count; ++i) {
        SET_STRING_ELT(out, i, r_text(enum_name(field, reflection->GetRepeatedEnumValue(message, field, i))));
      }
      return out;
    }
    case Field::CPPTYPE_STRING: {
      bool raw = field->type() == Field::TYPE_BYTES;
      cpp11::sexp out = allocate(raw ? VECSXP : STRSXP);
      for (int i = 0; i < count; ++i) {
        std::string value = reflection->GetRepeatedString(message, field, i);
        if (raw) {
          SET_VECTOR_ELT(out, i, r_raw(value));
        } else {
          SET_STRING_ELT(out, i, r_text(value));
        }
      }
      return out;
    }
    default: refuse(field, "has a type that R can't read");
  }
}

cpp11::sexp read(const pb::Message& message) {
  const pb::Descriptor* type = message.GetDescriptor();
  int count = type->field_count();
  cpp11::sexp values = cpp11::safe[Rf_allocVector](VECSXP, count);
  cpp11::sexp names = cpp11::safe[Rf_allocVector](STRSXP, count);
  for (int i = 0; i < count; ++i) {
    const Field* field = type->field(i);
    SET_STRING_ELT(names, i, r_text(field->name()));
    SET_VECTOR_ELT(values, i, field->is_repeated() ? read_many(message, field) : read_one(message, field));
  }
  cpp11::safe[Rf_setAttrib](values, R_NamesSymbol, names);
  return values;
}

}  // namespace

[[cpp11::register]] void message_contract_(std::string root, std::vector<std::string> files) {
  instep::set_contract(root, files);
}

[[cpp11::register]] cpp11::raws message_encode_(std::string type, SEXP values) {
  std::unique_ptr<pb::Message> message = new_message(type);
  fill(message.get(), values);
  return cpp11::as_cpp<cpp11::raws>(r_raw(serialize(*message)));
}

[[cpp11::register]] SEXP message_decode_(std::string type, cpp11::raws bytes) {
  std::unique_ptr<pb::Message> message = new_message(type);
  if (!message->ParseFromArray(RAW(bytes), static_cast<int>(bytes.size()))) {
    throw std::invalid_argument("These bytes are no " + type + " message.");
  }
  return read(*message);
}
