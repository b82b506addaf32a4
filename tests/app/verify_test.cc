#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/cli.h"

// `coppice replay RUN --verify`: a sound run passes; each kind of damage to its
// journal or its commits is found, named, and left as it is.

namespace coppice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

// A run whose nodes met the best in fresh pairs, with a failure in it.
struct SoundRun {
  TinyRepo repo;
  fs::path journal, copy;

  SoundRun() {
    repo.Write("app.txt", "cost 100000\n");
    repo.Write("measure.sh",
               "c=$(sed -n 's/^cost //p' app.txt)\n"
               "test $((c % 5)) != 0 || test $c -gt 99900 || exit 3\n"
               "echo \"cost: $c\"\n");
    repo.Write("propose.sh",
               "n=$(sed -n 's/^cost //p' app.txt)\n"
               "less=$(($(od -An -N2 -tu2 /dev/urandom) % 60 + 1))\n"
               "echo \"cost $((n - less))\" >app.txt\n"
               "echo \"IDEA: $less less\"\n");
    repo.Write("coppice.yaml",
               TinySpec("evaluation: {command: sh measure.sh, repeats: 2}\n"
                        "budget: {max_nodes: 8, plateau_nodes: null}\n"
                        "search: {policy: greedy, num_drafts: 1, merge: 0, "
                        "debug_prob: 1}\n"));
    repo.Commit("spec");
    const Ran ran = repo.Coppice("run");
    INFO(ran.out);
    INFO(ran.err);
    REQUIRE(ran.exit == 0);
    journal = repo.RunDir() / "journal.db";
    copy = repo.path() / ".git" / "sound.db";
    fs::copy_file(journal, copy);
  }

  json Verify(const std::string& more = "") {
    const Ran ran = repo.Coppice("--output json replay tiny --verify" + more);
    INFO(ran.err);
    REQUIRE(!ran.out.empty());
    json verified = json::parse(ran.out);
    CHECK(ran.exit == (verified["findings"].empty() ? 0 : 1));
    return verified;
  }

  // The checks that fail once `sql` was done to the journal.
  // SECOND in it is the second attempt that became a commit, BETTER the first
  // that was improved.
  json After(std::string sql) {
    const std::string second =
        "(SELECT attempt FROM events WHERE kind = 'committed' ORDER BY seq "
        "LIMIT 1 OFFSET 2)";
    const std::string better =
        "(SELECT attempt FROM events WHERE kind = 'evaluated' AND "
        "json_extract(body, '$.outcome') = 'improved' ORDER BY seq LIMIT 1)";
    for (const auto& [word, meaning] :
         {std::pair{"SECOND", second}, std::pair{"BETTER", better}}) {
      if (const auto at = sql.find(word); at != std::string::npos) {
        sql.replace(at, 6, meaning);
      }
    }
    fs::remove(journal.string() + "-wal");
    fs::remove(journal.string() + "-shm");
    fs::copy_file(copy, journal, fs::copy_options::overwrite_existing);
    repo.Write("damage.sql",
               "DROP TRIGGER events_stay; DROP TRIGGER events_keep;\n"
               "DROP TRIGGER texts_stay; DROP TRIGGER texts_keep;\n" +
                   sql + ";\n");
    const Ran ran = testing::Shell(
        "sqlite3 -bail '" + journal.string() + "' <damage.sql", repo.path());
    REQUIRE_MESSAGE(ran.exit == 0, ran.err);
    fs::remove(repo.path() / "damage.sql");
    return Verify();
  }
};

