/* The model of `reel bench scale` against cases that are worked out by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "train/bench/scale_list.h"
#include "train/bench/scale_model.h"

/* A link of 1e9 bytes/s, without other costs. */
static const reel_scale_costs plain = {.bytes_per_second = 1e9, .efficiency = 1};

static reel_scale_case make_case(const reel_scale_layer *layers, int n, int nodes)
{
    return (reel_scale_case){
        .layers = layers, .n_layers = n, .nodes = nodes, .ranks = 1, .cores = 2, .costs = plain};
}

static void expect_near(double got, double want, const char *what)
{
    cr_expect(fabs(got - want) <= 1e-9 * fmax(1, fabs(want)), "%s: %.12g, expected %.12g", what,
              got, want);
}

/* forward 1 + 2, backward 3 + 4, update 0.5, nothing to exchange */
Test(scale_model, one_node_takes_its_passes_and_its_update)
{
    const reel_scale_layer layers[] = {{.bytes = 1e9, .forward = 1, .backward = 3},
                                       {.bytes = 2e9, .forward = 2, .backward = 4}};
    reel_scale_case c = make_case(layers, 2, 1);
    c.update = 0.5;
    const reel_scale_step step = reel_scale_predict(&c, NULL);
    expect_near(step.seconds, 10.5, "step");
    expect_near(step.computing, 10.5, "computing");
    expect_near(step.link, 0, "link");
}

/* Each of 4 nodes updates a quarter; the link takes no time. */
Test(scale_model, an_infinite_link_leaves_the_passes_and_a_share_of_the_update)
{
    const reel_scale_layer layers[] = {{.bytes = 1e9, .forward = 1, .backward = 3},
                                       {.bytes = 2e9, .forward = 2, .backward = 4}};
    reel_scale_case c = make_case(layers, 2, 4);
    c.update = 0.8;
    c.costs.bytes_per_second = INFINITY;
    expect_near(reel_scale_predict(&c, NULL).seconds, 10.2, "step");
}

/* 8e9 bytes, half of which go to the other node: 4 s a phase. Backward 2, sums until 6, weights
 * until 10, forward until 11. */
Test(scale_model, one_layer_waits_for_both_phases)
{
    const reel_scale_layer layer = {.bytes = 8e9, .forward = 1, .backward = 2};
    const reel_scale_case c = make_case(&layer, 1, 2);
    reel_scale_times t;
    const reel_scale_step step = reel_scale_predict(&c, &t);
    expect_near(step.seconds, 11, "step");
    expect_near(step.link, 8, "link");
    expect_near(t.ready, 2, "ready");
    expect_near(t.begin, 2, "begin");
    expect_near(t.summed, 6, "summed");
    expect_near(t.handed_out, 10, "handed out");
    expect_near(t.needed, 2, "needed");
}

/* Phases of 0.5 and 3.5 s. The last layer's sum 1..4.5, the first's 4.5..5, weights of the first
 * 5..5.5 and of the last 5.5..9; forward 5.5..6, and 9..9.5. */
Test(scale_model, the_exchange_bounds_the_step_and_goes_in_order)
{
    const reel_scale_layer layers[] = {{.bytes = 1e9, .forward = 0.5, .backward = 1},
                                       {.bytes = 7e9, .forward = 0.5, .backward = 1}};
    const reel_scale_case c = make_case(layers, 2, 2);
    reel_scale_times t[2];
    expect_near(reel_scale_predict(&c, t).seconds, 9.5, "step");
    expect_near(t[0].ready, 2, "first ready");
    expect_near(t[0].begin, 4.5, "first begins");
    expect_near(t[0].handed_out, 5.5, "first handed out");
    expect_near(t[1].summed, 4.5, "last summed");
    expect_near(t[1].handed_out, 9, "last handed out");
    expect_near(t[1].needed, 6, "last needed");
}

/* Phases of 0.5 and 1.5 s. The last layer's sum 1..2.5; its weights wait for the first layer's sum,
 * 3..3.5, and travel behind that layer's: 3.5..4, 4..5.5. Forward 4..4.5, and 5.5..6. */
Test(scale_model, weights_wait_for_the_whole_backward_pass)
{
    const reel_scale_layer layers[] = {{.bytes = 1e9, .forward = 0.5, .backward = 2},
                                       {.bytes = 3e9, .forward = 0.5, .backward = 1}};
    const reel_scale_case c = make_case(layers, 2, 2);
    reel_scale_times t[2];
    expect_near(reel_scale_predict(&c, t).seconds, 6, "step");
    expect_near(t[0].begin, 3, "first begins");
    expect_near(t[0].handed_out, 4, "first handed out");
    expect_near(t[1].handed_out, 5.5, "last handed out");
}

/* No bytes to speak of, 1 ms a message, 1,001 nodes. The layers take 1 + 1000 / 4 and
 * 1 + 3000 / 4 messages a phase: 1.002 s together. Both gradients are there at once. */
Test(scale_model, latency_counts_messages)
{
    const reel_scale_layer layers[] = {{.bytes = 1}, {.bytes = 3}};
    reel_scale_case c = make_case(layers, 2, 1001);
    c.costs.bytes_per_second = INFINITY;
    c.costs.alpha = 1e-3;
    reel_scale_times t[2];
    const reel_scale_step step = reel_scale_predict(&c, t);
    expect_near(step.seconds, 2.004, "step");
    expect_near(step.link, 2.004, "link");
    expect_near(t[1].summed, 0.751, "last summed");
    expect_near(t[0].handed_out, 1.002 + 0.251, "first handed out");
}

