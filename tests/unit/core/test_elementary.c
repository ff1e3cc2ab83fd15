/* core/elementary.h: errors against long double, the special values of C11's annex F, and bits that
 * nobody may change unseen.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/elementary.h"

enum { POINTS = 200000 };

static const double infinite = (double)INFINITY, none = (double)NAN;

/* What a function is called with: x on an even grid, y by a multiplicative congruence within its
 * own range. */
typedef struct grid {
    double x_from, x_to, y_from, y_to;
} grid;

static double x_at(const grid *g, int i)
{
    return g->x_from + (g->x_to - g->x_from) * ((double)i / (POINTS - 1));
}

static double y_at(const grid *g, int i)
{
    const uint32_t hash = (uint32_t)i * 2654435769u;
    return g->y_from + (g->y_to - g->y_from) * ((double)hash * 0x1p-32);
}

/* Units of the last place between a result and the truth, for a format of `bits` bits and least
 * exponent `least`. */
static double error_in_ulp(double got, long double truth, int bits, int least)
{
    int exponent = truth == 0 ? least : ilogbl(truth);
    if (exponent < least)
        exponent = least;
    return (double)(fabsl((long double)got - truth) / ldexpl(1, exponent - bits + 1));
}

typedef struct truth_case {
    const char *name;
    long double (*truth)(long double x, long double y);
    grid on;
    uint64_t hash; /* of the results' bits on the grid */
} truth_case;

typedef struct double_case {
    truth_case of;
    double (*function)(double x, double y);
    double bound;
} double_case;

typedef struct float_case {
    truth_case of;
    float (*function)(float x, float y);
} float_case;

#define OF_ONE(name)                                                                               \
    static double name##_double(double x, double y)                                                \
    {                                                                                              \
        (void)y;                                                                                   \
        return reel_math_##name(x);                                                                \
    }                                                                                              \
    static float name##_float(float x, float y)                                                    \
    {                                                                                              \
        (void)y;                                                                                   \
        return reel_math_##name##f(x);                                                             \
    }                                                                                              \
    static long double name##_truth(long double x, long double y)                                  \
    {                                                                                              \
        (void)y;                                                                                   \
        return name##l(x);                                                                         \
    }
OF_ONE(exp)
OF_ONE(log)
OF_ONE(sin)
OF_ONE(cos)
OF_ONE(tanh)
OF_ONE(erf)

static const double_case double_cases[] = {
    {{"exp", exp_truth, {-745, 709.7, 0, 0}, 0x4b921a31fb2bf425}, exp_double, 1},
    {{"exp near 0", exp_truth, {-1, 1, 0, 0}, 0xaace8918c324a102}, exp_double, 1},
    {{"log", log_truth, {1e-3, 1e3, 0, 0}, 0x48db2757dc58f9be}, log_double, 1},
    {{"log near 1", log_truth, {0.5, 1.5, 0, 0}, 0x18fdb303b0397c3d}, log_double, 1},
    {{"log of the smallest", log_truth, {5e-324, 1e-307, 0, 0}, 0xb7e384520066d06d}, log_double, 1},
    {{"sin", sin_truth, {-8, 8, 0, 0}, 0x7ffe99ca2b6f0a7a}, sin_double, 1},
    {{"sin far out", sin_truth, {-1e6, 1.5e6, 0, 0}, 0x714b3d55549ce32e}, sin_double, 1},
    {{"cos", cos_truth, {-8, 8, 0, 0}, 0x9e17bc826e0a31a8}, cos_double, 1},
    {{"cos far out", cos_truth, {-1e6, 1.5e6, 0, 0}, 0x0270e0bb87d327fe}, cos_double, 1},
    {{"tanh", tanh_truth, {-20, 20, 0, 0}, 0x66751b89675f5295}, tanh_double, 3},
    {{"tanh near 0", tanh_truth, {-0.5, 0.5, 0, 0}, 0xb84958e0d7b59edb}, tanh_double, 3},
    {{"erf", erf_truth, {-6.5, 6.5, 0, 0}, 0xfc38712647866806}, erf_double, 2},
    {{"erf near 0", erf_truth, {-0.5, 0.5, 0, 0}, 0x876f3b003c7ae2dc}, erf_double, 2},
    {{"erf near 1", erf_truth, {0.9, 1.3, 0, 0}, 0x129388ad9721d9fd}, erf_double, 2},
    {{"pow", powl, {1e-3, 10, -100, 100}, 0x6b6001c5d11648de}, reel_math_pow, 1},
    {{"pow of small rates", powl, {0.01, 1, 0, 40}, 0x89f6feab3660e2de}, reel_math_pow, 1},
    {{"atan2", atan2l, {-10, 10, -10, 10}, 0xd14af34c6546086c}, reel_math_atan2, 3},
    {{"atan2 near an axis", atan2l, {-1e-3, 1e-3, -10, 10}, 0xd4fc6248a2e5dce7},
     reel_math_atan2,
     3},
};

