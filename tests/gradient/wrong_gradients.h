/* The table of mistakes in backward that the gradient check must catch, each with the words that
 * its diagnosis has to contain. The operators that make them are in wrong_operators.h. */
#ifndef REEL_TESTS_GRADIENT_WRONG_GRADIENTS_H
#define REEL_TESTS_GRADIENT_WRONG_GRADIENTS_H

#include "tests/gradient/wrong_operators.h"

typedef struct wrong_gradient {
    const char *what;
    const reel_op *op;
    int mistake;
    const char *words; /* that the diagnosis contains; "" where no clear one is possible */
    reel_draw draw;
    int n_in;
    reel_gradcheck_shape in[2];
} wrong_gradient;

#define ONE(...)                                                                                   \
    1,                                                                                             \
    {                                                                                              \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define TWO(a, b)                                                                                  \
    2,                                                                                             \
    {                                                                                              \
        a, b                                                                                       \
    }
#define OF(...) {__VA_ARGS__}

static const wrong_gradient wrong_gradients[] = {
    {"wrong sign", &square, SIGN, "wrong sign everywhere", 0, ONE(2, {2, 3})},
    {"forgotten factor", &square, FORGOTTEN_2, "a factor 2 is missing", 0, ONE(2, {2, 3})},
    {"counted twice", &square, TWICE, "factor 2 everywhere", 0, ONE(2, {2, 3})},
    {"mean taken for a sum", &square, MEAN_FOR_SUM,
     "factor 1/6 everywhere, the size of several dimensions", 0, ONE(2, {2, 3})},
    {"no gradient at all", &square, NOTHING, "no gradient arrives", 0, ONE(2, {2, 3})},
    {"last element left out", &square, LAST_MISSING, "missing in some places", 0, ONE(1, {7})},
    {"overwritten instead of accumulated", &square, OVERWRITES, "not accumulated", 0, ONE(1, {7})},
    {"written one element further", &square, SHIFTED, "in other places", 0, ONE(1, {7})},
    {"an error in the fifth digit", &square, FIFTH_DIGIT, "everywhere", 0, ONE(1, {7})},
    {"not a number", &square, NOT_FINITE, "", 0, ONE(1, {7})},
    {"a stray value", &square, STRAY, "where the value has no influence, in some places", 0,
     ONE(1, {7})},
    {"the absolute value taken for the value", &square, ABSOLUTE, "wrong sign in some places only",
     0, ONE(1, {12})},
    {"a small constant too much", &square, OFFSET, "1e-05 too much at every element", 0,
     ONE(2, {3, 4})},
    {"last column left out", &square, LAST_COLUMN_MISSING, "missing only at index 3 of dimension 1",
     0, ONE(2, {3, 4})},
    {"forward writes its input", &square, WRITES_ITS_INPUT, "forward writes input 0", 0,
     ONE(1, {12})},
    {"backward writes its input", &square, DOUBLES_ITS_INPUT, "backward writes input 0", 0,
     ONE(1, {12})},
    {"input taken for output", &squash, INPUT_FOR_OUTPUT, "no common factor", 0, ONE(1, {9})},
    {"forgotten square", &squash, FORGOTTEN_SQUARE, "no common factor", 0, ONE(1, {9})},
    {"slope of another function", &squash, SLOPE_OF_SIGMOID, "no common factor", 0, ONE(1, {9})},
    {"mask forgotten", &rectify, NO_MASK, "where the value has no influence", REEL_DRAW_DISTINCT,
     ONE(1, {12})},
    {"mask inverted", &rectify, INVERTED_MASK, "another mask", REEL_DRAW_DISTINCT, ONE(1, {12})},
    {"transposed", &product, TRANSPOSED, "transposed", 0, TWO(OF(2, {2, 3}), OF(2, {3, 4}))},
    {"last row of the batch only", &product, LAST_ROW_ONLY, "only index 3 of 4 along dimension 0",
     0, TWO(OF(2, {4, 3}), OF(2, {3, 2}))},
    {"first row of the batch left out", &product, FIRST_ROW_LEFT_OUT,
     "index 0 of 4 along dimension 0 of the result does not", 0, TWO(OF(2, {4, 3}), OF(2, {3, 2}))},
    {"the wrong factor of a product", &product, OWN_VALUE, "", 0,
     TWO(OF(2, {2, 3}), OF(2, {3, 4}))},
    {"depends on what else is wanted", &product, NEEDS_THE_OTHER, "when the other inputs want none",
     0, TWO(OF(2, {2, 3}), OF(2, {3, 4}))},
    {"wrong sign of the second input", &product, OTHER_SIGN, "input 1", 0,
     TWO(OF(2, {2, 3}), OF(2, {3, 4}))},
    {"broadcast not reduced", &bias, NOT_REDUCED, "a broadcast dimension that is not reduced", 0,
     TWO(OF(2, {5, 3}), OF(1, {3}))},
    {"broadcast reduced to a mean", &bias, REDUCED_TO_MEAN,
     "factor 1/5 everywhere, the size of a dimension", 0, TWO(OF(2, {5, 3}), OF(1, {3}))},
    {"broadcast reduced too far", &bias, REDUCED_TOO_FAR, "one axis too many", 0,
     TWO(OF(2, {5, 3}), OF(1, {3}))},
    {"bias over the wrong axis", &bias, WRONG_AXIS, "summed over the wrong axes", 0,
     TWO(OF(2, {4, 4}), OF(1, {4}))},
    {"batch begins at one", &bias, ROW_OFF_BY_ONE,
     "index 0 of 5 along dimension 0 of the result does not arrive", 0,
     TWO(OF(2, {5, 3}), OF(1, {3}))},
    {"overlapping parts", &bias, ROW_TWICE,
     "index 1 of 5 along dimension 0 of the result arrives twice", 0,
     TWO(OF(2, {5, 3}), OF(1, {3}))},
    {"window off by one", &window, OFF_BY_ONE, "", 0, TWO(OF(1, {9}), OF(1, {3}))},
    {"kernel flipped", &window, KERNEL_FLIPPED, "", 0, TWO(OF(1, {9}), OF(1, {3}))},
    {"last window left out", &window, LAST_OUTPUT_LEFT_OUT,
     "index 4 of 5 along dimension 0 of the result does not", 0, TWO(OF(1, {9}), OF(1, {3}))},
    {"last window only", &window, LAST_OUTPUT_ONLY, "only index 4 of 5", 0,
     TWO(OF(1, {10}), OF(1, {3}))},
    {"stride forgotten", &window, STRIDE_FORGOTTEN, "", 0, TWO(OF(1, {9}), OF(1, {3}))},
    {"padding forgotten", &window, PADDING_FORGOTTEN, "", 0, TWO(OF(1, {9}), OF(1, {3}))},
    {"padding counted in an average", &average, COUNTS_PADDING, "in some places", 0, ONE(1, {8})},
    {"average over the wrong count", &average, WRONG_COUNT, "factor 1/4 everywhere", 0,
     ONE(1, {9})},
    {"not averaged", &average, NOT_AVERAGED, "", 0, ONE(1, {9})},
    {"maximum's gradient to all", &largest, TO_ALL, "where the value has no influence",
     REEL_DRAW_DISTINCT, ONE(2, {3, 4})},
    {"maximum's gradient to the first", &largest, TO_THE_FIRST, "other indices than forward",
     REEL_DRAW_DISTINCT, ONE(2, {3, 4})},
    {"maximum's gradient to the smallest", &largest, TO_THE_SMALLEST, "other indices than forward",
     REEL_DRAW_DISTINCT, ONE(2, {3, 4})},
    {"mask of dropout not reused", &drop, ANOTHER_MASK, "another mask", 0, ONE(1, {30})},
    {"dropout not scaled", &drop, NOT_SCALED, "a factor 2 is missing", 0, ONE(1, {30})},
    {"mask of dropout forgotten", &drop, MASK_FORGOTTEN, "where the value has no influence", 0,
     ONE(1, {30})},
    {"softmax: diagonal of the Jacobian only", &share, DIAGONAL_ONLY, "", 0, ONE(2, {3, 4})},
    {"softmax: sum without the values", &share, SUM_WITHOUT_VALUES, "no common factor", 0,
     ONE(2, {3, 4})},
    {"softmax: rows mixed", &share, ROWS_MIXED, "", 0, ONE(2, {3, 4})},
    {"normalisation: mean taken as constant", &standard, MEAN_TAKEN_AS_CONSTANT,
     "at every element: a term that all share", 0, ONE(1, {9})},
    {"normalisation: deviation taken as constant", &standard, DEVIATION_TAKEN_AS_CONSTANT,
     "no common factor", 0, ONE(1, {9})},
    {"normalisation: not divided", &standard, NOT_DIVIDED, "factor is missing", 0, ONE(1, {9})},
    {"loss not divided by the batch", &loss, NOT_DIVIDED_BY_N,
     "factor 5 everywhere, the size of a dimension", 0, ONE(2, {5, 3})},
    {"label not subtracted", &loss, LABEL_NOT_SUBTRACTED, "", 0, ONE(2, {5, 3})},
    {"label off by one", &loss, LABEL_OFF_BY_ONE, "", 0, ONE(2, {5, 3})},
    {"gradient from above forgotten", &loss, DOUT_FORGOTTEN, "gradient from above is forgotten", 0,
     ONE(2, {5, 3})},
    {"gradient from above left out for one input", &times, DOUT_LEFT_OUT,
     "gradient from above is forgotten", 0, TWO(OF(2, {3, 4}), OF(2, {3, 4}))},
    {"inputs mixed up", &times, GIVEN_TO_THE_OTHER, "given to the wrong input", 0,
     TWO(OF(2, {3, 4}), OF(2, {3, 4}))},
    {"value of another call", &times, LEFT_BY_ANOTHER_CALL, "another call has left", 0,
     TWO(OF(2, {3, 4}), OF(2, {3, 4}))},
    {"a part of the result is not written", &gate, ZEROS_NOT_WRITTEN, "not written",
     REEL_DRAW_DISTINCT, ONE(2, {4, 5})},
    {"a part of the gradient is not written", &gate, ZERO_GRADIENTS_NOT_WRITTEN, "not written",
     REEL_DRAW_DISTINCT, ONE(2, {4, 5})},
    {"a part of what is saved is not written", &gate, MASK_NOT_WRITTEN, "not written",
     REEL_DRAW_DISTINCT, ONE(2, {4, 5})},
    {"adds to memory that was never cleared", &times, NEVER_CLEARED, "memory that was not set", 0,
     TWO(OF(2, {3, 4}), OF(2, {3, 4}))},
};

#endif
