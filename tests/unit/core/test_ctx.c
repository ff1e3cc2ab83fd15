/* The context: what it refuses, what it reads from the environment, where its log goes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ctx.h"

static reel_error err;

static reel_ctx *ctx_of(const reel_ctx_config *config)
{
    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, config, &err), REEL_OK, "%s", err.message);
    return ctx;
}

static void expect_refused(const reel_ctx_config *config, const char *words)
{
    reel_ctx *ctx = (reel_ctx *)&err;
    cr_expect_eq(reel_ctx_create(&ctx, config, &err), REEL_ERR_INVALID);
    cr_expect_null(ctx);
    cr_expect_not_null(strstr(err.message, words), "\"%s\" is not in: %s", words, err.message);
}

Test(ctx, defaults_use_the_cpus_that_this_process_may_use)
{
    unsetenv("REEL_ISA");
    reel_ctx *ctx = ctx_of(NULL);
    cr_expect_eq(reel_ctx_threads(ctx), reel_available_cpus());
    cr_expect_geq(reel_available_cpus(), 1);
    reel_ctx_destroy(ctx);
    reel_ctx_destroy(NULL);
}

Test(ctx, the_instruction_set_can_be_capped_by_config_and_environment)
{
    reel_ctx *ctx = ctx_of(&(reel_ctx_config){.isa = "portable"});
    cr_expect_eq(reel_ctx_isa(ctx), REEL_ISA_PORTABLE);
    reel_ctx_destroy(ctx);
    setenv("REEL_ISA", "portable", 1);
    ctx = ctx_of(&(reel_ctx_config){.threads = 3, .seed = 11});
    cr_expect_eq(reel_ctx_isa(ctx), REEL_ISA_PORTABLE);
    cr_expect_eq(reel_ctx_threads(ctx), 3);
    cr_expect_eq(reel_ctx_seed(ctx), 11);
    reel_ctx_destroy(ctx);
    setenv("REEL_ISA", "", 1);
    reel_ctx_destroy(ctx_of(NULL));
}

Test(ctx, nonsense_is_refused_by_name)
{
    expect_refused(&(reel_ctx_config){.isa = "sse9"}, "sse9");
    expect_refused(&(reel_ctx_config){.threads = -2}, "-2");
    setenv("REEL_ISA", "fastest", 1);
    expect_refused(NULL, "fastest");
}

static void keep(void *user, reel_log_level level, const char *line)
{
    snprintf(user, 100, "%d %s", (int)level, line);
}

Test(ctx, the_log_goes_to_the_callback_and_nowhere_without_one)
{
    char line[100] = "";
    reel_ctx *ctx = ctx_of(&(reel_ctx_config){.log = keep, .log_user = line});
    reel_ctx_log(ctx, REEL_LOG_WARN, "%d files", 3);
    cr_expect_str_eq(line, "2 3 files");
    reel_ctx_destroy(ctx);
    ctx = ctx_of(NULL);
    reel_ctx_log(ctx, REEL_LOG_WARN, "nobody hears this");
    reel_ctx_destroy(ctx);
}
