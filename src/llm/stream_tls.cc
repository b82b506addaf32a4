#include "llm/stream_tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace coppice::llm {
namespace {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

class Trust final : public TlsTrust {
 public:
  ssl::context context{ssl::context::tls_client};
};

StreamStep TlsStepOf(error_code error, std::size_t bytes) {
  if (error == ssl::error::stream_truncated) return {.end = StreamEnd::kCut};
  return StepOf(error, bytes);
}

class TlsStream final : public Stream {
 public:
  TlsStream(tcp::socket socket, std::shared_ptr<Trust> trust)
      : trust_(std::move(trust)), ssl_(std::move(socket), trust_->context) {}

  ssl::stream<tcp::socket>& ssl() { return ssl_; }

  Task<StreamStep> Read(std::span<char> into) override {
    error_code error;
    const asio::mutable_buffer buffer(into.data(), into.size());
    const std::size_t bytes = co_await ssl_.async_read_some(
        buffer, asio::redirect_error(asio::use_awaitable, error));
    co_return TlsStepOf(error, bytes);
  }

  Task<StreamStep> Write(std::string_view text) override {
    error_code error;
    const asio::const_buffer buffer(text.data(), text.size());
    const std::size_t bytes = co_await ssl_.async_write_some(
        buffer, asio::redirect_error(asio::use_awaitable, error));
    co_return TlsStepOf(error, bytes);
  }

  bool Quiet() override { return IsQuiet(ssl_.next_layer()); }

  void Close() override {
    error_code ignored;
    ssl_.next_layer().close(ignored);
  }

 private:
  std::shared_ptr<Trust> trust_;
  ssl::stream<tcp::socket> ssl_;
};

// Keeps why a certificate was refused; OpenSSL's own code says only that.
struct Verifier {
  ssl::host_name_verification is_named;
  std::shared_ptr<std::string> refusal;

  bool operator()(bool preverified, ssl::verify_context& context) const {
    if (is_named(preverified, context)) return true;
    *refusal = preverified
                   ? "the certificate belongs to another host"
                   : X509_verify_cert_error_string(
                         X509_STORE_CTX_get_error(context.native_handle()));
    return false;
  }
};

void Prepare(ssl::stream<tcp::socket>& stream, const std::string& host,
             std::shared_ptr<std::string> refusal) {
  SSL* native = stream.native_handle();
  static constexpr std::array<unsigned char, 9> kHttp11{8,   'h', 't', 't', 'p',
                                                        '/', '1', '.', '1'};
  SSL_set_alpn_protos(native, kHttp11.data(), kHttp11.size());
  error_code not_an_address;
  asio::ip::make_address(host, not_an_address);
  if (not_an_address) SSL_set_tlsext_host_name(native, host.c_str());
  stream.set_verify_mode(ssl::verify_peer);
  Verifier verifier{ssl::host_name_verification(host), std::move(refusal)};
  stream.set_verify_callback(std::move(verifier));
}

HttpEnd Refused(const std::string& host, const std::string& refusal) {
  return {.fault = HttpFault::kTls,
          .detail = fmt::format(
              "{}: {}; trusted are the system's certificates (or what "
              "SSL_CERT_FILE and SSL_CERT_DIR name) and ca_file",
              host, refusal)};
}

}  // namespace

Result<std::shared_ptr<TlsTrust>> TlsTrust::Load(const std::string& ca_file) {
  auto trust = std::make_shared<Trust>();
  SSL_CTX* native = trust->context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  error_code error;
  trust->context.set_default_verify_paths(error);
  if (!error && !ca_file.empty())
    trust->context.load_verify_file(ca_file, error);
  if (error) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "the trusted certificates cannot be read",
                 .where = ca_file,
                 .cause = error.message()};
  }
  return std::shared_ptr<TlsTrust>(std::move(trust));
}

Task<TlsOpened> StartTls(std::unique_ptr<TcpStream> tcp,
                         std::shared_ptr<TlsTrust> trust, std::string host,
                         Watchdog& watchdog) {
  auto stream = std::make_unique<TlsStream>(
      tcp->Release(), std::static_pointer_cast<Trust>(std::move(trust)));
  const auto refusal = std::make_shared<std::string>();
  Prepare(stream->ssl(), host, refusal);
  error_code error;
  {
    const Watchdog::Guard guard =
        watchdog.Breaks([&stream] { stream->Close(); });
    co_await stream->ssl().async_handshake(
        ssl::stream_base::client,
        asio::redirect_error(asio::use_awaitable, error));
  }
  if (watchdog.fired()) co_return TlsOpened{};
  if (!error) co_return TlsOpened{std::move(stream), {}};
  if (!refusal->empty()) co_return TlsOpened{{}, Refused(host, *refusal)};
  HttpEnd broken{
      .fault = HttpFault::kHandshake,
      .detail = fmt::format("{}: TLS broke off: {}", host, error.message())};
  co_return TlsOpened{{}, std::move(broken)};
}

}  // namespace coppice::llm
