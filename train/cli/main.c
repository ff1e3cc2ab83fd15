/* The program: finds the command, parses its options, runs it. */
#include "core/comm/comm.h"
#include "core/nearest.h"
#include "train/cli/command.h"
#include "train/cli/commands.h"
#include "train/cli/foreign_names.h"
#include "train/cli/help.h"
#include "train/cli/rank_talk.h"
#include "train/cli/wait_policy.h"
#include "train/launch/rank.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "bench" without its second word, or with one that is not known. */
static int incomplete_command(int argc, char **argv)
{
    char all[200] = "";
    size_t used = 0;
    const reel_command *c;
    for (int i = 0; (c = reel_command_family(argv[0], i)) && used < sizeof all; i++)
        used +=
            (size_t)snprintf(all + used, sizeof all - used, "%s`reel %s`", i ? ", " : "", c->name);

    reel_error err;
    if (argc > 1)
        reel_fail(&err, REEL_ERR_INVALID, "%s: expected %s, got '%.60s'", argv[0], all, argv[1]);
    else
        reel_fail(&err, REEL_ERR_INVALID, "%s: expected %s", argv[0], all);
    return reel_complain_usage("", &err);
}

static int unknown_command(int argc, char **argv)
{
    reel_error err;
    reel_rank_talk_begin();
    if (reel_command_family(argv[0], 0))
        return incomplete_command(argc, argv);

    reel_nearest nearest = reel_nearest_to(argv[0]);
    const reel_command *c;
    for (int i = 0; (c = reel_command_at(i)); i++)
        reel_nearest_offer(&nearest, c->name);
    reel_nearest_offer(&nearest, "help");
    reel_nearest_offer(&nearest, "--version");
    reel_nearest_offer(&nearest, "--help");
    const char *ours = reel_foreign_command(argv[0]);
    if (ours)
        reel_fail(&err, REEL_ERR_INVALID, "unknown command '%.60s'; did you mean '%s'?", argv[0],
                  ours);
    else if (*nearest.word)
        reel_fail(&err, REEL_ERR_INVALID, "unknown command '%.60s'; did you mean '%s'?", argv[0],
                  nearest.word);
    else
        reel_fail(&err, REEL_ERR_INVALID, "unknown command '%.60s'", argv[0]);
    return reel_complain_usage("", &err);
}

/* `reel help --completion [bash|zsh]`; bash where none is named. */
static int print_completion(const char *shell)
{
    if (!shell || !strcmp(shell, "bash")) {
        reel_help_bash(stdout);
        return REEL_EXIT_OK;
    }
    if (!strcmp(shell, "zsh")) {
        reel_help_zsh(stdout);
        return REEL_EXIT_OK;
    }
    reel_error err;
    reel_fail(&err, REEL_ERR_INVALID, "--completion: expected one of bash|zsh, got '%.60s'", shell);
    return reel_complain_usage("", &err);
}

/* Every page with all options, one after another. */
static void print_all_pages(void)
{
    const reel_command *c;
    reel_help_overview(stdout);
    for (int i = 0; (c = reel_command_at(i)); i++) {
        printf("\n");
        reel_help_command(stdout, c, true);
    }
}

/* `reel help ...` */
static int print_help(int argc, char **argv)
{
    int used;
    const reel_command *command = reel_command_find(argc, argv, &used);
    const int words = command ? used : 0; /* of the command's name */
    const char *how = argc > words ? argv[words] : "";

    if (command && !strcmp(how, "--markdown"))
        reel_help_markdown(stdout, command);
    else if (command)
        reel_help_command(stdout, command, !strcmp(how, "--help-all"));
    else if (!strcmp(how, "--man"))
        reel_help_man(stdout);
    else if (!strcmp(how, "--completion"))
        return print_completion(argc > 1 ? argv[1] : NULL);
    else if (!strcmp(how, "--help-all"))
        print_all_pages();
    else if (argc > 0 && !strcmp(argv[0], "layers"))
        reel_help_layers(stdout, argc > 1 && !strcmp(argv[1], "--markdown"));
    else if (argc > 0 && reel_command_family(argv[0], 0))
        reel_help_family(stdout, argv[0]);
    else if (argc > 0)
        return unknown_command(argc, argv);
    else
        reel_help_overview(stdout);
    return REEL_EXIT_OK;
}

/* Prints the command's help if --help, -h or --help-all stands among its arguments. */
static bool print_wanted_help(const reel_command *command, int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const bool all = !strcmp(argv[i], "--help-all");
        if (!all && strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0)
            continue;
        reel_help_command(stdout, command, all);
        return true;
    }
    return false;
}

static int run_command(const reel_command *command, int argc, char **argv)
{
    if (print_wanted_help(command, argc, argv))
        return REEL_EXIT_OK;

    if (command->ranks)
        reel_rank_talk_begin();
    reel_options *options;
    reel_error err;
    const reel_syntax syntax = reel_command_syntax(command);
    if (reel_options_parse(&options, &syntax, argc, argv, &err))
        return reel_complain_usage(command->name, &err);

    const int code = command->run(options);
    reel_options_destroy(options);
    return code;
}

/* The module for several ranks is loaded only to say which library it has. */
static void print_version(void)
{
    char text[400];
    const bool there = reel_comm_module_version(text, sizeof text);
    printf("reel %s\n", reel_version());
    if (there)
        printf("several ranks: %s\n", text);
    else
        printf("several ranks: no; %s\n", text);
}

static int dispatch(int argc, char **argv)
{
    if (argc == 0) {
        reel_help_overview(stderr);
        return REEL_EXIT_USAGE;
    }
    if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V")) {
        print_version();
        return REEL_EXIT_OK;
    }
    if (!strcmp(argv[0], "help") || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))
        return print_help(argc - 1, argv + 1);
    if (!strcmp(argv[0], "--help-all"))
        return print_help(argc, argv);

    int used = 0;
    const reel_command *command = reel_command_find(argc, argv, &used);
    if (!command && argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        return print_help(1, argv);
    if (!command)
        return unknown_command(argc, argv);
    return run_command(command, argc - used, argv + used);
}

/* If the program starts with stdout or stderr closed, the next file that it opens gets that number,
 * and messages would go into a checkpoint. A file that cannot be written to takes the number. */
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
    reel_rank_prepare();
    reel_wait_policy_choose(argv);
    const int code = dispatch(argc - 1, argv + 1);
    if (fflush(stdout) == EOF && code == REEL_EXIT_OK && errno != EPIPE) {
        reel_say("reel: stdout: %s", strerror(errno));
        return REEL_EXIT_FAILED;
    }
    return code;
}
