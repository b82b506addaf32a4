#include "search/lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "base/json.h"

// The lock is flock on `lease`; what stands in the file is for people and for
// file systems whose locks cannot be trusted. The file is emptied when the
// lease is given back and never removed: a removed file could be locked by two.

namespace coppice::search {
namespace {

namespace fs = std::filesystem;

// Field 22 of /proc/PID/stat; the second may hold blanks and parentheses. 0 for
// a process that is dead, though its parent has not asked for its end yet.
std::int64_t StartTimeOf(std::int64_t pid) {
  const std::string stat =
      ReadWholeOrNothing(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  fields >> field;
  if (field == "Z" || field == "X") return 0;
  for (int i = 4; i <= 22; ++i) fields >> field;
  std::int64_t ticks = 0;
  std::from_chars(field.data(), field.data() + field.size(), ticks);
  return ticks;
}

std::string HostName() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::optional<LeaseOwner> ReadOwner(const fs::path& file) {
  const Json body = Json::parse(ReadWholeOrNothing(file), nullptr,
                                /*allow_exceptions=*/false);
  if (!body.is_object()) return std::nullopt;
  auto host = body.find("host");
  auto pid = body.find("pid");
  auto start = body.find("start_time");
  auto boot = body.find("boot_id");
  if (host == body.end() || !host->is_string() || pid == body.end() ||
      !pid->is_number_integer() || start == body.end() ||
      !start->is_number_integer() || boot == body.end() || !boot->is_string()) {
    return std::nullopt;
  }
  return LeaseOwner{.host = host->get<std::string>(),
                    .pid = pid->get<std::int64_t>(),
                    .start_time = start->get<std::int64_t>(),
                    .boot_id = boot->get<std::string>()};
}

std::string BodyOf(const LeaseOwner& owner) {
  const Json body{{"host", owner.host},
                  {"pid", owner.pid},
                  {"start_time", owner.start_time},
                  {"boot_id", owner.boot_id}};
  return DumpCanonical(body) + "\n";
}

Error IoError(const fs::path& file, std::string_view what, int failure) {
  return Error{.code = ErrorCode::kIo,
               .what = fmt::format("cannot {} the lease: {}", what,
                                   std::strerror(failure)),
               .where = file.string()};
}

Error BusyError(const fs::path& file, const std::optional<LeaseOwner>& owner) {
  Error error{.code = ErrorCode::kBusy,
              .what = "another process owns this run",
              .where = file.string()};
  if (owner) {
    error.what += fmt::format(": host {}, pid {}", owner->host, owner->pid);
    if (owner->host != HostName()) {
      error.next = fmt::format("if that process on {} is dead, remove {}",
                               owner->host, file.string());
    }
  }
  return error;
}

}  // namespace

RunLease::~RunLease() {
  if (!file_) return;
  // Emptied before the lock goes; a failure leaves a body that is not alive.
  (void)!ftruncate(file_.get(), 0);
}

Result<RunLease> AcquireLease(const fs::path& run_dir) {
  const fs::path file = run_dir / "lease";
  UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return IoError(file, "open", errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return IoError(file, "lock", errno);
    return BusyError(file, ReadOwner(file));
  }
  const LeaseOwner self = ThisProcess();
  const std::optional<LeaseOwner> previous = ReadOwner(file);
  if (previous && !MayTakeOver(*previous, self, OnNetworkFileSystem(run_dir))) {
    return BusyError(file, previous);
  }
  const std::string body = BodyOf(self);
  if (ftruncate(fd.get(), 0) != 0 ||
      pwrite(fd.get(), body.data(), body.size(), 0) !=
          static_cast<ssize_t>(body.size())) {
    return IoError(file, "write", errno);
  }
  return RunLease(std::move(fd));
}

std::optional<LeaseOwner> FindOwner(const fs::path& run_dir) {
  std::optional<LeaseOwner> owner = ReadOwner(run_dir / "lease");
  if (owner && !IsAlive(*owner, ThisProcess())) owner.reset();
  return owner;
}

LeaseOwner ThisProcess() {
  std::string boot = ReadWholeOrNothing("/proc/sys/kernel/random/boot_id");
  while (!boot.empty() && boot.back() == '\n') boot.pop_back();
  return {.host = HostName(),
          .pid = getpid(),
          .start_time = StartTimeOf(getpid()),
          .boot_id = std::move(boot)};
}

std::string NameOf(const LeaseOwner& owner) {
  return fmt::format("{} {} {} {}", owner.host, owner.pid, owner.start_time,
                     owner.boot_id);
}

bool IsAlive(const LeaseOwner& owner, const LeaseOwner& self) {
  if (owner.host != self.host) return true;
  return owner.boot_id == self.boot_id &&
         StartTimeOf(owner.pid) == owner.start_time && owner.start_time != 0;
}

bool MayTakeOver(const LeaseOwner& previous, const LeaseOwner& self,
                 bool on_network) {
  return !on_network || previous == self || !IsAlive(previous, self);
}

bool OnNetworkFileSystem(const fs::path& path) {
  // linux/magic.h and the manual page of statfs; FUSE may be anything.
  constexpr std::array<std::uint32_t, 15> kNetwork{
      0x00006969,  // NFS
      0x0000517b,  // SMB
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB2
      0x01021997,  // 9P
      0x65735546,  // FUSE
      0x00c36400,  // Ceph
      0x0bd00bd0,  // Lustre
      0x47504653,  // GPFS
      0x19830326,  // BeeGFS
      0x5346414f,  // AFS
      0x6b414653,  // kAFS
      0x73757245,  // Coda
      0x7461636f,  // OCFS2
      0x01161970,  // GFS2
  };
  struct statfs info{};
  const fs::path at = path.empty() ? fs::path(".") : path;
  if (statfs(at.c_str(), &info) != 0) return false;
  const auto type = static_cast<std::uint32_t>(info.f_type);
  return std::find(kNetwork.begin(), kNetwork.end(), type) != kNetwork.end();
}

}  // namespace coppice::search
