/* What the operating system refused, as a status and one line; and opening a file when descriptors
 * are scarce.
 *
 * A resource that ran out is told from damage: the file may be healthy, so nobody may skip it. */
#ifndef REEL_CORE_SYSTEM_ERROR_H
#define REEL_CORE_SYSTEM_ERROR_H

#include "core/base.h"

/* Fails with the formatted line and the words of `reason`, an errno. REEL_ERR_MEMORY with a line of
 * advice: descriptors or memory ran out. REEL_ERR_IO: any other reason. */
reel_status reel_fail_system(reel_error *err, int reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
#define reel_fail_system(...) reel_failed(reel_fail_system(__VA_ARGS__))
#endif

/* openat that waits up to half a second for a descriptor that another thread or process gives back.
 * -1: errno says why. */
int reel_open_patiently(int folder, const char *path, int flags);

#endif
