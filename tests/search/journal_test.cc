#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "search/disk_reserve.h"
#include "search/lease.h"
#include "search/sqlite_journal.h"
#include "support/memory_journal.h"
#include "support/sample_events.h"
#include "support/temp_dir.h"

namespace coppice::search {
namespace {

namespace fs = std::filesystem;
using testing::AllKinds;
using testing::MemoryJournal;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

using Records = std::vector<Record>;

WallTime At(int micros) { return WallTime(std::chrono::microseconds(micros)); }

std::string Describe(const Record& record) {
  const EncodedEvent row = Encode(record.event);
  return fmt::format("{} {} {} {}", record.seq,
                     record.at.time_since_epoch().count(), row.kind, row.body);
}

std::vector<std::string> ReplayAll(Journal& journal) {
  std::vector<std::string> seen;
  const Result<void> replayed =
      journal.Replay([&](const Record& record) -> Result<void> {
        seen.push_back(Describe(record));
        return Ok();
      });
  REQUIRE_MESSAGE(replayed.has_value(), replayed.error().Text());
  return seen;
}

// Runs a statement past the journal, as another program would.
int Sql(const fs::path& path, const std::string& sql) {
  sqlite3* handle = nullptr;
  sqlite3_open(path.c_str(), &handle);
  const int code = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
  sqlite3_close(handle);
  return code;
}

template <class T>
Error Failure(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

TEST_CASE("what is appended is replayed in order, then and after reopening") {
  const TempDir dir;
  MemoryJournal memory;
  Sync sync = Sync::kEveryRecord;
  SUBCASE("every record synced") {}
  SUBCASE("milestones synced") { sync = Sync::kMilestones; }
  auto journal = CreateJournal(dir / "journal.db", sync).value();
  std::vector<Event> events = AllKinds();
  for (int round = 0; round < 20; ++round) {  // more than one batch
    for (const Event& event : events) {
      const auto n = static_cast<std::int64_t>(memory.size()) + 1;
      CHECK(journal->Append(At(round), event).value() == n);
      CHECK(memory.Append(At(round), event).value() == n);
    }
  }
  const std::vector<std::string> expected = ReplayAll(memory);
  CHECK(ReplayAll(*journal) == expected);
  journal.reset();
  CHECK(ReplayAll(*OpenJournal(dir / "journal.db").value()) == expected);
  CHECK(ReplayAll(*OpenJournalForReading(dir / "journal.db").value()) ==
        expected);
}

TEST_CASE("a prefix in memory is the journal as it was then") {
  MemoryJournal whole;
  for (const Event& event : AllKinds()) {
    REQUIRE(whole.Append(At(1), event).has_value());
  }
  MemoryJournal cut = whole.Prefix(3);
  CHECK(ReplayAll(cut).size() == 3);
  CHECK(cut.Append(At(2), Told{"x"}).value() == 4);
  CHECK(whole.size() == AllKinds().size());
}

TEST_CASE("a long text is stored once") {
  const TempDir dir;
  auto journal = CreateJournal(dir / "journal.db").value();
  Committed committed;
  committed.patch = std::string(1 << 20, 'p');
  for (int i = 0; i < 5; ++i) {
    REQUIRE(journal->Append(At(i), committed).has_value());
  }
  journal.reset();
  CHECK(fs::file_size(dir / "journal.db") < (3 << 19));
}

TEST_CASE("a lean replay leaves out what no fold keeps, and nothing else") {
  const TempDir dir;
  auto journal = CreateJournal(dir / "journal.db").value();
  Asked asked;
  asked.attempt = AttemptId(3);
  asked.arm = "an \"prompt\":[ arm]";
  asked.reserve_usd = 0.5;
  asked.prompt = {{llm::Speaker::kSystem, "rules"},
                  {llm::Speaker::kUser, "files ] and more"}};
  Answered answered;
  answered.attempt = AttemptId(3);
  answered.text = "a long answer";
  answered.changes = {{"x", "its text"}, {"y", std::nullopt}};
  answered.usage.usd = 0.25;
  Evaluated evaluated;
  evaluated.node = AttemptId(3);
  evaluated.tail = "the end of its output";
  for (const Event& event : std::vector<Event>{asked, answered, evaluated}) {
    REQUIRE(journal->Append(At(0), event).has_value());
  }
  std::vector<Event> lean;
  REQUIRE(journal
              ->ReplayLean([&](const Record& record) -> Result<void> {
                lean.push_back(record.event);
                return Ok();
              })
              .has_value());
  REQUIRE(lean.size() == 3);
  CHECK(std::get<Asked>(lean[0]).prompt.empty());
  CHECK(std::get<Asked>(lean[0]).arm == asked.arm);
  CHECK(std::get<Asked>(lean[0]).reserve_usd == 0.5);
  CHECK(std::get<Answered>(lean[1]).text.empty());
  CHECK(std::get<Answered>(lean[1]).usage.usd == 0.25);
  CHECK(std::get<Evaluated>(lean[2]).tail == evaluated.tail);
  CHECK(std::get<Asked>(journal->Read(1)->event).prompt.back().text ==
        "files ] and more");
  CHECK(std::get<Answered>(journal->Read(2)->event).text == answered.text);
  CHECK(journal->Read(4).error().code == ErrorCode::kNotFound);
  CHECK(*journal->LastSeq() == 3);
}

TEST_CASE("replay stops with the first error of who listens") {
  const TempDir dir;
  auto journal = CreateJournal(dir / "journal.db").value();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(journal->Append(At(i), Told{"x"}).has_value());
  }
  int seen = 0;
  const Result<void> replayed = journal->Replay([&](const Record&) {
    ++seen;
    return seen == 2 ? Result<void>(Error{.what = "enough"}) : Ok();
  });
  CHECK(Failure(replayed).what == "enough");
  CHECK(seen == 2);
}

TEST_CASE("who listens to a replay may append, and sees that record too") {
  const TempDir dir;
  auto journal = CreateJournal(dir / "journal.db").value();
  REQUIRE(journal->Append(At(0), Told{"first"}).has_value());
  int seen = 0;
  const Result<void> replayed =
      journal->Replay([&](const Record&) -> Result<void> {
        if (++seen > 1) return Ok();
        auto more = journal->Append(At(1), Told{"second"});
        return more ? Ok() : Result<void>(more.error());
      });
  CHECK(replayed.has_value());
  CHECK(seen == 2);
}

TEST_CASE("records and texts are neither changed nor deleted, by nobody") {
  const TempDir dir;
  const fs::path path = dir / "journal.db";
  auto journal = CreateJournal(path).value();
  REQUIRE(journal->Append(At(0), AllKinds()[0]).has_value());
  for (const char* sql :
       {"DELETE FROM events", "UPDATE events SET body = '{}'",
        "DELETE FROM texts", "UPDATE texts SET body = x'00'"}) {
    CHECK(Sql(path, sql) == SQLITE_CONSTRAINT);
  }
  CHECK(ReplayAll(*journal).size() == 1);
}

TEST_CASE("a second journal is not made over the first") {
  const TempDir dir;
  REQUIRE(CreateJournal(dir / "journal.db").has_value());
  const Error error = Failure(CreateJournal(dir / "journal.db"));
  CHECK(error.what == "there is a journal already");
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("a missing, foreign, cut or newer file is refused and left alone") {
  const TempDir dir;
  const fs::path path = dir / "journal.db";
  CHECK(Failure(OpenJournal(path)).code == ErrorCode::kNotFound);
  CHECK(Failure(OpenJournalForReading(path)).code == ErrorCode::kNotFound);
  CHECK_FALSE(fs::exists(path));

  auto journal = CreateJournal(path).value();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(journal->Append(At(i), Told{std::string(2000, 'x')}).has_value());
  }
  journal.reset();
  std::string said;
  SUBCASE("empty") { WriteFile(path, ""), said = "not a journal of coppice"; }
  SUBCASE("no database") {
    WriteFile(path, std::string(8192, 'x'));
    said = "file is not a database";
  }
  SUBCASE("cut within the first page") { fs::resize_file(path, 1000); }
  SUBCASE("cut in half") {
    fs::resize_file(path, fs::file_size(path) / 8192 * 4096);
  }
  SUBCASE("of another program") {
    fs::remove(path);
    REQUIRE(Sql(path, "CREATE TABLE t(x)") == SQLITE_OK);
    said = "not a journal of coppice";
  }
  SUBCASE("newer") {
    REQUIRE(Sql(path,
                "UPDATE meta SET value = '2' WHERE key = 'format';"
                "UPDATE meta SET value = '9.1' WHERE key = 'coppice'") ==
            SQLITE_OK);
    said = "the journal has format 2, this program reads up to 1";
  }
  const std::string before = ReadFile(path);
  for (const bool for_reading : {true, false}) {
    auto opened = for_reading ? OpenJournalForReading(path) : OpenJournal(path);
    Result<void> used =
        opened ? (*opened)->Replay([](const Record&) { return Ok(); })
               : Result<void>(opened.error());
    const Error error = Failure(used);
    CHECK(error.code == ErrorCode::kIo);
    CHECK(error.where == path.string());
    CHECK(error.what.find(said) != std::string::npos);
    if (said.starts_with("the journal has")) {
      CHECK(error.cause == "coppice 9.1 wrote it");
    }
  }
  CHECK(ReadFile(path) == before);
}

TEST_CASE("a gap in the records is an error that names the missing one") {
  const TempDir dir;
  const fs::path path = dir / "journal.db";
  auto journal = CreateJournal(path).value();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(journal->Append(At(i), Told{"x"}).has_value());
  }
  REQUIRE(Sql(path,
              "DROP TRIGGER events_keep;"
              "DELETE FROM events WHERE seq = 3") == SQLITE_OK);
  const Error error =
      Failure(journal->Replay([](const Record&) { return Ok(); }));
  CHECK(error.what == "record 3 is missing");
}

TEST_CASE("readers see records of a live run and can write nothing") {
  const TempDir dir;
  auto writer = CreateJournal(dir / "journal.db").value();
  auto reader = OpenJournalForReading(dir / "journal.db").value();
  CHECK(ReplayAll(*reader).empty());
  for (int i = 0; i < 10; ++i) {
    REQUIRE(writer->Append(At(i), Told{"x"}).has_value());
    CHECK(ReplayAll(*reader).size() == static_cast<std::size_t>(i) + 1);
  }
  int fresh = 0;
  REQUIRE(reader
              ->ReplayFrom(9,
                           [&](const Record& record) -> Result<void> {
                             CHECK(record.seq == 9 + fresh++);
                             return Ok();
                           })
              .has_value());
  CHECK(fresh == 2);
  CHECK(Failure(reader->Append(At(0), Told{"x"})).code == ErrorCode::kIo);
  // In the middle of a replay the writer goes on.
  REQUIRE(reader
              ->Replay([&](const Record& record) -> Result<void> {
                if (record.seq > 10) return Ok();
                auto written = writer->Append(At(0), Told{"y"});
                return written ? Ok() : Result<void>(written.error());
              })
              .has_value());
}

// Becomes a user who owns nothing, if the tests are run by root.
class Unprivileged {
 public:
  Unprivileged() {
    if (geteuid() == 0) REQUIRE(seteuid(65534) == 0);
  }
  ~Unprivileged() {
    if (getuid() == 0) (void)!seteuid(0);
  }
};

TEST_CASE("a read-only directory can be read, during the run and after it") {
  const TempDir dir;
  const fs::path run = dir / "run";
  fs::create_directory(run);
  auto journal = CreateJournal(run / "journal.db").value();
  REQUIRE(journal->Append(At(0), Told{"x"}).has_value());
  fs::permissions(dir.path(), fs::perms(0755));
  auto make_readable = [&] {
    for (const auto& file : fs::directory_iterator(run)) {
      fs::permissions(file, fs::perms(0444));
    }
    fs::permissions(run, fs::perms(0555));
  };
  SUBCASE("while it is written") {
    make_readable();
    const Unprivileged user;
    CHECK(
        ReplayAll(*OpenJournalForReading(run / "journal.db").value()).size() ==
        1);
  }
  SUBCASE("when nobody has it open") {
    journal.reset();
    make_readable();
    const Unprivileged user;
    CHECK(
        ReplayAll(*OpenJournalForReading(run / "journal.db").value()).size() ==
        1);
  }
  fs::permissions(run, fs::perms(0755));
}

TEST_CASE(
    "a full disk is an error, and the journal goes on when there is room") {
  const TempDir dir;
  const fs::path path = dir / "journal.db";
  auto journal = CreateJournal(path).value();
  REQUIRE(journal->Append(At(0), Told{"x"}).has_value());
  // Files of this process may not grow past this size for a while.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{.rlim_cur = 64 << 10, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  Committed large;
  large.patch = std::string(1 << 20, 'p');
  const auto refused = journal->Append(At(1), large);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, old_handler);

