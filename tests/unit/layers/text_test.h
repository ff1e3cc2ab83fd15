/* For tests of networks as text: the lines around what is tested, the net of a text, and refusals.
 */
#ifndef REEL_TESTS_UNIT_LAYERS_TEXT_TEST_H
#define REEL_TESTS_UNIT_LAYERS_TEXT_TEST_H

#include <string.h>

#include "layers/models.h"
#include "tests/unit/layers/net_test.h"

#define TOP "input 3x8x8\nclasses 4\n"
#define END "Flatten\nLinear classes\n"

/* The net of the text, not built; NULL: err says why not. */
static inline reel_net *outline_text(const char *text)
{
    reel_model *model;
    reel_net *net = NULL;
    if (reel_model_read_text(&model, "t.net", text, &err) == REEL_OK)
        reel_model_outline(&net, model, NULL, ctx, REEL_F32, &err);
    reel_model_free(model);
    return net;
}

static inline void expect_text_refused(const char *text, const char *says)
{
    reel_net *net = outline_text(text);
    cr_expect_null(net, "taken:\n%s", text);
    cr_expect(net || strstr(err.message, says), "%s\nexpected '%s', got '%s'", text, says,
              err.message);
    reel_net_destroy(net);
}

#endif
