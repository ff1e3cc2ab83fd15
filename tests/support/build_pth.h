/* Builds .pth files around a pickle, byte by byte: for files that torch.save would never write.
 * Shared by tests and fuzzers. */
#ifndef REEL_TESTS_SUPPORT_BUILD_PTH_H
#define REEL_TESTS_SUPPORT_BUILD_PTH_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct built {
    unsigned char *bytes; /* malloc; the caller frees */
    size_t size, room;
} built;

static inline void built_put(built *b, const void *bytes, size_t size)
{
    if (b->size + size >= b->room) {
        b->room = 2 * (b->size + size) + 256;
        b->bytes = realloc(b->bytes, b->room);
    }
    if (size)
        memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

static inline void built_number(built *b, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        built_put(b, &(unsigned char){(unsigned char)(i < 8 ? value >> 8 * i : 0)}, 1);
}

typedef struct built_member {
    const char *name;
    const void *bytes;
    size_t size;
} built_member;

typedef struct built_zip_entry {
    uint64_t at, packed, size;
    uint32_t crc;
} built_zip_entry;

/* Members stored or deflated; zip64 adds the end record that torch.save writes. At most 16 members.
 */
static inline built build_zip(const built_member *members, int n, int deflated, int zip64)
{
    built b = {0};
    built_zip_entry list[16];
    for (int i = 0; i < n; i++) {
        unsigned char *packed = malloc(members[i].size + members[i].size / 100 + 1000);
        size_t packed_size = members[i].size;
        if (members[i].size)
            memcpy(packed, members[i].bytes, members[i].size);
        if (deflated) {
            z_stream z = {.next_in = (Bytef *)(uintptr_t)members[i].bytes,
                          .avail_in = (uInt)members[i].size,
                          .next_out = packed};
            z.avail_out = (uInt)(members[i].size + members[i].size / 100 + 1000);
            deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
            deflate(&z, Z_FINISH);
            packed_size = z.total_out;
            deflateEnd(&z);
        }
        list[i] = (built_zip_entry){
            b.size, packed_size, members[i].size,
            (uint32_t)crc32(crc32(0, NULL, 0), members[i].bytes, (uInt)members[i].size)};
        built_put(&b, "PK\3\4\x14\0\0\0", 8);
        built_number(&b, deflated ? 8 : 0, 2);
        built_number(&b, 0, 4);
        built_number(&b, list[i].crc, 4);
        built_number(&b, packed_size, 4);
        built_number(&b, members[i].size, 4);
        built_number(&b, strlen(members[i].name), 2);
        built_number(&b, 0, 2);
        built_put(&b, members[i].name, strlen(members[i].name));
        built_put(&b, packed, packed_size);
        free(packed);
    }
    const uint64_t directory = b.size;
    for (int i = 0; i < n; i++) {
        built_put(&b, "PK\1\2\x14\0\x14\0\0\0", 10);
        built_number(&b, deflated ? 8 : 0, 2);
        built_number(&b, 0, 4);
        built_number(&b, list[i].crc, 4);
        built_number(&b, list[i].packed, 4);
        built_number(&b, list[i].size, 4);
        built_number(&b, strlen(members[i].name), 2);
        built_number(&b, 0, 12);
        built_number(&b, list[i].at, 4);
        built_put(&b, members[i].name, strlen(members[i].name));
    }
    const uint64_t end = b.size;
    if (zip64) {
        built_put(&b, "PK\6\6", 4);
        built_number(&b, 44, 8);
        built_number(&b, 0x2d001e, 4);
        built_number(&b, 0, 8);
        built_number(&b, (uint64_t)n, 8);
        built_number(&b, (uint64_t)n, 8);
        built_number(&b, end - directory, 8);
        built_number(&b, directory, 8);
        built_put(&b, "PK\6\7", 4);
        built_number(&b, 0, 4);
        built_number(&b, end, 8);
        built_number(&b, 1, 4);
    }
    built_put(&b, "PK\5\6\0\0\0\0", 8);
    built_number(&b, (uint64_t)n, 2);
    built_number(&b, (uint64_t)n, 2);
    built_number(&b, end - directory, 4);
    built_number(&b, directory, 4);
    built_number(&b, 0, 2);
    return b;
}

/* A zip container with this pickle and one storage, "0". */
static inline built build_pth_zip(const void *pickle, size_t pickle_size, const void *storage,
                                  size_t storage_size, int deflated)
{
    const built_member members[] = {{"a/data.pkl", pickle, pickle_size},
                                    {"a/byteorder", "little", 6},
                                    {"a/data/0", storage, storage_size},
                                    {"a/version", "3\n", 2}};
    return build_zip(members, 4, deflated, !deflated);
}

#define PTH_LEGACY_HEAD                                                                            \
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."                                    \
    "\x80\x02M\xe9\x03."                                                                           \
    "\x80\x02}X\x0d\0\0\0little_endian\x88s."
#define PTH_LEGACY_KEYS                                                                            \
    "\x80\x02]X\x01\0\0\0"                                                                         \
    "0a."

/* The legacy stream with this object and one storage, "0", of numel elements. */
static inline built build_pth_legacy(const void *pickle, size_t pickle_size, uint64_t numel,
                                     const void *storage, size_t storage_size)
{
    built b = {0};
    built_put(&b, PTH_LEGACY_HEAD, sizeof PTH_LEGACY_HEAD - 1);
    built_put(&b, pickle, pickle_size);
    built_put(&b, PTH_LEGACY_KEYS, sizeof PTH_LEGACY_KEYS - 1);
    built_number(&b, numel, 8);
    built_put(&b, storage, storage_size);
    return b;
}

/* Pieces of pickles. Numbers are one byte, given as a literal: "\x04". */
#define PTH_STORAGE(type, key, numel)                                                              \
    "(X\x07\0\0\0storagectorch\n" type "\nX\x01\0\0\0" key "X\x03\0\0\0cpuK" numel "tQ"
#define PTH_TENSOR(type, key, numel, offset, size, stride)                                         \
    "ctorch._utils\n_rebuild_tensor_v2\n(" PTH_STORAGE(type, key, numel) "K" offset "K" size       \
                                                                         "\x85K" stride            \
                                                                         "\x85\x89NtR"
#define PTH_NAMED(name, tensor) "X\x01\0\0\0" name tensor "s"
#define PTH_DICT(entries) "\x80\x02}" entries "."

#endif