  CHECK(Failure(refused).code == ErrorCode::kIo);
  CHECK(Failure(refused).where == path.string());
  CHECK(journal->Append(At(2), large).value() == 2);
  CHECK(ReplayAll(*journal).size() == 2);
}

TEST_CASE("on a full disk the reserve takes what is left to say (MC-47)") {
  const TempDir dir;
  const fs::path disk = dir / "disk";
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=80m") != 0) {
    MESSAGE("skipped: a small disk can only be mounted by root");
    return;
  }
  const fs::path path = disk / "journal.db";
  {
    auto journal = CreateJournal(path).value();
    REQUIRE(journal->Append(At(0), Told{"x"}).has_value());
    CHECK(fs::file_size(disk / "reserve") == DiskReserve::kBytes);
    std::ofstream filler(disk / "filler", std::ios::binary);
    const std::string megabyte(1 << 20, 'f');
    while (filler.write(megabyte.data(), 1 << 20).flush()) {
    }
    Committed large;
    large.patch = std::string(4 << 20, 'p');
    CHECK(journal->Append(At(1), large).value() == 2);
    CHECK(journal->Append(At(2), Stopped{"disk", 5}).value() == 3);
    CHECK_FALSE(fs::exists(disk / "reserve"));
  }
  fs::remove(disk / "filler");
  {
    auto again = OpenJournal(path).value();
    CHECK(ReplayAll(*again).size() == 3);
    CHECK(fs::exists(disk / "reserve"));
  }
  CHECK_FALSE(fs::exists(disk / "reserve"));
  umount(disk.c_str());
}

