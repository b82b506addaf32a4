#include "report/text_shelf.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace coppice::report {
namespace {

constexpr std::uint64_t kOneLineIn = 16;  // ends a piece, on average
constexpr std::size_t kNumberBytes = 7;   // of a piece's number and a comma

// FNV-1a: which line ends a piece must be the same on every machine.
std::uint64_t Hash(std::string_view line) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (char c : line) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return hash ^ (hash >> 32U);
}

std::vector<std::string_view> Cut(std::string_view text) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    if (Hash(text.substr(at, end - at)) % kOneLineIn == 0) {
      pieces.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    at = end;
  }
  if (begin < text.size()) pieces.push_back(text.substr(begin));
  return pieces;
}

// As a JSON string inside a page.
std::size_t JsonBytes(std::string_view text) {
  std::size_t bytes = 2;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '<' || (byte < 0x20 && c != '\n' && c != '\t')) {
      bytes += 6;
    } else {
      bytes += c == '"' || c == '\\' || byte < 0x20 ? 2 : 1;
    }
  }
  return bytes;
}

}  // namespace

OrderedJson TextShelf::Add(std::string_view text, std::size_t spare) {
  const std::vector<std::string_view> pieces = Cut(text);
  std::size_t need = 0;
  for (std::string_view piece : pieces) {
    need += kNumberBytes;
    if (!numbers_.contains(piece)) need += JsonBytes(piece) + 1;
  }
  if (need + spare > left_) return nullptr;
  left_ -= need;
  OrderedJson numbers = OrderedJson::array();
  for (std::string_view piece : pieces) {
    auto found = numbers_.find(piece);
    if (found == numbers_.end()) {
      const std::string& kept = pieces_.emplace_back(piece);
      found = numbers_.emplace(kept, pieces_.size() - 1).first;
    }
    numbers.push_back(found->second);
  }
  return numbers;
}

OrderedJson TextShelf::Pieces() const {
  OrderedJson pieces = OrderedJson::array();
  for (const std::string& piece : pieces_) pieces.push_back(piece);
  return pieces;
}

}  // namespace coppice::report
