/* Affine maps of images, bit for bit as PIL computes them: interpolation in double, nearest in
 * fixed point with 16 bits after the point.
 *
 * At the borders, PIL takes the nearest row or column again for those that lie outside. */
#include "data/transforms/affine.h"

#include <math.h>
#include <string.h>

#include "core/elementary.h"

typedef struct affine_source {
    const uint8_t *rgb;
    int64_t width, height;
} affine_source;

/* Writes the pixel at (x, y) of the source, in pixels from its upper left corner. */
typedef void affine_pixel_fn(uint8_t *out, const affine_source *s, double x, double y);

static int64_t within(int64_t v, int64_t n)
{
    if (v < 0)
        return 0;
    return v < n ? v : n - 1;
}

/* floor(v) for -1 <= v: libm's is a call on CPUs without an instruction for it. */
static int64_t floor_of(double v)
{
    return v < 0 ? -1 : (int64_t)v;
}

/* ---- interpolation ---- */

/* Between the four pixels whose centres surround (x, y). */
static void bilinear_pixel(uint8_t *out, const affine_source *s, double x, double y)
{
    const int64_t left = floor_of(x - 0.5), top = floor_of(y - 0.5);
    const double dx = x - 0.5 - (double)left, dy = y - 0.5 - (double)top;
    const int64_t x0 = within(left, s->width) * 3, x1 = within(left + 1, s->width) * 3;
    const uint8_t *upper = s->rgb + within(top, s->height) * s->width * 3,
                  *lower = s->rgb + within(top + 1, s->height) * s->width * 3;
    for (int k = 0; k < 3; k++) {
        const int a = upper[x0 + k], b = upper[x1 + k], c = lower[x0 + k], d = lower[x1 + k];
        const double above = a + (b - a) * dx, below = c + (d - c) * dx;
        out[k] = (uint8_t)(above + (below - above) * dy);
    }
}

/* The cubic through four neighbours, at d between the second and the third. */
static double cubic(double v1, double v2, double v3, double v4, double d)
{
    const double p1 = v2, p2 = -v1 + v3, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
    return p1 + d * (p2 + d * (p3 + d * p4));
}

/* The same of bytes, whose sums are exact. */
static double cubic_of_bytes(const uint8_t *p, const int64_t at[4], double d)
{
    const int v1 = p[at[0]], v2 = p[at[1]], v3 = p[at[2]], v4 = p[at[3]];
    const double p2 = v3 - v1, p3 = 2 * (v1 - v2) + v3 - v4, p4 = v2 - v1 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
}

static void bicubic_pixel(uint8_t *out, const affine_source *s, double x, double y)
{
    const int64_t left = floor_of(x - 0.5), top = floor_of(y - 0.5);
    const double dx = x - 0.5 - (double)left, dy = y - 0.5 - (double)top;
    int64_t at[4];
    const uint8_t *row[4];
    for (int i = 0; i < 4; i++) {
        at[i] = within(left - 1 + i, s->width) * 3;
        row[i] = s->rgb + within(top - 1 + i, s->height) * s->width * 3;
    }

    for (int k = 0; k < 3; k++) {
        const double v =
            cubic(cubic_of_bytes(row[0] + k, at, dx), cubic_of_bytes(row[1] + k, at, dx),
                  cubic_of_bytes(row[2] + k, at, dx), cubic_of_bytes(row[3] + k, at, dx), dy);
        if (v <= 0)
            out[k] = 0;
        else
            out[k] = v >= 255 ? 255 : (uint8_t)v;
    }
}

static void interpolate(uint8_t *dst, const affine_source *s, const double m[6],
                        affine_pixel_fn *pixel)
{
    const double width = (double)s->width, height = (double)s->height;
    for (int64_t y = 0; y < s->height; y++)
        for (int64_t x = 0; x < s->width; x++, dst += 3) {
            const double h = (double)x + 0.5, v = (double)y + 0.5;
            const double from_x = m[0] * h + m[1] * v + m[2], from_y = m[3] * h + m[4] * v + m[5];
            if (from_x >= 0 && from_x < width && from_y >= 0 && from_y < height)
                pixel(dst, s, from_x, from_y);
        }
}

/* ---- nearest ---- */

static int32_t in_fixed_point(double v)
{
    return (int32_t)floor(v * 65536.0 + 0.5);
}