bool Names(const json& verified, const std::string& check,
           const std::string& words) {
  for (const json& finding : verified["findings"]) {
    const std::string what = finding["what"];
    if (finding["check"] == check && what.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("a sound run passes every check, whole and at every prefix (AC-52)") {
  SoundRun run;
  const json whole = run.Verify();
  CAPTURE(whole.dump(2));
  CHECK(whole["findings"].empty());
  CHECK(whole["attempts"] == 8);
  CHECK(whole["commits"] == whole["nodes"].get<int>() - 1);
  CHECK(whole["calls"] >= 8);
  CHECK(whole["notes"].empty());
  const int records = whole["records"];
  for (int until = 8; until < records; until += 5) {
    const json part = run.Verify(fmt::format(" --until {}", until));
    CAPTURE(part.dump(2));
    CHECK(part["findings"].empty());
    CHECK(part["records"] == until);
  }
  const json planned =
      json::parse(run.repo.Coppice("--output json status").out);
  const Ran exported = run.repo.Coppice("export --dry-run");
  CHECK(exported.out.find(fmt::format(
            "node {}", planned["best_step"].get<int>())) != std::string::npos);
}

TEST_CASE("every kind of damage to a journal is found and named") {
  SoundRun run;
  struct Damage {
    std::string sql, check, words;
  };
  const std::vector<Damage> damages{
      {"DELETE FROM events WHERE seq = 20", "rows", "record 20 is missing"},
      {"DELETE FROM events WHERE seq >= (SELECT max(seq) FROM events WHERE "
       "kind = 'answered')",
       "texts", "are gone"},
      {"UPDATE events SET body = replace(body, ',', ', ') WHERE seq = 9",
       "rows", "keys sorted"},
      {"UPDATE events SET body = 'x' WHERE seq = 12", "rows", "no JSON object"},
      {"UPDATE events SET attempt = 777 WHERE kind = 'evaluated' AND attempt = "
       "SECOND",
       "rows", "name different ones"},
      {"UPDATE texts SET body = body || ' ' WHERE sha256 = (SELECT "
       "min(sha256) FROM texts)",
       "texts", "is not what it was"},
      {"DELETE FROM texts WHERE sha256 = (SELECT max(sha256) FROM texts)",
       "texts", "is missing"},
      {"UPDATE events SET kind = 'answered' WHERE seq = (SELECT min(seq) FROM "
       "events WHERE kind = 'asked')",
       "grammar", "no question"},
      {"UPDATE events SET body = json_set(body, '$.parents[0]', 99) WHERE "
       "kind = 'selected' AND attempt = 2",
       "grammar", "parent 99 is no node"},
      {"INSERT INTO events(at, kind, attempt, body) SELECT at, kind, attempt, "
       "body FROM events WHERE kind = 'evaluated' AND attempt = BETTER",
       "grammar", "was not resumed"},
      {"DELETE FROM events WHERE kind = 'evaluated' AND attempt = SECOND",
       "grammar", "is open though the run has ended"},
      {"UPDATE events SET body = json_set(body, '$.turn', 1) WHERE kind = "
       "'asked' AND attempt = 1",
       "calls", "turn 1 is out of order"},
      {"UPDATE events SET body = json_set(body, '$.reserve_usd', 11.5) WHERE "
       "kind = 'asked' AND attempt = 4",
       "budget", "of max_cost_usd"},
      {"UPDATE events SET body = json_set(body, '$.value', 12.5) WHERE kind = "
       "'evaluated' AND attempt = BETTER",
       "decisions", "value 12.5, the samples say"},
      {"UPDATE events SET body = json_set(body, '$.sigma', 0.25) WHERE kind = "
       "'evaluated' AND attempt = BETTER",
       "decisions", "sigma 0.25"},
      {"UPDATE events SET body = json_set(body, '$.metrics.cost', 42) WHERE "
       "kind = 'sampled' AND json_extract(body, '$.phase') = 'confirm' AND "
       "attempt = BETTER AND json_extract(body, '$.sample') = 1",
       "decisions", "the samples say"},
      {"UPDATE events SET body = json_set(body, '$.outcome', 'valid') WHERE "
       "kind = 'evaluated' AND attempt = BETTER",
       "decisions", "valid after it met the best"},
      {"UPDATE events SET body = json_set(body, '$.gain', 0.9) WHERE kind = "
       "'final'",
       "decisions", "the final claims 0.9"},
      {"UPDATE events SET body = json_set(body, '$.tree', '" +
           std::string(40, 'a') +
           "') WHERE kind = 'committed' AND attempt = SECOND",
       "commits", "tree is"},
      {"UPDATE events SET body = json_set(body, '$.message', 'other') WHERE "
       "kind = 'committed' AND attempt = SECOND",
       "commits", "message is"},
      {"UPDATE events SET body = json_set(body, '$.time', 7) WHERE kind = "
       "'committed' AND attempt = SECOND",
       "commits", "author is"},
      {"UPDATE events SET body = json_set(body, '$.added', 12) WHERE kind = "
       "'committed' AND attempt = SECOND",
       "commits", "line counts"}};
  for (const Damage& damage : damages) {
    CAPTURE(damage.sql);
    const json verified = run.After(damage.sql);
    CAPTURE(verified.dump(2));
    CHECK(Names(verified, damage.check, damage.words));
  }
  CHECK(run.After("SELECT 1")["findings"].empty());
}

TEST_CASE("commits that git lost or a ref that was moved are found") {
  SoundRun run;
  const fs::path store = run.repo.path() / ".git/coppice/store.git";
  const std::string id = run.repo.RunDir().filename();
  run.repo.Git(fmt::format("--git-dir={} update-ref refs/best/{} {}",
                           store.string(), id,
                           run.repo.Git("rev-parse HEAD").out));
  CHECK(Names(run.Verify(), "best", "refs/best/"));

  fs::remove_all(store / "objects" / "pack");
  fs::create_directories(store / "objects" / "pack");
  CHECK(Names(run.Verify(), "commits", "coppice resume"));
  const Ran resumed = run.repo.Coppice("resume");
  CAPTURE(resumed.err);
  CHECK(resumed.exit == 0);
  const json again = run.Verify();
  CAPTURE(again.dump(2));
  CHECK(again["findings"].empty());
}

}  // namespace coppice