static const float_case float_cases[] = {
    {{"expf", exp_truth, {-103, 88.7, 0, 0}, 0x0a751a87c72f95f1}, exp_float},
    {{"expf of logits", exp_truth, {-20, 0, 0, 0}, 0x2c3e750b8c6d6cfc}, exp_float},
    {{"logf", log_truth, {1e-3, 1e3, 0, 0}, 0x7b942ae7950da647}, log_float},
    {{"logf near 1", log_truth, {0.5, 1.5, 0, 0}, 0xb177696db15564fb}, log_float},
    {{"logf of the smallest", log_truth, {1e-45, 1e-37, 0, 0}, 0xfe9a6f003ed7157d}, log_float},
    {{"sinf", sin_truth, {-110, 110, 0, 0}, 0x943ad40de908c496}, sin_float},
    {{"sinf far out", sin_truth, {-3e6, 1e6, 0, 0}, 0xbee3c53ad29fd62d}, sin_float},
    {{"cosf", cos_truth, {-110, 110, 0, 0}, 0xdc7e0e476e189446}, cos_float},
    {{"cosf far out", cos_truth, {-3e6, 1e6, 0, 0}, 0xcefc8cbfb987986f}, cos_float},
    {{"tanhf", tanh_truth, {-10, 10, 0, 0}, 0x18437557466ba0f2}, tanh_float},
    {{"tanhf near 0", tanh_truth, {-1e-3, 1e-3, 0, 0}, 0xd1bc38400b8db088}, tanh_float},
    {{"erff", erf_truth, {-4.5, 4.5, 0, 0}, 0x2f32f64e4a224bf9}, erf_float},
    {{"erff near 0", erf_truth, {-1e-3, 1e-3, 0, 0}, 0x8a1c6ef722c0addc}, erf_float},
    {{"powf", powl, {1e-3, 100, -12, 12}, 0xf27fed8f567dd09c}, reel_math_powf},
    {{"atan2f", atan2l, {-10, 10, -10, 10}, 0xa29beb05ccc8833a}, reel_math_atan2f},
};

enum {
    DOUBLE_CASES = sizeof double_cases / sizeof *double_cases,
    FLOAT_CASES = sizeof float_cases / sizeof *float_cases
};

static void add_to_hash(uint64_t *hash, uint64_t bits)
{
    *hash = (*hash ^ bits) * 0x100000001b3u;
    *hash ^= *hash >> 29;
}

static uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

Test(elementary, doubles_are_within_their_bounds)
{
    for (int c = 0; c < DOUBLE_CASES; c++) {
        const double_case *d = &double_cases[c];
        double worst = 0, at = 0;
        for (int i = 0; i < POINTS; i++) {
            const double x = x_at(&d->of.on, i), y = y_at(&d->of.on, i);
            const double e = error_in_ulp(d->function(x, y),
                                          d->of.truth((long double)x, (long double)y), 53, -1022);
            if (!(e <= worst))
                worst = e, at = x;
        }
        cr_expect(worst <= d->bound, "%s: %.3f ulp at %.17g, bound %g", d->of.name, worst, at,
                  d->bound);
    }
}

