#include "app/evidence.h"

#include <utility>

#include "search/sqlite_journal.h"
#include "vcs/plain_git.h"

namespace coppice::app {
namespace {

Result<ObjectId> ParseId(const std::string& hex) {
  const std::optional<ObjectId> id = ObjectId::FromHex(hex);
  if (id) return *id;
  return Error{.code = ErrorCode::kIo, .what = "no object id: " + hex};
}

class RunOnDisk final : public report::Evidence {
 public:
  RunOnDisk(std::unique_ptr<search::SqliteJournal> journal,
            std::unique_ptr<vcs::PlainGit> git,
            std::optional<std::int64_t> until)
      : journal_(std::move(journal)), git_(std::move(git)), until_(until) {}

  Result<void> Rows(
      const std::function<void(const report::JournalRow&)>& see) override {
    return journal_->EachRow([&](const search::SqliteJournal::RawRow& row) {
      if (until_ && row.seq > *until_) return;
      see({.seq = row.seq,
           .at = row.at,
           .kind = row.kind,
           .attempt = row.attempt,
           .body = row.body});
    });
  }

  Result<void> Texts(
      const std::function<void(const std::string&, std::string_view)>& see)
      override {
    return journal_->EachText(see);
  }

  Result<std::optional<std::string>> Text(const std::string& name) override {
    return journal_->StoredText(name);
  }

  Result<std::optional<std::string>> Commit(const std::string& hex) override {
    Result<ObjectId> id = ParseId(hex);
    if (!id) return id.error();
    return git_->Commit(*id);
  }

  Result<std::vector<report::FileVersions>> Changes(
      const std::string& from, const std::string& to) override {
    Result<ObjectId> before = ParseId(from);
    if (!before) return before.error();
    Result<ObjectId> after = ParseId(to);
    if (!after) return after.error();
    auto changes = git_->Changes(*before, *after);
    if (!changes) return changes.error();
    std::vector<report::FileVersions> files;
    for (vcs::PlainGit::Difference& change : *changes) {
      files.push_back({.path = std::move(change.path),
                       .before = std::move(change.before),
                       .after = std::move(change.after)});
    }
    return files;
  }

  Result<std::optional<std::string>> BestRef(const std::string& run) override {
    using Ref = Result<std::optional<std::string>>;
    Result<std::optional<ObjectId>> id = git_->Ref("refs/best/" + run);
    if (!id) return id.error();
    if (!*id) return Ref(boost::system::in_place_value, std::nullopt);
    return Ref(boost::system::in_place_value, (*id)->Hex());
  }

 private:
  std::unique_ptr<search::SqliteJournal> journal_;
  std::unique_ptr<vcs::PlainGit> git_;
  const std::optional<std::int64_t> until_;
};

}  // namespace

Result<std::unique_ptr<report::Evidence>> GatherEvidence(
    const vcs::RepositoryPlaces& places, const RunPlace& run,
    std::optional<std::int64_t> until) {
  auto journal = search::OpenJournalForReading(run.journal());
  if (!journal) return journal.error();
  auto git = vcs::OpenPlainGit(places);
  if (!git) return git.error();
  return std::make_unique<RunOnDisk>(std::move(*journal), std::move(*git),
                                     until);
}

}  // namespace coppice::app
