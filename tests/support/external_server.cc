#include "support/external_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "support/temp_dir.h"

extern char** environ;

namespace coppice::testing {
namespace fs = std::filesystem;

namespace {

using std::chrono::milliseconds;

// Where servers live that are not in a user's PATH.
constexpr const char* kPlaces[] = {"/usr/local/sbin", "/usr/local/bin",
                                   "/usr/sbin",       "/usr/bin",
                                   "/sbin",           "/bin"};

// The program's path, "" if it is not installed.
std::string Find(const std::string& program) {
  for (const char* place : kPlaces) {
    const std::string path = std::string(place) + '/' + program;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

pid_t Spawn(std::vector<std::string> argv, const fs::path& log,
            const std::vector<std::string>& env) {
  if (argv[0].find('/') == std::string::npos) argv[0] = Find(argv[0]);
  std::vector<char*> arguments;
  for (std::string& word : argv) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<std::string> added(env);
  std::vector<char*> environment;
  for (std::string& entry : added) environment.push_back(entry.data());
  for (char** entry = environ; *entry != nullptr; ++entry) {
    environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, argv[0].c_str(), &actions, nullptr,
                                arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::runtime_error(argv[0] + ": " + std::strerror(error));
  }
  return pid;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_port = htons(static_cast<std::uint16_t>(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool Listens(int port) {
  const sockaddr_in address = Loopback(port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answered = connect(fd, reinterpret_cast<const sockaddr*>(&address),
                                sizeof address) == 0;
  close(fd);
  return answered;
}

std::string Replaced(std::string text, std::string_view what,
                     const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
  return text;
}

}  // namespace

void Skip(std::string_view reason) {
  std::printf("SKIPPED: %.*s\n", static_cast<int>(reason.size()),
              reason.data());
  const char* required = std::getenv("COPPICE_REQUIRE_EXTERNAL");
  const bool may_skip =
      required == nullptr || std::string_view(required) != "1";
  CHECK_MESSAGE(may_skip, std::string(reason));
}

bool HasPrograms(std::initializer_list<std::string> programs) {
  for (const std::string& program : programs) {
    if (Find(program).empty()) {
      Skip(program + " is not installed");
      return false;
    }
  }
  return true;
}

int FreePort() {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto* at = reinterpret_cast<sockaddr*>(&address);
  const bool found = bind(fd, at, size) == 0 && getsockname(fd, at, &size) == 0;
  close(fd);
  if (!found) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

int RunProgram(std::vector<std::string> argv, const fs::path& log,
               const std::vector<std::string>& env) {
  const pid_t pid = Spawn(std::move(argv), log, env);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

ExternalServer::ExternalServer(std::vector<std::string> argv, int port,
                               fs::path log)
    : port_(port) {
  const std::string name = argv[0];
  pid_ = Spawn(std::move(argv), log, {});
  const auto limit =
      std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (port != 0 && !Listens(port)) {
    const bool ended = waitpid(pid_, nullptr, WNOHANG) == pid_;
    if (ended) pid_ = -1;
    if (ended || std::chrono::steady_clock::now() > limit) {
      Stop();
      throw std::runtime_error(name + " did not start: " + ReadFile(log));
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
}

ExternalServer::~ExternalServer() { Stop(); }

void ExternalServer::Stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  for (int i = 0; i < 200; ++i) {
    if (waitpid(pid_, nullptr, WNOHANG) != 0) return;
    std::this_thread::sleep_for(milliseconds(10));
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Authority::Authority(fs::path directory) : directory_(std::move(directory)) {
  ca_ = {directory_ / "ca.pem", directory_ / "ca.key"};
  OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca_.key, "-out",
           ca_.file, "-days", "2", "-subj", "/CN=coppice test authority"});
  WriteFile(directory_ / "ca.cnf",
            fmt::format("[ca]\ndefault_ca = here\n[here]\n"
                        "database = {0}/index\nnew_certs_dir = {0}\n"
                        "default_md = sha256\npolicy = any\n"
                        "rand_serial = yes\nunique_subject = no\n"
                        "[any]\ncommonName = supplied\n",
                        directory_.string()));
  WriteFile(directory_ / "index", "");
}

void Authority::OpenSsl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "openssl");
  const fs::path log = directory_ / "openssl.log";
  if (RunProgram(arguments, log) != 0) throw std::runtime_error(ReadFile(log));
}

Certificate Authority::Request(const std::string& name) const {
  const Certificate made{directory_ / (name + ".pem"),
                         directory_ / (name + ".key")};
  OpenSsl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-keyout", made.key, "-out", directory_ / (name + ".csr"),
           "-subj", "/CN=" + name});
  return made;
}

Certificate Authority::Sign(const std::string& name,
                            const std::string& names) const {
  const Certificate made = Request(name);
  const fs::path extensions = directory_ / (name + ".ext");
  WriteFile(extensions, "subjectAltName=" + names + "\n");
  OpenSsl({"x509", "-req", "-in", directory_ / (name + ".csr"), "-CA", ca_.file,
           "-CAkey", ca_.key, "-CAcreateserial", "-days", "2", "-extfile",
           extensions, "-out", made.file});
  return made;
}

Certificate Authority::SignExpired(const std::string& name,
                                   const std::string& names) const {
  const Certificate made = Request(name);
  const fs::path extensions = directory_ / (name + ".ext");
  WriteFile(extensions, "subjectAltName=" + names + "\n");
  OpenSsl({"ca", "-batch", "-notext", "-config", directory_ / "ca.cnf", "-cert",
           ca_.file, "-keyfile", ca_.key, "-startdate", "20200101000000Z",
           "-enddate", "20200102000000Z", "-extfile", extensions, "-in",
           directory_ / (name + ".csr"), "-out", made.file});
  return made;
}

Certificate Authority::SelfSigned(const std::string& name,
                                  const std::string& names) const {
  const Certificate made{directory_ / (name + ".pem"),
                         directory_ / (name + ".key")};
  OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-keyout", made.key, "-out",
           made.file, "-days", "2", "-subj", "/CN=" + name, "-addext",
           "subjectAltName=" + names});
  return made;
}

ExternalServer StartStunnel(const fs::path& directory,
                            const Certificate& certificate, int backend) {
  const int port = FreePort();
  const fs::path config = directory / fmt::format("stunnel-{}.conf", port);
  WriteFile(config, fmt::format("foreground = yes\npid =\nsyslog = no\n"
                                "[tls]\naccept = 127.0.0.1:{}\n"
                                "connect = 127.0.0.1:{}\n"
                                "cert = {}\nkey = {}\n",
                                port, backend, certificate.file.string(),
                                certificate.key.string()));
  return ExternalServer({"stunnel4", config}, port, directory / "stunnel.log");
}

ExternalServer StartNginx(const fs::path& directory, std::string http) {
  const int port = FreePort();
  http = Replaced(std::move(http), "{port}", std::to_string(port));
  http = Replaced(std::move(http), "{port2}", std::to_string(FreePort()));
  std::string temporary;
  for (const char* kind :
       {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temporary +=
        fmt::format("{}_temp_path {}/{};\n", kind, directory.string(), kind);
  }
  const fs::path config = directory / "nginx.conf";
  WriteFile(config,
            fmt::format("daemon off;\nmaster_process off;\npid {0}/pid;\n"
                        "error_log stderr;\nevents {{}}\n"
                        "http {{\naccess_log off;\n{1}{2}\n}}\n",
                        directory.string(), temporary, http));
  return ExternalServer(
      {"nginx", "-e", "stderr", "-p", directory, "-c", config}, port,
      directory / "nginx.log");
}

ExternalServer StartTinyproxy(const fs::path& directory,
                              const std::string& lines,
                              const std::string& hosts) {
  const int port = FreePort();
  const fs::path config = directory / fmt::format("tinyproxy-{}.conf", port);
  const fs::path names = directory / "hosts";
  WriteFile(names, hosts + "\n");
  WriteFile(config, fmt::format("Port {}\nListen 127.0.0.1\nTimeout 20\n"
                                "MaxClients 20\n{}\n",
                                port, lines));
  return ExternalServer(
      {"unshare", "--map-root-user", "--mount", "sh", "-c",
       "mount --bind \"$1\" /etc/hosts && exec tinyproxy -d -c \"$2\"", "sh",
       names, config},
      port, directory / "tinyproxy.log");
}

ExternalServer StartDnsmasq(const fs::path& directory,
                            std::vector<std::string> arguments) {
  const int port = FreePort();
  std::vector<std::string> argv{"dnsmasq",
                                "--keep-in-foreground",
                                "--conf-file=/dev/null",
                                "--no-resolv",
                                "--no-hosts",
                                "--bind-interfaces",
                                "--listen-address=127.0.0.1",
                                "--user=",
                                "--pid-file=",
                                fmt::format("--port={}", port)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return ExternalServer(std::move(argv), port, directory / "dnsmasq.log");
}

bool HasMountNamespaces() {
  if (!HasPrograms({"unshare", "mount"})) return false;
  if (RunProgram({"unshare", "--map-root-user", "--mount", "true"},
                 "/dev/null") == 0) {
    return true;
  }
  Skip("no mount namespaces for this user");
  return false;
}

}  // namespace coppice::testing
