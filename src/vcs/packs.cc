#include "vcs/packs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sha1.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>

#include "base/durable_file.h"
#include "base/file.h"

// Each batch of commits becomes a pack of its own, and looking for an object
// costs a search in every pack. So, once there are more than kManyPacks, the
// smallest are joined until each pack left is at least twice as large as all
// smaller ones together (as `git repack --geometric=2` does): a logarithmic
// number of packs, each object copied a logarithmic number of times.
//
// Joining copies bytes and computes no delta: entries refer to their bases by
// a distance within the pack (or by id), so the bodies of packs, one behind the
// other, are again the body of a pack. Only the index is made anew, from the
// old ones, with offsets shifted.

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t kManyPacks = 24;
constexpr std::uintmax_t kLargestJoined = std::uintmax_t{64} << 20;
constexpr std::size_t kCopyBytes = std::size_t{1} << 20;
constexpr std::size_t kIdBytes = 20;
constexpr std::size_t kPackHeader = 12;
constexpr std::size_t kIndexHeader = 8 + 256 * 4;
constexpr std::string_view kIndexMagic("\377tOc\0\0\0\2", 8);

struct PackedObject {
  ObjectId id;
  std::uint32_t crc = 0;
  std::uint32_t offset = 0;
};

std::uint32_t ReadBig32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

void AppendBig32(std::uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

class Sha1 {
 public:
  Sha1() { SHA1Init(&context_); }
  void Update(std::string_view bytes) {
    SHA1Update(&context_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
               bytes.size());
  }
  ObjectId Finish() {
    ObjectId digest;
    SHA1Final(digest.bytes.data(), &context_);
    return digest;
  }

 private:
  SHA1_CTX context_;
};

std::string_view BytesOf(const ObjectId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

fs::path PackDirectory(const fs::path& objects) { return objects / "pack"; }

fs::path PackFile(const fs::path& objects, std::string_view pack,
                  std::string_view extension) {
  return PackDirectory(objects) / fmt::format("{}.{}", pack, extension);
}

// Index format 2 without 64-bit offsets: packs here are far below 2 GiB.
Result<std::vector<PackedObject>> ReadIndex(const fs::path& file) {
  Result<std::string> read = ReadWhole(file, Links::kRefuse);
  if (!read) return read.error();
  const std::string_view bytes = *read;
  const Error broken{.code = ErrorCode::kIo,
                     .what = "the index of a pack is damaged",
                     .where = file,
                     .next = "`git index-pack` on the pack makes it anew"};
  if (bytes.size() < kIndexHeader || !bytes.starts_with(kIndexMagic)) {
    return broken;
  }
  const std::size_t count = ReadBig32(bytes, kIndexHeader - 4);
  const std::size_t crcs = kIndexHeader + count * kIdBytes;
  const std::size_t offsets = crcs + count * 4;
  if (bytes.size() < offsets + count * 4 + 2 * kIdBytes) return broken;
  std::vector<PackedObject> objects(count);
  for (std::size_t i = 0; i < count; ++i) {
    PackedObject& object = objects[i];
    std::memcpy(object.id.bytes.data(),
                bytes.data() + kIndexHeader + i * kIdBytes, kIdBytes);
    object.crc = ReadBig32(bytes, crcs + i * 4);
    object.offset = ReadBig32(bytes, offsets + i * 4);
  }
  return objects;
}

std::string MakeIndex(std::span<const PackedObject> sorted,
                      const ObjectId& pack_sha1) {
  std::string index(kIndexMagic);
  std::array<std::uint32_t, 256> up_to{};
  for (const PackedObject& object : sorted) ++up_to[object.id.bytes[0]];
  std::partial_sum(up_to.begin(), up_to.end(), up_to.begin());
  for (std::uint32_t count : up_to) AppendBig32(count, index);
  for (const PackedObject& object : sorted) index += BytesOf(object.id);
  for (const PackedObject& object : sorted) AppendBig32(object.crc, index);
  for (const PackedObject& object : sorted) AppendBig32(object.offset, index);
  index += BytesOf(pack_sha1);
  Sha1 sha1;
  sha1.Update(index);
  index += BytesOf(sha1.Finish());
  return index;
}

// A pack that grows at its end, its checksum with it.
class PackFileWriter {
 public:
  explicit PackFileWriter(fs::path path)
      : path_(std::move(path)),
        fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                 0644)) {}

  Result<void> Append(std::string_view bytes) {
    sha1_.Update(bytes);
    return Write(bytes);
  }

  // All entries of another pack.
  Result<void> AppendBody(const fs::path& pack) {
    std::string buffer(kCopyBytes, '\0');
    UniqueFd in(open(pack.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (!in || fstat(in.get(), &status) != 0) return DiskError("read", pack);
    off_t at = kPackHeader;
    const off_t end = status.st_size - static_cast<off_t>(kIdBytes);
    while (at < end) {
      const std::size_t want =
          std::min(buffer.size(), static_cast<std::size_t>(end - at));
      const ssize_t count = pread(in.get(), buffer.data(), want, at);
      if (count <= 0) return DiskError("read", pack);
      at += count;
      Result<void> written = Append(
          std::string_view(buffer).substr(0, static_cast<std::size_t>(count)));
      if (!written) return written;
    }
    return Ok();
  }

  Result<ObjectId> Finish() {
    const ObjectId digest = sha1_.Finish();
    Result<void> written = Write(BytesOf(digest));
    if (!written) return written.error();
    return digest;
  }

 private:
  Result<void> Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0) return DiskError("write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return Ok();
  }

  const fs::path path_;
  UniqueFd fd_;
  Sha1 sha1_;
};

std::string PackHeader(std::size_t objects) {
  std::string header = "PACK";
  AppendBig32(2, header);
  AppendBig32(static_cast<std::uint32_t>(objects), header);
  return header;
}

// The name of the joined pack, written to the incoming directory; empty if two
// of them hold one object, as when two processes wrote it: one pack may not
// hold it twice.
Result<std::string> Join(const fs::path& objects,
                         std::span<const std::string> packs) {
  std::vector<PackedObject> all;
  std::uint32_t shift = 0;
  for (const std::string& pack : packs) {
    Result<std::vector<PackedObject>> index =
        ReadIndex(PackFile(objects, pack, "idx"));
    if (!index) return index.error();
    for (PackedObject& object : *index) object.offset += shift;
    all.insert(all.end(), index->begin(), index->end());
    std::error_code failed;
    shift += static_cast<std::uint32_t>(
        fs::file_size(PackFile(objects, pack, "pack"), failed) - kPackHeader -
        kIdBytes);
  }
  std::ranges::sort(all, {}, &PackedObject::id);
  if (std::ranges::adjacent_find(all, {}, &PackedObject::id) != all.end()) {
    return std::string();
  }
  const fs::path draft = IncomingDirectory(objects) / "joined.pack";
  PackFileWriter writer(draft);
  Result<void> written = writer.Append(PackHeader(all.size()));
  for (const std::string& pack : packs) {
    if (written) written = writer.AppendBody(PackFile(objects, pack, "pack"));
  }
  if (!written) return written.error();
  Result<ObjectId> sha1 = writer.Finish();
  if (!sha1) return sha1.error();
  const fs::path finished =
      IncomingDirectory(objects) / fmt::format("pack-{}.pack", sha1->Hex());
  if (rename(draft.c_str(), finished.c_str()) != 0) {
    return DiskError("write", finished);
  }
  fs::path index = finished;
  index.replace_extension("idx");
  written = ReplaceFile(index, MakeIndex(all, *sha1));
  if (!written) return written.error();
  return sha1->Hex();
}

// The smallest packs, as many as the rule above wants joined.
std::vector<std::string> SmallPacks(const fs::path& objects) {
  std::vector<std::pair<std::uintmax_t, std::string>> packs;
  for (const std::string& pack : PackNames(objects)) {
    std::error_code failed;
    const std::uintmax_t size =
        fs::file_size(PackFile(objects, pack, "pack"), failed);
    if (!failed && size < kLargestJoined) packs.emplace_back(size, pack);
  }
  std::ranges::sort(packs);
  std::vector<std::string> small;
  if (packs.size() <= kManyPacks) return small;
  std::uintmax_t total = 0;
  for (const auto& [size, pack] : packs) {
    if (small.size() > 1 && size >= 2 * total) break;
    if (total + size > kLargestJoined) break;
    total += size;
    small.push_back(pack);
  }
  return small;
}

}  // namespace

