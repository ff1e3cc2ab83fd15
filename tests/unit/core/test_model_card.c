/* What a model card says about files that say little of themselves, or hold several networks; and
 * whether weights were trained on a card's classes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/model_card.h"

/* A file in memory of classifier weights: names, and rows of one number each. */
typedef struct head_of_file {
    const char *name;
    int rows;
} head_of_file;

static reel_weights *file_with(const head_of_file *heads, int n, const char *metadata)
{
    static char bytes[8192];
    char *header = bytes + 8;
    int used = sprintf(header, "{\"__metadata__\":{%s}", metadata), at = 0;
    for (int i = 0; i < n; i++) {
        used += sprintf(header + used,
                        ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%d,1],\"data_offsets\":[%d,%d]}",
                        heads[i].name, heads[i].rows, at, at + 4 * heads[i].rows);
        at += 4 * heads[i].rows;
    }
    used += sprintf(header + used, "}");
    const uint64_t length = (uint64_t)used;
    memcpy(bytes, &length, 8);
    memset(header + used, 0, (size_t)at);

    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_read_memory(&weights, bytes, 8 + (size_t)(used + at), "bytes", &err),
                 REEL_OK, "%s", err.message);
    return weights;
}

/* Reads the card of such a file; the error's message, or "" where there is none. */
static const char *read_card(reel_model_card *card, const head_of_file *heads, int n)
{
    static reel_error err;
    reel_weights *weights = file_with(heads, n, "");
    err = (reel_error){.message = ""};
    const reel_status status = reel_model_card_read(card, weights, NULL, "file", &err);
    cr_expect(status == REEL_OK || status == REEL_ERR_FORMAT, "status %d", (int)status);
    reel_weights_destroy(weights);
    return status == REEL_OK ? "" : err.message;
}

#define READ(card, ...)                                                                            \
    read_card(card, (const head_of_file[]){__VA_ARGS__},                                           \
              REEL_COUNT(((const head_of_file[]){__VA_ARGS__})))

Test(model_card, the_last_layer_of_the_classifier_tells_classes_and_head)
{
    reel_model_card card;
    cr_expect_str_eq(READ(&card, {"classifier.1.weight", 9}, {"classifier.6.weight", 5}), "");
    cr_expect_eq(card.classes, 5);
    cr_expect_str_eq(card.head, "flatten");
    reel_model_card_free(&card);
    cr_expect_str_eq(READ(&card, {"classifier.1.weight", 7}), "");
    cr_expect_eq(card.classes, 7);
    cr_expect_str_eq(card.head, "gap");
    reel_model_card_free(&card);
    cr_expect_str_eq(READ(&card, {"classifier.1.weight", 0}),
                     "file: the last layer has no classes");
    reel_model_card_free(&card);
}

Test(model_card, of_several_networks_the_one_without_a_prefix_is_meant_or_all_are_alike)
{
    reel_model_card card;
    cr_expect_str_eq(READ(&card, {"teacher.classifier.6.weight", 9}, {"classifier.6.weight", 4}),
                     "");
    cr_expect_eq(card.classes, 4);
    reel_model_card_free(&card);
    cr_expect_str_eq(
        READ(&card, {"student.classifier.6.weight", 9}, {"teacher.classifier.6.weight", 9}), "");
    cr_expect_eq(card.classes, 9);
    reel_model_card_free(&card);

    const char *message =
        READ(&card, {"student.classifier.6.weight", 9}, {"teacher.classifier.6.weight", 4});
    cr_expect_str_eq(message, "file: holds several networks, below \"student.\" and below "
                              "\"teacher.\"; keep one of them in the file");
    reel_model_card_free(&card);
}

/* Ten networks: those behind the eighth are not looked at, whatever they hold. */
Test(model_card, more_networks_than_are_compared_do_no_harm)
{
    reel_model_card card;
    head_of_file heads[10];
    char names[10][40];
    for (int i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "fold%d.classifier.6.weight", i);
        heads[i] = (head_of_file){names[i], i < 8 ? 3 : 5};
    }
    cr_expect_str_eq(read_card(&card, heads, 10), "");
    cr_expect_eq(card.classes, 3);
    reel_model_card_free(&card);
}

Test(model_card, weights_of_other_classes_do_not_resume)
{
    static const char *const names[3] = {"ant", "bee", "cat"};
    static const struct {
        const char *metadata, *message;
    } cases[] = {
        {"\"classes\":\"[\\\"ant\\\",\\\"bee\\\",\\\"cat\\\"]\"", ""},
        {"\"classes\":\"[\\\"ant\\\",\\\"bee\\\"]\"",
         "file: was trained on 2 classes, the data has 3"},
        {"", "file: was trained on 0 classes, the data has 3"},
        {"\"classes\":\"[\\\"ant\\\",\\\"cat\\\",\\\"bee\\\"]\"",
         "file: was trained on other classes: 'cat' where the data has 'bee'"},
        {"\"classes\":\"[\\\"ant\\\",7,\\\"cat\\\"]\"",
         "file: was trained on other classes: '?' where the data has 'bee'"},
    };
    reel_model_card card = {.arch = "tiny"};
    cr_assert_eq(reel_model_card_make_names(&card, 3, NULL), REEL_OK);
    for (int c = 0; c < 3; c++)
        cr_assert_eq(reel_model_card_set_name(&card, c, names[c], NULL), REEL_OK);

    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_error err = {.message = ""};
        reel_weights *weights = file_with(NULL, 0, cases[i].metadata);
        const reel_status status = reel_model_card_resumes(&card, weights, "file", &err);
        cr_expect_eq(status, *cases[i].message ? REEL_ERR_INVALID : REEL_OK, "case %d: status %d",
                     i, (int)status);
        if (*cases[i].message)
            cr_expect_str_eq(err.message, cases[i].message, "case %d: %s", i, err.message);
        reel_weights_destroy(weights);
    }
    reel_model_card_free(&card);
}
