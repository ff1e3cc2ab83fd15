/* Numbers in JSON text: as short as they can be, and the same doubles when they are read. */
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base.h"
#include "core/files/json_text.h"

static void expect_text(json_t *value, const char *text)
{
    char *got = reel_json_dumps(value, JSON_COMPACT);
    cr_expect_str_eq(got, text);
    free(got);
    json_decref(value);
}

Test(json_text, numbers_have_no_needless_digits)
{
    expect_text(json_pack("[f,f,f]", 0.485, 0.1, -1e-5), "[0.485,0.1,-1e-05]");
    expect_text(json_pack("[f,f,f]", 1.0 / 3, 5.0, 1e22), "[0.3333333333333333,5.0,1e22]");
    expect_text(json_pack("[I,i]", (json_int_t)123456789012345678, 0), "[123456789012345678,0]");
}

Test(json_text, a_million_integers_take_no_longer_than_they_should, .timeout = 20)
{
    json_t *list = json_array();
    for (int i = 0; i < 1000000; i++)
        json_array_append_new(list, json_integer(0));
    char *text = reel_json_dumps(list, 0);
    cr_assert(text && strlen(text) > 1000000);
    free(text);
    json_decref(list);
}

/* jansson writes a point in every locale; numbers must not be cut at it. */
Test(json_text, a_locale_with_a_decimal_comma_changes_nothing)
{
    const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "nl_NL.UTF-8", "de_DE", "fr_FR"};
    bool there = false;
    for (int i = 0; i < REEL_COUNT(commas) && !there; i++)
        there = setlocale(LC_NUMERIC, commas[i]) != NULL;
    if (!there)
        cr_skip_test("no locale with a decimal comma is installed");
    json_t *list = json_pack("[f]", 0.485);
    char *text = reel_json_dumps(list, JSON_COMPACT);
    setlocale(LC_NUMERIC, "C");
    json_t *back = json_loads(text, 0, NULL);
    cr_expect_eq(json_real_value(json_array_get(back, 0)), 0.485, "%s", text);
    json_decref(back);
    json_decref(list);
    free(text);
}

Test(json_text, what_stands_in_quotes_stays)
{
    expect_text(json_pack("{s:s, s:f}", "0.48499999999999999", "\\\"0.10000000000000001", "x", 0.1),
                "{\"0.48499999999999999\":\"\\\\\\\"0.10000000000000001\",\"x\":0.1}");
}

Test(json_text, every_double_is_read_as_it_was)
{
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double value;
        memcpy(&value, &state, sizeof value);
        if (!isfinite(value))
            continue;
        json_t *list = json_pack("[f]", value);
        char *text = reel_json_dumps(list, 0);
        json_t *back = json_loads(text, 0, NULL);
        cr_assert(back && json_is_real(json_array_get(back, 0)), "%s", text);
        cr_assert_eq(json_real_value(json_array_get(back, 0)), value, "%s", text);
        json_decref(back);
        json_decref(list);
        free(text);
    }
}