// ---- Inbox -----------------------------------------------------------------

Event ToTold(const std::string& body) { return Told{body}; }

TEST_CASE("messages become records, in order and once") {
  const TempDir dir;
  const fs::path path = dir / "journal.db";
  auto journal = CreateJournal(path).value();
  REQUIRE(journal->Append(At(0), Told{"own"}).has_value());
  CHECK(journal->TakeInbox(At(1), ToTold).value().empty());
  REQUIRE(SendToInbox(path, At(2), "first").has_value());
  REQUIRE(SendToInbox(path, At(3), "second").has_value());
  const Records taken = journal->TakeInbox(At(4), ToTold).value();
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].seq == 2);
  CHECK(taken[1].seq == 3);
  CHECK(std::get<Told>(taken[1].event).directive == "second");
  CHECK(journal->TakeInbox(At(5), ToTold).value().empty());
  const std::vector<std::string> all = ReplayAll(*journal);
  REQUIRE(all.size() == 3);
  CHECK(all[1] == Describe(taken[0]));
}

TEST_CASE(
    "a message waits for an owner, and a run that is not there has none") {
  const TempDir dir;
  const fs::path path = dir / "journal.db";
  CHECK(Failure(SendToInbox(path, At(0), "x")).code == ErrorCode::kNotFound);
  CHECK_FALSE(fs::exists(path));
  CreateJournal(path).value().reset();
  REQUIRE(SendToInbox(path, At(0), "waits").has_value());
  auto journal = OpenJournal(path).value();
  CHECK(journal->TakeInbox(At(1), ToTold).value().size() == 1);
}

