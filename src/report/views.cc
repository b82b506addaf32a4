#include "report/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ranges>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "report/digest.h"
#include "report/experiment_log.h"
#include "report/facts.h"
#include "report/leaderboard.h"
#include "report/node_record.h"
#include "report/page.h"
#include "report/tsv.h"
#include "report/words.h"

namespace coppice::report {
namespace {

Error CannotWrite(const std::filesystem::path& file, std::string why) {
  return Error{.code = ErrorCode::kIo,
               .what = "cannot write a view",
               .where = file.string(),
               .cause = std::move(why),
               .next =
                   "free space or permissions; views are made again from "
                   "the journal by `coppice report`"};
}

void AddPart(std::string& page, std::string_view title, std::string_view text) {
  if (!text.empty()) {
    page += fmt::format("\n## {}\n\n{}\n", title, Markdown(text, 2000));
  }
}

}  // namespace

std::string PlanMarkdown(const search::State& state, AttemptId attempt) {
  const search::InfoView info = state.Info(attempt);
  if (info == nullptr) return "";
  const search::PlanNote& plan = info->plan;
  std::string parts;
  AddPart(parts, "Bottleneck", plan.bottleneck);
  AddPart(parts, "Alternatives", plan.alternatives);
  AddPart(parts, "Expected", plan.expect);
  AddPart(parts, "Risk", plan.risk);
  std::string needs;
  for (const std::string& need : plan.needs) {
    needs += (needs.empty() ? "" : ", ") + need;
  }
  AddPart(parts, "Needs", needs);
  if (parts.empty()) return "";
  AddPart(parts, "Category", plan.category);
  return fmt::format("# {}\n{}", Markdown(IdeaOf(state, attempt)), parts);
}

Result<void> WriteWhole(const std::filesystem::path& file,
                        std::string_view text) {
  std::filesystem::path temporary = file;
  temporary += ".tmp";
  std::error_code error;
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out) {
      std::filesystem::remove(temporary, error);
      return CannotWrite(file, "the write failed");
    }
  }
  std::filesystem::rename(temporary, file, error);
  if (error) return CannotWrite(file, error.message());
  return Ok();
}

ViewWriter::ViewWriter(std::filesystem::path run_dir, FindTexts texts)
    : run_dir_(std::move(run_dir)), texts_(std::move(texts)) {}

// Attempts finish at the end of the order of completion, also when they finish
// a second time: what is new is a suffix of it.
Result<void> ViewWriter::WriteNodes(const search::State& state) {
  std::vector<AttemptId> fresh;
  auto written = [&](AttemptId attempt) {
    const auto index = static_cast<std::size_t>(attempt.value());
    return index < written_.size() &&
           written_[index] == state.Info(attempt)->finished_at;
  };
  for (AttemptId attempt : std::views::reverse(state.order_of_completion())) {
    if (written(attempt)) break;
    fresh.push_back(attempt);
  }
  if (OutcomeOf(state, AttemptId(0)) && !written(AttemptId(0))) {
    fresh.emplace_back(0);
  }
  for (AttemptId attempt : std::views::reverse(fresh)) {
    Result<void> done = WriteNode(state, attempt);
    if (!done) return done;
    const auto index = static_cast<std::size_t>(attempt.value());
    if (index >= written_.size()) {
      written_.resize(index + 1, WallTime::min());
    }
    written_[index] = state.Info(attempt)->finished_at;
  }
  for (; notes_ < state.notes().size(); ++notes_) {
    const search::Noted& note = state.notes()[notes_];
    if (note.kind != "diagnosis" || !note.attempt) continue;
    const std::filesystem::path dir =
        run_dir_ / "nodes" / std::to_string(note.attempt->value());
    std::error_code ignored;
    std::filesystem::create_directories(dir, ignored);
    Result<void> done = WriteWhole(dir / "profile.txt", Sanitize(note.text));
    if (!done) return done;
  }
  return Ok();
}

Result<void> ViewWriter::WriteNode(const search::State& state,
                                   AttemptId attempt) {
  const std::filesystem::path dir =
      run_dir_ / "nodes" / std::to_string(attempt.value());
  const std::string record = DumpPretty(NodeRecord(state, attempt));
  if (ReadWholeOrNothing(dir / "result.json") == record) return Ok();
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return CannotWrite(dir, error.message());
  Result<AttemptTexts> texts = texts_(attempt);
  if (!texts) return texts.error();
  const search::InfoView info = state.Info(attempt);
  // result.json last: where it stands, the others do.
  const std::array<std::pair<const char*, std::string>, 7> files{
      {{"plan.md", PlanMarkdown(state, attempt)},
       {"lesson.md", info == nullptr ? "" : Sanitize(info->plan.lesson)},
       {"diff.patch", std::move(texts->patch)},
       {"prompt.md", texts->prompt},
       {"answer.md", Sanitize(texts->answer)},
       {"judge.md", Sanitize(texts->judged)},
       {"result.json", record}}};
  for (const auto& [name, text] : files) {
    if (text.empty()) continue;
    Result<void> done = WriteWhole(dir / name, text);
    if (!done) return done;
  }
  return Ok();
}

Result<void> ViewWriter::WriteTables(const search::State& state) {
  const std::array<
      std::pair<const char*, std::string (*)(const search::State&)>, 5>
      views{{{"results.jsonl", ResultsJsonl},
             {"results.tsv", ResultsTsv},
             {"leaderboard.md",
              [](const search::State& s) { return Leaderboard(s); }},
             {"experiment-log.yaml", ExperimentLog},
             {"digest.md", DigestMarkdown}}};
  for (const auto& [name, render] : views) {
    Result<void> done = WriteWhole(run_dir_ / name, render(state));
    if (!done) return done;
  }
  in_tables_ = state.order_of_completion().size();
  return Ok();
}

Result<void> ViewWriter::WriteTablesIfDue(const search::State& state) {
  const std::size_t finished = state.order_of_completion().size();
  if (finished < in_tables_ + std::max<std::size_t>(10, in_tables_ / 5)) {
    return Ok();
  }
  return WriteTables(state);
}

Result<void> ViewWriter::WriteReport(const search::State& state,
                                     const ReportInput& input) {
  return WriteWhole(run_dir_ / "report.md", ReportMarkdown(state, input));
}

Result<void> ViewWriter::WritePage(const search::State& state, WallTime now,
                                   const FindTexts& texts) {
  const PageInput input{.now = now};
  Result<std::string> page =
      StaticPage(state, input, texts, LogsIn(run_dir_, kPageLogBytes));
  if (!page) return page.error();
  return WriteWhole(run_dir_ / "report.html", *page);
}

}  // namespace coppice::report
