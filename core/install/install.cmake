# What `cmake --install` puts where: the program with its man page and shell completion, libreel static and shared, reel.h with
# the headers that it includes, reel.pc and a CMake package. Also the target `reference`, which makes the API reference from the same headers.
#
# The static library's own dependencies are written out as plain -l names, both for pkg-config and for CMake: a C++ project
# cannot look for OpenMP's C half.
include(CMakePackageConfigHelpers)

set(reel_static_libraries jpeg png ${reel_format_names} z jansson pthread ${CMAKE_DL_LIBS} m)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(reel_openmp ${OpenMP_C_FLAGS})
else() # another compiler's -fopenmp would bring another runtime
  set(reel_openmp ${OpenMP_C_LIBRARIES})
endif()
set(generated ${PROJECT_BINARY_DIR}/generated/install)

# ---- what is installed is part of the target reel: `--target reel` is enough ----
# The man page and shell completion: the program prints them, so that they agree with its option table.
set(shell ${PROJECT_BINARY_DIR}/generated/shell)
set(shell_files "")
if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR)
  set(shell_files ${shell}/reel.1 ${shell}/reel ${shell}/_reel)
  file(MAKE_DIRECTORY ${shell})
  add_custom_command(TARGET reel POST_BUILD
                     COMMAND reel help --man > ${shell}/reel.1
                     COMMAND reel help --completion bash > ${shell}/reel
                     COMMAND reel help --completion zsh > ${shell}/_reel
                     BYPRODUCTS ${shell_files} VERBATIM)
endif()
set(installed_targets reel reel_static reel_shared)
if(TARGET reel_mpi)
  list(APPEND installed_targets reel_mpi)
endif()
foreach(target IN LISTS installed_targets)
  if(NOT target STREQUAL reel)
    add_dependencies(reel ${target})
  endif()
endforeach()
# Without them nothing is installed: this comes before the first file.
list(TRANSFORM installed_targets REPLACE "(.+)" "\"$<TARGET_FILE:\\1>\"" OUTPUT_VARIABLE built_files)
list(APPEND built_files ${shell_files})
list(JOIN built_files " " built_files)
install(CODE "
  foreach(file IN ITEMS ${built_files})
    if(NOT EXISTS \"\${file}\")
      message(FATAL_ERROR \"nothing is installed, for \${file} is missing; build it: cmake --build ${PROJECT_BINARY_DIR} --target reel\")
    endif()
  endforeach()")

# ---- headers: <reel/reel.h> ----
# In the build tree one line stands for the installed header, so that the examples include what a user includes.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/reel/reel.h
     CONTENT "/* Generated: the build tree's <reel/reel.h>. */\n#include \"core/install/reel.h\"\n")
install(CODE "
  execute_process(COMMAND \"${CMAKE_COMMAND}\" -D \"ROOT=${PROJECT_SOURCE_DIR}\" -D \"GENERATED=${PROJECT_BINARY_DIR}/generated\" -D \"TO=${generated}/include\"
                          -P \"${CMAKE_CURRENT_LIST_DIR}/headers.cmake\" COMMAND_ERROR_IS_FATAL ANY)")
install(DIRECTORY ${generated}/include/reel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# ---- the API reference: HTML in build/reference/html ----
find_program(DOXYGEN doxygen)
if(DOXYGEN)
  set(reference ${PROJECT_BINARY_DIR}/reference)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/Doxyfile.in ${generated}/Doxyfile @ONLY)
  add_custom_target(reference
    COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR} -D GENERATED=${PROJECT_BINARY_DIR}/generated -D TO=${reference}/include -P ${CMAKE_CURRENT_LIST_DIR}/headers.cmake
    COMMAND ${DOXYGEN} ${generated}/Doxyfile
    COMMENT "API reference: ${reference}/html/index.html" VERBATIM)
endif()

# ---- program and libraries ----
install(TARGETS reel RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(shell_files)
  install(FILES ${shell}/reel.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${shell}/reel DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${shell}/_reel DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
install(TARGETS reel_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS reel_shared EXPORT reelTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
set_target_properties(reel_shared PROPERTIES EXPORT_NAME reel)
if(TARGET reel_mpi)
  install(TARGETS reel_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/reel)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/README.md)
  install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# pkg-config: paths follow the .pc file, so that an installed tree may be moved.
file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
list(TRANSFORM reel_static_libraries PREPEND "-l" OUTPUT_VARIABLE pc_libraries)
list(PREPEND pc_libraries ${reel_openmp})
list(JOIN pc_libraries " " pc_libraries)
configure_file(${CMAKE_CURRENT_LIST_DIR}/reel.pc.in ${generated}/reel.pc @ONLY)
install(FILES ${generated}/reel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/reel)
install(EXPORT reelTargets NAMESPACE reel:: DESTINATION ${package})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/reelConfig.cmake.in ${generated}/reelConfig.cmake
                              INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${generated}/reelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${generated}/reelConfig.cmake ${generated}/reelConfigVersion.cmake DESTINATION ${package})
