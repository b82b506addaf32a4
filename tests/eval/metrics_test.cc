#include "eval/metrics.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "base/text.h"

namespace coppice::eval {
namespace {

using spec::OutputFormat;

// A minimal contract: one metric called `score`, whatever else is added.
struct Bench {
  spec::Spec spec;
  std::map<std::string, std::string> units;
  std::optional<ResultFile> file;

  Bench() { spec.metric.name = "score"; }

  Extraction Read(std::string_view out, std::string_view err = {}) const {
    MetricScanner scanner(ContractOf(spec));
    scanner.Feed(OutputStream::kStdout, out);
    scanner.Feed(OutputStream::kStderr, err);
    std::vector<ResultFile> files;
    if (file) files.push_back(*file);
    return scanner.Finish(files, units);
  }
  Extraction ReadFile(std::string_view bytes, std::string_view out = {}) {
    file = ResultFile{.bytes = std::string(bytes)};
    return Read(out);
  }
};

// "1.5", or the reason why there is no number.
std::string Told(const Extraction& e, const std::string& name = "score") {
  if (e.problem) return std::string(Name(e.problem->reason));
  return FormatNumber(e.numbers.at(name));
}

TEST_CASE("FM-20 a line with a number is the metric, whatever its form") {
  const Bench bench;
  CHECK(Told(bench.Read("score: 1\n")) == "1");
  CHECK(Told(bench.Read("score: 1e-3\n")) == "0.001");
  CHECK(Told(bench.Read("score = +.5\n")) == "0.5");
  CHECK(Told(bench.Read("score: 5.\n")) == "5");
  CHECK(Told(bench.Read("  METRIC score=42  \n")) == "42");
  CHECK(Told(bench.Read("METRIC score: 1.5 ms\n")) == "1.5");
  CHECK(Told(bench.Read("noise\nscore: 7")) == "7");  // no final newline
  CHECK(Told(bench.Read("score: 7\r\n")) == "7");
  const Extraction zero = bench.Read("score: -0.0\n");
  CHECK(Told(zero) == "0");
  CHECK_FALSE(std::signbit(zero.numbers.at("score")));
}

TEST_CASE(
    "FM-20 MC-22 what is no number is told apart from what is not there") {
  const Bench bench;
  for (const char* token :
       {"nan", "NaN", "inf", "-Infinity", "null", "0x10", "1_000", "1,5", "1e",
        "abc", "true", "\"1.5\"", ""}) {
    CAPTURE(token);
    CHECK(Told(bench.Read(std::string("score: ") + token + "\n")) ==
          "not a number");
  }
  CHECK(Told(bench.Read("score: 1e999\n")) == "out of range");
  CHECK(Told(bench.Read("score: 1e-999\n")) == "out of range");
  CHECK(Told(bench.Read("nothing here\n")) == "missing");
  CHECK(Told(bench.Read("")) == "missing");
}

TEST_CASE("MC-24 one name twice must say the same") {
  const Bench bench;
  CHECK(Told(bench.Read("score: 2\nscore: 2.0\n")) == "2");
  CHECK(Told(bench.Read("score: 1 s\nscore: 1000 ms\n")) == "1");
  const Extraction twice = bench.Read("score: 1\nscore: 2\n");
  REQUIRE(Told(twice) == "ambiguous");
  CHECK(twice.problem->text == "`score` is given as 1 and as 2");
  CHECK(Told(bench.Read("score: 1\nscore: nan\n")) == "ambiguous");
}

TEST_CASE("FM-16 a carriage return hides no value") {
  const Bench bench;
  CHECK(Told(bench.Read("score: 5\rscore: 1\n")) == "ambiguous");
  CHECK(Told(bench.Read("\r 50%\r100%\rscore: 3\n")) == "3");
}

TEST_CASE("colours around a metric are ignored") {
  const Bench bench;
  CHECK(Told(bench.Read("\x1b[32mscore: 3.5\x1b[0m\n")) == "3.5");
}

TEST_CASE("prose that begins like the metric does not count") {
  const Bench bench;
  CHECK(Told(bench.Read("score: still computing, wait\nscore: 4\n")) == "4");
  CHECK(Told(bench.Read("score: 4 of 10 tests\n")) == "not a number");
  CHECK(Told(bench.Read("my score: 4\n")) == "missing");
  CHECK(Told(bench.Read("score: 4, loss: 5\n")) == "not a number");
}

TEST_CASE("stdout comes before stderr, which is read when stdout is silent") {
  const Bench bench;
  CHECK(Told(bench.Read("", "score: 9\n")) == "9");
  CHECK(Told(bench.Read("score: 1\n", "score: 9\n")) == "1");
}

TEST_CASE("the result file counts whatever is printed") {
  Bench bench;
  CHECK(Told(bench.ReadFile(R"({"score": 3})", "score: 0.001\n")) == "3");
  CHECK(Told(bench.ReadFile(R"({"score": 3})",
                            "{\"score\": 0.001}\nscore: 1\nscore: 2\n")) ==
        "3");
  CHECK(Told(bench.ReadFile(R"({"other": 3})", "score: 1\n")) == "missing");
  CHECK(Told(bench.ReadFile("")) == "invalid");
  CHECK(Told(bench.ReadFile("score: 1\n")) == "invalid");
  CHECK(Told(bench.ReadFile("[1, 2]")) == "invalid");
  bench.file->problem = MetricProblem{.reason = MetricReason::kStale};
  CHECK(Told(bench.Read("score: 1\n")) == "stale");
}

TEST_CASE("the last complete JSON object on stdout counts") {
  const Bench bench;
  CHECK(Told(bench.Read("{\"score\": 1}\n")) == "1");
  CHECK(Told(bench.Read("{\"score\": 1}\nlog\n{\n  \"score\": 2\n}\n")) == "2");
  CHECK(Told(bench.Read("{\"score\": 1}\n{\"score\": 2")) == "1");
  CHECK(Told(bench.Read("set {x: 1}\n[INFO] {\"score\": 4} done {\n")) == "4");
  CHECK(Told(bench.Read("{\"s\": \"}{\\\"\", \"score\": 5}")) == "5");
  CHECK(Told(bench.Read("{ \" \n{\"score\": 6}")) == "6");
  CHECK(Told(bench.Read("{\"event\": \"end\"}\nscore: 7\n")) == "7");
  CHECK(Told(bench.Read("[{\"score\": 1}]\nscore: 8\n")) == "8");
  CHECK(Told(bench.Read("{\"score\": 1}\n{}\n")) == "1");
}

TEST_CASE("JSON gives dotted names, booleans as numbers and no strings") {
  Bench bench;
  bench.spec.metric.name = "time.total";
  bench.spec.metric.diagnostics = {"runs.1.ms"};
  const Extraction e = bench.Read(
      R"({"time": {"total": 2, "parts": {"a": 1}}, "ok": true, "word": "7",
          "big": 123456789012, "runs": [{"ms": 1}, {"ms": 5}]})");
  REQUIRE_FALSE(e.problem);
  CHECK(e.numbers == std::map<std::string, double>{{"time.total", 2},
                                                   {"time.parts.a", 1},
                                                   {"ok", 1},
                                                   {"big", 123456789012},
                                                   {"runs.1.ms", 5}});
}

TEST_CASE("an exact key comes before a dotted path") {
  Bench bench;
  bench.spec.metric.name = "a.b";
  CHECK(Told(bench.Read(R"({"a": {"b": 1}, "a.b": 2})"), "a.b") == "2");
}

TEST_CASE("score and metrics are read as one result") {
  Bench bench;
  bench.spec.metric.gates = {{.name = "recall", .bound = 0.9}};
  const Extraction e =
      bench.ReadFile(R"({"score": 3, "metrics": {"recall": 0.97}})");
  CHECK(Told(e) == "3");
  CHECK(e.numbers.at("recall") == 0.97);
  CHECK_FALSE(e.rejected);
  const Extraction no = bench.ReadFile(
      R"({"score": 3, "metrics": {"recall": 1}, "valid": false})");
  CHECK(no.rejected == "the result says valid: false");
}

TEST_CASE("JSON numbers that are none are named") {
  const Bench bench;
  CHECK(Told(bench.Read(R"({"score": NaN})")) == "not a number");
  CHECK(Told(bench.Read(R"({"score": -Infinity})")) == "not a number");
  CHECK(Told(bench.Read(R"({"score": null})")) == "not a number");
  CHECK(Told(bench.Read(R"({"score": "1.5"})")) == "not a number");
  CHECK(Told(bench.Read(R"({"score": 1e999})")) == "out of range");
  CHECK(Told(bench.Read(R"({"score": 1e-999})")) == "out of range");
  CHECK(Told(bench.Read(R"({"score": -0.0})")) == "0");
  CHECK(Told(bench.Read(R"({"score": 1, "x": NaN, "y": [1e999]})")) == "1");
}

TEST_CASE("one JSON key twice must say the same") {
  const Bench bench;
  CHECK(Told(bench.Read(R"({"score": 1, "score": 1.0})")) == "1");
  CHECK(Told(bench.Read(R"({"score": 1, "score": 2})")) == "ambiguous");
}

TEST_CASE("a missing metric comes with the nearest name that was seen") {
  const Bench bench;
  const Extraction e = bench.Read("speed: 3\nscores: 1\n");
  REQUIRE(Told(e) == "missing");
  CHECK(e.problem->text ==
        "no metric `score` in the output; the nearest name seen is `scores`");
  CHECK(bench.Read("speed: 3\n").problem->text ==
        "no metric `score` in the output; seen: `speed`");
}

TEST_CASE("gates, guards and weights must be there, diagnostics need not") {
  Bench bench;
  bench.spec.metric.gates = {{.name = "recall"}};
  bench.spec.metric.diagnostics = {"rss"};
  const Extraction e = bench.Read("score: 1\n");
  REQUIRE(e.problem);
  CHECK(e.problem->text.find("`recall`") != std::string::npos);
  CHECK(Told(bench.Read("score: 1\nrecall: 1\nrss: nan\n")) == "1");
  CHECK_FALSE(
      bench.Read("score: 1\nrecall: 1\nrss: nan\n").numbers.contains("rss"));
  CHECK(Told(bench.Read("score: 1\nrecall: nan\n")) == "not a number");
  CHECK(Told(bench.Read("score: 1\nrecall: 1\nrecall: 2\n")) == "ambiguous");
}

TEST_CASE("a diagnostic may change its value, the last one is kept") {
  const Bench bench;
  const Extraction e = bench.Read("loss: 3\nloss: 2\nscore: 1\n");
  CHECK(Told(e) == "1");
  CHECK(e.numbers.at("loss") == 2);
}

TEST_CASE("a value outside the range is implausible") {
  Bench bench;
  bench.spec.metric.range = {{0, 1}};
  CHECK(Told(bench.Read("score: 1\n")) == "1");
  CHECK(Told(bench.Read("score: 1.01\n")) == "implausible");
}

TEST_CASE("units are converted to the baseline's, or refused") {
  Bench bench;
  CHECK(bench.Read("score: 5 ms\n").units.at("score") == "ms");
  bench.units = {{"score", "ms"}};
  CHECK(Told(bench.Read("score: 5 ms\n")) == "5");
  CHECK(Told(bench.Read("score: 0.005 s\n")) == "5");
  CHECK(Told(bench.Read("score: 5000 \u00b5s\n")) == "5");
  CHECK(Told(bench.Read("score: 5 MB\n")) == "unit");
  CHECK(Told(bench.Read("score: 5\n")) == "unit");
  bench.units = {{"score", "KB"}};
  CHECK(Told(bench.Read("score: 1 KiB\n")) == "1.024");
  CHECK(Told(bench.Read("score: 2 GiB\n")) == "2147483.648");
}

TEST_CASE("a pattern has the metric in its group") {
  Bench bench;
  bench.spec.evaluation.output = OutputFormat::kRegex;
  bench.spec.evaluation.output_regex = "took ([0-9.]+|nan) sec";
  bench.spec.metric.gates = {{.name = "recall"}};
  CHECK(Told(bench.Read("it took 1.25 seconds\nrecall: 1\n")) == "1.25");
  CHECK(Told(bench.Read("recall: 1\n", "it took 3 sec\n")) == "3");
  CHECK(Told(bench.Read("took nan sec\nrecall: 1\n")) == "not a number");
  CHECK(Told(bench.Read("took 1 sec\ntook 2 sec\nrecall: 1\n")) == "ambiguous");
  CHECK(Told(bench.Read("score: 1\nrecall: 1\n")) == "missing");
}

TEST_CASE("the output key narrows where the metric is looked for") {
  Bench bench;
  bench.spec.evaluation.output = OutputFormat::kFile;
  const Extraction none = bench.Read("score: 1\n");
  CHECK(Told(none) == "missing");
  CHECK(none.problem->text == "nothing was written to $COPPICE_RESULT");
  bench.spec.evaluation.output = OutputFormat::kJson;
  CHECK(Told(bench.Read("score: 1\n")) == "missing");
  CHECK(Told(bench.Read("{\"score\": 2}\nscore: 1\n")) == "2");
  bench.spec.evaluation.output = OutputFormat::kLines;
  CHECK(Told(bench.Read("{\"score\": 2}\nscore: 1\n")) == "1");
}

TEST_CASE("output cut anywhere gives the same result") {
  Bench bench;
  const std::string out =
      "start [1] {\"a\": {\"b\": [1, \"x\\\"}\"]}, \"score\": 2.5}\nend: 3\n";
  for (std::size_t cut = 0; cut <= out.size(); ++cut) {
    MetricScanner scanner(ContractOf(bench.spec));
    scanner.Feed(OutputStream::kStdout, std::string_view(out).substr(0, cut));
    scanner.Feed(OutputStream::kStdout, std::string_view(out).substr(cut));
    const Extraction e = scanner.Finish({}, {});
    REQUIRE(Told(e) == "2.5");
    REQUIRE(e.numbers.at("end") == 3);
  }
}

TEST_CASE("a flood without structure is scanned in bounded memory") {
  const Bench bench;
  MetricScanner scanner(ContractOf(bench.spec));
  const std::string zeros(1 << 20, '\0');
  const std::string braces(1 << 20, '{');
  const std::string open = "{\"a\": \"" + std::string((1 << 20) - 7, 'x');
  for (int i = 0; i < 20; ++i) scanner.Feed(OutputStream::kStdout, zeros);
  for (int i = 0; i < 20; ++i) scanner.Feed(OutputStream::kStdout, braces);
  scanner.Feed(OutputStream::kStdout, "\n" + open);
  for (int i = 0; i < 20; ++i) {
    scanner.Feed(OutputStream::kStdout, std::string(1 << 20, 'x'));
  }
  scanner.Feed(OutputStream::kStdout, "\", \"score\": 1}\nscore: 2\n");
  CHECK(Told(scanner.Finish({}, {})) == "2");
}

TEST_CASE("invented names do not grow without bound") {
  const Bench bench;
  std::string out;
  for (int i = 0; i < 5000; ++i) out += fmt::format("n{}: {}\n", i, i);
  const Extraction e = bench.Read(out + "score: 1\n");
  CHECK(Told(e) == "1");
  CHECK(e.numbers.size() <= 1001);
}

}  // namespace
}  // namespace coppice::eval