Test(elementary, floats_are_rounded_once)
{
    for (int c = 0; c < FLOAT_CASES; c++) {
        const float_case *f = &float_cases[c];
        double worst = 0, at = 0;
        for (int i = 0; i < POINTS; i++) {
            const float x = (float)x_at(&f->of.on, i), y = (float)y_at(&f->of.on, i);
            const double e = error_in_ulp((double)f->function(x, y),
                                          f->of.truth((long double)x, (long double)y), 24, -126);
            if (!(e <= worst))
                worst = e, at = (double)x;
        }
        cr_expect(worst <= 0.501, "%s: %.4f ulp at %.9g, bound 0.501", f->of.name, worst, at);
    }
}

/* Who changes these bits on purpose puts the new hashes here and tells why in the commit. */
Test(elementary, results_have_the_stored_bits)
{
    for (int c = 0; c < DOUBLE_CASES; c++) {
        uint64_t hash = 0;
        for (int i = 0; i < POINTS; i++)
            add_to_hash(&hash,
                        reel_math_bits(double_cases[c].function(x_at(&double_cases[c].of.on, i),
                                                                y_at(&double_cases[c].of.on, i))));
        cr_expect_eq(hash, double_cases[c].of.hash, "%s: 0x%016llx", double_cases[c].of.name,
                     (unsigned long long)hash);
    }
    for (int c = 0; c < FLOAT_CASES; c++) {
        uint64_t hash = 0;
        for (int i = 0; i < POINTS; i++)
            add_to_hash(&hash, bits_of_float(
                                   float_cases[c].function((float)x_at(&float_cases[c].of.on, i),
                                                           (float)y_at(&float_cases[c].of.on, i))));
        cr_expect_eq(hash, float_cases[c].of.hash, "%s: 0x%016llx", float_cases[c].of.name,
                     (unsigned long long)hash);
    }
}

/* Equal bits, or both NaN. */
static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : reel_math_bits(a) == reel_math_bits(b);
}

Test(elementary, special_values_are_those_of_the_standard)
{
    static const double special[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     0.5,
                                     -0.5,
                                     2,
                                     -2,
                                     3,
                                     -3,
                                     2.5,
                                     -2.5,
                                     (double)INFINITY,
                                     -(double)INFINITY,
                                     (double)NAN,
                                     0x1p53,
                                     -0x1p53,
                                     0x1p53 + 2,
                                     1e300,
                                     -1e300,
                                     1e-320,
                                     -1e-320};
    enum { SPECIAL = sizeof special / sizeof *special };
    for (int i = 0; i < SPECIAL; i++) {
        const double x = special[i];
        for (int j = 0; j < SPECIAL; j++) {
            const double y = special[j], power = reel_math_pow(x, y), libm = pow(x, y);
            cr_expect(same(power, libm) || fabs(power / libm - 1) < 1e-14,
                      "pow(%g, %g): %g, expected %g", x, y, power, libm);
            const float x32 = (float)x, y32 = (float)y, power32 = reel_math_powf(x32, y32),
                        libm32 = powf(x32, y32);
            cr_expect(same((double)power32, (double)libm32) || fabsf(power32 / libm32 - 1) < 1e-6f,
                      "powf(%g, %g): %g, expected %g", (double)x32, (double)y32, (double)power32,
                      (double)libm32);
            const double angle = reel_math_atan2(x, y), expected = atan2(x, y);
            cr_expect(same(angle, expected) ||
                          fabs(angle - expected) <= 1e-15 * fabs(expected) + 5e-324,
                      "atan2(%g, %g): %.17g, expected %.17g", x, y, angle, expected);
        }
    }
}

