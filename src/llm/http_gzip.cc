#include "llm/http_gzip.h"

#include <algorithm>
#include <array>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <boost/crc.hpp>
#include <cstdint>
#include <optional>
#include <string>

// A gzip file is members one after the other, each a header, raw deflate, and
// a trailer with CRC-32 and length. Beast inflates raw deflate only, and reads
// a few bytes beyond its end: how many, it says at the end; which ones, we
// remember.

namespace coppice::llm {
namespace {

namespace zlib = boost::beast::zlib;

constexpr std::size_t kPieceSize = std::size_t{16} << 10;
constexpr std::size_t kMaxHeader = std::size_t{64} << 10;  // names, comments
constexpr std::size_t kTrailerSize = 8;
constexpr int kUnusedBits = 0x3f;  // of zlib's data_type

std::uint32_t LittleEndian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

struct HeaderSize {
  bool valid = true;
  std::optional<std::size_t> bytes;  // nothing: not all of it is there
};

HeaderSize MeasureHeader(std::string_view bytes) {
  enum Flags { kChecksum = 2, kExtra = 4, kName = 8, kComment = 16 };
  static constexpr std::string_view kMagic("\x1f\x8b\x08", 3);
  if (bytes.substr(0, 3) != kMagic.substr(0, bytes.size())) {
    return {.valid = false};
  }
  if (bytes.size() < 10) return {};
  const int flags = static_cast<unsigned char>(bytes[3]);
  if ((flags & 0xe0) != 0) return {.valid = false};
  std::size_t at = 10;
  if ((flags & kExtra) != 0) {
    if (bytes.size() < at + 2) return {};
    at += 2 + static_cast<unsigned char>(bytes[at]) +
          std::size_t{256} * static_cast<unsigned char>(bytes[at + 1]);
  }
  for (const int text : {kName, kComment}) {
    if ((flags & text) == 0) continue;
    const std::size_t end = bytes.find('\0', at);
    if (end == std::string_view::npos) return {};
    at = end + 1;
  }
  if ((flags & kChecksum) != 0) at += 2;
  if (bytes.size() < at) return {};
  return {.bytes = at};
}

}  // namespace

struct Gunzip::Parts {
  enum class Place { kHeader, kDeflate, kTrailer };

  explicit Parts(std::size_t l) : limit(l) {}

  // Each takes what it can from `bytes`.
  State TakeHeader(std::string_view& bytes);
  State TakeDeflate(std::string_view& bytes,
                    const std::function<bool(std::string_view)>& out);
  State TakeTrailer(std::string_view& bytes);
  void Remember(std::string_view taken);

  const std::size_t limit;
  Place place = Place::kHeader;
  int members = 0;
  std::string held;  // of a header or a trailer that is not whole yet
  zlib::inflate_stream inflater;
  std::string recent;  // the last bytes it took
  boost::crc_32_type crc;
  std::uint32_t length = 0;  // of this member, modulo 2^32
  std::size_t total = 0;
};

Gunzip::State Gunzip::Parts::TakeHeader(std::string_view& bytes) {
  const std::size_t before = held.size();
  held.append(bytes);
  const HeaderSize header = MeasureHeader(held);
  if (!header.valid) return State::kCorrupt;
  if (!header.bytes) {
    bytes = {};
    return held.size() > kMaxHeader ? State::kCorrupt : State::kMore;
  }
  bytes.remove_prefix(*header.bytes - before);
  held.clear();
  inflater.reset();
  recent.clear();
  crc.reset();
  length = 0;
  place = Place::kDeflate;
  return State::kMore;
}

Gunzip::State Gunzip::Parts::TakeDeflate(
    std::string_view& bytes, const std::function<bool(std::string_view)>& out) {
  std::array<char, kPieceSize> piece;
  std::string_view made;
  do {  // until it asks for more: nothing that can be told is held back
    zlib::z_params params;
    params.next_in = bytes.data();
    params.avail_in = bytes.size();
    params.next_out = piece.data();
    params.avail_out = piece.size();
    boost::beast::error_code error;
    inflater.write(params, zlib::Flush::sync, error);
    made = {piece.data(), piece.size() - params.avail_out};
    Remember(bytes.substr(0, bytes.size() - params.avail_in));
    bytes.remove_prefix(bytes.size() - params.avail_in);
    if (error == zlib::error::end_of_stream) {
      const std::size_t beyond = (params.data_type & kUnusedBits) / 8;
      if (beyond > recent.size()) return State::kCorrupt;
      held = recent.substr(recent.size() - beyond);
      place = Place::kTrailer;
    } else if (error && error != zlib::error::need_buffers) {
      return State::kCorrupt;
    }
    crc.process_bytes(made.data(), made.size());
    length += static_cast<std::uint32_t>(made.size());
    total += made.size();
    if (total > limit) return State::kTooLarge;
    if (!made.empty() && !out(made)) return State::kStopped;
  } while (place == Place::kDeflate && (!bytes.empty() || !made.empty()));
  return State::kMore;
}

void Gunzip::Parts::Remember(std::string_view taken) {
  taken.remove_prefix(taken.size() - std::min(taken.size(), kTrailerSize));
  recent.append(taken);
  recent.erase(0, recent.size() - std::min(recent.size(), kTrailerSize));
}

Gunzip::State Gunzip::Parts::TakeTrailer(std::string_view& bytes) {
  const std::size_t wanted = std::min(kTrailerSize - held.size(), bytes.size());
  held.append(bytes.substr(0, wanted));
  bytes.remove_prefix(wanted);
  if (held.size() < kTrailerSize) return State::kMore;
  const std::string_view trailer = held;
  if (LittleEndian(trailer) != crc.checksum() ||
      LittleEndian(trailer.substr(4)) != length) {
    return State::kCorrupt;
  }
  held.clear();
  ++members;
  place = Place::kHeader;
  return State::kMore;
}

Gunzip::Gunzip(std::size_t limit) : parts_(std::make_unique<Parts>(limit)) {}

Gunzip::~Gunzip() = default;

Gunzip::State Gunzip::Feed(std::string_view bytes,
                           const std::function<bool(std::string_view)>& out) {
  State state = State::kMore;
  while (state == State::kMore && !bytes.empty()) {
    switch (parts_->place) {
      case Parts::Place::kHeader:
        state = parts_->TakeHeader(bytes);
        break;
      case Parts::Place::kDeflate:
        state = parts_->TakeDeflate(bytes, out);
        break;
      case Parts::Place::kTrailer:
        state = parts_->TakeTrailer(bytes);
        break;
    }
  }
  return state;
}

bool Gunzip::complete() const {
  return parts_->place == Parts::Place::kHeader && parts_->held.empty() &&
         parts_->members > 0;
}

}  // namespace coppice::llm
