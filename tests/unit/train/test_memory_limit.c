/* What a control group leaves, read from folders as version 1, version 2 and containers have them;
 * and what a plan counts beside a training step. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/ops.h"
#include "layers/models.h"
#include "train/run/memory_limit.h"

static char root[] = "/tmp/reel-memory-XXXXXX";

static void put(const char *path, const char *text)
{
    char file[400];
    snprintf(file, sizeof file, "%s/%s", root, path);
    for (char *p = file + strlen(root) + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(file, 0777);
            *p = '/';
        }
    FILE *f = fopen(file, "w");
    cr_assert(f, "%s", file);
    fputs(text, f);
    fclose(f);
}

static void begin(void)
{
    cr_assert(mkdtemp(root));
    put("proc/meminfo",
        "MemTotal:       49360000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n");
}

static void end(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

static void expect(double bytes, const char *by, const char *what)
{
    const char *whose;
    const double got = reel_memory_available(root, &whose);
    cr_expect_eq(got, bytes, "%s: expected %.0f bytes, got %.0f", what, bytes, got);
    cr_expect_not_null(strstr(whose, by), "%s: expected \"%s\", got: %s", what, by, whose);
}

Test(memory_limit, the_least_of_system_and_groups_counts_and_cache_does_not, .init = begin,
     .fini = end)
{
    expect(8000000.0 * 1024, "machine", "no groups");
    put("proc/self/cgroup", "0::/a/b\n");
    expect(8000000.0 * 1024, "machine", "groups that are not there");
    put("sys/fs/cgroup/a/b/memory.max", "max\n");
    put("sys/fs/cgroup/a/b/memory.current", "1000\n");
    expect(8000000.0 * 1024, "machine", "version 2 without a limit");
    put("sys/fs/cgroup/a/memory.max", "5000000000\n");
    put("sys/fs/cgroup/a/memory.current", "2000000000\n");
    put("sys/fs/cgroup/a/memory.stat", "anon 1500000000\ninactive_file 400000000\nactive_file 7\n");
    expect(3.4e9, "control group", "version 2, a limit above");
    put("sys/fs/cgroup/memory.max", "1000000000\n"); /* as a container sees its own group */
    put("sys/fs/cgroup/memory.current", "1100000000\n");
    expect(0, "control group", "version 2, used up");
    put("sys/fs/cgroup/memory.max", "max\n");
    put("proc/self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/c/d\n1:name=systemd:/e\n");
    put("sys/fs/cgroup/memory/c/memory.limit_in_bytes", "700000000\n");
    put("sys/fs/cgroup/memory/c/memory.usage_in_bytes", "500000000\n");
    put("sys/fs/cgroup/memory/c/memory.stat", "cache 3\ntotal_inactive_file 100000000\n");
    put("sys/fs/cgroup/memory/c/d/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/c/d/memory.usage_in_bytes", "5\n");
    expect(3e8, "control group", "version 1, a limit above");
    put("proc/self/status", "Name:\treel\nVmPeak:\t  300000 kB\nVmSize:\t  200000 kB\n");
    put("proc/self/limits", "Limit  Soft Limit  Hard Limit  Units\nMax address space         "
                            "unlimited            unlimited            bytes\n");
    expect(3e8, "control group", "no limit of address space");
    put("proc/self/limits",
        "Max stack size            8388608              unlimited            bytes\n"
        "Max address space         504800000            unlimited            bytes\n");
    expect(150000000, "ulimit -v", "a limit of address space");
}

/* Bytes of activations that the loss of n images leaves on a tape, with labels or with targets. */
static size_t bytes_of_loss(const reel_ctx *ctx, int64_t n, int64_t classes, bool soft)
{
    reel_error err;
    reel_tape *tape;
    const int64_t shape[2] = {n, classes};
    float *x = calloc((size_t)(n * classes), sizeof *x),
          *t = calloc((size_t)(n * classes), sizeof *t);
    int64_t *labels = calloc((size_t)n, sizeof *labels);
    cr_assert(x && t && labels);
    for (int64_t i = 0; i < n; i++)
        t[i * classes] = 1;
    const reel_tensor logits = reel_tensor_of(x, REEL_F32, 2, shape),
                      targets = reel_tensor_of(t, REEL_F32, 2, shape);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK, "%s", err.message);
    const reel_var in = reel_input_grad(tape, &logits);
    const reel_var loss = soft ? reel_cross_entropy_soft(in, &targets, NULL)
                               : reel_cross_entropy(in, labels, n, NULL);
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    const size_t bytes = reel_tape_usage(tape).activations;
    reel_tape_destroy(tape);
    free(x);
    free(t);
    free(labels);
    return bytes;
}

/* Mixup and CutMix: what is planned for their targets is what a session and a step take. */
Test(memory_limit, targets_of_mixed_batches_count)
{
    enum { BATCH = 32, CLASSES = 500 };
    reel_error err;
    reel_ctx *ctx;
    reel_net *net;
    reel_memory_plan plan[2];
    int prefetch;
    const reel_model_config config = {.classes = CLASSES, .image_size = 32};
    const reel_optimizer_config sgd = reel_optimizer_config_default(reel_optimizer_find("sgd"));
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK);
    cr_assert_eq(reel_model_create(&net, reel_model_find("tiny"), &config, ctx, REEL_F32, &err),
                 REEL_OK, "%s", err.message);
    for (int mixed = 0; mixed < 2; mixed++) {
        const reel_memory_demand demand = {.optimizer = &sgd,
                                           .batch = BATCH,
                                           .channels = 3,
                                           .train_size = 32,
                                           .val_size = 32,
                                           .mixed_classes = mixed ? CLASSES : 0,
                                           .limit = 1e9};
        cr_assert_eq(reel_memory_fit(&plan[mixed], &prefetch, net, &demand, &err), REEL_OK, "%s",
                     err.message);
    }

    const size_t planned = plan[1].limited_total - plan[0].limited_total;
    const size_t session = (size_t)BATCH * CLASSES * sizeof(float);
    const size_t taken = session + bytes_of_loss(ctx, BATCH, CLASSES, true) -
                         bytes_of_loss(ctx, BATCH, CLASSES, false);
    cr_expect(planned >= taken && planned - taken < 4096, "planned %zu, taken %zu", planned, taken);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

