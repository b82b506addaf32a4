# Global: whoever links this library elsewhere must find them too.
find_package(OpenSSL REQUIRED GLOBAL)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS url GLOBAL)

coppice_room(llm_http
  SOURCES
    cassette.cc
    cassette_entry.cc
    cassette_file.cc
    http.cc
    http_base64.cc
    http_dial.cc
    http_exchange.cc
    http_gzip.cc
    http_pool.cc
    http_proxy.cc
    http_resolver.cc
    http_response.cc
    http_watchdog.cc
    stream_ssl_impl.cc
    stream_tcp.cc
    stream_tls.cc
  LIBS coppice_llm_codec OpenSSL::SSL OpenSSL::Crypto Boost::url
       nlohmann_json::nlohmann_json fmt::fmt)
