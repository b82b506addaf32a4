#include "llm/edits.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/digest.h"
#include "base/rng.h"
#include "base/simulation.h"
#include "base/text.h"
#include "support/memory_call_log.h"

namespace coppice::llm {
namespace {

using Files = std::vector<std::shared_ptr<const SourceFile>>;

std::shared_ptr<const SourceFile> File(std::string path, std::string text,
                                       bool mutable_file = true) {
  auto file = std::make_shared<SourceFile>();
  file->path = std::move(path);
  file->digest = Sha256Hex(text);
  file->text = std::move(text);
  file->mutable_file = mutable_file;
  return file;
}

// One arm, asked in virtual time.
class Asking {
 public:
  explicit Asking(const spec::EditsArm& arm)
      : proposer_(MakeEditsProposer(arm, world_.compute())) {}

  Proposer& proposer() { return *proposer_; }

  Proposed operator()(Request request) {
    Proposed proposed;
    auto ask = [&]() -> Task<void> {
      proposed = co_await proposer_->Propose(request, log_);
    };
    world_.Run(ask());
    return proposed;
  }
  Proposed operator()(const Files& files, int attempt,
                      Operator op = Operator::kImprove) {
    Request request;
    request.attempt = AttemptId(attempt);
    request.seed = 42;
    request.op = op;
    request.files = files;
    return (*this)(std::move(request));
  }

