#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "base/text.h"
#include "search/prompt_sections.h"
#include "search/prompt_words.h"

// The files, those that never change first. Each stands whole, its path on the
// line before it as an answer writes it. Only where they do not fit together
// is one cut in its middle: those to be read first, the longest first.

namespace coppice::search {
namespace {

constexpr std::string_view kTitle =
    "# Files of the version you change\n"
    "The line before a fence is the path of the file in it.\n";

struct Shown {
  std::string path;
  std::string text;
  bool may_change = false;

  std::string Block() const {
    const std::size_t lines = SplitLines(text).size();
    const std::string label =
        fmt::format("{}: {} line{}, {}", kData, lines, lines == 1 ? "" : "s",
                    may_change ? "yours to change" : "to be read only");
    return fmt::format("\n{}\n{}", path, Fenced(text, label));
  }
};

std::vector<Shown> ShownFiles(const PromptFiles& files) {
  std::vector<Shown> shown;
  for (const bool may_change : {false, true}) {
    for (const auto& file : files) {
      if (file->mutable_file != may_change) continue;
      shown.push_back(
          {OneLine(file->path, 400), FileText(file->text), may_change});
    }
  }
  return shown;
}

std::string PathList(const PromptFiles& files, std::size_t cap) {
  std::string text;
  for (const auto& file : files) {
    text += OneLine(file->path, 400);
    text += file->mutable_file ? "\n" : " (to be read only)\n";
  }
  return DataSection("Files of the version you change", text, cap);
}

// The size at which texts of these sizes have to be cut so that they are at
// most `room` together.
std::size_t CutAt(std::vector<std::size_t> sizes, std::size_t room) {
  std::ranges::sort(sizes);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::size_t each = room / (sizes.size() - i);
    if (sizes[i] > each) return each;
    room -= sizes[i];
  }
  return SIZE_MAX;
}

// Cuts the texts of one kind so that all blocks lose `excess` bytes together,
// if they have them. Returns what is left to lose.
std::size_t Cut(std::vector<Shown>& files, bool may_change,
                std::size_t excess) {
  std::vector<std::size_t> sizes;
  for (const Shown& file : files) {
    if (file.may_change == may_change) sizes.push_back(file.text.size());
  }
  const std::size_t all =
      std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
  const std::size_t room = all - std::min(all, excess);
  const std::size_t each = CutAt(sizes, room);
  for (Shown& file : files) {
    if (file.may_change == may_change && file.text.size() > each) {
      file.text = HeadAndTail(file.text, each);
    }
  }
  return excess - std::min(all, excess);
}

std::size_t SizeOf(const std::vector<Shown>& files) {
  std::size_t size = kTitle.size();
  for (const Shown& file : files) size += file.Block().size();
  return size;
}

// A line that is one of the edit format's markers.
bool IsMarker(std::string_view line) {
  constexpr std::string_view kMarkers[] = {"<<<<<<< SEARCH",
                                           "=======", ">>>>>>> REPLACE"};
  line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
  return std::ranges::find(kMarkers, line) != std::end(kMarkers);
}

bool HasMarker(std::string_view text) {
  for (char mark : {'<', '=', '>'}) {
    const std::string marks(7, mark);
    for (std::size_t at = text.find(marks); at != std::string_view::npos;
         at = text.find(marks, at + 1)) {
      if (at > 0 && text[at - 1] != '\n') continue;
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (IsMarker(text.substr(at, end - at))) return true;
    }
  }
  return false;
}

}  // namespace

std::string FilesText(const PromptInput& input) {
  const auto cap = static_cast<std::size_t>(input.max_prompt_kb) * 1024;
  if (input.style == llm::PromptStyle::kInPlace) {
    return PathList(input.files, std::min(cap, kGoalCap));
  }
  std::vector<Shown> files = ShownFiles(input.files);
  // A cut may leave a shorter text than asked for, never a longer one.
  std::size_t size = SizeOf(files);
  if (size > cap) {
    constexpr std::size_t kSpare = 64;  // the mark in a text cut to nothing
    const std::size_t excess = size - cap + kSpare * files.size();
    const std::size_t left = Cut(files, false, excess);
    if (left > 0) Cut(files, true, left);
    size = SizeOf(files);
  }
  std::string text(kTitle);
  text.reserve(size);
  for (const Shown& file : files) text += file.Block();
  return size > cap ? HeadAndTail(text, cap) : text;
}

std::string MarkerSuffix(const PromptFiles& files, std::uint64_t seed,
                         AttemptId attempt) {
  auto any = [&](auto says) {
    return std::ranges::any_of(
        files, [&](const auto& file) { return says(file->text); });
  };
  if (!any(HasMarker)) return "";
  Rng rng = Rng::Stream(seed, attempt.value(), "marker");
  std::string suffix;
  // Files can hold every suffix there is only on purpose.
  for (int tries = 0; tries < 1000; ++tries) {
    suffix.clear();
    for (int i = 0; i < 4; ++i) {
      suffix += static_cast<char>('A' + rng.Below(26));
    }
    const bool taken = any([&](const std::string& text) {
      return text.find(suffix) != std::string::npos;
    });
    if (!taken) break;
  }
  return suffix;
}

}  // namespace coppice::search
