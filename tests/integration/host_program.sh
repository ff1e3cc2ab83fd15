#!/bin/bash
# A host program may unload the library while OpenMP's threads live, fork after they have begun, bind them and let them spin.
set -eu
fail() {
    echo "$1"
    exit 1
}
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=\(Release\|Debug\)$' "$REEL_BUILD/CMakeCache.txt" || exit 77 # sanitizers have threads of their own
[ -e "$REEL_BUILD/libreel.so" ] || fail "the library is not built: cmake --build $REEL_BUILD --target libreel.so"
unset OMP_WAIT_POLICY GOMP_SPINCOUNT OMP_PROC_BIND OMP_PLACES OMP_NUM_THREADS
"$REEL_BIN" synth d --train 20 --val 2 --classes 3 --size 48 --quiet

cat >host.h <<'END'
#include <reel.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#define MUST(call) do { reel_error err_; if ((call) != REEL_OK) { printf("%d: %s\n", __LINE__, err_.message); exit(1); } } while (0)
#define err (&err_)
END
include=(-I"$REEL_SOURCE" -I"$REEL_BUILD/generated" -I"$REEL_SOURCE/core/install" -I.)
build() { cc -std=gnu11 -O1 -Wall "${include[@]}" "$1.c" -o "$1" "${@:2}" || fail "$1.c does not compile"; }

# dlopen, two threads at work, dlclose; five times, and a while for threads that would run code that is gone.
cat >unload.c <<'END'
#include "host.h"
#include <dlfcn.h>
#define GET(name) __typeof__(&name) p_##name = (__typeof__(&name))dlsym(lib, #name); if (!p_##name) return 2
int main(int argc, char **argv)
{
    for (int i = 0; i < 5; i++) {
        void *lib = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!lib) return puts(dlerror()), 2;
        GET(reel_ctx_create); GET(reel_ctx_destroy); GET(reel_tape_create); GET(reel_tape_destroy);
        GET(reel_input); GET(reel_relu); GET(reel_tensor_of); GET(reel_value);
        static float x[1 << 20];
        reel_ctx *ctx;
        reel_tape *tape;
        MUST(p_reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, err));
        MUST(p_reel_tape_create(&tape, ctx, NULL, err));
        const reel_tensor t = p_reel_tensor_of(x, REEL_F32, 1, (int64_t[]){1 << 20});
        if (!p_reel_value(p_reel_relu(p_reel_input(tape, &t))).data) return 3;
        p_reel_tape_destroy(tape);
        p_reel_ctx_destroy(ctx);
        if (dlclose(lib) != 0) return 4;
        usleep(20000);
    }
    return puts("unloaded"), 0;
}
END
build unload -ldl
for policy in "" OMP_WAIT_POLICY=active OMP_WAIT_POLICY=passive; do
    # shellcheck disable=SC2086
    said=$(env $policy timeout 60 ./unload "$REEL_BUILD/libreel.so") && [ "$said" = unloaded ] || fail "dlclose ($policy): exit $?: $said"
done