Test(elementary, ends_of_the_range)
{
    const struct {
        const char *what;
        double got, expected;
    } all[] = {
        {"exp(0)", reel_math_exp(0), 1},
        {"exp(-0)", reel_math_exp(-0.0), 1},
        {"exp(inf)", reel_math_exp(infinite), infinite},
        {"exp(-inf)", reel_math_exp(-infinite), 0},
        {"exp(nan)", reel_math_exp(none), none},
        {"exp(709.79)", reel_math_exp(709.79), infinite},
        {"exp(-745.14)", reel_math_exp(-745.14), 0},
        {"exp(-745.1)", reel_math_exp(-745.1), 5e-324},
        {"exp(-1e300)", reel_math_exp(-1e300), 0},
        {"expf(89)", (double)reel_math_expf(89), infinite},
        {"expf(-104)", (double)reel_math_expf(-104), 0},
        {"expf(inf)", (double)reel_math_expf(INFINITY), infinite},
        {"expf(-inf)", (double)reel_math_expf(-INFINITY), 0},
        {"expf(nan)", (double)reel_math_expf(NAN), none},
        {"log(0)", reel_math_log(0), -infinite},
        {"log(-0)", reel_math_log(-0.0), -infinite},
        {"log(1)", reel_math_log(1), 0},
        {"log(-1)", reel_math_log(-1), none},
        {"log(inf)", reel_math_log(infinite), infinite},
        {"log(-inf)", reel_math_log(-infinite), none},
        {"log(nan)", reel_math_log(none), none},
        {"logf(0)", (double)reel_math_logf(0), -infinite},
        {"logf(1)", (double)reel_math_logf(1), 0},
        {"logf(-1)", (double)reel_math_logf(-1), none},
        {"logf(inf)", (double)reel_math_logf(INFINITY), infinite},
        {"tanh(-0)", reel_math_tanh(-0.0), -0.0},
        {"tanh(5e-324)", reel_math_tanh(5e-324), 5e-324},
        {"tanh(inf)", reel_math_tanh(infinite), 1},
        {"tanh(-1e300)", reel_math_tanh(-1e300), -1},
        {"tanh(nan)", reel_math_tanh(none), none},
        {"tanhf(-0)", (double)reel_math_tanhf(-0.0f), -0.0},
        {"tanhf(1e-45)", (double)reel_math_tanhf(1e-45f), (double)1e-45f},
        {"tanhf(-inf)", (double)reel_math_tanhf(-INFINITY), -1},
        {"erf(-0)", reel_math_erf(-0.0), -0.0},
        {"erf(5e-324)", reel_math_erf(5e-324), 5e-324},
        {"erf(-inf)", reel_math_erf(-infinite), -1},
        {"erf(6)", reel_math_erf(6), 1},
        {"erf(nan)", reel_math_erf(none), none},
        {"erff(-0)", (double)reel_math_erff(-0.0f), -0.0},
        {"erff(1e-45)", (double)reel_math_erff(1e-45f), (double)1e-45f},
        {"erff(inf)", (double)reel_math_erff(INFINITY), 1},
        {"erff(nan)", (double)reel_math_erff(NAN), none},
        {"sin(-0)", reel_math_sin(-0.0), -0.0},
        {"sin(inf)", reel_math_sin(infinite), none},
        {"sin(nan)", reel_math_sin(none), none},
        {"cos(0)", reel_math_cos(0), 1},
        {"cos(-inf)", reel_math_cos(-infinite), none},
        {"sinf(-0)", (double)reel_math_sinf(-0.0f), -0.0},
        {"sinf(inf)", (double)reel_math_sinf(INFINITY), none},
        {"cosf(nan)", (double)reel_math_cosf(NAN), none},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cr_expect(same(all[i].got, all[i].expected), "%s: %g, expected %g", all[i].what, all[i].got,
                  all[i].expected);
}

/* Doubles next to a multiple of pi / 2 cancel most, large ones need hundreds of bits of 2 / pi. */
Test(elementary, angles_that_are_hard_to_reduce)
{
    static const double hard[] = {0x1.921fb54442d18p+0,
                                  0x1.921fb54442d18p+1,
                                  0x1.2d97c7f3321d2p+2,
                                  6381956970095103 * 0x1p797,
                                  0x1.fffffffffffffp+1023,
                                  1e22,
                                  0x1p20,
                                  0x1.fffffffffffffp+19,
                                  0x1p52,
                                  0x1p53 + 2,
                                  1e100};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        const double x = hard[i], s = reel_math_sin(x), c = reel_math_cos(x);
        cr_expect(error_in_ulp(s, sinl((long double)x), 53, -1022) <= 1, "sin(%.17g): %.17g", x, s);
        cr_expect(error_in_ulp(c, cosl((long double)x), 53, -1022) <= 1, "cos(%.17g): %.17g", x, c);
        cr_expect(same(reel_math_sin(-x), -s) && same(reel_math_cos(-x), c), "%.17g: not symmetric",
                  x);
    }
}
