#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/text.h"
#include "eval/slurm_pool.h"

// Jobs of a process that is gone. Every batch has its list of jobs from before
// it was submitted, and every job the number of its batch as a comment at
// Slurm: so one is found that was submitted a moment before a crash, too.

namespace coppice::eval {
namespace {
namespace fs = std::filesystem;

// Numbers of the batches whose lists are there.
std::vector<int> Batches(const SlurmFiles& files) {
  std::vector<int> batches;
  for (const std::string& name : Listed(files.Batch(0).parent_path())) {
    int number = 0;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) {
      batches.push_back(number);
    }
  }
  return batches;
}

}  // namespace

std::vector<std::string> SlurmPool::BatchKeys(int batch) const {
  std::vector<std::string> keys;
  const std::string text = ReadWholeOrNothing(parts_.files.Batch(batch));
  for (std::string_view line : SplitLines(text)) keys.emplace_back(line);
  return keys;
}

// A name is never given twice, for a worker that is being ended may still say a
// last word.
void SlurmPool::CountTries() {
  for (const int batch : Batches(parts_.files)) {
    for (const std::string& key : BatchKeys(batch)) {
      const std::size_t dash = key.rfind('-');
      const auto number = ParseNumber(std::string_view(key).substr(dash + 1));
      if (dash == key.npos || !number) continue;
      int& tries = tries_[key.substr(0, dash)];
      tries = std::max(tries, static_cast<int>(*number));
    }
  }
}

// The number that Slurm gave a batch; kNotFound: none.
Task<Result<std::string>> SlurmPool::FindBatch(int batch) {
  const fs::path file = parts_.files.Batch(batch).string() + ".id";
  const std::string kept = ReadWholeOrNothing(file);
  if (!kept.empty()) co_return kept;
  Result<std::vector<SlurmTask>> queue = co_await parts_.cluster.Queue();
  if (!queue) co_return queue.error();
  const std::string comment = BatchComment(batch);
  for (const SlurmTask& task : *queue) {
    if (task.comment != comment) continue;
    co_return task.id.substr(0, task.id.find('_'));
  }
  co_return Error{.code = ErrorCode::kNotFound, .what = "no such batch"};
}

Task<SlurmJobPtr> SlurmPool::Adopt(std::string key) {
  if (SlurmJobPtr step = co_await AdoptStep(key)) co_return step;
  for (const int batch : Batches(parts_.files)) {
    const std::vector<std::string> keys = BatchKeys(batch);
    const auto found = std::ranges::find(keys, key);
    if (found == keys.end()) continue;
    Result<std::string> number = co_await FindBatch(batch);
    if (!number) continue;
    auto job = std::make_shared<SlurmJob>(parts_.executor, key);
    job->batch = batch;
    job->task = fmt::format("{}_{}", *number, found - keys.begin());
    jobs_[key] = job;
    Look();
    const Instant asked = parts_.clock.Now();
    Result<std::vector<SlurmTask>> queue = co_await parts_.cluster.Queue();
    if (queue) co_await See(std::move(*queue), asked);
    const bool opened = job->arrived.contains(kOpened);
    if (job->end.empty() || opened) co_return job;
    Release(*job);
  }
  co_return nullptr;
}

Task<void> SlurmPool::Abandon(std::vector<std::string> keys) {
  std::vector<std::string> tasks;
  for (const std::string& key : keys) {
    TellToClose(parts_.files, key);
    const std::string allocation =
        ReadWholeOrNothing(parts_.files.Job(key) / "step");
    if (!allocation.empty()) tasks.push_back(allocation + "." + key);
  }
  for (const int batch : Batches(parts_.files)) {
    const std::vector<std::string> all = BatchKeys(batch);
    std::optional<std::string> number;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (std::ranges::find(keys, all[i]) == keys.end()) continue;
      if (!number) {
        Result<std::string> found = co_await FindBatch(batch);
        if (!found) break;
        number = *found;
      }
      tasks.push_back(fmt::format("{}_{}", *number, i));
    }
  }
  co_await EndJobs(std::move(tasks));
  std::error_code ignored;
  for (const std::string& key : keys) {
    fs::remove_all(parts_.files.Job(key), ignored);
    for (const std::string& name : Listed(parts_.files.Answers())) {
      if (name.starts_with(key + ".")) {
        fs::remove(parts_.files.Answers() / name, ignored);
      }
    }
  }
}

}  // namespace coppice::eval
