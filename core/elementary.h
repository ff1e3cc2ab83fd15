/* Elementary functions whose bits depend on nothing but their arguments: exp, log, tanh, erf, pow,
 * sin, cos, atan2.
 *
 * Whatever enters training calls these and never libm's: a C library rounds as its version and its
 * CPU have it (core/README.md, "Elementary functions"). Here everything is +, -, *, /, comparisons
 * and moves of bits, each correctly rounded on every CPU in the default rounding mode; nothing may
 * be contracted into a fused multiply-add. NaN, infinities, zeros and their signs, overflow and
 * subnormal numbers are as C11's annex F has them; errno and the floating-point flags mean nothing.
 *
 * Largest error, in units of the last place of the result (tests/unit/core/test_elementary.c
 * measures it):
 *
 *     double   exp 1    log 1    tanh 3    erf 2    sin 1    cos 1    atan2 3    pow 1
 *     float    all: 0.501, for they are computed in double and rounded once
 *
 * The functions that loops over elements call are written inline and without branches: compilers
 * turn such loops into vectors, which compute the same bits. Polynomials are Chebyshev fits; the
 * error beside each is that of the whole function. */
#ifndef REEL_CORE_ELEMENTARY_H
#define REEL_CORE_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

double reel_math_tanh(double x);
double reel_math_erf(double x);
double reel_math_pow(double x, double y);
double reel_math_sin(double x);
double reel_math_cos(double x);
double reel_math_atan2(double y, double x);

float reel_math_sinf(float x);
float reel_math_cosf(float x);
float reel_math_powf(float x, float y);

/* The square root is exact everywhere: named here so that REEL_MATH(sqrt) is one of them. */
static inline double reel_math_sqrt(double x)
{
    return sqrt(x);
}

static inline float reel_math_sqrtf(float x)
{
    return sqrtf(x);
}

/* ---- bits
 * --------------------------------------------------------------------------------
 */

#define REEL_MATH_LN2 0x1.62e42fefa39efp-1
#define REEL_MATH_LN2_HIGH                                                                         \
    0x1.62e42fefa3000p-1 /* 41 bits: its product with an exponent is exact                         \
                          */
#define REEL_MATH_LN2_LOW 0x1.3de6af278ece6p-42
#define REEL_MATH_ROUNDER 0x1.8p52 /* x + this has round(x) in its low bits, for |x| < 2^51 */

static inline uint64_t reel_math_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double reel_math_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* |x| with the sign of y. */
static inline double reel_math_with_sign(double x, double y)
{
    const uint64_t sign = (uint64_t)1 << 63;
    return reel_math_from_bits((reel_math_bits(x) & ~sign) | (reel_math_bits(y) & sign));
}

/* 2^n for the n that x + REEL_MATH_ROUNDER carries, -1022 <= n <= 1023. */
/* c[0] x^(n - 1) + ... + c[n - 1] by Horner's rule. n is a constant where this is inlined, and the
 * loop is unrolled: what is around it can be vectorised. */
static inline __attribute__((always_inline)) double reel_math_polynomial(double x, const double *c,
                                                                         int n)
{
    double p = c[0];
#pragma GCC unroll 16
    for (int i = 1; i < n; i++)
        p = p * x + c[i];
    return p;
}

static inline double reel_math_power_of_two(double rounded)
{
    return reel_math_from_bits((reel_math_bits(rounded) << 52) + ((uint64_t)1023 << 52));
}

/* ---- exp and tanh
 * --------------------------------------------------------------------------------
 */

/* (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2; e^r then has a relative error of 2^-55. */
static inline double reel_math_exp_tail(double r)
{
    static const double c[] = {0x1.af38a9b0ec855p-26, 0x1.289185613a3d6p-22, 0x1.71de0dae63bb3p-19,
                               0x1.a019b90d2ae7ap-16, 0x1.a01a01a7c41d5p-13, 0x1.6c16c1788bd90p-10,
                               0x1.11111111109b3p-7,  0x1.5555555553d63p-5,  0x1.5555555555556p-3,
                               0x1.0000000000001p-1};
    return reel_math_polynomial(r, c, 10);
}

/* The same for results in float: 2^-37. */
static inline double reel_math_exp_tail_short(double r)
{
    static const double c[] = {0x1.a1132015ba37ep-16, 0x1.a15179d80ae96p-13, 0x1.6c16858b7acb9p-10,
                               0x1.1110c632a3088p-7,  0x1.5555555c87148p-5,  0x1.55555567532adp-3,
                               0x1.0000000000000p-1};
    return reel_math_polynomial(r, c, 7);
}

