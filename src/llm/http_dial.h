#pragma once

#include <map>
#include <memory>
#include <string>

#include "llm/http.h"
#include "llm/http_proxy.h"
#include "llm/http_resolver.h"
#include "llm/http_url.h"
#include "llm/http_watchdog.h"
#include "llm/stream.h"

namespace coppice::llm {

class TcpStream;
class TlsTrust;

// Where a connection leads and by which way. Connections of one key are alike.
struct HttpOrigin {
  HttpUrl url;
  ProxyChoice proxy;  // never kRefused
  std::string ca_file;

  bool proxied() const { return proxy.kind == ProxyChoice::Kind::kProxy; }
  std::string Key() const;
};

struct Dialed {
  std::unique_ptr<Stream> stream;
  HttpEnd end;  // without a stream
};

// Makes connections: name, address, proxy tunnel, TLS. Conductor thread.
class HttpDialer {
 public:
  HttpDialer(asio::any_io_executor executor, Clock& clock,
             const HttpSettings& settings);
  ~HttpDialer();

  // Both must outlive the task.
  Task<Dialed> Dial(const HttpOrigin& origin, Watchdog& watchdog);

 private:
  struct Plain;

  Task<Plain> Connect(const HttpOrigin& origin, Watchdog& watchdog);
  Task<Dialed> Secure(std::unique_ptr<TcpStream> tcp, const HttpOrigin& origin,
                      Watchdog& watchdog);

  const HttpSettings& settings_;
  HttpResolver resolver_;
  std::map<std::string, std::shared_ptr<TlsTrust>> trusts_;  // by ca_file
};

}  // namespace coppice::llm
