/* The bits of the system's mathematical functions, one line per function: name, number of inputs,
 * hash of all results.
 *
 * Two systems whose lines are equal give the same results on these inputs. The inputs cover what
 * training uses: logits and activations, the radii and angles of a normal deviate, gains of a
 * schedule, angles of a drawing. Lines that begin with "reel" are core/elementary.h on the same
 * inputs: they must be equal everywhere.
 *
 *   bench_libm_bits [FOLDER]     FOLDER: write the results to FOLDER/NAME, to count the ones that
 * differ
 *
 * Alone, on a system without Reel's libraries: gcc -O2 -ffp-contract=off -I.
 * tests/bench/libm_bits.c core/elementary.c -lm Other variants of glibc on one machine:
 * GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/elementary.h"

enum { INPUTS = 1000000 };

static double x_of[INPUTS], y_of[INPUTS];
static double result[INPUTS];

/* Equally likely numbers of [0, 1), from a 64-bit linear congruence (Knuth's MMIX constants). */
static double next_uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

/* Half of the inputs lie in the range itself, the others towards its middle, where most values of
 * training lie. */
static void fill(double *to, double lo, double hi, uint64_t seed)
{
    uint64_t state = seed;
    for (int i = 0; i < INPUTS; i++) {
        const double u = next_uniform(&state), near = i % 2 ? 1 : 0.05;
        to[i] = 0.5 * (lo + hi) + (u - 0.5) * (hi - lo) * near;
    }
}

static uint64_t hash_of(const void *data, size_t size)
{
    const unsigned char *byte = data;
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        h = (h ^ byte[i]) * 0x100000001b3u;
    return h;
}

static void report(const char *folder, const char *name, size_t size)
{
    printf("%-12s %d %016llx\n", name, INPUTS, (unsigned long long)hash_of(result, size));
    if (!folder)
        return;

    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(result, 1, size, file) != size || fclose(file)) {
        perror(path);
        exit(1);
    }
}

/* One line for function NAME of x (and y), in double or in float. */
#define LINE(name, lo, hi, call)                                                                   \
    do {                                                                                           \
        fill(x_of, lo, hi, 1);                                                                     \
        for (int i = 0; i < INPUTS; i++) {                                                         \
            const double x = x_of[i];                                                              \
            result[i] = call;                                                                      \
        }                                                                                          \
        report(folder, name, sizeof result);                                                       \
    } while (0)

#define LINE_F(name, lo, hi, call)                                                                 \
    do {                                                                                           \
        float *const to = (float *)result;                                                         \
        fill(x_of, lo, hi, 1);                                                                     \
        for (int i = 0; i < INPUTS; i++) {                                                         \
            const float x = (float)x_of[i];                                                        \
            to[i] = call;                                                                          \
        }                                                                                          \
        report(folder, name, INPUTS * sizeof(float));                                              \
    } while (0)

/* Every line, of the C library's functions and of Reel's: D(f) and F(f) are the names of f in
 * double and in float. */
#define LINES(prefix, D, F)                                                                        \
    LINE(prefix "exp", -750, 710, D(exp)(x));                                                      \
    LINE(prefix "log", 0, 1e3, D(log)(x));                                                         \
    LINE(prefix "sin", -100, 100, D(sin)(x));                                                      \
    LINE(prefix "cos", -100, 100, D(cos)(x));                                                      \
    LINE(prefix "tanh", -20, 20, D(tanh)(x));                                                      \
    LINE(prefix "pow", 0, 2, D(pow)(x, y_of[i]));                                                  \
    LINE(prefix "atan2", -10, 10, D(atan2)(x, y_of[i]));                                           \
    LINE_F(prefix "expf", -104, 89, F(exp)(x));                                                    \
    LINE_F(prefix "logf", 0, 1e3, F(log)(x));                                                      \
    LINE_F(prefix "sinf", -110, 110, F(sin)(x));                                                   \
    LINE_F(prefix "cosf", -110, 110, F(cos)(x));                                                   \
    LINE_F(prefix "tanhf", -10, 10, F(tanh)(x));                                                   \
    LINE_F(prefix "powf", 0, 100, F(pow)(x, -0.6f));                                               \
    LINE_F(prefix "atan2f", -10, 10, F(atan2)(x, (float)y_of[i]))

#define SYSTEM(name) name
#define SYSTEM_FLOAT(name) name##f
#define REEL(name) reel_math_##name
#define REEL_FLOAT(name) reel_math_##name##f

static void system_lines(const char *folder)
{
    LINES("", SYSTEM, SYSTEM_FLOAT);
    LINE_F("logf_unit", 0, 1, logf(x));
}

static void reel_lines(const char *folder)
{
    LINES("reel_", REEL, REEL_FLOAT);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : NULL;
    fill(y_of, -10, 10, 2);
    system_lines(folder);
    reel_lines(folder);
    return 0;
}
