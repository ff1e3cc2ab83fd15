/* Limits of control groups. A limit may stand on any group between the process's own and the root.
 * A container often sees its own group as the root while /proc names the path on the host, so a
 * group without a folder is passed over and is not an error. */
#ifndef REEL_CORE_CGROUP_H
#define REEL_CORE_CGROUP_H

/* The least that `limit_of` says of a process's group and all above it; infinity without a limit.
 * membership: a file such as /proc/self/cgroup; mount: where control groups are mounted;
 * controller: "cpu" or "memory". limit_of: of the group with this folder, or infinity. */
double reel_cgroup_least(const char *membership, const char *mount, const char *controller,
                         double (*limit_of)(const char *folder));

#endif
