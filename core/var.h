/* The handle of a value on a tape: what operators take and give. core/tape.h makes values,
 * core/ops.h computes with them. */
#ifndef REEL_CORE_VAR_H
#define REEL_CORE_VAR_H

typedef struct reel_tape reel_tape;

/* A plain value, copied freely; it dies with reel_tape_reset. id < 0: an operator before it failed,
 * and the tape holds the error. */
typedef struct reel_var {
    reel_tape *tape;
    int id;
} reel_var;

/* Stands for an optional input that is absent. */
#ifdef __cplusplus
#define REEL_NONE (reel_var{nullptr, 0})
#else
#define REEL_NONE ((reel_var){0})
#endif

#endif
