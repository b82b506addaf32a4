#include "llm/http_gzip.h"

#include <doctest/doctest.h>

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>
#include <string>

#include "base/rng.h"
#include "llm/http_base64.h"

namespace coppice::llm {
namespace {

using State = Gunzip::State;
namespace zlib = boost::beast::zlib;

// gzip -n of "hello hello hello hello\n", made by the program.
std::string MadeByGzip() {
  return DecodeBase64("H4sIAAAAAAAAA8tIzcnJV8hAJ7kAAIhZCxgAAAA=").value();
}

std::string LittleEndian(std::uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string Pack(const std::string& text) {
  zlib::deflate_stream deflater;
  std::string packed(deflater.upper_bound(text.size()) + 64, '\0');
  zlib::z_params params;
  params.next_in = text.data();
  params.avail_in = text.size();
  params.next_out = packed.data();
  params.avail_out = packed.size();
  boost::beast::error_code error;
  deflater.write(params, zlib::Flush::finish, error);
  REQUIRE(error == zlib::error::end_of_stream);
  packed.resize(packed.size() - params.avail_out);
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  return std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10) + packed +
         LittleEndian(crc.checksum()) +
         LittleEndian(static_cast<std::uint32_t>(text.size()));
}

struct Unpacked {
  State state = State::kMore;
  bool complete = false;
  std::string text;
};

Unpacked Unpack(std::string_view packed, std::size_t step,
                std::size_t limit = std::size_t{64} << 20) {
  Unpacked result;
  Gunzip gunzip(limit);
  const auto out = [&](std::string_view made) {
    result.text.append(made);
    return true;
  };
  for (std::size_t at = 0; at < packed.size() && result.state == State::kMore;
       at += step) {
    result.state = gunzip.Feed(packed.substr(at, step), out);
  }
  result.complete = gunzip.complete();
  return result;
}

std::string Prose(std::size_t size) {
  Rng rng(7);
  std::string text;
  while (text.size() < size) {
    text += "token" + std::to_string(rng.Below(1000)) + ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("what gzip packed is unpacked, in any pieces") {
  for (const std::size_t step : {1, 2, 3, 7, 1000}) {
    const Unpacked result = Unpack(MadeByGzip(), step);
    CHECK(result.state == State::kMore);
    CHECK(result.complete);
    CHECK(result.text == "hello hello hello hello\n");
  }
}

TEST_CASE("large texts are unpacked, in any pieces") {
  const std::string text = Prose(500'000);
  const std::string packed = Pack(text);
  for (const std::size_t step : {1, 13, 1000, 1'000'000}) {
    const Unpacked result = Unpack(packed, step);
    CHECK(result.complete);
    CHECK(result.text == text);
  }
}

TEST_CASE("optional header fields are skipped") {
  const std::string body = MadeByGzip().substr(10);
  const std::string header("\x1f\x8b\x08\x1e\0\0\0\0\0\x03", 10);
  const std::string extra("\x03\0abc", 5);
  const std::string names("file\0comment\0", 13);
  const std::string text = header + extra + names + "xx" + body;
  for (const std::size_t step : {1, 1000}) {
    const Unpacked result = Unpack(text, step);
    CHECK(result.complete);
    CHECK(result.text == "hello hello hello hello\n");
  }
}

TEST_CASE("several members make one text") {
  const Unpacked result = Unpack(MadeByGzip() + Pack("!"), 5);
  CHECK(result.complete);
  CHECK(result.text == "hello hello hello hello\n!");
}

TEST_CASE("what is missing at the end is noticed") {
  const std::string packed = MadeByGzip();
  for (std::size_t size = 0; size < packed.size(); ++size) {
    CHECK_FALSE(Unpack(packed.substr(0, size), 1000).complete);
  }
}

TEST_CASE("every flipped bit is found by form, checksum or length") {
  const std::string packed = MadeByGzip();
  for (std::size_t at = 0; at < packed.size(); ++at) {
    if (at >= 4 && at < 10) continue;  // time, flags and system: of no matter
    for (int bit = 0; bit < 8; ++bit) {
      std::string broken = packed;
      broken[at] = static_cast<char>(broken[at] ^ (1 << bit));
      const Unpacked result = Unpack(broken, 1000);
      const bool intact = result.state == State::kMore && result.complete &&
                          result.text != "hello hello hello hello\n";
      CAPTURE(at);
      CAPTURE(bit);
      CHECK_FALSE(intact);
    }
  }
}

TEST_CASE("what is no gzip at all is corrupt at its first byte") {
  CHECK(Unpack("{\"a\":1}", 1).state == State::kCorrupt);
  CHECK(Unpack(MadeByGzip() + "trailing", 1000).state == State::kCorrupt);
}

TEST_CASE("a bomb is stopped at the limit") {
  const std::string packed = Pack(std::string(5'000'000, '\0'));
  CHECK(packed.size() < 20'000);
  const Unpacked result = Unpack(packed, 1000, 1'000'000);
  CHECK(result.state == State::kTooLarge);
  CHECK(result.text.size() <= 1'000'000);
}

TEST_CASE("unpacking stops when its reader has had enough") {
  Gunzip gunzip(1'000'000);
  int calls = 0;
  const auto once = [&calls](std::string_view) {
    ++calls;
    return false;
  };
  CHECK(gunzip.Feed(Pack(Prose(200'000)), once) == State::kStopped);
  CHECK(calls == 1);
}

TEST_CASE("base64 goes there and back") {
  for (std::size_t size = 0; size < 70; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) {
      bytes += static_cast<char>(i * 37 + size);
    }
    CHECK(DecodeBase64(EncodeBase64(bytes)) == bytes);
  }
  CHECK(EncodeBase64("any carnal pleas") == "YW55IGNhcm5hbCBwbGVhcw==");
  CHECK_FALSE(DecodeBase64("YW5").has_value());
  CHECK_FALSE(DecodeBase64("YW5*").has_value());
}

}  // namespace coppice::llm
