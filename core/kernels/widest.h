/* The limits of an instruction set, which plans and scratch sizes reckon with.
 *
 * Plans know no instruction set: they leave room for the widest. templates/vector.h refuses a set
 * that goes beyond. */
#ifndef REEL_CORE_KERNELS_WIDEST_H
#define REEL_CORE_KERNELS_WIDEST_H

enum {
    REEL_WIDEST_VECTOR = 16, /* floats */
    REEL_WIDEST_PANEL = 32,  /* floats: two vectors, the columns of a block in registers */
    REEL_WIDEST_BLOCK = 16   /* rows of that block */
};

/* A tile of bf16, where an instruction set multiplies those (templates/tiles.h). */
enum {
    REEL_TILE_ROWS = 16,
    REEL_TILE_TERMS = 32 /* of a sum */
};

#endif