/* 2 nodes send half of 4e9 bytes twice: 4 GB at 0.5 s of a core, on 2 cores, are 1 s. Two further
 * ranks add 4e9 bytes each at 0.125 s: 1 s. So 4 s of passes take 6. */
Test(scale_model, the_exchange_takes_time_from_computing)
{
    const reel_scale_layer layer = {.bytes = 4e9, .forward = 1, .backward = 3};
    reel_scale_case c = make_case(&layer, 1, 2);
    c.ranks = 3;
    c.costs = (reel_scale_costs){
        .bytes_per_second = INFINITY, .efficiency = 1, .cpu_per_gb = 0.5, .sum_per_gb = 0.125};
    const reel_scale_step step = reel_scale_predict(&c, NULL);
    expect_near(step.computing, 6, "computing");
    expect_near(step.seconds, 6, "step");
}

/* 10 Gbit/s of which 80 % are reached are 1e9 bytes/s. */
Test(scale_model, efficiency_divides_the_link)
{
    const reel_scale_layer layer = {.bytes = 8e9, .forward = 1, .backward = 2};
    reel_scale_case c = make_case(&layer, 1, 2);
    c.costs.bytes_per_second = 1.25e9;
    c.costs.efficiency = 0.8;
    expect_near(reel_scale_predict(&c, NULL).seconds, 11, "step");
}

Test(scale_model, times_between_measured_batches_lie_on_lines)
{
    const double sizes[] = {4, 16, 64}, seconds[] = {1, 2, 6};
    expect_near(reel_scale_time_at(sizes, seconds, 3, 16), 2, "measured");
    expect_near(reel_scale_time_at(sizes, seconds, 3, 10), 1.5, "between the first two");
    expect_near(reel_scale_time_at(sizes, seconds, 3, 40), 4, "between the last two");
    expect_near(reel_scale_time_at(sizes, seconds, 3, 128), 12, "two steps of the largest");
    expect_near(reel_scale_time_at(sizes, seconds, 3, 1), 0.75, "below the smallest");
    expect_near(reel_scale_time_at(sizes, (double[]){1, 20, 60}, 3, 2), 0.5, "never below share");
    expect_near(reel_scale_time_at(sizes, seconds, 1, 8), 2, "one size");
}

/* ---- lists ---- */

Test(scale_model, lists_of_numbers_and_links_are_read)
{
    int counts[REEL_SCALE_MOST], n;
    reel_error err = {0};
    cr_assert_eq(reel_scale_counts("nodes", "1,2,4,...,1024", 1 << 20, counts, &n, &err), REEL_OK);
    cr_assert_eq(n, 11);
    for (int i = 0; i < n; i++)
        cr_expect_eq(counts[i], 1 << i);
    cr_assert_eq(reel_scale_counts("nodes", "3,6,...,20,50", 100, counts, &n, &err), REEL_OK);
    cr_assert_eq(n, 5);
    cr_expect(counts[2] == 12 && counts[3] == 20 && counts[4] == 50);

    reel_scale_link links[REEL_SCALE_MOST];
    cr_assert_eq(reel_scale_links("10Gbit,400Mbit", links, &n, &err), REEL_OK);
    cr_assert_eq(n, 2);
    cr_expect_str_eq(links[1].name, "400Mbit");
    expect_near(links[0].bytes_per_second, 1.25e9, "10Gbit");
    expect_near(links[1].bytes_per_second, 5e7, "400Mbit");
}

Test(scale_model, lists_that_cannot_be_are_refused)
{
    static const char *const bad_counts[] = {
        "",     "0",       "2,1",     "1,1",    "1.5", "x",         "1,,2",
        "1,2,", "1,...,8", "1,2,...", "..., 2", "101", "2,3,...,9", "1,2,...,...,8"};
    static const char *const bad_links[] = {"",        "10",    "Gbit",   "-1Gbit",
                                            "10Gbit,", "10 GB", "nanGbit"};
    int counts[REEL_SCALE_MOST], n;
    reel_scale_link links[REEL_SCALE_MOST];
    for (int i = 0; i < REEL_COUNT(bad_counts); i++) {
        reel_error err = {0};
        cr_expect_eq(reel_scale_counts("nodes", bad_counts[i], 100, counts, &n, &err),
                     REEL_ERR_INVALID, "\"%s\"", bad_counts[i]);
        cr_expect(!strncmp(err.message, "--nodes: ", 9), "%s", err.message);
    }
    for (int i = 0; i < REEL_COUNT(bad_links); i++)
        cr_expect_eq(reel_scale_links(bad_links[i], links, &n, NULL), REEL_ERR_INVALID, "\"%s\"",
                     bad_links[i]);
}

/* Factors of 1e9 bytes in place of gradients of 8e9: the sum takes 0.5 s, the weights 4 s. Backward
 * 2, factors until 2.5, weights until 6.5, forward until 7.5. */
Test(scale_model, factors_travel_in_place_of_gradients)
{
    const reel_scale_layer layer = {.bytes = 8e9, .factors = 1e9, .forward = 1, .backward = 2};
    const reel_scale_case c = make_case(&layer, 1, 2);
    reel_scale_times t;
    const reel_scale_step step = reel_scale_predict(&c, &t);
    expect_near(step.seconds, 7.5, "step");
    expect_near(step.link, 4.5, "link");
    expect_near(t.summed, 2.5, "summed");
    expect_near(t.handed_out, 6.5, "handed out");
}