 private:
  Simulation world_;
  testing::MemoryCallLog log_;
  std::unique_ptr<Proposer> proposer_;
};

spec::EditsArm ArmOf(std::vector<spec::EditKind> kinds,
                   spec::EditUnit unit = spec::EditUnit::kLine) {
  spec::EditsArm arm;
  arm.kinds = std::move(kinds);
  arm.unit = unit;
  return arm;
}

constexpr std::string_view kProgram =
    "int f(int a) {\n"
    "  int total = 0;\n"
    "  for (int i = 0; i < a; ++i) {\n"
    "    if (i % 2 == 0) total += 3;  // even\n"
    "    else total -= 1;\n"
    "  }\n"
    "\n"
    "  return total * 1.5;\n"
    "}\n";

Files Program() {
  return {File("src/f.cc", std::string(kProgram)),
          File("src/g.cc", "int g() {\n  h();\n  return f(7);\n}\n"),
          File("test.cc", "int main() { return 5; }\n", false)};
}

TEST_CASE("every draw changes mutable files, and nothing else") {
  for (spec::EditUnit unit :
       {spec::EditUnit::kLine, spec::EditUnit::kStatement}) {
    spec::EditsArm arm;
    arm.unit = unit;
    Asking ask(arm);
    const Files files = Program();
    for (int attempt = 1; attempt <= 500; ++attempt) {
      const Proposed proposed = ask(files, attempt);
      REQUIRE(proposed.proposal);
      REQUIRE_FALSE(proposed.proposal->changes.empty());
      for (const FileChange& change : proposed.proposal->changes) {
        const auto file =
            std::ranges::find(files, change.path, &SourceFile::path);
        REQUIRE(file != files.end());
        CHECK((*file)->mutable_file);
        REQUIRE(change.content);
        CHECK(*change.content != (*file)->text);
      }
      CHECK_FALSE(proposed.proposal->plan.idea.empty());
      CHECK(proposed.proposal->plan.idea.size() <= 130);
    }
  }
}

TEST_CASE("a draw depends on seed, attempt and draw alone") {
  Asking ask(spec::EditsArm{}), other(spec::EditsArm{});
  Request request;
  request.attempt = AttemptId(3);
  request.seed = 1;
  request.files = Program();
  const std::vector<FileChange> first = ask(request).proposal->changes;
  other(Program(), 77);  // a different history
  std::ranges::reverse(request.files);
  CHECK(other(request).proposal->changes == first);
  CHECK(ask(request).proposal->changes == first);
  std::set<std::string> texts;
  for (request.draw = 0; request.draw < 20; ++request.draw)
    texts.insert(*ask(request).proposal->changes.front().content);
  CHECK(texts.size() > 15);
}

TEST_CASE("kinds are drawn about equally often, and 1, 2, 3 edits") {
  Asking ask(spec::EditsArm{});
  const Files files = Program();
  std::map<std::string, int> kinds;
  std::map<std::size_t, int> counts;
  constexpr int kAttempts = 4000;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    const Proposed proposed = ask(files, attempt);
    const auto said = SplitLines(proposed.proposal->said);
    ++counts[said.size()];
    if (said.size() > 1) continue;  // edits that do not fit favour small ones
    ++kinds[std::string(said[0].substr(0, said[0].find(' ')))];
  }
  CHECK(kinds.size() == 5);
  for (const auto& [kind, count] : kinds) {
    CAPTURE(kind);
    CHECK(count > kAttempts / 2 / 5 * 0.75);
    CHECK(count < kAttempts / 2 / 5 * 1.25);
  }
  CHECK(counts[1] == doctest::Approx(kAttempts / 2).epsilon(0.1));
  CHECK(counts[2] == doctest::Approx(kAttempts / 4).epsilon(0.15));
  CHECK(counts[3] == doctest::Approx(kAttempts / 4).epsilon(0.15));
}

TEST_CASE("no more edits than max_edits") {
  spec::EditsArm arm;
  arm.max_edits = 1;
  Asking ask(arm);
  for (int attempt = 1; attempt <= 200; ++attempt)
    CHECK(SplitLines(ask(Program(), attempt).proposal->said).size() == 1);
}

int Depth(std::string_view text) {
  return static_cast<int>(std::ranges::count(text, '{') -
                          std::ranges::count(text, '}'));
}

TEST_CASE("statement edits keep brackets balanced") {
  Asking ask(ArmOf({spec::EditKind::kDelete, spec::EditKind::kCopy,
                 spec::EditKind::kSwap, spec::EditKind::kReplace},
                spec::EditUnit::kStatement));
  for (int attempt = 1; attempt <= 1000; ++attempt) {
    const Proposed proposed = ask(Program(), attempt);
    for (const FileChange& change : proposed.proposal->changes) {
      CHECK(Depth(*change.content) == 0);
      CHECK(std::ranges::count(*change.content, '(') ==
            std::ranges::count(*change.content, ')'));
    }
  }
}

// All results of single edits of one kind, by what is said.
std::map<std::string, std::string> Results(spec::EditsArm arm, std::string path,
                                           std::string text) {
  arm.max_edits = 1;
  Asking ask(arm);
  const Files files{File(std::move(path), std::move(text))};
  std::map<std::string, std::string> results;
  for (int attempt = 1; attempt <= 400; ++attempt) {
    const Proposed proposed = ask(files, attempt);
    if (proposed.proposal)
      results[proposed.proposal->plan.idea] =
          *proposed.proposal->changes.front().content;
  }
  return results;
}

TEST_CASE("a deleted line goes with its newline and its comment") {
  CHECK(Results(ArmOf({spec::EditKind::kDelete}), "a.c",
                "a();  // x\r\nb();\r\nc();") ==
        std::map<std::string, std::string>{
            {"delete line 1 of a.c: `a();`", "b();\r\nc();"},
            {"delete line 2 of a.c: `b();`", "a();  // x\r\nc();"},
            {"delete line 3 of a.c: `c();`", "a();  // x\r\nb();\r\n"}});
}

TEST_CASE("a block of Python is never left empty") {
  const auto results =
      Results(ArmOf({spec::EditKind::kDelete}, spec::EditUnit::kStatement),
              "a.py", "def f():\n    x()\n\ny()\n");
  CHECK(results.at("delete statement at line 2 of a.py: `x()`") ==
        "def f():\n    pass\n\ny()\n");
  CHECK(results.at("delete statement at line 4 of a.py: `y()`") ==
        "def f():\n    x()\n\n");
}

TEST_CASE("copies take the indentation and newlines of their place") {
  const auto results =
      Results(ArmOf({spec::EditKind::kCopy}), "a.py", "if a:\r\n    b()\r\nc()");
  CHECK(results.at("copy line 3 of a.py before 2: `c()`") ==
        "if a:\r\n    c()\r\n    b()\r\nc()");
  CHECK(results.at("copy line 2 of a.py behind 3: `b()`") ==
        "if a:\r\n    b()\r\nc()\r\nb()");
}

TEST_CASE("whole blocks move with their inner indentation") {
  const auto results =
      Results(ArmOf({spec::EditKind::kReplace}, spec::EditUnit::kStatement),
              "a.py", "if a:\n    if b:\n        c()\nd()\n");
  CHECK(results.at("replace statement at line 4 of a.py by 2: `if b: ...`") ==
        "if a:\n    if b:\n        c()\nif b:\n    c()\n");
}

TEST_CASE("swapped statements stand in each other's place") {
  const auto results =
      Results(ArmOf({spec::EditKind::kSwap}, spec::EditUnit::kStatement), "a.c",
              "void f() {\n  a(); b();\n  c();  // c\n}\n");
  CHECK(results.at("swap statement at line 2 of a.c with 3: `b();`") ==
        "void f() {\n  a(); c();\n  b();  // c\n}\n");
}

TEST_CASE("a number is halved, doubled, nudged or negated in its place") {
  const auto results = Results(ArmOf({spec::EditKind::kNumber}), "a.c",
                               "int f(int a) { return a-8; }\n");
  std::set<std::string> texts;
  for (const auto& [idea, text] : results) texts.insert(text);
  std::set<std::string> expected;
  for (std::string_view number : {"4", "7", "9", "16", " -8"})
    expected.insert(fmt::format("int f(int a) {{ return a-{}; }}\n", number));
  CHECK(texts == expected);  // 0.9 and 1.1 of 8 are 7 and 9 as well
}

TEST_CASE("code does not move between languages") {
  Asking ask(ArmOf({spec::EditKind::kCopy, spec::EditKind::kReplace}));
  const Files files{File("a.c", "c_code();\nmore_c();\n"),
                    File("b.py", "py_code()\nmore_py()\n")};
  for (int attempt = 1; attempt <= 200; ++attempt) {
    const Proposed proposed = ask(files, attempt);
    for (const FileChange& change : proposed.proposal->changes) {
      const bool is_c = change.path == "a.c";
      CHECK((change.content->find("py") == std::string::npos) == is_c);
    }
  }
}

spec::EditsArm WithKnobs(std::vector<spec::EditKind> kinds) {
  spec::EditsArm arm = ArmOf(std::move(kinds));
  spec::Knob block;
  block.name = "block";
  block.file = "k.cc";
  block.pattern = R"(kBlock = (\d+))";
  block.values = {"16", "32", "64"};
  spec::Knob rate = block;
  rate.name = "rate";
  rate.pattern = R"(kRate = ([0-9.]+))";
  rate.values = {"0.1", "0.2"};
  arm.knobs = {block, rate};
  return arm;
}

TEST_CASE("knobs take declared values, one or several at a time") {
  Asking ask(WithKnobs({}));
  const Files files{File("k.cc", "int kBlock = 16;\ndouble kRate = 0.1;\n")};
  std::set<std::string> texts;
  for (int attempt = 1; attempt <= 300; ++attempt) {
    const Proposed proposed = ask(files, attempt);
    REQUIRE(proposed.proposal);
    CHECK(proposed.proposal->plan.category == "parameters");
    CHECK(proposed.proposal->plan.idea.starts_with("set "));
    texts.insert(*proposed.proposal->changes.front().content);
  }
  std::set<std::string> all;
  for (std::string_view block : {"16", "32", "64"})
    for (std::string_view rate : {"0.1", "0.2"})
      all.insert(
          fmt::format("int kBlock = {};\ndouble kRate = {};\n", block, rate));
  all.erase(files[0]->text);
  CHECK(texts == all);
}

TEST_CASE("a knob that does not stand there once is left alone") {
  Asking ask(WithKnobs({}));
  const Files files{
      File("k.cc", "int kBlock = 16, lkBlock = 16;\ndouble kRate = 0.1;\n")};
  for (int attempt = 1; attempt <= 50; ++attempt)
    CHECK(ask(files, attempt).proposal->plan.idea == "set rate = 0.2");
  CHECK_FALSE(ask({File("other.cc", files[0]->text)}, 1).proposal);
}

TEST_CASE("a tune changes numbers and knobs only") {
  spec::EditsArm arm = WithKnobs(spec::EditsArm{}.kinds);
  Asking ask(arm);
  const Files files{File("k.cc", "int kBlock = 16;\nint other = 5;\n")};
  std::set<std::string> firsts;
  for (int attempt = 1; attempt <= 200; ++attempt) {
    const Proposed proposed = ask(files, attempt, Operator::kTune);
    CHECK(proposed.proposal->plan.category == "parameters");
    for (std::string_view said : SplitLines(proposed.proposal->said))
      firsts.insert(std::string(said.substr(0, said.find(' '))));
  }
  CHECK(firsts == std::set<std::string>{"change", "set"});
}

TEST_CASE("an arm offers the operators it can do") {
  Asking all(spec::EditsArm{}), deletes(ArmOf({spec::EditKind::kDelete})),
      knobs(WithKnobs({}));
  for (Operator op : {Operator::kDraft, Operator::kImprove, Operator::kDebug}) {
    CHECK(all.proposer().Can(op));
    CHECK(deletes.proposer().Can(op));
    CHECK(knobs.proposer().Can(op));
  }
  CHECK(all.proposer().Can(Operator::kTune));
  CHECK(knobs.proposer().Can(Operator::kTune));
  CHECK_FALSE(deletes.proposer().Can(Operator::kTune));
  CHECK_FALSE(all.proposer().Can(Operator::kMerge));
  CHECK(all.proposer().redraws());
}

TEST_CASE("files without anything to edit end in a refusal") {
  Asking ask(spec::EditsArm{});
  const Proposed proposed = ask({File("a.c", "// nothing\n")}, 1);
  CHECK_FALSE(proposed.proposal);
  CHECK(proposed.refusal.outcome == Outcome::kEditFailed);
  CHECK(proposed.refusal.reason == "no edit possible in 1 mutable file");
  CHECK_FALSE(ask({}, 1).proposal);
}

TEST_CASE("10,000 draws on odd files neither fail nor repeat the parent") {
  std::string binary;
  Rng rng(5);
  for (int i = 0; i < 500; ++i) binary += static_cast<char>(rng.Below(256));
  const std::string odd[] = {
      "",
      "\n",
      "x",
      "x = 1",
      "a\r\nb\r\n",
      "\r\r\n",
      "{{{((",
      "}}))",
      "\"\"\"",
      "/*",
      "def f():\n\tif x:\n\t\tpass",
      "#define A \\\n 1\n",
      std::string("a\0b = 1;\n", 9),
      binary,
      std::string(5000, '('),
      "f(){" + std::string(300, '{') + "a();" + std::string(300, '}') + "}"};
  const std::string_view paths[] = {"a.cc", "b.py", "c.txt"};
  for (spec::EditUnit unit :
       {spec::EditUnit::kLine, spec::EditUnit::kStatement}) {
    spec::EditsArm arm;
    arm.unit = unit;
    Asking ask(arm);
    int attempt = 0;
    for (int round = 0; round < 105; ++round) {
      for (const std::string& text : odd) {
        for (std::string_view path : paths) {
          const Files files{File(std::string(path), text)};
          const Proposed proposed = ask(files, ++attempt);
          if (!proposed.proposal) continue;
          CHECK(proposed.proposal->changes.at(0).content != text);
        }
      }
    }
    CHECK(attempt > 5000);
  }
}

}  // namespace
}  // namespace coppice::llm
