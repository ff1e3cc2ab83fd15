# What `cpack` makes in the build folder: reel_VERSION_ARCH.deb where dpkg is there, else reel-VERSION-SYSTEM.tar.gz. It holds
# what install.cmake installs, below /usr.
set(CPACK_PACKAGE_NAME reel)
set(CPACK_PACKAGE_VENDOR "The Reel developers")
set(CPACK_PACKAGE_CONTACT "The Reel developers <reel@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES TRUE)
set(CPACK_VERBATIM_VARIABLES TRUE)
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
if(DPKG_SHLIBDEPS)
  set(CPACK_GENERATOR DEB)
else()
  set(CPACK_GENERATOR TGZ)
endif()

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Trains, fine-tunes and uses image classifiers from folders of photographs.
 The package holds the program reel with its man page and shell completion, and the library libreel with its headers.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)          # Depends: from the libraries that are linked
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)    # and ldconfig when it is installed
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates) # downloads of weights verify certificates
if(TARGET reel_mpi)
  set(CPACK_DEBIAN_PACKAGE_SUGGESTS openmpi-bin) # for training on several processes: reel_mpi.so
  set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/deb_dependencies.cmake)
endif()
include(CPack)
