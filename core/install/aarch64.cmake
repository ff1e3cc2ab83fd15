# Builds for aarch64 on another machine, with Debian's cross compiler and its libraries for arm64. Programs run in
# qemu-user, where it is installed (tests/README.md, "Another architecture").
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
find_program(REEL_QEMU NAMES qemu-aarch64-static qemu-aarch64)
if(REEL_QEMU)
  # Without a limit qemu keeps a record of each page of the address space that Reel reserves.
  set(CMAKE_CROSSCOMPILING_EMULATOR ${REEL_QEMU} -R 64G)
endif()
