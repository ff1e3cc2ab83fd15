/* CIFAR from memory, for tests and fuzzers. */
#ifndef REEL_DATA_SOURCES_CIFAR_H
#define REEL_DATA_SOURCES_CIFAR_H

#include "data/sources/common/opened.h"

/* One file's bytes, which must stay. hundred: CIFAR-100's records. After a failure there is nothing
 * to free. */
reel_status reel_cifar_memory(reel_opened *out, const uint8_t *bytes, size_t size, bool hundred,
                              reel_error *err);

#endif
