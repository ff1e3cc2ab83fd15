/* Networks as text in weights files: what the shapes and the metadata say of them, and what a
 * hostile file is told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layers/model_file.h"
#include "tests/support/built_as.h"
#include "tests/unit/layers/net_test.h"

TestSuite(text_file, .init = setup, .fini = teardown);

/* One more pair of metadata for a file, or one in place of the card's own. */
typedef struct pair {
    const char *key, *value;
} pair;

/* A weights file of the text's net, whose tensors' names begin with `prefix`: its metadata hold the
 * text, if with_text, and the pairs up to one without a key. */
static void put_weights(const char *path, const char *text, bool with_text, const char *prefix,
                        const pair *more)
{
    reel_model *model;
    reel_net *net;
    reel_weights_writer *w;
    cr_assert_eq(reel_model_read_text(&model, "net.net", text, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_model_create(&net, model, NULL, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_weights_writer_create(&w, &err), REEL_OK);
    for (int i = 0; i < reel_params_count(reel_net_params(net)); i++) {
        const reel_param *p = reel_params_at(reel_net_params(net), i);
        char name[300];
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        cr_assert_eq(reel_weights_writer_tensor(w, name, &p->value, &err), REEL_OK);
    }
    bool own_text = false;
    for (const pair *p = more; p && p->key; p++)
        own_text |= !strcmp(p->key, "network");
    if (with_text)
        cr_assert_eq(reel_weights_writer_metadata(w, "arch", "net", &err), REEL_OK);
    if (with_text && !own_text)
        cr_assert_eq(reel_weights_writer_metadata(w, "network", text, &err), REEL_OK);
    for (; more && more->key; more++)
        cr_assert_eq(reel_weights_writer_metadata(w, more->key, more->value, &err), REEL_OK);
    cr_assert_eq(reel_weights_writer_save(w, path, &err), REEL_OK, "%s", err.message);
    reel_weights_writer_destroy(w);
    reel_net_destroy(net);
    reel_model_free(model);
}

/* Opens the file, whose network is in arch, or NULL. */
static reel_status open_file(reel_model_card *card, const char *path, const char *arch)
{
    reel_net *net;
    const reel_status status = reel_model_open(&net, card, path, arch, ctx, REEL_F32, &err);
    reel_net_destroy(net);
    return status;
}

static const char plain[] = "input 3x8x8\nclasses 4\nGlobalAvgPool2d\nhead: Linear classes\n";

Test(text_file, has_as_many_names_as_its_head_has_rows)
{
    static const char *const wrong[] = {"[\"a\"]", "[\"a\",\"b\",\"c\"]",
                                        "[\"a\",\"b\",\"c\",\"d\",\"e\"]"};
    reel_model_card card;
    for (int i = 0; i < REEL_COUNT(wrong); i++) {
        put_weights("names.safetensors", plain, true, "",
                    (pair[]){{"classes", wrong[i]}, {NULL, NULL}});
        cr_expect_eq(open_file(&card, "names.safetensors", NULL), REEL_ERR_FORMAT, "%s", wrong[i]);
        cr_expect(
            strstr(err.message, "metadata classes: expected 4 names, as head.weight has rows"),
            "%s", err.message);
        reel_model_card_free(&card);
    }
    put_weights("names.safetensors", plain, true, "",
                (pair[]){{"classes", "[\"a\",\"b\",\"c\",\"d\"]"}, {NULL, NULL}});
    cr_assert_eq(open_file(&card, "names.safetensors", NULL), REEL_OK, "%s", err.message);
    cr_expect_eq(card.classes, 4);
    cr_expect_str_eq(card.class_names[3], "d");
    reel_model_card_free(&card);
    remove("names.safetensors");
}

/* Layers called classifier.N need not be the last, nor as wide as there are classes. */
Test(text_file, may_call_any_layer_a_classifier)
{
    static const char text[] = "input 3x8x8\nclasses 4\n"
                               "classifier:\n    GlobalAvgPool2d\n    Linear 6\n    Linear 9\n"
                               "one:\n    classifier:\n        Linear 7\n"
                               "head: Linear classes\n";
    static const pair names[] = {{"classes", "[\"a\",\"b\",\"c\",\"d\"]"}, {NULL, NULL}};
    reel_model_card card;
    FILE *file = fopen("any.net", "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    for (int with_text = 0; with_text < 2; with_text++) {
        put_weights("any.safetensors", text, with_text, "", names);
        cr_expect_eq(open_file(&card, "any.safetensors", with_text ? NULL : "any.net"), REEL_OK,
                     "%s", err.message);
        cr_expect_eq(card.classes, 4);
        cr_expect_str_eq(card.head, "flatten");
        reel_model_card_free(&card);
    }
    remove("any.safetensors");
    remove("any.net");
}

/* As PyTorch's wrappers name the tensors, or any attribute of a larger model. */
Test(text_file, of_wrapped_names_opens)
{
    static const char text[] = "input 1x8x8\nclasses 4\nConv2d 3 3\nGlobalAvgPool2d\n"
                               "head: Linear classes\n";
    static const char *const prefixes[] = {"",     "module.",         "_orig_mod.module.",
                                           "foo.", "student.module.", "module.foo."};
    reel_model_card card;
    for (int i = 0; i < REEL_COUNT(prefixes); i++) {
        put_weights("wrapped.safetensors", text, true, prefixes[i], NULL);
        cr_expect_eq(open_file(&card, "wrapped.safetensors", NULL), REEL_OK, "%s", err.message);
        cr_expect_eq(card.classes, 4);
        cr_expect_eq(card.preprocessing.channels, 1);
        reel_model_card_free(&card);
    }
    remove("wrapped.safetensors");
}

/* Two layers give half of the classes each: no tensor has a row for each class. */
Test(text_file, of_a_head_in_parts_says_its_classes)
{
    static const char text[] = "input 3x8x8\nclasses 4\nGlobalAvgPool2d\n"
                               "concat:\n    Linear classes/2\n    Linear classes/2\n";
    reel_model_card card;
    put_weights("parts.safetensors", text, true, "", NULL);
    cr_expect_eq(open_file(&card, "parts.safetensors", NULL), REEL_OK, "%s", err.message);
    cr_expect_eq(card.classes, 4);
    reel_model_card_free(&card);
    remove("parts.safetensors");
}

/* ---- what a small text may cost ---- */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* A file of 1 KB whose network has thousands of parameters, none of which is in the file. */
Test(text_file, of_thousands_of_layers_is_refused_at_once, .timeout = 120)
{
    static const char many[] = "input 3x8x8\nclasses 4\n"
                               "repeat 700:\n    BatchNorm2d\n    BatchNorm2d\n    BatchNorm2d\n"
                               "    BatchNorm2d\n    BatchNorm2d\n"
                               "MaxPool2d 7\nGlobalAvgPool2d\nhead: Linear classes\n";
    reel_model_card card;
    put_weights("many.safetensors", plain, true, "",
                (pair[]){{"network", many}, {"image_size", "5"}, {NULL, NULL}});
    const double begin = seconds_now();
    cr_expect_neq(open_file(&card, "many.safetensors", NULL), REEL_OK);
    const double spent = seconds_now() - begin;
    cr_expect(spent < (BUILT_WITH_SANITIZER ? 60 : 10), "%.1f s: %s", spent, err.message);
    reel_model_card_free(&card);
    remove("many.safetensors");
}

Test(text_file, of_more_lines_than_can_be_followed_is_refused)
{
    reel_model_card card;
    put_weights("long.safetensors", plain, true, "",
                (pair[]){{"network", "input 3x8x8\nrepeat 100:\n    repeat 160:\n        ReLU\n"},
                         {NULL, NULL}});
    cr_expect_eq(open_file(&card, "long.safetensors", NULL), REEL_ERR_FORMAT);
    cr_expect(strstr(err.message, "expected a network of at most 8000 lines"), "%s", err.message);
    reel_model_card_free(&card);
    remove("long.safetensors");
}
