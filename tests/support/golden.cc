#include "support/golden.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "support/temp_dir.h"

namespace coppice::testing {
namespace {

// "line 3: expected "..." but got "..."".
std::string FirstDifference(const std::string& expected,
                            const std::string& got) {
  std::istringstream left(expected);
  std::istringstream right(got);
  std::string a;
  std::string b;
  for (int line = 1;; ++line) {
    const bool more_a = static_cast<bool>(std::getline(left, a));
    const bool more_b = static_cast<bool>(std::getline(right, b));
    if (!more_a) a = "(end)";
    if (!more_b) b = "(end)";
    if (a != b || (!more_a && !more_b)) {
      return "line " + std::to_string(line) + ":\n  golden: " + a +
             "\n  now:    " + b;
    }
  }
}

}  // namespace

void CheckGolden(std::string_view name, const std::string& text) {
  const std::filesystem::path file =
      std::filesystem::path(COPPICE_SOURCE_DIR) / "tests" / name;
  if (std::getenv("COPPICE_UPDATE_GOLDEN") != nullptr) {
    WriteFile(file, text);
    return;
  }
  INFO(file.string());
  REQUIRE(std::filesystem::exists(file));
  const std::string golden = ReadFile(file);
  const bool same = golden == text;
  INFO(FirstDifference(golden, text));
  CHECK(same);
}

}  // namespace coppice::testing
