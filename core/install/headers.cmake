# Copies reel.h, and every header that it includes directly or not, to ${TO}/reel. In the copies `#include "core/tensor.h"` reads
# `#include <reel/core/tensor.h>`: a user's include path needs the folder above reel/ and nothing else.
#
#     cmake -D ROOT=checkout -D GENERATED=build/generated -D TO=folder -P headers.cmake

cmake_minimum_required(VERSION 3.25...4.1)

function(copy_header path to)
  get_property(seen GLOBAL PROPERTY reel_headers)
  if(path IN_LIST seen)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY reel_headers ${path})

  if(EXISTS ${ROOT}/${path})
    file(READ ${ROOT}/${path} text)
  else() # made by the build: core/op_builders.h
    file(READ ${GENERATED}/${path} text)
  endif()
  string(REGEX MATCHALL "\n#include \"[^\"]+\"" includes "${text}")
  string(REGEX REPLACE "\n#include \"([^\"]+)\"" "\n#include <reel/\\1>" text "${text}")
  file(WRITE ${TO}/reel/${to} "${text}")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "\n#include \"([^\"]+)\"" "\\1" include ${include})
    copy_header(${include} ${include})
  endforeach()
endfunction()

file(REMOVE_RECURSE ${TO}/reel)
copy_header(core/install/reel.h reel.h)