static void take_nearest(uint8_t *dst, const affine_source *s, const double m[6])
{
    const int32_t right_x = in_fixed_point(m[0]), right_y = in_fixed_point(m[3]),
                  down_x = in_fixed_point(m[1]), down_y = in_fixed_point(m[4]);
    int32_t row_x = in_fixed_point(m[2] + m[0] * 0.5 + m[1] * 0.5),
            row_y = in_fixed_point(m[5] + m[3] * 0.5 + m[4] * 0.5);
    for (int64_t y = 0; y < s->height; y++, row_x += down_x, row_y += down_y) {
        int32_t at_x = row_x, at_y = row_y;
        for (int64_t x = 0; x < s->width; x++, dst += 3, at_x += right_x, at_y += right_y) {
            const int32_t from_x = at_x >> 16, from_y = at_y >> 16;
            if (from_x >= 0 && from_x < s->width && from_y >= 0 && from_y < s->height)
                memcpy(dst, s->rgb + ((int64_t)from_y * s->width + from_x) * 3, 3);
        }
    }
}

void reel_affine(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height, const double m[6],
                 reel_interpolation how)
{
    const affine_source source = {src, width, height};
    memset(dst, 0, (size_t)(width * height * 3));
    if (how == REEL_INTERPOLATION_NEAREST)
        take_nearest(dst, &source, m);
    else
        interpolate(dst, &source, m,
                    how == REEL_INTERPOLATION_BICUBIC ? bicubic_pixel : bilinear_pixel);
}

/* ---- rotation ---- */

/* v rounded to 15 decimals, as Python's round(v, 15), for |v| <= 1. What the product with 1e15 lost
 * decides where it looks like a half. */
static double round_to_15(double v)
{
    const double scaled = v * 1e15, lost = fma(v, 1e15, -scaled);
    double whole = rint(scaled);
    const double rest = scaled - whole + lost;
    if (rest > 0.5)
        whole += 1;
    else if (rest < -0.5)
        whole -= 1;
    return whole / 1e15;
}

/* Rotations that only exchange pixels; turns: quarters, counter-clockwise, 1 and 3 of squares. */
static void turn(uint8_t *dst, const affine_source *s, int turns)
{
    for (int64_t y = 0; y < s->height; y++)
        for (int64_t x = 0; x < s->width; x++, dst += 3) {
            int64_t from_x = s->width - 1 - x, from_y = s->height - 1 - y;
            if (turns == 1) {
                from_x = s->width - 1 - y;
                from_y = x;
            } else if (turns == 3) {
                from_x = y;
                from_y = s->height - 1 - x;
            }
            memcpy(dst, s->rgb + (from_y * s->width + from_x) * 3, 3);
        }
}

void reel_rotate(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height, double degrees,
                 reel_interpolation how)
{
    const double pi = 0x1.921fb54442d18p+1;
    const affine_source source = {src, width, height};
    double angle = fmod(degrees, 360.0);
    if (angle < 0)
        angle += 360.0;

    if (angle == 0) {
        memcpy(dst, src, (size_t)(width * height * 3));
        return;
    }
    if (angle == 180 || (width == height && (angle == 90 || angle == 270))) {
        turn(dst, &source, (int)(angle / 90));
        return;
    }

    /* From the result back to the source, about the middle. */
    const double radians = -(angle * (pi / 180.0)), cosine = reel_math_cos(radians),
                 sine = reel_math_sin(radians);
    const double middle_x = (double)width / 2, middle_y = (double)height / 2;
    double m[6] = {round_to_15(cosine), round_to_15(sine),   0,
                   round_to_15(-sine),  round_to_15(cosine), 0};
    m[2] = m[0] * -middle_x + m[1] * -middle_y + middle_x;
    m[5] = m[3] * -middle_x + m[4] * -middle_y + middle_y;
    reel_affine(dst, src, width, height, m, how);
}

void reel_translate(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height, int64_t right,
                    int64_t down)
{
    const int64_t kept = width - (right < 0 ? -right : right);
    memset(dst, 0, (size_t)(width * height * 3));
    for (int64_t y = 0; y < height && kept > 0; y++) {
        const int64_t from = y - down;
        if (from >= 0 && from < height)
            memcpy(dst + (y * width + (right > 0 ? right : 0)) * 3,
                   src + (from * width + (right < 0 ? -right : 0)) * 3, (size_t)(kept * 3));
    }
}
