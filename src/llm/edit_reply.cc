#include "llm/edit_reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kMostNumbers = 40;
constexpr std::size_t kWidestPath = 200;

std::string Blocks(const std::vector<int>& numbers, bool capital) {
  std::string text = capital ? "Block" : "block";
  if (numbers.size() != 1) text += 's';
  const std::size_t shown = std::min(kMostNumbers, numbers.size());
  text += fmt::format(
      " {}",
      fmt::join(numbers.begin(),
                numbers.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < numbers.size()) {
    text += fmt::format(" and {} more", numbers.size() - shown);
  }
  return text;
}

std::string Opening(const std::vector<int>& kept,
                    const std::vector<int>& wanted) {
  if (kept.empty()) {
    return fmt::format("Nothing was applied. Send {} again.\n",
                       Blocks(wanted, false));
  }
  return fmt::format(
      "Nothing was applied. {} {} fine and kept; send only {} again.\n",
      Blocks(kept, true), kept.size() == 1 ? "is" : "are",
      Blocks(wanted, false));
}

// Whole lines of it, in at most `room` bytes.
std::string Fitting(std::string_view text, std::size_t room) {
  constexpr std::string_view kCut = "    ...\n";
  if (text.size() <= room) return std::string(text);
  if (room < kCut.size()) return {};
  const std::size_t end = text.substr(0, room - kCut.size()).rfind('\n');
  if (end == std::string_view::npos) return std::string(kCut);
  return std::string(text.substr(0, end + 1)) + std::string(kCut);
}

}  // namespace

std::string WriteReply(const std::vector<int>& kept,
                       const std::vector<FailedBlock>& failed) {
  constexpr std::size_t kRoomForRest = 64;
  std::vector<int> wanted;
  for (const FailedBlock& block : failed) wanted.push_back(block.number);
  std::string reply = Opening(kept, wanted);
  for (std::size_t i = 0; i < failed.size(); ++i) {
    const FailedBlock& block = failed[i];
    std::string line = fmt::format(
        "Block {}{}{}: {}\n", block.number, block.path.empty() ? "" : ", ",
        OneLine(std::string_view(block.path).substr(0, 4 * kWidestPath),
                kWidestPath),
        block.fault.cause);
    if (reply.size() + line.size() + kRoomForRest > kLongestReply) {
      reply += fmt::format("And {} more.\n", failed.size() - i);
      break;
    }
    reply += line;
    const std::size_t room = kLongestReply - kRoomForRest - reply.size();
    reply += Fitting(block.fault.details, room / (failed.size() - i));
  }
  return reply;
}

std::string WriteReply(const std::vector<int>& kept,
                       const std::vector<int>& wanted,
                       std::string_view expected) {
  std::string reply =
      wanted.empty() ? "Nothing was applied. Send the whole answer again.\n"
                     : Opening(kept, wanted);
  reply += "No block was read: malformed\n  ";
  reply += OneLine(expected, 1000);
  return reply += ".\n";
}

}  // namespace coppice::llm
