#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/outside_work.h"
#include "app/session.h"
#include "base/text.h"
#include "report/node_record.h"

// `add`: outside work joins the tree as an attempt like any other (PRO-32,
// TOO-07). What was measured of it elsewhere is noted beside it and decides
// nothing: it is measured here, and meets the best in fresh pairs.

namespace coppice::app {
namespace {

// "seconds=9.8" ... as JSON.
Result<std::string> MeasuredElsewhere(const std::vector<std::string>& words) {
  Json numbers = Json::object();
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::optional<double> value =
        equals == std::string::npos ? std::nullopt
                                    : ParseNumber(word.substr(equals + 1));
    if (!value || equals == 0) {
      return Error{.code = ErrorCode::kUsage,
                   .what = "--measured " + word + " is no NAME=NUMBER"};
    }
    numbers[word.substr(0, equals)] = *value;
  }
  return numbers.empty() ? std::string() : DumpCanonical(numbers);
}

}  // namespace

int Add(const Global& global, const AddOptions& options) {
  Result<std::string> measured = MeasuredElsewhere(options.measured);
  if (!measured) return Fail(global, measured.error());
  Global quiet = global;
  quiet.output = OutputMode::kJson;
  quiet.progress = false;
  Result<std::unique_ptr<Session>> session =
      Session::Open(quiet, {.run = options.run});
  if (!session) return Fail(global, session.error());
  const search::State& state = (*session)->state();
  const std::int64_t best = state.tree()[state.best()].attempt.value();
  Result<std::int64_t> parent = ParseNode(options.parent, best);
  if (!parent) return Fail(global, parent.error());
  const std::optional<NodeId> node = state.tree().Find(AttemptId(*parent));
  if (!node) {
    return Fail(global, Error{.code = ErrorCode::kNotFound,
                              .what = "no such node: " + options.parent,
                              .next = "see `coppice tree`"});
  }
  const ObjectId onto = state.tree()[*node].commit;
  const bool is_file = std::filesystem::is_regular_file(options.work);
  Result<llm::Proposal> proposal =
      is_file ? ProposalFromFile(options.work, (*session)->store(), onto)
              : ProposalFromCommit(options.work, (*session)->store(), onto);
  if (!proposal) return Fail(global, proposal.error());
  Result<AttemptId> attempt =
      (*session)->Step({.parent = AttemptId(*parent),
                        .idea = "",
                        .proposal = std::move(*proposal),
                        .measured = std::move(*measured)});
  if (!attempt) return Fail(global, attempt.error());
  Print(report::DumpLine(report::NodeRecord(state, *attempt)));
  return ExitOf(state, *attempt);
}

}  // namespace coppice::app
