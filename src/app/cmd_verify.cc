#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/evidence.h"
#include "app/project.h"
#include "base/text.h"
#include "search/lease.h"

// `replay RUN --verify`: what report/verify says of a run on disk.

namespace coppice::app {
namespace {

std::string FindingText(const report::Finding& finding) {
  return finding.seq == 0
             ? fmt::format("wrong ({}): {}", finding.check, finding.what)
             : fmt::format("wrong ({}), record {}: {}", finding.check,
                           finding.seq, finding.what);
}

void PrintText(const RunPlace& run, const report::Verified& verified) {
  Print(fmt::format(
      "run {}: {} records, {} attempts, {} commits, {} samples, {} calls and "
      "{} texts checked",
      run.id, verified.records, verified.attempts, verified.commits,
      verified.samples, verified.calls, verified.texts));
  for (const std::string& note : verified.notes) Print("note: " + note);
  constexpr std::size_t kShown = 50;
  std::size_t shown = 0;
  for (const report::Finding& finding : verified.findings) {
    if (++shown > kShown) break;
    Say(Sanitize(FindingText(finding)));
  }
  if (verified.findings.size() > kShown) {
    Say(fmt::format("and {} more; --output json names all of them",
                    verified.findings.size() - kShown));
  }
  Print(verified.findings.empty()
            ? "every check holds"
            : fmt::format("{} checks failed; nothing was changed",
                          verified.findings.size()));
}

void PrintJson(const RunPlace& run, const report::Verified& verified) {
  Json findings = Json::array();
  for (const report::Finding& finding : verified.findings) {
    findings.push_back({{"check", finding.check},
                        {"record", finding.seq},
                        {"what", finding.what}});
  }
  Print(DumpCanonical(Json{{"run", run.id},
                           {"records", verified.records},
                           {"attempts", verified.attempts},
                           {"nodes", verified.nodes},
                           {"commits", verified.commits},
                           {"samples", verified.samples},
                           {"calls", verified.calls},
                           {"texts", verified.texts},
                           {"notes", verified.notes},
                           {"findings", findings}}));
}

}  // namespace

int VerifyRun(const Global& global, const ReplayOptions& options) {
  Result<Opened> repository = OpenRepository(global);
  if (!repository) return Fail(global, repository.error());
  Result<RunPlace> run = FindRun(repository->home, options.run);
  if (!run) return Fail(global, run.error());
  auto evidence =
      GatherEvidence(repository->store->places(), *run, options.until);
  if (!evidence) return Fail(global, evidence.error());
  const report::VerifyOptions how{
      .whole = !options.until, .live = search::FindOwner(run->dir).has_value()};
  Result<report::Verified> verified = report::Verify(**evidence, how);
  if (!verified) return Fail(global, verified.error());
  if (global.output == OutputMode::kJson) {
    PrintJson(*run, *verified);
  } else {
    PrintText(*run, *verified);
  }
  return verified->findings.empty() ? kDone : kFailed;
}

}  // namespace coppice::app
