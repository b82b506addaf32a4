# coppice_write_if_changed(FILE TEXT): writes TEXT as it stands, and only where
# FILE does not hold it already, so that nothing is compiled anew for nothing.
function(coppice_write_if_changed file text)
  set(before "")
  if(EXISTS ${file})
    file(READ ${file} before)
  endif()
  if(NOT text STREQUAL before)
    file(WRITE ${file} "${text}")
  endif()
endfunction()