# The child of a process that has computed and loaded computes and loads; what it cannot use is an error.
cat >fork.c <<'END'
#include "host.h"
static double work(reel_ctx *ctx)
{
    static float x[1 << 20];
    reel_tape *tape;
    MUST(reel_tape_create(&tape, ctx, NULL, err));
    for (int i = 0; i < 1 << 20; i++) x[i] = 1;
    const reel_tensor t = reel_tensor_of(x, REEL_F32, 1, (int64_t[]){1 << 20});
    const double sum = *(float *)reel_value(reel_mean_all(reel_relu(reel_input(tape, &t)))).data;
    reel_tape_destroy(tape);
    return sum;
}
static void load(reel_loader *loader)
{
    for (int i = 0; i < 3; i++) {
        reel_batch batch;
        MUST(reel_loader_next(loader, &batch, err));
    }
}
int main(int argc, char **argv)
{
    reel_ctx *ctx;
    reel_dataset *data;
    reel_loader *loader, *other;
    reel_transform look = {.size = 32, .crop = REEL_CROP_RANDOM_RESIZED};
    reel_loader_config config = reel_loader_config_default();
    config.batch = 8;
    config.shuffle = true;
    MUST(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, err));
    MUST(reel_dataset_open(&data, argv[1], "train", NULL, 0, err));
    MUST(reel_loader_create(&loader, data, &look, &config, err));
    for (int i = 0; i < 3; i++) {
        if (work(ctx) != 1) return 2;
        load(loader);
        const pid_t child = fork();
        if (child == 0) {
            reel_batch batch;
            reel_error why;
            if (work(ctx) != 1) _exit(3); /* the context of before, and one of its own */
            MUST(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, err));
            if (work(ctx) != 1) _exit(4);
            if (reel_loader_next(loader, &batch, &why) != REEL_ERR_INVALID || !strstr(why.message, "forked")) _exit(5);
            reel_loader_destroy(loader);
            MUST(reel_loader_create(&other, data, &look, &config, err));
            load(other);
            reel_loader_destroy(other);
            reel_dataset_destroy(data);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        if (status != 0) return printf("child: %x\n", status), 6;
    }
    load(loader);
    if (work(ctx) != 1) return 7;
    reel_loader_destroy(loader);
    reel_dataset_destroy(data);
    reel_ctx_destroy(ctx);
    return puts("forked"), 0;
}
END
build fork -L"$REEL_BUILD" -lreel -Wl,-rpath,"$REEL_BUILD"
for policy in "" OMP_WAIT_POLICY=active OMP_PROC_BIND=true; do
    # shellcheck disable=SC2086
    said=$(env $policy timeout 60 ./fork d) && [ "$said" = forked ] || fail "fork ($policy): exit $?: $said"
done

# Workers of a loader may run on all CPUs where OpenMP has bound the thread that starts them.
[ "$(nproc)" -ge 2 ] || exit 0
cat >bound.c <<'END'
#define _GNU_SOURCE
#include "host.h"
#include <dirent.h>
#include <sched.h>
int main(int argc, char **argv)
{
    reel_dataset *data;
    reel_loader *loader;
    reel_batch batch;
    reel_transform look = {.size = 32, .crop = REEL_CROP_RANDOM_RESIZED};
    reel_loader_config config = reel_loader_config_default();
    config.batch = 8;
    MUST(reel_dataset_open(&data, argv[1], "train", NULL, 0, err));
    MUST(reel_loader_create(&loader, data, &look, &config, err));
    MUST(reel_loader_next(loader, &batch, err));
    usleep(100000); /* the second worker begins */
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(tasks));) {
        cpu_set_t set;
        const pid_t id = atoi(e->d_name);
        if (id > 0 && sched_getaffinity(id, sizeof set, &set) == 0) printf("%d ", CPU_COUNT(&set));
    }
    closedir(tasks);
    reel_loader_destroy(loader);
    reel_dataset_destroy(data);
    return puts(""), 0;
}
END
build bound -L"$REEL_BUILD" -lreel -Wl,-rpath,"$REEL_BUILD"
all=$(nproc)
[ "$(env OMP_PROC_BIND=true ./bound d)" = "1 $all $all " ] || fail "OMP_PROC_BIND=true: CPUs of the caller and two workers: $(env OMP_PROC_BIND=true ./bound d)"
[ "$(taskset -c 0 ./bound d)" = "1 1 1 " ] || fail "taskset: CPUs of the caller and two workers: $(taskset -c 0 ./bound d)"
[ "$(taskset -c 0 env OMP_PROC_BIND=true ./bound d)" = "1 1 1 " ] || fail "taskset and binding: $(taskset -c 0 env OMP_PROC_BIND=true ./bound d)"
