# Servers that misbehave, and servers from the distribution.
add_library(coppice_net_fakes STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/external_server.cc
  ${CMAKE_SOURCE_DIR}/tests/support/fault_server.cc)
target_include_directories(coppice_net_fakes PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(coppice_net_fakes PUBLIC
  coppice_base coppice_test_main OpenSSL::SSL resolv fmt::fmt)

coppice_test(llm_http
  SOURCES
    cassette_test.cc
    http_connection_test.cc
    http_external_test.cc
    http_gzip_test.cc
    http_limits_test.cc
    http_proxy_test.cc
    http_resolver_test.cc
    http_response_test.cc
    http_tls_test.cc
  LIBS coppice_llm_http coppice_net_fakes coppice_aimock)
