#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/patch.h"
#include "base/text.h"
#include "report/verify_audit.h"

// A node's commit as git holds it, against its row: tree, parents, author,
// date (start of the run + number of the attempt, in seconds), message with
// its trailers; and the patch of the row makes of the parent's files exactly
// those of the commit, and of no others.

namespace coppice::report {
namespace {

constexpr const char* kWho = "coppice <coppice@localhost>";

struct Attempt {
  std::vector<std::int64_t> parents;
  std::string op, arm;
  // sha256 of the last question to a proposer, and who that was.
  std::string prompt, asked;
};

std::string Header(const std::string& object, std::string_view name) {
  std::string values;
  const std::string head = object.substr(0, object.find("\n\n"));
  for (std::string_view line : SplitLines(head)) {
    if (!line.starts_with(name) || line.size() <= name.size()) continue;
    if (line[name.size()] != ' ') continue;
    if (!values.empty()) values += ' ';
    values += line.substr(name.size() + 1);
  }
  return values;
}

class CommitAudit final : public Audit {
 public:
  explicit CommitAudit(const Court& court) : court_(court) {}

  void See(const AuditRow& see) override {
    seq_ = see.row.seq;
    const std::string& kind = see.row.kind;
    if (kind == "started") Start(see);
    if (kind == "selected") {
      Attempt& attempt = attempts_[IntegerAt(see.body, "attempt")];
      for (const Json& parent : see.body.value("parents", Json::array())) {
        attempt.parents.push_back(parent.get<std::int64_t>());
      }
      attempt.op = WordAt(see.body, "op");
      attempt.arm = WordAt(see.body, "arm");
    }
    if (kind == "noted" && WordAt(see.body, "kind") == "arm") {
      attempts_[IntegerAt(see.body, "attempt")].arm = WordAt(see.body, "text");
    }
    if (kind == "asked" && names_prompts_) Ask(see.body);
    if (kind == "committed") Commit(see.body);
    if (kind == "stopped") {
      const std::int64_t exit = IntegerAt(see.body, "exit");
      flushed_ = exit < 128;
    }
    if (kind == "resumed") flushed_ = false;
  }

  void End() override {
    if (missing_.empty()) return;
    if (flushed_ && court_.options.whole) {
      for (const auto& [seq, attempt] : missing_) {
        court_.Blame(seq, "commits",
                     fmt::format("git lacks the commit of node {}, or of its "
                                 "parent; `coppice resume` makes it again",
                                 attempt));
      }
      return;
    }
    court_.verdict.notes.push_back(
        fmt::format("{} commits are not in git yet; a resume makes them from "
                    "their rows",
                    missing_.size()));
  }

 private:
  void Wrong(std::int64_t attempt, const std::string& what) const {
    court_.Blame(seq_, "commits", fmt::format("node {}: {}", attempt, what));
  }

  void Start(const AuditRow& see) {
    base_ = WordAt(see.body, "base");
    const std::string replays = WordAt(see.body, "replays");
    run_ = replays.empty() ? WordAt(see.body, "run") : replays;
    names_prompts_ = see.body.value("names_prompts", false);
    const std::int64_t at =
        replays.empty() ? see.row.at : IntegerAt(see.body, "replays_at");
    began_ = std::chrono::duration_cast<std::chrono::seconds>(
                 std::chrono::microseconds(at))
                 .count();
  }

  void Ask(const Json& body) {
    if (WordAt(body, "role") == "judge") return;
    std::string texts;
    for (const Json& part : body.value("prompt", Json::array())) {
      texts += TextAt(court_, Json{{"text", part}}, "text");
    }
    Attempt& attempt = attempts_[IntegerAt(body, "attempt")];
    attempt.prompt = Sha256Hex(texts);
    attempt.asked = WordAt(body, "arm");
  }

  void Commit(const Json& body) {
    const std::int64_t attempt = IntegerAt(body, "attempt");
    const std::string id = WordAt(body, "commit");
    commits_[attempt] = id;
    if (attempt == 0) {
      if (id != base_) Wrong(0, "is not the base that the run started from");
      return;
    }
    Result<std::optional<std::string>> object = court_.evidence.Commit(id);
    if (!object) return Wrong(attempt, object.error().Text());
    if (!*object) {
      missing_.emplace_back(seq_, attempt);
      return;
    }
    ++court_.verdict.commits;
    CompareObject(attempt, body, **object);
    CompareFiles(attempt, body);
  }

