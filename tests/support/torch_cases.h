/* Reads tests/support/torch_cases.safetensors, what PyTorch computed (make_torch_cases.py says what
 * is in it). A reader of its own: the tests that compare with PyTorch do not lean on the library's.
 * Any fault ends the test. */
#ifndef REEL_TESTS_SUPPORT_TORCH_CASES_H
#define REEL_TESTS_SUPPORT_TORCH_CASES_H

#include "core/tensor.h"

/* A stored tensor, float64, row-major whatever its rank; its memory lives until the program ends.
 */
reel_tensor torch_tensor(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails the test unless |got - want| <= tolerance max(|want|, 1e-3 largest |want|) everywhere;
 * shapes must agree. */
void torch_compare(const char *what, const reel_tensor *got, const reel_tensor *want,
                   double tolerance);

#endif
