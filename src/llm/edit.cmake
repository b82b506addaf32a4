coppice_room(llm_edit
  SOURCES
    edit_describe.cc
    edit_elision.cc
    edit_lines.cc
    edit_marks.cc
    edit_merge.cc
    edit_path.cc
    edit_place.cc
    edit_prose.cc
    edit_reader.cc
    edit_reply.cc
    edit_scope.cc
    edit_session.cc
    edit_show.cc
    edit_similar.cc
    edit_udiff.cc
    header.cc
  LIBS coppice_spec fmt::fmt)

if(COPPICE_FUZZ)
  target_compile_options(coppice_llm_edit PRIVATE -fsanitize=fuzzer-no-link)
endif()
