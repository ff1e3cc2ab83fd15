/* The program: finds the command, parses its options, runs it. All that prints, exits or reads argv
 * is in this folder. */
#include "train/cli/command.h"
#include "train/cli/wait_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const reel_command *const commands[] = {
    &reel_command_train,         &reel_command_finetune,   &reel_command_eval,
    &reel_command_predict,       &reel_command_report,     &reel_command_summary,
    &reel_command_convert,       &reel_command_synth,      &reel_command_pack,
    &reel_command_gradcheck,     &reel_command_replay,     &reel_command_bench_step,
    &reel_command_bench_kernels, &reel_command_bench_peak, &reel_command_bench_loader,
    &reel_command_check,
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static const char *command_name_at(const void *user, int index)
{
    return ((const reel_command *const *)user)[index]->name;
}

/* The command that argv begins with; *used is the number of its words. */
static const reel_command *find_command(int argc, char **argv, int *used)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        const char *name = commands[i]->name, *space = strchr(name, ' ');
        if (!space && argc > 0 && !strcmp(argv[0], name)) {
            *used = 1;
            return commands[i];
        }
        if (space && argc > 1 && !strncmp(argv[0], name, (size_t)(space - name)) &&
            !argv[0][space - name] && !strcmp(argv[1], space + 1)) {
            *used = 2;
            return commands[i];
        }
    }
    return NULL;
}

static int unknown_command(int argc, char **argv)
{
    reel_error err;
    for (int i = 0; i < N_COMMANDS; i++) { /* the first word of a family alone */
        const char *space = strchr(commands[i]->name, ' ');
        if (space && !strncmp(argv[0], commands[i]->name, (size_t)(space - commands[i]->name)) &&
            !argv[0][space - commands[i]->name]) {
            reel_fail(&err, REEL_ERR_INVALID, "%s: expected `reel %s`, got '%s'", argv[0],
                      commands[i]->name, argc > 1 ? argv[1] : "nothing");
            return reel_complain_usage("", &err);
        }
    }
    const char *nearest = reel_nearest_word(argv[0], command_name_at, commands, N_COMMANDS);
    reel_fail(&err, REEL_ERR_INVALID, "unknown command '%.60s'%s%s%s", argv[0],
              nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return reel_complain_usage("", &err);
}

static int help(int argc, char **argv)
{
    int used;
    const reel_command *command = find_command(argc, argv, &used);
    if (command)
        reel_help_command(stdout, command);
    else if (argc > 0 && !strcmp(argv[0], "--man"))
        reel_help_man(stdout, commands, N_COMMANDS);
    else if (argc > 0 && !strcmp(argv[0], "--completion"))
        reel_help_completion(stdout, commands, N_COMMANDS);
    else if (argc > 0)
        return unknown_command(argc, argv);
    else
        reel_help_all(stdout, commands, N_COMMANDS);
    return REEL_EXIT_OK;
}

static int dispatch(int argc, char **argv)
{
    if (argc == 0) {
        reel_help_all(stderr, commands, N_COMMANDS);
        return REEL_EXIT_USAGE;
    }
    if (!strcmp(argv[0], "--version")) {
        printf("reel %s\n", reel_version());
        return REEL_EXIT_OK;
    }
    if (!strcmp(argv[0], "help") || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))
        return help(argc - 1, argv + 1);

    int used = 0;
    const reel_command *command = find_command(argc, argv, &used);
    if (!command)
        return unknown_command(argc, argv);
    reel_options *options = NULL;
    reel_error err;
    bool wants_help;
    if (reel_options_parse(&options, command, argc - used, argv + used, &wants_help, &err) !=
        REEL_OK)
        return reel_complain_usage(command->name, &err);
    int code = REEL_EXIT_OK;
    if (wants_help)
        reel_help_command(stdout, command);
    else
        code = command->run(options);
    reel_options_destroy(options);
    return code;
}

/* A program started with stdout or stderr closed would get their numbers for its own files, and
 * what it says would go into its checkpoints. A place that cannot be written to stands there
 * instead. */
static void fill_standard_files(void)
{
    int fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDONLY);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_files();
    signal(SIGPIPE, SIG_IGN); /* `reel ... | head` must not kill a run: the write fails instead */
    signal(SIGXFSZ, SIG_IGN); /* as a full disk: the write fails */
    reel_wait_policy_choose(argv);
    const int code = dispatch(argc - 1, argv + 1);
    if (fflush(stdout) == EOF && code == REEL_EXIT_OK && errno != EPIPE) {
        reel_say("reel: stdout: %s", strerror(errno));
        return REEL_EXIT_FAILED;
    }
    return code;
}
