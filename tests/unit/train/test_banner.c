/* What Open MPI 4.1.4 said here, and what becomes of it. */
#include "train/launch/banner.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define FRAME "--------------------------------------------------------------------------\n"

static char shown[20000];

static void keep(void *user, const char *bytes, size_t count)
{
    (void)user;
    const size_t used = strlen(shown);
    cr_assert_lt(used + count, sizeof shown);
    memcpy(shown + used, bytes, count);
    shown[used + count] = '\0';
}

/* The filter after it has taken `text` in parts of so many bytes. */
static reel_banner filtered(const char *text, size_t part)
{
    reel_banner b = {.put = keep};
    const size_t length = strlen(text);
    shown[0] = '\0';
    for (size_t at = 0; at < length; at += part)
        reel_banner_take(&b, text + at, length - at < part ? length - at : part);
    reel_banner_end(&b);
    return b;
}

static const char aborted[] =
    FRAME "Primary job  terminated normally, but 1 process returned\n"
          "a non-zero exit code. Per user-direction, the job has been aborted.\n" FRAME;

static const struct {
    const char *text, *shown;
    bool death;
} samples[] = {
    {FRAME "mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9 "
           "(Killed).\n" FRAME,
     "reel: rank 1 on host vm was killed by signal 9 (Killed)\n", true},
    {FRAME "mpirun noticed that process rank 12 with PID 4711 on node node1.lab exited on signal "
           "11 (Segmentation fault).\n" FRAME,
     "reel: rank 12 on host node1.lab was killed by signal 11 (Segmentation fault)\n", true},
    {aborted, "", true},
    {FRAME "mpirun detected that one or more processes exited with non-zero status, thus causing\n"
           "the job to be terminated. The first process to do so was:\n\n"
           "  Process name: [[1723,1],3]\n  Exit code:    4\n" FRAME,
     "", true},
    {FRAME "mpirun detected that one or more processes exited with non-zero status, thus causing\n"
           "the job to be terminated. The first process to do so was:\n\n"
           "  Process name: [[1723,1],3]\n  Exit code:    127\n" FRAME,
     "reel: rank 3 ended with exit code 127\n", true},
    {FRAME "MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\n"
           "with errorcode 75.\n\n"
           "NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes.\n"
           "You may or may not see output from other processes, depending on\n"
           "exactly when Open MPI kills them.\n" FRAME,
     "reel: rank 1 ended the run with code 75\n", true},
    {FRAME "MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\n"
           "with errorcode 1.\n\n"
           "NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes.\n" FRAME,
     "", true},
    {FRAME "mpirun was unable to launch the specified application as it could not access\n"
           "or execute an executable:\n\n"
           "Executable: /nonexistent/program\nNode: vm\n\n"
           "while attempting to start process rank 0.\n" FRAME,
     "reel: host vm cannot execute /nonexistent/program; Reel must be installed there under this "
     "path\n",
     false},
    {FRAME "mpirun was unable to launch the specified application as it could not\n"
           "change to the specified working directory:\n\n"
           "Working directory: /home/me/work\nNode: node2\n"
           "while attempting to start process rank 1.\n" FRAME,
     "reel: a host cannot enter the folder /home/me/work; it must exist on every host\n", false},
    {FRAME "ORTE does not know how to route a message to the specified daemon\n"
           "located on the indicated node:\n\n"
           "  my node:   vm\n  target node:  198.18.7.2\n\n"
           "This is usually an internal programming error that should be\n"
           "reported to the developers.\n" FRAME,
     "reel: host 198.18.7.2 does not answer: mpirun's helper `orted` cannot start there, or cannot "
     "write into its folder for temporary files\n",
     true},
    {"ssh: Could not resolve hostname nosuchhost: Name or service not known\n" FRAME
     "ORTE was unable to reliably start one or more daemons.\n"
     "This usually is caused by:\n\n"
     "* not finding the required libraries and/or binaries on\n"
     "  one or more nodes. Please check your PATH and LD_LIBRARY_PATH\n"
     "  settings, or configure OMPI with --enable-orterun-prefix-by-default\n\n" FRAME,
     "reel: hosts: nosuchhost: ssh cannot resolve the name\n", false},
    {"ssh: Could not resolve hostname nohost1: Name or service not known\r\n" FRAME
     "ORTE was unable to reliably start one or more daemons.\n" FRAME
     "ssh: Could not resolve hostname nohost2: Name or service not known\r\n" FRAME
     "ORTE does not know how to route a message to the specified daemon\n"
     "located on the indicated node:\n\n"
     "  my node:   vm\n  target node:  nohost2\n\n" FRAME,
     "reel: hosts: nohost1, nohost2: ssh cannot resolve the names\n", true},
    {FRAME "There are not enough slots available in the system to satisfy the 64\n"
           "slots that were requested by the application:\n\n  true\n\n"
           "Either request fewer slots for your application, or make more slots\n"
           "available for use.\n" FRAME,
     "reel: the hosts have too few slots for 64 ranks\n", false},
    {FRAME "The value of the MCA parameter \"plm_rsh_agent\" was set to a path\n"
           "that could not be found:\n\n  plm_rsh_agent: /nonexistent/agent\n\n"
           "Please either unset the parameter, or check that the path is correct\n" FRAME
           "[vm:08614] [[INVALID],INVALID] FORCE-TERMINATE AT Not found:-13 - error "
           "../../../../../../orte/mca/plm/rsh/plm_rsh_component.c(335)\n",
     "reel: the program that reaches the hosts is missing: /nonexistent/agent; install an ssh "
     "client, or set REEL_LAUNCH_AGENT\n",
     false},
    {FRAME "Open RTE was unable to open the hostfile:\n    /nonexistent\n"
           "Check to make sure the path and filename are correct.\n" FRAME FRAME
           "An internal error has occurred in ORTE:\n\n"
           "[[19791,0],0] FORCE-TERMINATE AT (null):1 - error "
           "../../../../../orte/mca/ras/base/ras_base_allocate.c(352)\n\n"
           "This is something that should be reported to the developers.\n" FRAME,
     "reel: Open MPI: Open RTE was unable to open the hostfile: /nonexistent Check to make sure "
     "the path and filename are correct.\n",
     false},
    {FRAME "ORTE has lost communication with a remote daemon.\n\n"
           "  HNP daemon   : [[65005,0],0] on node reela\n"
           "  Remote daemon: [[65005,0],1] on node 198.18.7.2\n\n"
           "This is usually due to either a failure of the TCP network\n"
           "connection to the node, or possibly an internal failure of\n"
           "the daemon itself. We cannot recover from this failure, and\n"
           "therefore will terminate the job.\n" FRAME,
     "reel: the connection to host 198.18.7.2 is lost\n", true},
    {"mpirun: Forwarding signal 12 to job\n"
     "[reela:30188] plm:rsh: Warning: setpgid(30198,30198) failed in parent with "
     "errno=Permission denied(13)\n"
     "[vm:1] 1 more process has sent help message help-mpi-btl-base.txt / btl:no-nics\n"
     "[vm:1] Set MCA parameter \"orte_base_help_aggregate\" to 0 to see all help / error "
     "messages\n",
     "", false},
};

