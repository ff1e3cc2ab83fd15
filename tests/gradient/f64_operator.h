/* An operator of a test's own: in float64 alone, which is all that the gradient check needs. */
#ifndef REEL_TESTS_GRADIENT_F64_OPERATOR_H
#define REEL_TESTS_GRADIENT_F64_OPERATOR_H

#include "core/op.h"

/* A descriptor: its name, how many inputs it takes, both passes, then its other members. */
#define F64_OPERATOR(name_, inputs, forward_, backward_, ...)                                      \
    {.name = name_,                                                                                \
     .min_in = inputs,                                                                             \
     .max_in = inputs,                                                                             \
     .forward = {[REEL_F64] = forward_},                                                           \
     .backward = {[REEL_F64] = backward_},                                                         \
     __VA_ARGS__}

#endif