  void CompareObject(std::int64_t attempt, const Json& body,
                     const std::string& object) {
    const Attempt& made = attempts_[attempt];
    std::string parents;
    for (std::int64_t parent : made.parents) {
      parents += (parents.empty() ? "" : " ") + commits_[parent];
    }
    auto compare = [&](const char* what, const std::string& git,
                       const std::string& journal) {
      if (git == journal) return;
      Wrong(attempt, fmt::format("{} is \"{}\" in git and \"{}\" in the "
                                 "journal",
                                 what, OneLine(git, 80), OneLine(journal, 80)));
    };
    compare("tree", Header(object, "tree"), WordAt(body, "tree"));
    compare("parent", Header(object, "parent"), parents);
    const std::int64_t time = IntegerAt(body, "time");
    const std::string who = fmt::format("{} {} +0000", kWho, time);
    compare("author", Header(object, "author"), who);
    compare("committer", Header(object, "committer"), who);
    if (time != began_ + attempt) {
      Wrong(attempt, "its date is not start + number in seconds");
    }
    const std::size_t gap = object.find("\n\n");
    const std::string message =
        gap == std::string::npos ? "" : object.substr(gap + 2);
    compare("message", message, WordAt(body, "message"));
    std::string trailers =
        fmt::format("Coppice-Run: {}\nCoppice-Node: {}\n", run_, attempt);
    for (std::int64_t parent : made.parents) {
      trailers += fmt::format("Coppice-Parent: {}\n", parent);
    }
    trailers += fmt::format("Coppice-Op: {}\n", made.op);
    if (!made.arm.empty())
      trailers += fmt::format("Coppice-Arm: {}\n", made.arm);
    if (!made.prompt.empty() && made.asked == made.arm) {
      trailers += fmt::format("Coppice-Prompt: sha256:{}\n", made.prompt);
    }
    if (!message.ends_with("\n\n" + trailers)) {
      Wrong(attempt, "the trailers are not those of its record");
    }
  }

  void CompareFiles(std::int64_t attempt, const Json& body) {
    const Attempt& made = attempts_[attempt];
    if (made.parents.empty()) return;
    auto changed = court_.evidence.Changes(commits_[made.parents.front()],
                                           WordAt(body, "commit"));
    if (!changed && changed.error().code == ErrorCode::kNotFound) {
      missing_.emplace_back(seq_, attempt);
      return;
    }
    if (!changed) return Wrong(attempt, changed.error().Text());
    Result<Patch> patch = ParsePatch(TextAt(court_, body, "patch"));
    if (!patch) return Wrong(attempt, "its patch: " + patch.error().Text());
    std::map<std::string, const FilePatch*> patches;
    for (const FilePatch& file : *patch) {
      patches[file.new_path.empty() ? file.old_path : file.new_path] = &file;
    }
    if (patches.size() != changed->size()) {
      Wrong(attempt, fmt::format("{} files differ in git, {} in its patch",
                                 changed->size(), patches.size()));
    }
    for (const FileVersions& file : *changed) {
      auto found = patches.find(file.path);
      if (found == patches.end()) {
        Wrong(attempt, file.path + " differs in git, not in its patch");
        continue;
      }
      std::optional<std::string> after;
      if (!found->second->new_path.empty()) {
        Result<std::string> text =
            ApplyPatch(*found->second, file.before.value_or(""));
        if (text) after = std::move(*text);
      }
      if (after != file.after) {
        Wrong(attempt, "its patch makes another " + file.path);
      }
    }
    CompareCounts(attempt, body, *patch);
  }

  void CompareCounts(std::int64_t attempt, const Json& body,
                     const Patch& patch) const {
    std::int64_t added = 0;
    std::int64_t removed = 0;
    for (const FileStat& file : Stats(patch)) {
      added += file.added;
      removed += file.removed;
    }
    if (added != IntegerAt(body, "added") ||
        removed != IntegerAt(body, "removed")) {
      Wrong(attempt, "its line counts are not those of its patch");
    }
  }

  const Court court_;
  std::int64_t seq_ = 0;
  std::string run_, base_;
  std::int64_t began_ = 0;
  bool names_prompts_ = false;
  std::map<std::int64_t, Attempt> attempts_;
  std::map<std::int64_t, std::string> commits_;
  std::vector<std::pair<std::int64_t, std::int64_t>> missing_;  // seq, node
  bool flushed_ = false;  // the run has ended in order
};

}  // namespace

std::unique_ptr<Audit> AuditCommits(const Court& court) {
  return std::make_unique<CommitAudit>(court);
}

}  // namespace coppice::report
