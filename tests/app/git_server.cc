#include "git_server.h"

#include <fmt/format.h>

#include <stdexcept>

#include "support/cli.h"

namespace coppice::testing {
namespace fs = std::filesystem;
namespace {

constexpr char kParameters[] =
    "fastcgi_param REQUEST_METHOD $request_method;\n"
    "fastcgi_param REQUEST_URI $request_uri;\n"
    "fastcgi_param QUERY_STRING $query_string;\n"
    "fastcgi_param CONTENT_TYPE $content_type;\n"
    "fastcgi_param CONTENT_LENGTH $content_length;\n"
    "fastcgi_param HTTP_AUTHORIZATION $http_authorization;\n"
    "fastcgi_param REMOTE_ADDR $remote_addr;\n";

std::unique_ptr<ExternalServer> StartCgi(const fs::path& log) {
  const int port = FreePort();
  return std::make_unique<ExternalServer>(
      std::vector<std::string>{"fcgiwrap", "-s",
                               fmt::format("tcp:127.0.0.1:{}", port)},
      port, log);
}

void WriteExecutable(const fs::path& file, const std::string& text) {
  WriteFile(file, text);
  fs::permissions(file, fs::perms::owner_all);
}

// nginx in a directory of its own, so that two do not share files.
std::unique_ptr<ExternalServer> Nginx(const fs::path& directory,
                                      const std::string& http) {
  fs::create_directories(directory);
  return std::unique_ptr<ExternalServer>(
      new ExternalServer(StartNginx(directory, http)));
}

}  // namespace

bool GitServer::Installed() {
  return HasPrograms({"nginx", "fcgiwrap", "git"});
}

GitServer::GitServer() {
  fs::create_directories(repository());
  Git("init -q --bare -b main .");
  Config("http.receivepack", "true");
  Config("receive.advertisePushOptions", "true");
  WriteHook("exit 0\n");
  std::string backend = Shell("git --exec-path", temp_.path()).out;
  while (!backend.empty() && backend.back() == '\n') backend.pop_back();
  backend += "/git-http-backend";
  backend_ = StartCgi(temp_ / "cgi.log");
  nginx_ =
      Nginx(temp_ / "nginx",
            fmt::format(
                "server {{ listen 127.0.0.1:{{port}}; client_max_body_size 0;\n"
                "location / {{ {}fastcgi_param SCRIPT_FILENAME {};\n"
                "fastcgi_param GIT_PROJECT_ROOT {};\n"
                "fastcgi_param GIT_HTTP_EXPORT_ALL 1;\n"
                "fastcgi_param PATH_INFO $uri;\n"
                "fastcgi_pass 127.0.0.1:{}; }} }}\n",
                kParameters, backend, temp_.path().string(), backend_->port()));
}

std::string GitServer::url() const {
  return fmt::format("http://127.0.0.1:{}/owner/name.git", nginx_->port());
}

void GitServer::WriteHook(const std::string& end) {
  WriteExecutable(repository() / "hooks/pre-receive",
                  fmt::format("#!/bin/sh\n: >'{0}'\ni=0\n"
                              "while [ $i -lt ${{GIT_PUSH_OPTION_COUNT:-0}} ]; "
                              "do\n"
                              "eval \"printf '%s\\\\n' "
                              "\\\"\\$GIT_PUSH_OPTION_$i\\\"\" >>'{0}'\n"
                              "i=$((i + 1))\ndone\n{1}",
                              (temp_ / "options").string(), end));
}

std::string GitServer::Options() const {
  return fs::exists(temp_ / "options") ? ReadFile(temp_ / "options") : "";
}

void GitServer::Refuse(const std::string& saying) {
  WriteHook("echo '" + saying + "' >&2\nexit 1\n");
}

void GitServer::Config(const std::string& key, const std::string& value) {
  Git("config " + key + " " + value);
}

std::string GitServer::Git(const std::string& arguments) const {
  const Ran ran = Shell("git " + arguments, repository());
  if (ran.exit != 0) throw std::runtime_error(ran.err);
  return ran.out;
}

bool GitHubServer::Installed() {
  return GitServer::Installed() && HasPrograms({"gh", "openssl"});
}

GitHubServer::GitHubServer(const GitServer& git) : authority_(temp_.path()) {
  Allow();
  const Certificate certificate = authority_.Sign("github", "IP:127.0.0.1");
  backend_ = StartCgi(temp_ / "cgi.log");
  nginx_ = Nginx(
      temp_ / "nginx",
      fmt::format("server {{ listen 127.0.0.1:{{port}} ssl;\n"
                  "client_max_body_size 0;\n"
                  "ssl_certificate {};\nssl_certificate_key {};\n"
                  "location /owner/ {{ proxy_pass {}; }}\n"
                  "location / {{ {}fastcgi_param SCRIPT_FILENAME {};\n"
                  "fastcgi_pass 127.0.0.1:{}; }} }}\n",
                  certificate.file.string(), certificate.key.string(),
                  git.url().substr(0, git.url().find("/owner")), kParameters,
                  (temp_ / "api.sh").string(), backend_->port()));
}

std::string GitHubServer::host() const {
  return fmt::format("127.0.0.1:{}", nginx_->port());
}

std::string GitHubServer::Requests() const {
  return fs::exists(temp_ / "requests") ? ReadFile(temp_ / "requests") : "";
}

void GitHubServer::Refuse(const std::string& saying) {
  WriteScript("{\"errors\":[{\"message\":\"" + saying + "\"}]}");
}

void GitHubServer::Allow() {
  WriteScript(
      "{\"data\":{\"createPullRequest\":{\"pullRequest\":{\"id\":\"PR_1\","
      "\"url\":\"https://github.test/owner/name/pull/7\"}}}}");
}

void GitHubServer::WriteScript(const std::string& answer) {
  const std::string repository =
      "{\"id\":\"R_1\",\"name\":\"name\",\"owner\":{\"login\":\"owner\"},"
      "\"viewerPermission\":\"WRITE\",\"defaultBranchRef\":{\"name\":\"main\"},"
      "\"pullRequests\":{\"nodes\":[]}}";
  WriteExecutable(
      temp_ / "api.sh",
      "#!/bin/sh\nbody=$(cat)\nprintf '%s\\n' \"$body\" >>'" +
          (temp_ / "requests").string() +
          "'\n[ -n \"$HTTP_AUTHORIZATION\" ] || { printf "
          "'Status: 401 Unauthorized\\r\\n\\r\\n'; exit; }\n"
          "printf 'Content-Type: application/json\\r\\n"
          "X-Oauth-Scopes: repo, read:org\\r\\n\\r\\n'\n"
          "case \"$body\" in\n*createPullRequest*) cat <<'E'\n" +
          answer + "\nE\n;;\n*repository*) echo '{\"data\":{\"repository\":" +
          repository +
          "}}' ;;\n*) echo '{\"data\":{\"viewer\":{\"login\":\"user\"}}}' ;;\n"
          "esac\n");
}

}  // namespace coppice::testing
