#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "llm/http_client.h"
#include "llm/http_watchdog.h"
#include "llm/stream.h"
#include "llm/stream_tcp.h"

namespace coppice::llm {

// Whom we trust: the system's certificates (SSL_CERT_FILE and SSL_CERT_DIR are
// honoured) and those of one further file. Nothing turns verification off.
class TlsTrust {
 public:
  // Error (kUsage): the file cannot be read.
  static Result<std::shared_ptr<TlsTrust>> Load(const std::string& ca_file);
  virtual ~TlsTrust() = default;
};

struct TlsOpened {
  std::unique_ptr<Stream> stream;
  HttpEnd end;  // kTls or kHandshake, without a stream; nothing if it fired
};

// Speaks TLS 1.2 or later to `host` over `tcp`, which must prove its name.
Task<TlsOpened> StartTls(std::unique_ptr<TcpStream> tcp,
                         std::shared_ptr<TlsTrust> trust, std::string host,
                         Watchdog& watchdog);

}  // namespace coppice::llm