/* e^(x + low), |low| far below |x|: x = n ln 2 + r, e^x = 2^n e^r. Two factors make 2^n, so that
 * subnormal results are rounded only once more and 2^1024 is reached. */
static inline double reel_math_exp_of_sum(double x, double low)
{
    x = x > 710 ? 710 : x; /* infinite from 709.79 on */
    x = x < -746 ? -746 : x;

    const double rounded = x * 0x1.71547652b82fep+0 + REEL_MATH_ROUNDER,
                 n = rounded - REEL_MATH_ROUNDER;
    const double high = x - n * REEL_MATH_LN2_HIGH, rest = low - n * REEL_MATH_LN2_LOW,
                 r = high + rest;
    const double e = 1 + (high + (rest + r * r * reel_math_exp_tail(r)));

    const double half = n * 0.5 + REEL_MATH_ROUNDER,
                 other = n - (half - REEL_MATH_ROUNDER) + REEL_MATH_ROUNDER;
    return e * reel_math_power_of_two(half) * reel_math_power_of_two(other);
}

static inline double reel_math_exp(double x)
{
    return reel_math_exp_of_sum(x, 0);
}

/* e^x for |x| <= 130, with a relative error of 2^-37. */
static inline double reel_math_exp_short(double x)
{
    const double rounded = x * 0x1.71547652b82fep+0 + REEL_MATH_ROUNDER,
                 n = rounded - REEL_MATH_ROUNDER;
    const double r = x - n * REEL_MATH_LN2, power = reel_math_power_of_two(rounded);
    return power + power * (r + r * r * reel_math_exp_tail_short(r));
}

/* e^x rounded to float. */
static inline float reel_math_exp_to_float(double x)
{
    x = x > 130 ? 130 : x; /* in float infinite from 88.73 on, 0 below -103.98 */
    x = x < -130 ? -130 : x;
    return (float)reel_math_exp_short(x);
}

static inline float reel_math_expf(float x)
{
    return reel_math_exp_to_float((double)x);
}

/* tanh |x| = t / (t + 2) with t = e^(2|x|) - 1 = 2^n (e^r - 1) + (2^n - 1), which cancels nowhere:
 * n = 0 for small x. */
static inline float reel_math_tanhf(float x)
{
    double v = fabs((double)x);
    v = v > 20 ? 20 : v;

    const double rounded = v * 0x1.71547652b82fep+1 + REEL_MATH_ROUNDER,
                 n = rounded - REEL_MATH_ROUNDER;
    const double r = 2 * v - n * REEL_MATH_LN2, power = reel_math_power_of_two(rounded);
    const double t = power * (r + r * r * reel_math_exp_tail_short(r)) + (power - 1);
    return (float)reel_math_with_sign(t / (t + 2), (double)x);
}

/* ---- erf
 * --------------------------------------------------------------------------------
 */

/* erf x = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. Below 1 it is x + x p(x^2);
 * from there on 1 - e^q(|x|) with q = ln(1 - erf |x|), which the polynomial follows to 4: beyond,
 * the result rounds to 1. */
static inline float reel_math_erff(float x)
{
    static const double p[] = {-0x1.44978328e455dp-17, 0x1.d89ff474194f2p-14,
                               -0x1.bcd3a491a3b5ep-11, 0x1.562abda853221p-8,
                               -0x1.b829d0bbed73bp-6,  0x1.ce2f0955e8a95p-4,
                               -0x1.81274666d37f4p-2,  0x1.06eba8202a1b9p-3}; /* 2^-35 */
    static const double q[] = {
        0x1.a05d95e481995p-22, -0x1.c8b0d304ef204p-16, 0x1.f248760d8db0dp-12,
        -0x1.1b2858aabf153p-8, 0x1.a102156979be1p-6,   -0x1.bd668d62ec3b0p-4,
        -0x1.441340c762b9dp-1, -0x1.2133cf075c686p+0,  0x1.bad8a3969c082p-13}; /* 2^-35 */
    const double v = (double)x;
    double size = fabs(v);
    size = size > 4 ? 4 : size;

    const double near = v + v * reel_math_polynomial(size * size, p, 8);
    const double rest = reel_math_exp_short(reel_math_polynomial(size, q, 9));
    const double far = reel_math_with_sign(1 - rest, v);
    return (float)(size < 1 ? near : far);
}

/* ---- log and pow
 * --------------------------------------------------------------------------------
 */

#define REEL_MATH_LOG_FIRST 0x3fe6a09e00000000u /* the bits of about sqrt(1/2) */

