/* SHA-256 as FIPS 180-4 states it: blocks of 64 bytes change a state of eight words. */
#include "train/fetch/sha256.h"

#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turned_right(uint32_t x, int bits)
{
    return x >> bits | x << (32 - bits);
}

/* The 64 words of a block: its own 16, big-endian, and 48 that follow from them. */
static void spread_words(uint32_t w[64], const uint8_t *block)
{
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        const uint32_t far = w[i - 15], near = w[i - 2];
        w[i] = w[i - 16] + (turned_right(far, 7) ^ turned_right(far, 18) ^ far >> 3) + w[i - 7] +
               (turned_right(near, 17) ^ turned_right(near, 19) ^ near >> 10);
    }
}

static void take_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], v[8];
    spread_words(w, block);
    memcpy(v, state, sizeof v);

    for (int i = 0; i < 64; i++) {
        const uint32_t a = v[0], e = v[4];
        const uint32_t choice = (e & v[5]) ^ (~e & v[6]);
        const uint32_t majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
        const uint32_t down = v[7] + choice + round_constants[i] + w[i] +
                              (turned_right(e, 6) ^ turned_right(e, 11) ^ turned_right(e, 25));
        const uint32_t up =
            majority + (turned_right(a, 2) ^ turned_right(a, 13) ^ turned_right(a, 22));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += down;
        v[0] = down + up;
    }

    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

void reel_sha256_begin(reel_sha256 *s)
{
    /* The fractional parts of the square roots of the first eight primes. */
    *s = (reel_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void reel_sha256_add(reel_sha256 *s, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    const size_t kept = s->bytes % 64;
    s->bytes += size;

    /* First the incomplete block, then whole ones in place. */
    if (kept) {
        const size_t part = size < 64 - kept ? size : 64 - kept;
        memcpy(s->block + kept, from, part);
        from += part;
        size -= part;
        if (kept + part < 64)
            return;
        take_block(s->state, s->block);
    }
    for (; size >= 64; from += 64, size -= 64)
        take_block(s->state, from);
    memcpy(s->block, from, size);
}

void reel_sha256_hex(const reel_sha256 *s, char hex[REEL_SHA256_HEX])
{
    /* The message ends with a 1 bit, zeros, and its length in bits as 64 bits. */
    static const uint8_t one_bit = 0x80, zeros[64];
    reel_sha256 last = *s;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(8 * s->bytes >> (56 - 8 * i));
    reel_sha256_add(&last, &one_bit, 1);
    reel_sha256_add(&last, zeros, (120 - last.bytes % 64) % 64);
    reel_sha256_add(&last, length, sizeof length);

    for (int i = 0; i < 8; i++)
        snprintf(hex + 8 * i, 9, "%08x", (unsigned)last.state[i]);
}

bool reel_sha256_begins(const reel_sha256 *s, const char *digits)
{
    char hex[REEL_SHA256_HEX];
    reel_sha256_hex(s, hex);
    return !strncmp(hex, digits, strlen(digits));
}

reel_status reel_sha256_add_file(reel_sha256 *s, int fd, const char *path, reel_error *err)
{
    uint8_t buffer[1 << 16];
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) != 0) {
        if (got > 0)
            reel_sha256_add(s, buffer, (size_t)got);
        else if (errno != EINTR)
            break;
    }
    return got == 0 ? REEL_OK : reel_fail_system(err, errno, "%s: cannot be read", path);
}

reel_status reel_sha256_of_path(reel_sha256 *s, const char *path, reel_error *err)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang it */
    reel_sha256_begin(s);
    if (fd < 0)
        return reel_fail_system(err, errno, "%s: cannot be opened", path);

    const bool plain = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    const reel_status status =
        plain ? reel_sha256_add_file(s, fd, path, err)
              : reel_fail(err, REEL_ERR_IO, "%s: expected a file, found something else", path);
    close(fd);
    return status;
}
