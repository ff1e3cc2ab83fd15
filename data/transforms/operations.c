/* The table of image operations: torchvision's names (torchvision.transforms.autoaugment), and the
 * functions with the bits of PIL that stand for them. */
#include "data/transforms/operations.h"

#include "data/transforms/affine.h"
#include "data/transforms/colour.h"
#include "data/transforms/tone.h"

static int64_t pixels_of(const reel_picture *p)
{
    return p->width * p->height;
}

/* The result is in the spare half. */
static void swap_halves(reel_picture *p)
{
    uint8_t *kept = p->rgb;
    p->rgb = p->spare;
    p->spare = kept;
}

static void apply_identity(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)p, (void)magnitude, (void)how;
}

/* torchvision shears by tan(atan(magnitude)), which is the magnitude but for the last bits; they
 * show in no byte. */
static void apply_shear_x(reel_picture *p, double magnitude, reel_interpolation how)
{
    const double m[6] = {1, magnitude, 0, 0, 1, 0};
    reel_affine(p->spare, p->rgb, p->width, p->height, m, how);
    swap_halves(p);
}

static void apply_shear_y(reel_picture *p, double magnitude, reel_interpolation how)
{
    const double m[6] = {1, 0, 0, magnitude, 1, 0};
    reel_affine(p->spare, p->rgb, p->width, p->height, m, how);
    swap_halves(p);
}

static void apply_translate_x(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_translate(p->spare, p->rgb, p->width, p->height, (int64_t)magnitude, 0);
    swap_halves(p);
}

static void apply_translate_y(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_translate(p->spare, p->rgb, p->width, p->height, 0, (int64_t)magnitude);
    swap_halves(p);
}

static void apply_rotate(reel_picture *p, double magnitude, reel_interpolation how)
{
    reel_rotate(p->spare, p->rgb, p->width, p->height, magnitude, how);
    swap_halves(p);
}

static void apply_brightness(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_adjust_brightness(p->rgb, pixels_of(p), 1 + magnitude);
}

static void apply_color(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_adjust_saturation(p->rgb, pixels_of(p), 1 + magnitude);
}

static void apply_contrast(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_adjust_contrast(p->rgb, pixels_of(p), 1 + magnitude);
}

static void apply_sharpness(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_adjust_sharpness(p->spare, p->rgb, p->width, p->height, 1 + magnitude);
    swap_halves(p);
}

static void apply_posterize(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_posterize(p->rgb, pixels_of(p), (int)magnitude);
}

static void apply_solarize(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)how;
    reel_solarize(p->rgb, pixels_of(p), magnitude);
}

static void apply_auto_contrast(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)magnitude, (void)how;
    reel_autocontrast(p->rgb, pixels_of(p));
}

static void apply_equalize(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)magnitude, (void)how;
    reel_equalize(p->rgb, pixels_of(p));
}

static void apply_invert(reel_picture *p, double magnitude, reel_interpolation how)
{
    (void)magnitude, (void)how;
    reel_invert(p->rgb, pixels_of(p));
}

static const struct {
    const char *name;
    void (*apply)(reel_picture *p, double magnitude, reel_interpolation how);
} operations[REEL_N_OPERATIONS] = {
    [REEL_OPERATION_IDENTITY] = {"Identity", apply_identity},
    [REEL_OPERATION_SHEAR_X] = {"ShearX", apply_shear_x},
    [REEL_OPERATION_SHEAR_Y] = {"ShearY", apply_shear_y},
    [REEL_OPERATION_TRANSLATE_X] = {"TranslateX", apply_translate_x},
    [REEL_OPERATION_TRANSLATE_Y] = {"TranslateY", apply_translate_y},
    [REEL_OPERATION_ROTATE] = {"Rotate", apply_rotate},
    [REEL_OPERATION_BRIGHTNESS] = {"Brightness", apply_brightness},
    [REEL_OPERATION_COLOR] = {"Color", apply_color},
    [REEL_OPERATION_CONTRAST] = {"Contrast", apply_contrast},
    [REEL_OPERATION_SHARPNESS] = {"Sharpness", apply_sharpness},
    [REEL_OPERATION_POSTERIZE] = {"Posterize", apply_posterize},
    [REEL_OPERATION_SOLARIZE] = {"Solarize", apply_solarize},
    [REEL_OPERATION_AUTO_CONTRAST] = {"AutoContrast", apply_auto_contrast},
    [REEL_OPERATION_EQUALIZE] = {"Equalize", apply_equalize},
    [REEL_OPERATION_INVERT] = {"Invert", apply_invert},
};

const char *reel_operation_name(reel_operation operation)
{
    return operations[operation].name;
}

void reel_operation_apply(reel_operation operation, reel_picture *picture, double magnitude,
                          reel_interpolation how)
{
    operations[operation].apply(picture, magnitude, how);
}
