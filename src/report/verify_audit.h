#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/json.h"
#include "report/verify.h"

// The parts of the checker: each sees every row once, in order, and says what
// is wrong. They share nothing but what stands here.

namespace coppice::report {

struct AuditRow {
  const JournalRow& row;
  const Json& body;
};

class Audit {
 public:
  virtual ~Audit() = default;
  virtual void See(const AuditRow& row) = 0;
  virtual void End() {}
};

// Where findings go.
struct Court {
  Verified& verdict;
  Evidence& evidence;
  const VerifyOptions& options;

  void Blame(std::int64_t seq, std::string check, std::string what) const {
    verdict.findings.push_back({seq, std::move(check), std::move(what)});
  }
};

// Numbers without gaps, canonical bodies, texts that are what they are called.
std::unique_ptr<Audit> AuditRows(const Court& court);
// What may follow what, for each attempt and for the run.
std::unique_ptr<Audit> AuditGrammar(const Court& court);
// Questions and answers in pairs, none twice, and nothing beyond a budget.
std::unique_ptr<Audit> AuditCalls(const Court& court);
// Values, noise and outcomes from the samples alone, and who is best by them;
// at its changes and at the end every view has to name the same.
std::unique_ptr<Audit> AuditDecisions(const Court& court);
// Commits against what git holds.
std::unique_ptr<Audit> AuditCommits(const Court& court);

// Reads of a body; what is not there says nothing.
std::int64_t IntegerAt(const Json& body, const char* key,
                       std::int64_t otherwise = 0);
double NumberAt(const Json& body, const char* key, double otherwise = 0);
std::string WordAt(const Json& body, const char* key);
bool FlagAt(const Json& body, const char* key);
// A long text: in place, or by the name of one that is stored.
std::string TextAt(const Court& court, const Json& body, const char* key);

}  // namespace coppice::report
