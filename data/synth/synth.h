/* Drawn photographs: ten classes of objects in clutter, so that training can be tried with no
 * download.
 *
 * The class shows in the object's outline, its inner parts and the kind of texture it tends to
 * wear. Colour, place, size, angle, background and the scraps around it are drawn from the same
 * distributions for every class, so that neither a colour histogram nor a linear map of the pixels
 * gets far, and a convolutional net has something to learn. */
#ifndef REEL_DATA_SYNTH_SYNTH_H
#define REEL_DATA_SYNTH_SYNTH_H

#include "core/rng.h"
#include "data/image.h"

enum { REEL_SYNTH_CLASSES = 10, REEL_SYNTH_MIN_SIZE = 32, REEL_SYNTH_MAX_SIZE = 4096 };
enum {
    REEL_SYNTH_VALIDATION = 1 << 24
}; /* validation images are numbered from here: no image is in both sets */

/* In bytewise order, so that the index here is the class index an image folder gets. */
extern const char *const reel_synth_names[REEL_SYNTH_CLASSES];

/* ---- shapes: signed distance fields in object space (y upwards, the object within radius 1) */
typedef enum {
    REEL_SYNTH_ARROW,
    REEL_SYNTH_CROSS,
    REEL_SYNTH_FISH,
    REEL_SYNTH_FLOWER,
    REEL_SYNTH_GEAR,
    REEL_SYNTH_HOUSE,
    REEL_SYNTH_KEY,
    REEL_SYNTH_MUG,
    REEL_SYNTH_RING,
    REEL_SYNTH_STAR,
    REEL_SYNTH_SCRAP_BOX, /* from here on: scraps, which belong to no class */
    REEL_SYNTH_SCRAP_DISC,
    REEL_SYNTH_SCRAP_WEDGE,
    REEL_SYNTH_SCRAP_ARC,
    REEL_SYNTH_SCRAP_STROKE,
    REEL_SYNTH_SHAPES
} reel_synth_kind;

typedef struct reel_synth_shape {
    reel_synth_kind kind;
    float p[4]; /* proportions of this one; each kind's own */
    int count;  /* points, petals, teeth */
} reel_synth_shape;

/* Distances to the outline and to the outlines of two inner parts; negative inside. About unit
 * slope near zero. */
typedef struct reel_synth_field {
    float body, second, dark;
} reel_synth_field;

reel_synth_shape reel_synth_shape_draw(reel_rng *rng, reel_synth_kind kind);
reel_synth_field reel_synth_shape_at(const reel_synth_shape *shape, float x, float y);

/* ---- paint: textures in object space and colours */
typedef enum {
    REEL_SYNTH_HATCH,   /* slanting lines */
    REEL_SYNTH_WEAVE,   /* chequers */
    REEL_SYNTH_SCALES,  /* rows of overlapping arcs */
    REEL_SYNTH_RAYS,    /* lines from the middle */
    REEL_SYNTH_GROOVES, /* circles around the middle */
    REEL_SYNTH_BRICKS,  /* courses with joints */
    REEL_SYNTH_BRUSHED, /* fine streaks along x */
    REEL_SYNTH_DOTS,    /* staggered dots */
    REEL_SYNTH_BANDS,   /* broad blocks around the middle */
    REEL_SYNTH_SPECKLE, /* irregular grains */
    REEL_SYNTH_TEXTURES,
    REEL_SYNTH_PLAIN = REEL_SYNTH_TEXTURES
} reel_synth_texture;

typedef struct reel_synth_paint {
    reel_synth_texture texture;
    float frequency, phase[2], strength; /* strength: share of `other` where the texture is 1 */
    float base[3], other[3], second[3], dark[3];
    uint32_t salt;
} reel_synth_paint;

/* The paint of a shape that is to stand out from `behind`. */
reel_synth_paint reel_synth_paint_draw(reel_rng *rng, reel_synth_kind kind, const float behind[3]);
float reel_synth_texture_at(const reel_synth_paint *paint, float x, float y); /* 0 to 1 */
void reel_synth_colour_draw(reel_rng *rng, float rgb[3]);

/* Smooth noise of lattice values in [0, 1); the same for the same (salt, x, y). */
float reel_synth_noise(uint32_t salt, float x, float y);
uint32_t reel_synth_hash(uint32_t salt, uint32_t x, uint32_t y);

/* ---- scenes */

/* Buffers of one thread, reused from image to image. Zero-initialise; free at the end. */
typedef struct reel_synth_work {
    float *colour;            /* height * width * 3 */
    reel_synth_field *fields; /* height * width */
    size_t pixels;
} reel_synth_work;

void reel_synth_work_free(reel_synth_work *work);

/* Which picture: one number for each that can be drawn. */
typedef struct reel_synth_picture {
    uint64_t seed;
    reel_synth_kind kind; /* the class */
    uint32_t image;       /* number within the class; validation images begin at
                             REEL_SYNTH_VALIDATION */
    int64_t size;         /* the shorter side in pixels; the longer is up to a third longer */
} reel_synth_picture;

/* Draws it: a pure function of the picture's fields. REEL_ERR_MEMORY. */
reel_status reel_synth_draw(reel_synth_work *work, reel_image *out,
                            const reel_synth_picture *picture, reel_error *err);

#endif
