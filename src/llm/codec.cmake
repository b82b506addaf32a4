find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS url GLOBAL)

coppice_room(llm_codec
  SOURCES
    classify.cc
    classify_body.cc
    classify_table.cc
    codec_anthropic.cc
    codec_base_url.cc
    codec_decode.cc
    codec_dialect.cc
    codec_encode.cc
    codec_gemini.cc
    codec_json.cc
    codec_names.cc
    codec_ollama.cc
    codec_openai_chat.cc
    codec_openai_responses.cc
    codec_wait.cc
    http_headers.cc
    http_url.cc
    price.cc
    price_estimate.cc
    redact.cc
    sse.cc
    usage.cc
  LIBS coppice_spec Boost::url nlohmann_json::nlohmann_json fmt::fmt)
