/* The elementary functions of double precision that are called seldom: written for accuracy, with
 * sums of two doubles where one is not enough. */
#include "core/elementary.h"

#include <stdbool.h>

/* An unevaluated sum: |low| is at most half a unit in the last place of high where it was made by
 * two_sum. */
typedef struct two_doubles {
    double high, low;
} two_doubles;

/* a + b without error (Knuth). */
static two_doubles two_sum(double a, double b)
{
    const double sum = a + b, of_b = sum - a;
    return (two_doubles){sum, (a - (sum - of_b)) + (b - of_b)};
}

/* a b without error (Dekker): 26 bits of each factor at a time. */
static two_doubles two_product(double a, double b)
{
    const double split = 0x1p27 + 1;
    const double a_part = a * split, a_high = a_part - (a_part - a), a_low = a - a_high;
    const double b_part = b * split, b_high = b_part - (b_part - b), b_low = b - b_high;
    const double product = a * b;
    return (two_doubles){product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) +
                                      a_low * b_low};
}

static two_doubles product_of_sums(two_doubles a, two_doubles b)
{
    const two_doubles p = two_product(a.high, b.high);
    return two_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

/* ---- tanh, erf and pow
 * --------------------------------------------------------------------------------
 */

/* As reel_math_tanhf. */
double reel_math_tanh(double x)
{
    double v = fabs(x);
    v = v > 22 ? 22 : v;

    const double rounded = v * 0x1.71547652b82fep+1 + REEL_MATH_ROUNDER,
                 n = rounded - REEL_MATH_ROUNDER;
    const double high = 2 * v - n * REEL_MATH_LN2_HIGH, rest = 0 - n * REEL_MATH_LN2_LOW,
                 r = high + rest;
    const double power = reel_math_power_of_two(rounded);
    const double t = power * (high + (rest + r * r * reel_math_exp_tail(r))) + (power - 1);
    return reel_math_with_sign(t / (t + 2), x);
}

/* As reel_math_erff; beyond 6 the result rounds to 1. q is a polynomial in |x| - 2. */
double reel_math_erf(double x)
{
    static const double p[] = {
        0x1.0613987edce0dp-34,  -0x1.38a4b8db8a7c5p-30, 0x1.f7b72e5bcd4ffp-27,
        -0x1.5f1f0634fb062p-23, 0x1.b9df2954a9147p-20,  -0x1.f4d1e3a67dc3ep-17,
        0x1.f9a321dd3898cp-14,  -0x1.c02db3db06d60p-11, 0x1.565bcd0dbc1adp-8,
        -0x1.b82ce31284e9cp-6,  0x1.ce2f21a042b32p-4,   -0x1.812746b0379e6p-2,
        0x1.06eba8214db69p-3}; /* 2^-55 */
    static const double q[] = {
        -0x1.50a761fcabfdcp-38, 0x1.3eb474ba2137dp-35,  -0x1.3ab55267d0473p-34,
        -0x1.182842a85effcp-32, 0x1.668ac3c5fbc69p-29,  -0x1.e0dcb04cf0017p-27,
        0x1.ef9eca72bf571p-25,  -0x1.73de9c307df99p-23, 0x1.b57fd68b5096ap-23,
        0x1.06047959cce08p-19,  -0x1.5b659db0d2fc7p-16, 0x1.1bc3a5080d1a8p-13,
        -0x1.7ffcfafeb899ap-11, 0x1.d406b37851e8dp-9,   -0x1.0dc3b5fb35b94p-6,
        -0x1.d8f5dece9293bp-1,  -0x1.1ac3258a8dc28p+2,  -0x1.575b329b1f514p+2}; /* 2^-56 */
    double size = fabs(x);
    size = size > 6 ? 6 : size;

    if (size < 1)
        return x + x * reel_math_polynomial(size * size, p, 13);
    const double rest = reel_math_exp(reel_math_polynomial(size - 2, q, 18));
    return reel_math_with_sign(1 - rest, x);
}

/* log x to about 2^-64 for positive finite x: as reel_math_log, with 2 s and 2/3 s^3 as sums of two
 * doubles. */
static two_doubles log_of(double x)
{
    double k;
    const double m = reel_math_mantissa(x, &k), f = m - 1;

    /* s = f / (1 + m), and what the division left */
    const two_doubles divisor = two_sum(m, 1);
    two_doubles s = {.high = f / divisor.high};
    const two_doubles back = two_product(s.high, divisor.high);
    s.low = (((f - back.high) - back.low) - s.high * divisor.low) / divisor.high;

    /* log m = 2 s + s^3 (2/3 + z p), z = s^2: 2^-66 */
    const two_doubles square = product_of_sums(s, s);
    const double z = square.high;
    static const double c[] = {0x1.e02e6fff27908p-4, 0x1.df7cc8e5fa539p-4, 0x1.1118c7e4b0917p-3,
                               0x1.3b1395d2190c1p-3, 0x1.745d177a96056p-3, 0x1.c71c71c6eaa10p-3,
                               0x1.2492492492521p-2, 0x1.999999999999ap-2};
    const double p = reel_math_polynomial(z, c, 8);
    two_doubles factor = two_sum(0x1.5555555555555p-1, z * p);
    factor.low += 0x1.5555555555555p-55;
    const two_doubles cube = product_of_sums(product_of_sums(square, factor), s);

    two_doubles of_m = two_sum(2 * s.high, cube.high);
    of_m.low += 2 * s.low + cube.low;
    const two_doubles sum = two_sum(k * REEL_MATH_LN2_HIGH, of_m.high);
    return two_sum(sum.high, sum.low + (of_m.low + k * REEL_MATH_LN2_LOW));
}

/* 0: y is no integer; 1: odd; 2: even. */
static int parity(double y)
{
    if (fabs(y) >= 0x1p53)
        return 2;
    const int64_t whole = (int64_t)y;
    if ((double)whole != y)
        return 0;
    return whole & 1 ? 1 : 2;
}

/* x^y where x is 0 or infinite: the sign is x's for odd integers. */
static double power_of_extreme(double x, double y, bool odd)
{
    const double size = (x == 0) == (y < 0) ? (double)INFINITY : 0;
    return odd ? reel_math_with_sign(size, x) : size;
}

double reel_math_pow(double x, double y)
{
    if (y == 0 || x == 1)
        return 1;
    if (isnan(x) || isnan(y))
        return (double)NAN;
    if (isinf(y)) {
        if (x == -1)
            return 1;
        return (fabs(x) > 1) == (y > 0) ? (double)INFINITY : 0;
    }

    const int integer = parity(y);
    if (x == 0 || isinf(x))
        return power_of_extreme(x, y, integer == 1);
    if (x < 0 && integer == 0)
        return (double)NAN;

    /* From 2^66 on every y gives 0, 1 or infinity: no double but 1 is nearer to 1 than 2^-53. */
    y = y > 0x1p66 ? 0x1p66 : y;
    y = y < -0x1p66 ? -0x1p66 : y;
    const two_doubles log = log_of(fabs(x));
    two_doubles exponent = two_product(y, log.high);
    exponent.low += y * log.low;
    const double size = fabs(exponent.high) > 1000
                            ? reel_math_exp(exponent.high)
                            : reel_math_exp_of_sum(exponent.high, exponent.low);
    return x < 0 && integer == 1 ? -size : size;
}

float reel_math_powf(float x, float y)
{
    if (x > 0 && x < INFINITY && fabsf(y) < INFINITY)
        return reel_math_powf_of_positive(x, y);
    return (float)reel_math_pow((double)x, (double)y);
}

/* ---- sin and cos
 * --------------------------------------------------------------------------------
 */

/* x = n pi / 2 + high + low, |high| <= pi / 4 */
typedef struct reduced {
    double high, low;
    uint32_t quadrant; /* n modulo 4 in the low bits */
} reduced;

/* 2 / pi, 32 bits a word: enough for the largest double. */
static const uint32_t two_over_pi[] = {
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
    0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484,
    0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f,
    0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b,
    0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab,
};

/* 32 bits of a number whose words stand lowest first, from bit `at` up. */
static uint32_t word_at(const uint32_t *words, int at)
{
    const uint64_t two = (uint64_t)words[at / 32 + 1] << 32 | words[at / 32];
    return (uint32_t)(two >> (at % 32));
}

/* For |x| >= 2^20 (Payne and Hanek): of x times 2 / pi only the bits around the point matter. x = m
 * 2^e; words of 2 / pi that make multiples of 4 are left out, and those behind the next seven are
 * too small. */
static reduced reduce_large(double x)
{
    const uint64_t bits = reel_math_bits(x),
                   m = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    const int e = (int)(bits >> 52 & 0x7ff) - 1075, first = e > 2 ? (e - 2) / 32 : 0,
              point = 32 * (first + 7) - e;

    uint32_t product[10] = {0};
    for (int j = 0; j < 2; j++) {
        uint64_t carry = 0;
        for (int i = 0; i < 7; i++) {
            carry += (m >> (32 * j) & 0xffffffff) * two_over_pi[first + 6 - i] + product[i + j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product[7 + j] = (uint32_t)carry;
    }

    /* The fraction as a sum, from -1/2 to 1/2: above a half it belongs to the next quadrant. */
    const bool above = word_at(product, point - 32) >> 31;
    two_doubles fraction = {0};
    double unit = 0x1p-32;
    for (int i = 1; i <= 5; i++, unit *= 0x1p-32) {
        const uint32_t word = word_at(product, point - 32 * i);
        const two_doubles sum = two_sum(fraction.high, unit * (double)(above ? ~word : word));
        fraction = (two_doubles){sum.high, fraction.low + sum.low};
    }
    const two_doubles half_pi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
    const two_doubles r = product_of_sums(two_sum(fraction.high, fraction.low), half_pi);

    const uint32_t quadrant = word_at(product, point) + above;
    const double sign = (bits >> 63 != 0) != above ? -1 : 1;
    return (reduced){sign * r.high, sign * r.low, bits >> 63 ? 0 - quadrant : quadrant};
}

/* Below 2^20: pi / 2 in four parts, the products of the first three of which are exact (Cody and
 * Waite). */
static reduced reduce(double x)
{
    if (fabs(x) >= 0x1p20)
        return reduce_large(x);
    const double rounded = x * 0x1.45f306dc9c883p-1 + REEL_MATH_ROUNDER,
                 n = rounded - REEL_MATH_ROUNDER;
    const two_doubles a = two_sum(x - n * 0x1.921fb54400000p+0, -(n * 0x1.0b4611a600000p-34));
    const two_doubles b = two_sum(a.high, -(n * 0x1.3198a2e000000p-69));
    const two_doubles r = two_sum(b.high, (b.low + a.low) - n * 0x1.b839a252049c1p-104);
    return (reduced){r.high, r.low, (uint32_t)reel_math_bits(rounded)};
}

/* sin(high + low): 2^-55 */
static double sine_of(double high, double low)
{
    const double z = high * high;
    static const double c[] = {0x1.5e0af18733f9ep-33, -0x1.ae600a926df9ap-26,
                               0x1.71de37961e4dcp-19, -0x1.a01a019e8357dp-13,
                               0x1.1111111110bb1p-7,  -0x1.5555555555555p-3};
    const double p = reel_math_polynomial(z, c, 6);
    return high + (high * z * p + low * (1 - 0.5 * z));
}

/* cos(high + low): 2^-60 */
static double cosine_of(double high, double low)
{
    const double z = high * high, half = 0.5 * z, most = 1 - half;
    static const double c[] = {-0x1.907d7aec5a8a3p-37, 0x1.1eeb68b109cf5p-29,
                               -0x1.27e4fa17a41bfp-22, 0x1.a01a019f4e867p-16,
                               -0x1.6c16c16c16966p-10, 0x1.5555555555555p-5};
    const double p = reel_math_polynomial(z, c, 6);
    return most + (((1 - most) - half) + (z * z * p - high * low));
}

/* sin x for shift 0, cos x for shift 1. */
static double sine_shifted(double x, uint32_t shift)
{
    if (!(fabs(x) < (double)INFINITY))
        return (double)NAN;
    const reduced r = reduce(x);
    const uint32_t quadrant = r.quadrant + shift;
    const double size = quadrant & 1 ? cosine_of(r.high, r.low) : sine_of(r.high, r.low);
    return quadrant & 2 ? -size : size;
}

double reel_math_sin(double x)
{
    return fabs(x) < 0x1p-27 ? x : sine_shifted(x, 0); /* -0 stays -0 */
}

double reel_math_cos(double x)
{
    return sine_shifted(x, 1);
}

float reel_math_sinf(float x)
{
    float sine, cosine;
    if (!(fabsf(x) <= 0x1p20f))
        return (float)reel_math_sin((double)x);
    reel_math_sin_cos(x, &sine, &cosine);
    return sine;
}

float reel_math_cosf(float x)
{
    float sine, cosine;
    if (!(fabsf(x) <= 0x1p20f))
        return (float)reel_math_cos((double)x);
    reel_math_sin_cos(x, &sine, &cosine);
    return cosine;
}

/* ---- atan2
 * --------------------------------------------------------------------------------
 */

/* atan t for |t| <= sqrt(2) - 1: 2^-56 */
static double arctangent_of(double t)
{
    const double z = t * t;
    static const double c[] = {-0x1.3a2b7a07caea9p-6, 0x1.41603647c7a7cp-5,  -0x1.a098bb6ba4941p-5,
                               0x1.dfe61e80903d2p-5,  -0x1.10fa75382537fp-4, 0x1.3b1262d95579ep-4,
                               -0x1.745d0b26b83e7p-4, 0x1.c71c7185314cbp-4,  -0x1.24924924360cbp-3,
                               0x1.999999999934ap-3,  -0x1.5555555555555p-2};
    const double p = reel_math_polynomial(z, c, 11);
    return t + t * z * p;
}

/* atan(less / more) for 0 <= less <= more: above sqrt(2) - 1 it is pi / 4 - atan((more - less) /
 * (more + less)). */
static double angle_below_diagonal(double less, double more)
{
    if (more == 0)
        return 0;
    if (less == more)
        return 0x1.921fb54442d18p-1; /* both infinite too */
    if (less < more * 0x1.a827999fcef32p-2)
        return arctangent_of(less / more);
    const double scale = more > 1 ? 0.5 : 1; /* so that the sum does not overflow */
    const double t = arctangent_of((more * scale - less * scale) / (more * scale + less * scale));
    return 0x1.921fb54442d18p-1 - (t - 0x1.1a62633145c07p-55);
}

double reel_math_atan2(double y, double x)
{
    if (isnan(x) || isnan(y))
        return (double)NAN;
    const double ax = fabs(x), ay = fabs(y);
    double angle = ay > ax ? angle_below_diagonal(ax, ay) : angle_below_diagonal(ay, ax);
    if (ay > ax)
        angle = 0x1.921fb54442d18p+0 - (angle - 0x1.1a62633145c07p-54);
    if (reel_math_bits(x) >> 63)
        angle = 0x1.921fb54442d18p+1 - (angle - 0x1.1a62633145c07p-53);
    return reel_math_with_sign(angle, y);
}
