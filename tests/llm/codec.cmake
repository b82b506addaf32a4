coppice_test(llm_codec
  SOURCES
    codec_encode_test.cc
    codec_errors_test.cc
    codec_fixture.cc
    codec_golden_test.cc
    codec_price_test.cc
    codec_stream_test.cc
    codec_url_test.cc
    codec_wait_test.cc
    ${CMAKE_SOURCE_DIR}/tests/support/golden.cc
  LIBS coppice_llm_codec)
