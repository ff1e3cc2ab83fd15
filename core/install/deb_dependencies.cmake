# Before cpack makes a .deb: MPI, which the module reel_mpi.so alone links, is no dependency of the package. Whoever starts
# several ranks has an mpirun, and with it the library. dpkg-shlibdeps reads debian/shlibs.local first; cpack removes that
# folder afterwards.
cmake_minimum_required(VERSION 3.25...4.1)
if(CPACK_GENERATOR STREQUAL "DEB")
  file(WRITE ${CPACK_TEMPORARY_DIRECTORY}/debian/shlibs.local "libmpi 40\nlibmpi 12\nlibmpich 12\n")
endif()
