#include "search/packing.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

// Whole numbers are written seven bits a byte, the lowest first. A real number
// is one of these with its decimals: most that are measured are a count of
// micro- or nanoseconds, or were read from a few digits. One that is not
// exactly such a quotient stands as its eight bytes.

namespace coppice::search {
namespace {

constexpr std::array kScales = {1.0, 1e3, 1e6, 1e9};
constexpr std::uint64_t kVerbatim = 7;  // in place of a scale
constexpr int kScaleBits = 3;
constexpr double kLargest = 1LL << 45;  // takes less than eight bytes

}  // namespace

std::uint64_t NameTable::NumberOf(Interned name) {
  auto [known, added] = numbers_.try_emplace(&name.str(), names_.size());
  if (added) names_.push_back(name);
  return known->second;
}

void PutWhole(std::string& out, std::uint64_t x) {
  for (; x >= 0x80; x >>= 7) out += static_cast<char>(x | 0x80);
  out += static_cast<char>(x);
}

std::uint64_t TakeWhole(std::string_view& in) {
  std::uint64_t x = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    x |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return x;
  }
}

void PutReal(std::string& out, double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  for (std::uint64_t i = 0; i < kScales.size(); ++i) {
    const double scaled = std::rint(x * kScales[i]);
    if (!(std::abs(scaled) < kLargest)) break;  // nor is it a number
    if (std::bit_cast<std::uint64_t>(scaled / kScales[i]) != bits) continue;
    const auto whole = static_cast<std::int64_t>(scaled);
    if (whole == 0 && std::signbit(x)) break;  // -0
    return PutWhole(out, Folded(whole) << kScaleBits | i);
  }
  PutWhole(out, kVerbatim);
  out.append(reinterpret_cast<const char*>(&x), sizeof x);
}

double TakeReal(std::string_view& in) {
  const std::uint64_t whole = TakeWhole(in);
  const std::uint64_t scale = whole & ((1 << kScaleBits) - 1);
  if (scale != kVerbatim) {
    return static_cast<double>(Unfolded(whole >> kScaleBits)) / kScales[scale];
  }
  double x = 0;
  std::memcpy(&x, in.data(), sizeof x);
  in.remove_prefix(sizeof x);
  return x;
}

std::string NodeFolder(AttemptId attempt) {
  return "nodes/" + std::to_string(attempt.value()) + "/";
}

void Packer::Path(std::string_view path, AttemptId attempt) {
  const std::string folder = NodeFolder(attempt);
  if (!Flag(path.starts_with(folder))) return Text(path);
  PutWhole(fields_, names_.NumberOf(path.substr(folder.size())));
}

}  // namespace coppice::search