fs::path IncomingDirectory(const fs::path& objects) {
  return objects / "incoming";
}

Result<void> InstallPack(const fs::path& objects, std::string_view name) {
  const std::string pack = fmt::format("pack-{}", name);
  const fs::path incoming = IncomingDirectory(objects);
  const bool there = fs::exists(PackFile(objects, pack, "idx"));
  // The index last: without it a pack is not seen.
  for (std::string_view extension : {"pack", "idx"}) {
    const fs::path from = incoming / fmt::format("{}.{}", pack, extension);
    const fs::path to = PackFile(objects, pack, extension);
    if (there) {
      unlink(from.c_str());
      continue;
    }
    Result<void> synced = SyncFile(from);
    if (!synced) return synced;
    if (rename(from.c_str(), to.c_str()) != 0) {
      return DiskError("install a pack", to);
    }
  }
  return SyncDirectory(PackDirectory(objects));
}

UniqueFd LockPacks(const fs::path& objects) {
  UniqueFd lock(
      open(PackDirectory(objects).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock && flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.Reset();
  return lock;
}

std::vector<std::string> PackNames(const fs::path& objects) {
  std::vector<std::string> packs;
  std::error_code failed;
  for (const auto& file :
       fs::directory_iterator(PackDirectory(objects), failed)) {
    if (file.path().extension() == ".idx") packs.push_back(file.path().stem());
  }
  std::ranges::sort(packs);
  return packs;
}

void RemovePack(const fs::path& objects, std::string_view pack) {
  std::error_code ignored;
  fs::remove(PackFile(objects, pack, "idx"), ignored);
  fs::remove(PackFile(objects, pack, "pack"), ignored);
}

Result<std::vector<ObjectId>> ObjectsInPacks(const fs::path& objects) {
  std::vector<ObjectId> ids;
  for (const std::string& pack : PackNames(objects)) {
    Result<std::vector<PackedObject>> index =
        ReadIndex(PackFile(objects, pack, "idx"));
    if (!index) return index.error();
    for (const PackedObject& object : *index) ids.push_back(object.id);
  }
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Result<bool> JoinSmallPacks(const fs::path& objects) {
  if (PackNames(objects).size() <= kManyPacks) return false;
  const UniqueFd lock = LockPacks(objects);
  if (!lock) return false;  // another process is at it
  const std::vector<std::string> small = SmallPacks(objects);
  if (small.size() < 2) return false;
  Result<std::string> joined = Join(objects, small);
  if (!joined) return joined.error();
  if (joined->empty()) return false;
  Result<void> installed = InstallPack(objects, *joined);
  if (!installed) return installed.error();
  for (const std::string& pack : small) {
    if (pack != "pack-" + *joined) RemovePack(objects, pack);
  }
  return true;
}

}  // namespace coppice::vcs