/* The largest batch that fits, as the refusal of a larger one says. */
static int64_t largest_batch_of(reel_net *net, const reel_memory_demand *demand)
{
    reel_error err;
    cr_assert_eq(reel_memory_check(net, demand, &err), REEL_ERR_MEMORY);
    const char *number = strstr(err.message, "--batch-size ");
    cr_assert(number, "%s", err.message);
    return strtoll(number + strlen("--batch-size "), NULL, 10);
}

/* Ranks of a host share what it has; further arrays of gradients count. */
Test(memory_limit, ranks_share_the_memory_of_their_host)
{
    reel_error err;
    reel_ctx *ctx;
    reel_net *net;
    const reel_model_config config = {.classes = 10, .image_size = 32};
    const reel_optimizer_config sgd = reel_optimizer_config_default(reel_optimizer_find("sgd"));
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK);
    cr_assert_eq(reel_model_create(&net, reel_model_find("tiny"), &config, ctx, REEL_F32, &err),
                 REEL_OK, "%s", err.message);
    reel_memory_demand demand = {
        .optimizer = &sgd, .batch = 1 << 24, .channels = 3, .train_size = 32, .val_size = 32};
    const double alone = (double)largest_batch_of(net, &demand);
    demand.ranks = 4;
    const double quarter = (double)largest_batch_of(net, &demand);
    cr_expect(quarter > alone / 8 && quarter < alone / 2, "%g alone, %g with 4 ranks", alone,
              quarter);

    reel_memory_plan plan;
    reel_error why;
    int prefetch;
    demand.ranks = 1;
    demand.batch = 32;
    demand.limit = 1e9;
    cr_assert_eq(reel_memory_fit(&plan, &prefetch, net, &demand, &err), REEL_OK);
    const size_t one = plan.limited_total;
    demand.arrays = 3;
    demand.all_ranks = 2;
    demand.all_pieces = 1 << 20; /* too many rows for factors */
    cr_assert_eq(reel_memory_fit(&plan, &prefetch, net, &demand, &why), REEL_OK);
    cr_expect_eq(plan.limited_total - one, 2 * plan.net.gradients);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

/* Of a gradient that ranks make of factors, each holds its share and its part of the factors. */
Test(memory_limit, factors_take_the_place_of_gradients)
{
    reel_error err;
    reel_ctx *ctx;
    reel_net *net;
    int prefetch;
    reel_memory_plan alone, shared;
    const reel_optimizer_config sgd = reel_optimizer_config_default(reel_optimizer_find("sgd"));
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK);
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
    reel_net_flatten(net);
    reel_net_linear(net, .in = 3 * 32 * 32, .out = 1000);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);

    reel_memory_demand demand = {.optimizer = &sgd,
                                 .batch = 4,
                                 .channels = 3,
                                 .train_size = 32,
                                 .val_size = 32,
                                 .limit = 1e9};
    cr_assert_eq(reel_memory_fit(&alone, &prefetch, net, &demand, &err), REEL_OK);
    demand.arrays = 1;
    demand.ranks = demand.all_ranks = 2;
    demand.all_pieces = 2;
    cr_assert_eq(reel_memory_fit(&shared, &prefetch, net, &demand, &err), REEL_OK);
    const double weight = 4.0 * 3 * 32 * 32 * 1000;
    const double less = (double)alone.limited_total - (double)shared.limited_total;
    cr_expect_eq((double)shared.net.factored, weight);
    cr_expect(less > 0.4 * weight && less < 0.5 * weight, "%g bytes less of %g", less, weight);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

/* Gigabytes of a batch that does not fit, as its refusal says. */
static double gigabytes_of(reel_net *net, const reel_memory_demand *demand)
{
    reel_error err;
    cr_assert_eq(reel_memory_check(net, demand, &err), REEL_ERR_MEMORY);
    const char *number = strstr(err.message, " takes ");
    cr_assert(number, "%s", err.message);
    return strtod(number + strlen(" takes "), NULL);
}

/* The weights and the states of the optimizer, 489 MB of AlexNet, are there once for all ranks of a
 * host: each of 4 counts a quarter. */
Test(memory_limit, ranks_share_their_weights)
{
    reel_error err;
    reel_ctx *ctx;
    reel_net *net;
    const reel_model_config config = reel_model_config_default(reel_model_find("alexnet"));
    const reel_optimizer_config sgd = reel_optimizer_config_default(reel_optimizer_find("sgd"));
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK);
    cr_assert_eq(reel_model_create(&net, reel_model_find("alexnet"), &config, ctx, REEL_F32, &err),
                 REEL_OK, "%s", err.message);
    reel_memory_demand demand = {
        .optimizer = &sgd, .batch = 1 << 20, .channels = 3, .train_size = 224, .val_size = 224};
    const double alone = gigabytes_of(net, &demand);
    demand.ranks = 4;
    const double fourth = gigabytes_of(net, &demand);
    cr_expect(alone - fourth > 0.25 && alone - fourth < 0.5, "%g GB alone, %g GB for each of 4",
              alone, fourth);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}
