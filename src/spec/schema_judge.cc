#include "spec/schema_judge.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "spec/load.h"

namespace coppice::spec {

namespace {

using Adapter = valijson::adapters::NlohmannJsonAdapter;

struct ParsedSchema {
  ParsedSchema() {
    const Json text = Json::parse(SchemaText());
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(Adapter(text), schema);
  }
  valijson::Schema schema;
};

}  // namespace

std::optional<std::string> SchemaRefusal(const Json& value) {
  static const ParsedSchema parsed;
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(parsed.schema, Adapter(value), &results)) return {};
  std::string refusal;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    for (const std::string& step : error.context) refusal += step;
    refusal += fmt::format(": {} ", error.description);
  }
  return refusal;
}

}  // namespace coppice::spec
