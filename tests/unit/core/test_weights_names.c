/* Names that a network was wrapped in: one mapping for all, told, and an error where two fit. */
#include "tests/unit/core/weights_util.h"

TestSuite(weights_names, .init = make_folder, .fini = remove_folder);

static const struct {
    const char *name;
    int64_t rows;
} layers[] = {{"features.0.weight", 3}, {"features.0.bias", 5}, {"classifier.1.weight", 7}};

static reel_params *new_store(void)
{
    reel_params *params = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    for (int i = 0; i < REEL_COUNT(layers); i++)
        cr_assert_eq(reel_params_add(params, layers[i].name, 1, &layers[i].rows, 0, NULL, &err),
                     REEL_OK, "%s", err.message);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    return params;
}

/* A file of tensors with these names, in groups of three as the layers above, values 1, 2, 3, ...
 */
static reel_weights *file_of(const char *const *names, int n)
{
    char path[128];
    reel_tensor tensors[16];
    float room[16][8];
    reel_weights_writer *writer = new_writer();
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 8; k++)
            room[i][k] = (float)(i + 1);
        const int64_t rows = layers[i % 3].rows;
        tensors[i] = reel_tensor_of(room[i], REEL_F32, 1, &rows);
        add(writer, names[i], &tensors[i]);
    }
    save(writer, in_folder(path, "names.safetensors"));
    reel_weights_writer_destroy(writer);
    return read_back(path);
}

static float value_of(reel_params *params, int i)
{
    return ((const float *)reel_params_at(params, i)->value.data)[0];
}

Test(weights_names, wrappers_are_left_out_wherever_they_stand)
{
    static const struct {
        const char *names[5], *rule;
        int n;
    } cases[] = {
        {{"features.0.weight", "features.0.bias", "classifier.1.weight"}, "", 3},
        {{"module.features.0.weight", "module.features.0.bias", "module.classifier.1.weight"},
         "\"module.\"",
         3},
        {{"_orig_mod.module.features.0.weight", "_orig_mod.module.features.0.bias",
          "_orig_mod.module.classifier.1.weight"},
         "\"_orig_mod.module.\"",
         3},
        {{"features.module.0.weight", "features.module.0.bias", "classifier.1.weight"},
         "\"module.\"",
         3},
        {{"model.features.module.0.weight", "model.features.module.0.bias",
          "model.classifier.1.weight"},
         "\"model.\", \"module.\"",
         3},
        {{"backbone.features.0.weight", "encoder.features.0.bias", "net.classifier.1.weight"},
         "\"backbone.\", \"encoder.\", \"net.\"",
         3},
        /* Lightning: any attribute, and tensors of its own beside the network */
        {{"model.features.0.weight", "model.features.0.bias", "model.classifier.1.weight",
          "criterion.weight"},
         "\"model.\"",
         4},
        {{"alexnet.features.0.weight", "alexnet.features.0.bias", "alexnet.classifier.1.weight",
          "criterion.weight", "metric.total"},
         "\"alexnet.\"",
         5},
    };
    for (int c = 0; c < REEL_COUNT(cases); c++) {
        reel_weights *weights = file_of(cases[c].names, cases[c].n);
        reel_params *params = new_store();
        reel_error err = {0};
        char rule[200];
        int loaded = 0;
        cr_assert_eq(reel_params_name_rule(params, weights, rule, sizeof rule, &err), REEL_OK);
        cr_assert_str_eq(rule, cases[c].rule, "case %d: %s", c, rule);
        cr_assert_eq(reel_params_load(params, weights, &err), REEL_OK, "case %d: %s", c,
                     err.message);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(value_of(params, i), (float)(i + 1), "case %d, tensor %d", c, i);
        cr_assert_eq(reel_params_load_matching(params, weights, NULL, NULL, &loaded, &err),
                     REEL_OK);
        cr_assert_eq(loaded, 3, "case %d: %d", c, loaded);
        reel_params_destroy(params);
        reel_weights_destroy(weights);
    }
}

