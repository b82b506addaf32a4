#include <doctest/doctest.h>

#include <string>

#include "eval/capture.h"
#include "eval/containment_world.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::int64_t kGrowthKb = 32 * 1024;  // they keep what is freed
#else
constexpr std::int64_t kGrowthKb = 2 * 1024;
#endif

// Bytes that tell where they stood.
std::string Numbered(std::size_t size) {
  std::string text;
  for (std::size_t n = 0; text.size() < size; ++n) {
    text += std::to_string(n) + "\n";
  }
  text.resize(size);
  return text;
}

}  // namespace

TEST_CASE("both ends of a stream are kept, whatever the sizes of its parts") {
  const std::string all = Numbered(3 * kMiB);
  for (std::size_t step : {std::size_t{1000}, 70 * kKiB, 3 * kMiB}) {
    CAPTURE(step);
    EndsKeeper keeper;
    for (std::size_t at = 0; at < all.size(); at += step) {
      keeper.Append(std::string_view(all).substr(at, step));
    }
    const Captured kept = keeper.Take();
    CHECK(kept.bytes == all.size());
    CHECK(kept.head == all.substr(0, 64 * kKiB));
    CHECK(kept.tail == all.substr(all.size() - 256 * kKiB));
    CHECK(kept.truncated());
  }
}

TEST_CASE("a short stream is kept whole") {
  for (std::size_t size :
       {std::size_t{0}, std::size_t{5}, 64 * kKiB, 64 * kKiB + 1, 320 * kKiB}) {
    CAPTURE(size);
    const std::string all = Numbered(size);
    EndsKeeper keeper;
    keeper.Append(all);
    const Captured kept = keeper.Take();
    CHECK(kept.head + kept.tail == all);
    CHECK_FALSE(kept.truncated());
  }
}

TEST_CASE("captured text is clean and says what is missing") {
  Captured captured{.head = std::string("a\0\x1b[31mb\n", 9), .bytes = 9};
  CHECK(captured.Text().find('\x1b') == std::string::npos);
  CHECK(captured.Text().find('\0') == std::string::npos);
  captured.bytes = 1009;
  CHECK(captured.Text().find("[... 1000 bytes left out ...]") !=
        std::string::npos);
}

TEST_CASE("a log keeps both ends within its limit") {
  testing::TempDir directory;
  const fs::path path = directory / "log";
  for (std::size_t size : {std::size_t{0}, 10 * kKiB, 100 * kKiB, 101 * kKiB,
                           150 * kKiB, 1 * kMiB}) {
    CAPTURE(size);
    const std::string all = Numbered(size);
    BoundedLog log(path, 100 * kKiB);
    for (std::size_t at = 0; at < all.size(); at += 7000) {
      log.Append(std::string_view(all).substr(at, 7000));
    }
    log.Close();
    CHECK_FALSE(log.failed());
    CHECK_FALSE(fs::exists(path.string() + ".tail"));
    const std::string kept = ReadFile(path);
    if (size <= 100 * kKiB) {
      CHECK(kept == all);
    } else {
      const std::string mark = "\n[... " + std::to_string(size - 100 * kKiB) +
                               " bytes left out ...]\n";
      CHECK(kept ==
            all.substr(0, 50 * kKiB) + mark + all.substr(size - 50 * kKiB));
    }
  }
}

TEST_CASE("a log that cannot be written says so and nothing else happens") {
  BoundedLog log("/nonexistent/log", kMiB);
  CHECK(log.failed());
  log.Append("x");
  log.Close();
}

TEST_CASE("binary output comes through unchanged") {
  ContainmentWorld world(SandboxMode::kNone);
  const CommandResult result = world.Run("printf '\\000\\377\\r\\033[1m'");
  CHECK(result.out.head == std::string("\0\xff\r\x1b[1m", 7));
}

TEST_CASE("FM-06 two gigabytes of output cost neither memory nor the ends") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    CommandRequest request = world.Request(
        "echo first; head -c 2147483648 /dev/zero; echo; echo last");
    request.timeout = std::chrono::seconds(120);
    request.limits.output_mb = 130;  // a sixteenth of it and a little
    request.log = world.directory() / "log";
    std::uint64_t seen = 0;
    request.on_output = [&seen](OutputStream, std::string_view bytes) {
      seen += bytes.size();
      return false;
    };
    world.Run("true");
    const std::int64_t before = ResidentKb();
    const CommandResult result = world.Run(request);
    CHECK(ResidentKb() - before < kGrowthKb);
    CHECK(result.verdict == Verdict::kOk);
    CHECK(result.truncated);
    CHECK(result.out.bytes == 2147483648 + 12);
    CHECK(seen == result.out.bytes);
    CHECK(result.out.head.starts_with("first\n"));
    CHECK(result.out.tail.ends_with("\nlast\n"));
    CHECK(fs::file_size(request.log) < 131 * kMiB);
  });
}

TEST_CASE("FM-06 output without end is stopped at sixteen times what is kept") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    CommandRequest request =
        world.Request("yes 'no newline in sight' | tr -d '\\n'");
    request.limits.output_mb = 1;
    request.log = world.directory() / "log";
    const CommandResult result = world.Run(request);
    CHECK(result.verdict == Verdict::kFailed);
    CHECK(result.reason == "output limit");
    CHECK(result.out.bytes > 16 * kMiB);
    CHECK(result.out.bytes < 20 * kMiB);
    CHECK(fs::file_size(request.log) < kMiB + 100);
  });
}

}  // namespace coppice::eval