Test(banner, each_message_of_open_mpi_becomes_one_line)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const size_t parts[] = {1, 7, 100000};
        for (int p = 0; p < 3; p++) {
            const reel_banner b = filtered(samples[i].text, parts[p]);
            cr_expect_str_eq(shown, samples[i].shown, "in parts of %zu: %s\ninstead of %s",
                             parts[p], shown, samples[i].shown);
            cr_expect_eq(b.death, samples[i].death, "%s", samples[i].text);
            cr_expect_eq(b.failure, strstr(samples[i].shown, "reel: ") != NULL);
        }
    }
}

Test(banner, lines_of_the_ranks_pass_unchanged)
{
    static const char text[] = "epoch 1/3  loss 0.5\n\n  a line\ta tab\rbar 1\rbar 2\n"
                               "---- a heading ----\n-----------\n[no message]\nwithout an end";
    for (size_t part = 1; part < 40; part += 19) {
        filtered(text, part);
        cr_expect_str_eq(shown, text);
    }
    /* A line of Reel's that comes in the middle of a message is no part of it. */
    filtered(FRAME "mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9\n"
                   "reel train: rank 1 is lost\n" FRAME,
             5);
    cr_expect_str_eq(shown, "reel train: rank 1 is lost\n"
                            "reel: rank 1 on host vm was killed by signal 9\n");
}

Test(banner, a_frame_without_an_end_loses_nothing)
{
    static char text[30000];
    strcpy(text, FRAME);
    for (int i = 0; i < 300; i++)
        sprintf(text + strlen(text), "line %d of a page that a rank prints\n", i);
    filtered(text, 4096);
    cr_expect_str_eq(shown, text + strlen(FRAME));

    filtered(FRAME "Something that nobody knows.\nMore of it.\n\nAdvice.\n", 4096);
    cr_expect_str_eq(shown, "reel: Open MPI: Something that nobody knows. More of it.\n");
}

Test(banner, overlong_lines_and_words_stay_within_bounds)
{
    static char text[12000];
    memset(text, 'x', sizeof text - 1);
    filtered(text, 1000);
    cr_expect_str_eq(shown, text);

    strcpy(text, FRAME "mpirun noticed that process rank ");
    memset(text + strlen(text), 'y', 3000);
    strcpy(text + strlen(FRAME) + 3000, "\n" FRAME);
    filtered(text, 1000);
    cr_expect(strlen(shown) < 1300 && !strncmp(shown, "reel: rank yyy", 14), "%s", shown);
}

Test(banner, the_remark_on_stdout_is_recognised)
{
    static const char remark[] = "2 total processes failed to start";
    cr_expect(reel_banner_is_remark(remark, strlen(remark)));
    cr_expect(reel_banner_is_remark("1 total process failed to start (job 3)", 39));
    cr_expect_not(reel_banner_is_remark("2 images", 8));
    cr_expect_not(reel_banner_is_remark("", 0));
}
