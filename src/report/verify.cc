#include "report/verify.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/verify_audit.h"

namespace coppice::report {

std::int64_t IntegerAt(const Json& body, const char* key,
                       std::int64_t otherwise) {
  auto found = body.find(key);
  return found != body.end() && found->is_number_integer()
             ? found->get<std::int64_t>()
             : otherwise;
}

double NumberAt(const Json& body, const char* key, double otherwise) {
  auto found = body.find(key);
  return found != body.end() && found->is_number() ? found->get<double>()
                                                   : otherwise;
}

std::string WordAt(const Json& body, const char* key) {
  auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>()
                                                   : std::string();
}

bool FlagAt(const Json& body, const char* key) {
  auto found = body.find(key);
  return found != body.end() && found->is_boolean() && found->get<bool>();
}

std::string TextAt(const Court& court, const Json& body, const char* key) {
  auto found = body.find(key);
  if (found == body.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_object()) return "";
  Result<std::optional<std::string>> text =
      court.evidence.Text(WordAt(*found, "sha256"));
  return text && *text ? **text : "";
}

Result<Verified> Verify(Evidence& evidence, const VerifyOptions& options) {
  Verified verdict;
  const Court court{verdict, evidence, options};
  std::vector<std::unique_ptr<Audit>> audits;
  audits.push_back(AuditRows(court));
  audits.push_back(AuditGrammar(court));
  audits.push_back(AuditCalls(court));
  audits.push_back(AuditDecisions(court));
  audits.push_back(AuditCommits(court));
  auto see = [&](const JournalRow& row) {
    ++verdict.records;
    Json body = Json::parse(row.body, nullptr, false);
    if (!body.is_object()) {
      court.Blame(row.seq, "rows", "the body is no JSON object");
      return;
    }
    for (const auto& audit : audits) audit->See({row, body});
  };
  Result<void> read = evidence.Rows(see);
  if (!read) return read.error();
  for (const auto& audit : audits) audit->End();
  return verdict;
}

}  // namespace coppice::report
