#include <array>
#include <fstream>

#include "base/text.h"
#include "report/page.h"

namespace coppice::report {
namespace {

// A log may be larger than memory should have to hold: only its ends are read.
std::string Ends(const std::filesystem::path& file, std::size_t limit) {
  std::ifstream in(file, std::ios::binary);
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (!in || error) return "";
  auto read = [&](std::uintmax_t from, std::size_t count) {
    std::string text(count, '\0');
    in.clear();
    in.seekg(static_cast<std::streamoff>(from));
    in.read(text.data(), static_cast<std::streamsize>(count));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
  };
  if (size <= limit) return read(0, static_cast<std::size_t>(size));
  const std::size_t half = limit / 2;
  return read(0, half) + "\n[... " + std::to_string(size - 2 * half) +
         " bytes left out ...]\n" + read(size - half, half);
}

}  // namespace

FindLog LogsIn(std::filesystem::path run_dir, std::size_t limit) {
  return [run_dir = std::move(run_dir), limit](AttemptId attempt) {
    return Ends(
        run_dir / "nodes" / std::to_string(attempt.value()) / "eval.log",
        limit);
  };
}

}  // namespace coppice::report
