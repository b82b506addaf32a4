#include "base/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace coppice {

std::string DumpCanonical(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Json> ParseJson(std::string_view text, std::string_view name) {
  try {
    return Result<Json>(boost::system::in_place_value, Json::parse(text));
  } catch (const Json::exception& e) {  // out of range numbers among them
    return Error{.code = ErrorCode::kUsage,
                 .what = e.what(),
                 .where = std::string(name)};
  }
}

}  // namespace coppice
