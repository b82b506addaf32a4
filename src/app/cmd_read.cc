#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/page_texts.h"
#include "app/run_reader.h"
#include "app/status_view.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "report/experiment_log.h"
#include "report/graph_export.h"
#include "report/leaderboard.h"
#include "report/node_record.h"
#include "report/page.h"
#include "report/past_runs.h"
#include "report/plot.h"
#include "report/report_md.h"
#include "report/show.h"
#include "report/status.h"
#include "report/top.h"
#include "report/tree_text.h"
#include "report/tsv.h"
#include "search/lease.h"

// Commands that only look. They read the journal while the run goes on and
// never stand in its way.

namespace coppice::app {
namespace {

bool AsJson(const Global& global) { return global.output == OutputMode::kJson; }

void PrintRaw(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  Print(text);
}

Result<ObjectId> CommitOf(const ReadRun& run, AttemptId attempt) {
  std::optional<NodeId> node = run.state->tree().Find(attempt);
  if (node) return run.state->tree()[*node].commit;
  return Error{
      .code = ErrorCode::kNotFound,
      .what = fmt::format("attempt {} became no commit: {}", attempt.value(),
                          run.state->Info(attempt)->reason.view()),
      .next = fmt::format("`coppice show {}`", attempt.value())};
}

report::PageInput PageInputOf(const ReadRun& run) {
  report::PageInput input{.now = MakeRealClock()->Wall()};
  input.extra.alive = search::FindOwner(run.place.dir).has_value();
  return input;
}

std::string MarkdownOf(const ReadRun& run) {
  const search::State& state = *run.state;
  report::ReportInput input;
  input.now = state.last_at();
  Result<std::string> diff =
      run.store->Diff(state.base(), state.tree()[state.best()].commit);
  if (diff) input.diff = std::move(*diff);
  return report::ReportMarkdown(state, input);
}

Result<std::string> OneRun(const Global& global, const ReportOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return run.error();
  const search::State& state = *run->state;
  if (options.format == "tsv") return report::ResultsTsv(state);
  if (options.format == "yaml") return report::ExperimentLog(state);
  if (options.format == "jsonl") return report::ResultsJsonl(state);
  if (options.format == "leaderboard") return report::Leaderboard(state);
  if (options.format == "md") return MarkdownOf(*run);
  return report::StaticPage(
      state, PageInputOf(*run), AllTextsOf(*run->journal, state),
      report::LogsIn(run->place.dir, report::kPageLogBytes));
}

Result<std::string> AllRuns(const Global& global) {
  Result<Opened> opened = OpenRepository(global);
  if (!opened) return opened.error();
  std::vector<report::PastRun> runs;
  for (const RunPlace& place : ListRuns(opened->home)) {
    Result<ReadRun> run = OpenRun(global, place.id);
    if (!run) {
      Say(fmt::format("left out {}: {}", place.id, run.error().what));
      continue;
    }
    const bool alive = search::FindOwner(place.dir).has_value();
    runs.push_back(report::Summarise(*run->state, alive));
  }
  if (AsJson(global)) return report::DumpLine(report::PastRunsJson(runs));
  return report::PastRunsMarkdown(std::move(runs));
}

}  // namespace

// A run that rests, or one that lives, has left what there is to say; else its
// journal is read.
int Status(const Global& global, const StatusOptions& options) {
  Result<Opened> repository = OpenRepository(global);
  if (!repository) return Fail(global, repository.error());
  Result<RunPlace> place = FindRun(repository->home, options.run);
  if (!place) return Fail(global, place.error());
  const WallTime now = MakeRealClock()->Wall();
  std::optional<ShownStatus> shown = CurrentStatus(*place, now);
  if (!shown) {
    Result<ReadRun> run = OpenRun(global, place->id);
    if (!run) return Fail(global, run.error());
    Result<report::StatusExtra> extra = StatusExtraOf(
        *run->state, search::FindOwner(run->place.dir).has_value());
    if (!extra) return Fail(global, extra.error());
    shown.emplace();
    shown->text = report::StatusText(*run->state, now, *extra);
    shown->json =
        report::DumpLine(report::StatusJson(*run->state, now, *extra));
  }
  PrintRaw(AsJson(global) ? shown->json : shown->text);
  return kDone;
}

int Tree(const Global& global, const TreeOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  const search::State& state = *run->state;
  if (options.format == "dot") {
    PrintRaw(report::TreeDot(state));
  } else if (options.format == "graphml") {
    PrintRaw(report::TreeGraphMl(state));
  } else if (AsJson(global)) {
    Print(report::DumpLine(report::TreeJson(state)));
  } else {
    PrintRaw(report::TreeText(state));
  }
  return kDone;
}

int Top(const Global& global, const TopOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  const search::State& state = *run->state;
  const report::TopOptions top{static_cast<std::size_t>(options.count),
                               options.all};
  if (options.plot) {
    PrintRaw(report::PlotText(state));
  } else if (options.format == "csv") {
    PrintRaw(report::TopCsv(state, top));
  } else if (options.format == "json" || AsJson(global)) {
    Print(report::DumpLine(report::TopJson(state, top)));
  } else {
    PrintRaw(report::TopTable(state, top));
  }
  return kDone;
}

int Show(const Global& global, const ShowOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  Result<AttemptId> attempt = run->Node(options.node);
  if (!attempt) return Fail(global, attempt.error());
  const search::State& state = *run->state;
  auto none = [&](const char* what) {
    return Fail(global, Error{.code = ErrorCode::kNotFound,
                              .what = fmt::format("attempt {} has no {}",
                                                  attempt->value(), what)});
  };
  if (options.prompt || options.answer) {
    Result<std::vector<RecordedCall>> calls = run->CallsOf(*attempt);
    if (!calls) return Fail(global, calls.error());
    if (calls->empty()) return none(options.prompt ? "prompt" : "answer");
    PrintRaw(options.prompt ? PromptText(*calls)
                            : Sanitize(AnswerText(*calls)));
  } else if (options.log) {
    const auto file = run->place.dir / "nodes" /
                      std::to_string(attempt->value()) / "eval.log";
    Result<std::string> text = ReadWhole(file);
    if (!text) return none("log");
    PrintRaw(Sanitize(*text));
  } else if (AsJson(global) || options.why) {
    Result<std::string> output =
        search::OutputOf(*state.Info(*attempt), *run->journal);
    if (!output) return Fail(global, output.error());
    if (AsJson(global)) {
      Print(report::DumpLine(report::ShowJson(state, *attempt, *output)));
    } else {
      PrintRaw(report::WhyText(state, *attempt, *output));
    }
  } else {
    PrintRaw(report::ShowText(state, *attempt));
  }
  return kDone;
}

int Diff(const Global& global, const DiffOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  Result<AttemptId> attempt = run->Node(options.node);
  if (!attempt) return Fail(global, attempt.error());
  std::string patch;
  if (options.against == "parent" && attempt->value() != 0) {
    // The journal has it, even if the store has lost the commit.
    auto committed = run->CommittedOf(*attempt);
    if (!committed) return Fail(global, committed.error());
    if (!*committed) {
      return Fail(global, CommitOf(*run, *attempt).error());
    }
    patch = (*committed)->patch;
  } else if (options.against != "parent") {
    Result<AttemptId> other = run->Node(options.against);
    if (!other) return Fail(global, other.error());
    Result<ObjectId> from = CommitOf(*run, *other);
    Result<ObjectId> to = CommitOf(*run, *attempt);
    if (!from) return Fail(global, from.error());
    if (!to) return Fail(global, to.error());
    Result<std::string> diff = run->store->Diff(*from, *to);
    if (!diff) return Fail(global, diff.error());
    patch = std::move(*diff);
  }
  Result<Patch> parsed =
      patch.empty() ? Result<Patch>(Patch()) : ParsePatch(patch);
  if (AsJson(global)) {
    Json files = Json::array();
    if (parsed) {
      for (const FileStat& file : Stats(*parsed)) {
        files.push_back({{"path", file.path},
                         {"added", file.added},
                         {"removed", file.removed}});
      }
    }
    Print(DumpCanonical(Json{{"node", attempt->value()},
                             {"against", options.against},
                             {"files", files},
                             {"patch", patch}}));
  } else if (options.stat) {
    Print(parsed ? Summary(Stats(*parsed)) : "binary");
  } else if (patch.empty()) {
    Print("no difference");
  } else {
    PrintRaw(Sanitize(patch));
  }
  return kDone;
}

int Report(const Global& global, const ReportOptions& options) {
  Result<std::string> text =
      options.all ? AllRuns(global) : OneRun(global, options);
  if (!text) return Fail(global, text.error());
  if (options.file.empty()) {
    PrintRaw(*text);
    return kDone;
  }
  Result<void> written = report::WriteWhole(options.file, *text);
  if (!written) return Fail(global, written.error());
  return kDone;
}

// Rebuilds every commit's tree from the patch in its row and compares: the
// journal alone must lead to the same ids.
int Replay(const Global& global, const ReplayOptions& options) {
  if (options.verify) return VerifyRun(global, options);
  Result<ReadRun> run = OpenRun(global, options.run, options.until);
  if (!run) return Fail(global, run.error());
  const search::State& state = *run->state;
  std::vector<std::string> wrong;
  int verified = 0;
  for (std::uint32_t i = 1; i < state.tree().size(); ++i) {
    const search::Node& node = state.tree()[NodeId(i)];
    auto committed = run->CommittedOf(node.attempt);
    if (!committed) return Fail(global, committed.error());
    if (!*committed) continue;
    Result<ObjectId> id = run->RebuildCommit(**committed);
    if (id && *id == node.commit) {
      ++verified;
    } else {
      wrong.push_back(fmt::format(
          "node {}: {}", node.attempt.value(),
          id ? "its row makes " + id->Hex() + ", not " + node.commit.Hex()
             : id.error().Text()));
    }
  }
  if (AsJson(global)) {
    Print(DumpCanonical(Json{{"run", state.run()},
                             {"records", state.last_seq()},
                             {"verified", verified},
                             {"wrong", wrong}}));
  } else {
    Print(fmt::format("run {}: {} records, {} nodes, {} ids verified",
                      state.run(), state.last_seq(), state.tree().size() - 1,
                      verified));
    for (const std::string& line : wrong) Say("wrong: " + line);
  }
  return wrong.empty() ? kDone : kFailed;
}

}  // namespace coppice::app