// ---- Durability ------------------------------------------------------------

// A real process that appends as fast as it can.
class WriterProcess {
 public:
  explicit WriterProcess(const fs::path& run) {
    const std::string program = COPPICE_BINARY_DIR "/bin/journal_writer";
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    output_ = UniqueFd(ends[0]);
    const UniqueFd write_end(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
    std::string run_dir = run.string();
    std::string name = program;
    char* argv[] = {name.data(), run_dir.data(), nullptr};
    const int failed =
        posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(failed == 0);
  }
  WriterProcess(const WriterProcess&) = delete;
  ~WriterProcess() {
    if (pid_ > 0) Kill();
  }

  pid_t pid() const { return pid_; }

  // Reads until record `seq` is acknowledged.
  void WaitFor(std::int64_t seq) {
    while (acknowledged_ < seq) REQUIRE(ReadSome());
  }

  // The last record that the process held for durable.
  std::int64_t Kill() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
    while (ReadSome()) {
    }
    return acknowledged_;
  }

 private:
  bool ReadSome() {
    std::array<char, 4096> buffer;
    const ssize_t n = read(output_.get(), buffer.data(), buffer.size());
    if (n <= 0) return false;
    for (char c : std::string_view(buffer.data(), static_cast<size_t>(n))) {
      if (c == '\n') {
        acknowledged_ = std::stoll(line_);
        line_.clear();
      } else {
        line_ += c;
      }
    }
    return true;
  }

