#pragma once

#include <sys/types.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Servers from the distribution as plain foreground children on free loopback
// ports, with their files in a directory of the test.

namespace coppice::testing {

// Says that the case is skipped and why; fails it where
// COPPICE_REQUIRE_EXTERNAL=1 is set.
void Skip(std::string_view reason);
// False, and skipped, unless all of them are installed.
bool HasPrograms(std::initializer_list<std::string> programs);

// Nobody listens there now.
int FreePort();

// Runs a program to its end, output to `log`; its exit code.
int RunProgram(std::vector<std::string> argv, const std::filesystem::path& log,
               const std::vector<std::string>& env = {});

class ExternalServer {
 public:
  // Returns once something listens at `port` (0: at once); throws, with the
  // log, if the program ends or 10 s pass before.
  ExternalServer(std::vector<std::string> argv, int port,
                 std::filesystem::path log);
  ~ExternalServer();
  ExternalServer(const ExternalServer&) = delete;
  ExternalServer& operator=(const ExternalServer&) = delete;

  int port() const { return port_; }

 private:
  void Stop();

  pid_t pid_ = -1;
  int port_;
};

struct Certificate {
  std::filesystem::path file;  // PEM
  std::filesystem::path key;   // PEM
};

// An authority of one test and what it signs, made by openssl.
class Authority {
 public:
  explicit Authority(std::filesystem::path directory);

  const std::filesystem::path& file() const { return ca_.file; }
  // `names` as OpenSSL writes them: "DNS:good.test,IP:127.0.0.1".
  Certificate Sign(const std::string& name, const std::string& names) const;
  Certificate SignExpired(const std::string& name,
                          const std::string& names) const;
  // Signed by nobody but itself.
  Certificate SelfSigned(const std::string& name,
                         const std::string& names) const;

 private:
  void OpenSsl(std::vector<std::string> arguments) const;
  Certificate Request(const std::string& name) const;

  std::filesystem::path directory_;
  Certificate ca_;
};

// TLS on a port of its own, plain to `backend`.
ExternalServer StartStunnel(const std::filesystem::path& directory,
                            const Certificate& certificate, int backend);
// `http` is what stands in nginx's http block; {port} and {port2} are filled
// in with free ports, the first of which is the server's.
ExternalServer StartNginx(const std::filesystem::path& directory,
                          std::string http);
// `lines` are added to its configuration; `hosts` ("127.0.0.1 name") is its
// /etc/hosts, in a mount namespace.
ExternalServer StartTinyproxy(const std::filesystem::path& directory,
                              const std::string& lines,
                              const std::string& hosts);
ExternalServer StartDnsmasq(const std::filesystem::path& directory,
                            std::vector<std::string> arguments);
// May this user have a mount namespace of their own?
bool HasMountNamespaces();

}  // namespace coppice::testing