/* x = 2^k m, sqrt(1/2) <= m < sqrt(2), for positive finite x. */
static inline double reel_math_mantissa(double x, double *k)
{
    const double small = x < 0x1p-1022 ? 54 : 0; /* subnormal */
    const uint64_t bits = reel_math_bits(x < 0x1p-1022 ? x * 0x1p54 : x) - REEL_MATH_LOG_FIRST +
                          ((uint64_t)1023 << 52);
    const uint64_t as_double = (bits >> 52) | reel_math_bits(0x1p52);
    *k = reel_math_from_bits(as_double) - (0x1p52 + 1023) - small;
    return reel_math_from_bits((bits & (((uint64_t)1 << 52) - 1)) + REEL_MATH_LOG_FIRST);
}

/* What log is where it is not an ordinary number's. */
static inline double reel_math_log_or_special(double x, double log)
{
    const double positive = x < (double)INFINITY ? log : x,
                 other = x == 0 ? -(double)INFINITY : (double)NAN;
    return x > 0 ? positive : other;
}

/* log x = k ln 2 + log m; with f = m - 1 and s = f / (2 + f), log m = 2 atanh s = f - s (f - s^2
 * P(s^2)), P by a polynomial: 2^-57. Of f^2 / 2 nothing is lost when s f is written as f^2 / 2 - s
 * f^2 / 2. */
static inline double reel_math_log(double x)
{
    double k;
    const double f = reel_math_mantissa(x, &k) - 1, s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    static const double c[] = {0x1.2b5900de53b32p-3, 0x1.39fe51a7c18f9p-3, 0x1.7462b51cb66b1p-3,
                               0x1.c71c62e3f11e6p-3, 0x1.2492492df281ap-2, 0x1.99999999952d7p-2,
                               0x1.5555555555558p-1};
    const double p = reel_math_polynomial(z, c, 7);
    const double low = s * (half + z * p) + k * REEL_MATH_LN2_LOW;
    return reel_math_log_or_special(x, k * REEL_MATH_LN2_HIGH - ((half - low) - f));
}

/* The same for results in float: 2^-35. */
static inline float reel_math_logf(float x)
{
    double k;
    const double f = reel_math_mantissa((double)x, &k) - 1, s = f / (2 + f), z = s * s;
    static const double c[] = {0x1.ddcf7101b6371p-3, 0x1.245c40aecb50cp-2, 0x1.9999eb63e783dp-2,
                               0x1.5555554bb1b2fp-1};
    const double p = reel_math_polynomial(z, c, 4);
    return (float)reel_math_log_or_special((double)x, k * REEL_MATH_LN2 + s * (2 + z * p));
}

/* x^y for x >= 0; what reel_math_powf is for negative x takes branches. */
static inline float reel_math_powf_of_positive(float x, float y)
{
    const float power = reel_math_exp_to_float((double)y * reel_math_log((double)x));
    return y == 0 ? 1 : power;
}

/* ---- sin and cos
 * --------------------------------------------------------------------------------
 */

/* sin x and cos x for floats |x| <= 2^20. x = n pi / 2 + r; the quadrant n exchanges the two and
 * sets their signs. */
static inline void reel_math_sin_cos(float x, float *sine, float *cosine)
{
    const double v = (double)x, rounded = v * 0x1.45f306dc9c883p-1 + REEL_MATH_ROUNDER,
                 n = rounded - REEL_MATH_ROUNDER;
    const double r = (v - n * 0x1.921fb54400000p+0) - n * 0x1.0b4611a626331p-34, z = r * r;

    double p = 0x1.6dbdd270070fbp-19; /* sin r = r (1 + z p): 2^-35 */
    p = p * z + -0x1.a013a6edcb130p-13;
    p = p * z + 0x1.11110deeb33cbp-7;
    p = p * z + -0x1.555555545dd83p-3;
    double q = -0x1.25242a3a8cdf3p-22; /* cos r = 1 - z / 2 + z^2 q: 2^-39 */
    q = q * z + 0x1.a015c40ec7c9dp-16;
    q = q * z + -0x1.6c16bf5495196p-10;
    q = q * z + 0x1.5555555502be6p-5;
    const uint64_t s = reel_math_bits(r * (1 + z * p)),
                   c = reel_math_bits((1 - 0.5 * z) + z * z * q);

    const uint64_t quadrant = reel_math_bits(rounded),
                   odd = 0 - (quadrant & 1); /* all bits or none */
    *sine = (float)reel_math_from_bits(((s & ~odd) | (c & odd)) ^ ((quadrant & 2) << 62));
    *cosine = (float)reel_math_from_bits(((c & ~odd) | (s & odd)) ^ (((quadrant + 1) & 2) << 62));
}

static inline float reel_math_atan2f(float y, float x)
{
    return (float)reel_math_atan2((double)y, (double)x);
}

#endif