  pid_t pid_ = 0;
  UniqueFd output_;
  std::string line_;
  std::int64_t acknowledged_ = 0;
};

TEST_CASE(
    "a killed writer leaves every acknowledged record, whole, and a free "
    "lease") {
  const TempDir dir;
  const fs::path path = dir / "journal.db";
  std::int64_t known = 0;
  for (int life = 0; life < 12; ++life) {
    CAPTURE(life);
    WriterProcess writer(dir.path());
    writer.WaitFor(known + 1 + life * 7);
    if (life == 0) {
      const Error busy = Failure(AcquireLease(dir.path()));
      CHECK(busy.code == ErrorCode::kBusy);
      CHECK(busy.what.find(std::to_string(writer.pid())) != std::string::npos);
      CHECK(FindOwner(dir.path())->pid == writer.pid());
    }
    const std::int64_t acknowledged = writer.Kill();
    CHECK_FALSE(FindOwner(dir.path()));

    auto reader = OpenJournalForReading(path).value();
    std::int64_t records = 0;
    const Result<void> replayed =
        reader->Replay([&](const Record& record) -> Result<void> {
          CHECK(record.seq == ++records);
          const auto& committed = std::get<Committed>(record.event);
          const std::string number = std::to_string(committed.attempt.value());
          CHECK(committed.message == number);
          CHECK(committed.patch == number + std::string(20'000, 'x'));
          return Ok();
        });
    REQUIRE_MESSAGE(replayed.has_value(), replayed.error().Text());
    CHECK(records >= acknowledged);
    CHECK(records <= acknowledged + 1);  // synced, but killed before it said so
    known = records;
  }
  CHECK(AcquireLease(dir.path()).has_value());
}

}  // namespace
}  // namespace coppice::search