Test(weights_names, two_networks_that_fit_are_an_error_with_both_names)
{
    static const char *const names[] = {
        "student.features.0.weight", "student.features.0.bias", "student.classifier.1.weight",
        "teacher.features.0.weight", "teacher.features.0.bias", "teacher.classifier.1.weight"};
    reel_weights *weights = file_of(names, 6);
    reel_params *params = new_store();
    reel_error err = {0};
    cr_assert_eq(reel_params_load(params, weights, &err), REEL_ERR_FORMAT);
    cr_assert(strstr(err.message, "below \"student.\" and below \"teacher.\""), "%s", err.message);
    reel_weights_destroy(weights);

    /* One that fits better is no question. */
    weights = file_of(names, 5);
    cr_assert_eq(reel_params_load(params, weights, &err), REEL_OK, "%s", err.message);
    reel_weights_destroy(weights);

    /* Names as they are win. */
    static const char *const plain[] = {"features.0.weight",   "features.0.bias",
                                        "classifier.1.weight", "ema.features.0.weight",
                                        "ema.features.0.bias", "ema.classifier.1.weight"};
    int loaded = 0;
    weights = file_of(plain, 6);
    cr_assert_eq(reel_params_load_matching(params, weights, NULL, NULL, &loaded, &err), REEL_OK);
    cr_assert_eq(value_of(params, 0), 1);
    reel_weights_destroy(weights);
    reel_params_destroy(params);
}

Test(weights_names, a_tensor_that_does_not_fit_is_told_under_its_parameter)
{
    static const char *const names[] = {"model.features.0.bias", "model.features.0.weight",
                                        "model.classifier.1.weight"};
    reel_weights *weights = file_of(names, 3); /* the first two have each other's shape */
    reel_params *params = new_store();
    reel_error err = {0};
    cr_assert_eq(reel_params_load(params, weights, &err), REEL_ERR_FORMAT);
    cr_assert(strstr(err.message, "features.0.weight: expected (3), got (5)"), "%s", err.message);
    cr_assert_not(strstr(err.message, "missing"), "%s", err.message);
    reel_weights_destroy(weights);
    reel_params_destroy(params);
}

typedef struct told_match {
    char text[400];
} told_match;

static void note_match(void *user, reel_match match, const reel_param *param,
                       const reel_weight *weight)
{
    static const char *const words[] = {"loaded", "other shape", "missing", "skipped"};
    told_match *told = user;
    const size_t used = strlen(told->text);
    snprintf(told->text + used, sizeof told->text - used, "%s %s %s; ", words[match],
             param ? param->name : "-", weight ? weight->name : "-");
}

Test(weights_names, what_fits_is_loaded_and_each_name_is_told_with_what_became_of_it)
{
    static const char *const names[] = {"net.features.0.weight", "net.classifier.1.weight",
                                        "net.classifier.6.weight", "epoch"};
    reel_weights *weights = file_of(names, 4); /* the second has the shape of a features.0.bias */
    reel_params *params = new_store();
    reel_error err = {0};
    told_match told = {""};
    char rule[100];
    int loaded = 0;
    cr_assert_eq(reel_params_load_matching(params, weights, note_match, &told, &loaded, &err),
                 REEL_OK, "%s", err.message);
    cr_expect_eq(loaded, 1);
    cr_expect_eq(value_of(params, 0), 1);
    cr_expect_eq(value_of(params, 2), 0, "a tensor of another shape was loaded");
    cr_expect_str_eq(told.text, "loaded features.0.weight net.features.0.weight; "
                                "missing features.0.bias -; "
                                "other shape classifier.1.weight net.classifier.1.weight; "
                                "skipped - net.classifier.6.weight; skipped - epoch; ");
    cr_expect_eq(reel_params_name_rule(params, weights, rule, sizeof rule, &err), REEL_OK);
    cr_expect_str_eq(rule, "\"net.\"");
    reel_weights_destroy(weights);
    reel_params_destroy(params);
}
