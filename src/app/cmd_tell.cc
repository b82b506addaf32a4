#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/run_reader.h"
#include "base/text.h"
#include "search/directive.h"
#include "search/lease.h"
#include "spec/load.h"

// tell, derive: a word to a run, live or stopped. It waits in the run's inbox,
// where the owner finds it within a second, or the next resume. What cannot be
// meant is refused here, where somebody reads the answer.

namespace coppice::app {
namespace {

Error NothingToTell() {
  return Error{.code = ErrorCode::kUsage,
               .what = "nothing to tell",
               .next =
                   "coppice tell \"avoid SIMD\", or --idea, --pin, --prune, "
                   "--set, --pause, --continue"};
}

// A node that something may grow from, or that may be pruned.
Result<AttemptId> GrownNode(const ReadRun& run, const std::string& name) {
  Result<AttemptId> node = run.Node(name);
  if (!node) return node;
  if (run.state->tree().Find(*node)) return node;
  return Error{.code = ErrorCode::kNotFound,
               .what = fmt::format("attempt {} left no commit to grow from",
                                   node->value()),
               .next = "see `coppice tree`"};
}

Result<AttemptId> ImprovableNode(const ReadRun& run, const std::string& name) {
  Result<AttemptId> node = GrownNode(run, name);
  if (!node) return node;
  const search::Node& found = run.state->tree()[*run.state->tree().Find(*node)];
  std::string why;
  if (found.pruned) {
    why = "it is pruned";
  } else if (!found.outcome) {
    why = "it is being evaluated";
  } else if (!MayBeImproved(*found.outcome)) {
    why = "it ended as " + std::string(Name(*found.outcome));
  } else {
    return node;
  }
  return Error{
      .code = ErrorCode::kUsage,
      .what = fmt::format("node {} cannot be improved: {}", node->value(), why),
      .next = "see `coppice top` for those that can"};
}

// "budget.max_nodes=200" -> max_nodes, 200; checked as the spec would be.
Result<void> AddBudget(const ReadRun& run, const std::string& assignment,
                       search::Directive& directive) {
  const std::size_t equals = assignment.find('=');
  const std::string key = assignment.substr(0, equals);
  constexpr std::string_view kBudget = "budget.";
  if (equals == std::string::npos || !key.starts_with(kBudget)) {
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("--set {}: only budget.KEY=VALUE changes "
                                     "while a run goes on",
                                     assignment),
                 .next = "other keys: `coppice resume --set`, or a new run"};
  }
  Result<spec::Loaded> changed =
      spec::ParseSpec(run.state->merged_spec(), "--set",
                      {{key, assignment.substr(equals + 1)}});
  if (!changed) return changed.error();
  const std::string name = key.substr(kBudget.size());
  const Json merged = Json::parse(changed->merged_json);
  directive.budget[name] = DumpCanonical(merged.at("budget").at(name));
  return Ok();
}

Result<void> AddSteering(const ReadRun& run, const TellOptions& options,
                         search::Directive& directive) {
  if (options.pin == "none") {
    directive.unpin = true;
  } else if (!options.pin.empty()) {
    Result<AttemptId> node = ImprovableNode(run, options.pin);
    if (!node) return node.error();
    directive.pin = *node;
  }
  if (!options.prune.empty()) {
    Result<AttemptId> node = GrownNode(run, options.prune);
    if (!node) return node.error();
    if (node->value() == 0) {
      return Error{.code = ErrorCode::kUsage,
                   .what =
                       "the base cannot be pruned: everything grows from "
                       "it"};
    }
    directive.prune = *node;
  }
  for (const std::string& assignment : options.set) {
    Result<void> added = AddBudget(run, assignment, directive);
    if (!added) return added;
  }
  if (!options.pause && !options.go_on) return Ok();
  directive.steer =
      options.pause ? search::Steer::kPause : search::Steer::kContinue;
  if (search::FindOwner(run.place.dir)) return Ok();
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("run {} is not running", run.place.id),
               .next = options.pause ? "there is nothing to pause"
                                     : "coppice resume " + run.place.id};
}

int Send(const Global& global, const ReadRun& run,
         const search::Directive& directive) {
  const std::string body = search::FormatDirective(directive);
  Result<void> sent =
      search::SendToInbox(run.place.journal(), MakeRealClock()->Wall(), body);
  if (!sent) return Fail(global, sent.error());
  const bool live = search::FindOwner(run.place.dir).has_value();
  if (global.output == OutputMode::kJson) {
    Print(DumpCanonical(Json{
        {"run", run.place.id}, {"live", live}, {"told", Json::parse(body)}}));
  } else if (live) {
    Print(fmt::format("told {}; it is read within a second", run.place.id));
  } else {
    Print(
        fmt::format("told {}, which is not running; `coppice resume {}` "
                    "reads it",
                    run.place.id, run.place.id));
  }
  return kDone;
}

// Can any proposer of the run read what the user writes?
bool AnyReads(const spec::Spec& spec) {
  for (const spec::Proposer& proposer : spec.proposers) {
    if (!std::holds_alternative<spec::EditsArm>(proposer.arm)) return true;
  }
  return false;
}

}  // namespace

int Tell(const Global& global, const TellOptions& options) {
  const bool steers = !options.pin.empty() || !options.prune.empty() ||
                      !options.set.empty() || options.pause || options.go_on;
  // A single word may be the run or the text; a text is told more often, but
  // not beside something else.
  std::string run = options.run;
  std::string text = options.text;
  if (text.empty() && options.idea.empty() && !steers) std::swap(run, text);
  if (run.empty() && steers && options.idea.empty()) std::swap(run, text);
  if (text.empty() && options.idea.empty() && !steers) {
    return Fail(global, NothingToTell());
  }
  Result<ReadRun> read = OpenRun(global, run);
  if (!read) return Fail(global, read.error());
  search::Directive directive;
  directive.text = Sanitize(text);
  if (!options.idea.empty()) {
    directive.idea = OneLine(options.idea, 400);
    directive.source = "tell";
  }
  if (!options.at.empty()) {
    Result<AttemptId> node = GrownNode(*read, options.at);
    if (!node) return Fail(global, node.error());
    directive.at = *node;
  }
  Result<void> steered = AddSteering(*read, options, directive);
  if (!steered) return Fail(global, steered.error());
  return Send(global, *read, directive);
}

int Derive(const Global& global, const DeriveOptions& options) {
  Result<ReadRun> read = OpenRun(global, options.run);
  if (!read) return Fail(global, read.error());
  Result<AttemptId> node = ImprovableNode(*read, options.from);
  if (!node) return Fail(global, node.error());
  if (!AnyReads(read->state->spec())) {
    return Fail(global,
                Error{.code = ErrorCode::kUsage,
                      .what = "no proposer of this run reads words",
                      .cause = "the built-in edits draw their changes",
                      .next = "coppice tell --pin NODE lets them grow there"});
  }
  search::Directive directive{.idea = OneLine(options.text, 400),
                              .source = "derive",
                              .at = *node,
                              .fresh = true};
  return Send(global, *read, directive);
}

}  // namespace coppice::app
