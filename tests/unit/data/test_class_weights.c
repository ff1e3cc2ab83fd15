/* Weights of classes: scikit-learn's balanced ones, files, and what is wrong with files. */
#include "data/class_weights.h"
#include "tests/unit/data/data_test.h"

static const char *const names[] = {"cat", "dog", "a,b"};

static reel_status parse(const char *text, double weights[3], reel_error *err)
{
    const reel_weights_csv csv = {text, strlen(text), "w.csv"};
    *err = (reel_error){0};
    return reel_class_weights_parse(weights, &csv, names, 3, err);
}

Test(class_weights, a_file_gives_each_class_its_weight_in_any_order)
{
    static const char *const texts[] = {"dog,2\ncat,0.5\n\"a,b\",1e3\n",
                                        "class,weight\r\ncat , 0.5\r\n\r\n\"a,b\",1000\r\ndog,+2.0",
                                        "\xEF\xBB\xBF\"cat\",.5\n\"a,b\",\"1000\"\ndog,2"};
    for (int k = 0; k < REEL_COUNT(texts); k++) {
        double w[3];
        reel_error err;
        cr_assert(parse(texts[k], w, &err) == REEL_OK, "text %d: %s", k, err.message);
        cr_expect(w[0] == 0.5 && w[1] == 2 && w[2] == 1000, "text %d: %g %g %g", k, w[0], w[1],
                  w[2]);
    }
}

Test(class_weights, a_wrong_file_is_refused_with_line_expected_and_found)
{
    static const struct {
        const char *text, *said;
    } wrong[] = {
        {"cat,1\ndgo,2\n", "w.csv:2: class: expected one of the 3 classes of the data, got "
                           "\"dgo\"; did you mean \"dog\"?"},
        {"cat,1\nbicycle,2\n", "got \"bicycle\""},
        {"cat,1\n\ndog\n",
         "w.csv:3: expected a class and a weight with a comma between, got 1 field"},
        {"cat,1,2\n", "w.csv:1: expected a class and a weight with a comma between, got 3 fields"},
        {"a,b,1\n", "got 3 fields"},
        {"cat,heavy\n",
         "w.csv:1: weight: expected a number above 0 and at most 1e6, got \"heavy\""},
        {"cat,0\n", "got \"0\""},
        {"cat,-1\n", "got \"-1\""},
        {"cat,nan\n", "got \"nan\""},
        {"cat,inf\n", "got \"inf\""},
        {"cat,1e7\n", "got \"1e7\""},
        {"cat,0x10\n", "got \"0x10\""},
        {"cat,1 2\n", "got \"1 2\""},
        {"cat,\n", "got \"\""},
        {"cat,1\ndog,1\ncat,2\n", "w.csv:3: class \"cat\": expected once, also stands in line 1"},
        {"cat,1\ndog,2\n",
         "w.csv: expected a weight for each of the 3 classes, got none for \"a,b\""},
        {"", "got none for \"cat\""},
        {"\"cat,1\n", "w.csv:1: expected a class and a weight, got quotes that do not fit"},
        {"c\x1B[2Jt,1\n", "got \"c\\x1b[2Jt\""},
    };
    for (int k = 0; k < REEL_COUNT(wrong); k++) {
        double w[3];
        reel_error err;
        cr_assert(parse(wrong[k].text, w, &err) == REEL_ERR_FORMAT, "text %d was accepted", k);
        cr_expect(strstr(err.message, wrong[k].said), "text %d: %s", k, err.message);
    }
}

/* The first most[c] images of each of three classes. */
static reel_dataset *some_of(const reel_dataset *all, const int64_t most[3])
{
    int64_t taken[15], n = 0, count[3] = {0};
    reel_dataset *some;
    reel_error err;
    for (int64_t i = 0; i < reel_dataset_count(all); i++) {
        const int64_t c = reel_dataset_label(all, i);
        if (count[c]++ < most[c])
            taken[n++] = i;
    }
    MUST(reel_dataset_subset(&some, all, taken, n, &err), err);
    return some;
}

/* sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2],
 * y=[0] * 5 + [1] * 3 + [2] * 2) */
Test(class_weights, balanced_ones_are_scikit_learns)
{
    static const double want[3] = {0.6666666666666666, 1.1111111111111112, 1.6666666666666667};
    const reel_data_request request = {.data = "synth:train=5,val=1,classes=3,size=32",
                                       .split = "train"};
    reel_error err;
    reel_dataset *all;
    double w[3];
    MUST(reel_dataset_open_as(&all, &request, NULL, 0, &err), err);
    reel_dataset *some = some_of(all, (const int64_t[]){5, 3, 2}),
                 *few = some_of(all, (const int64_t[]){5, 3, 0});
    MUST(reel_class_weights_balance(w, some, &err), err);
    for (int c = 0; c < 3; c++)
        cr_expect(w[c] == want[c], "class %d: %.17g", c, w[c]);

    cr_expect(reel_class_weights_balance(w, few, &err) == REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "expected images of each class, got none of"), "%s", err.message);
    reel_dataset_destroy(some);
    reel_dataset_destroy(few);
    reel_dataset_destroy(all);
}
