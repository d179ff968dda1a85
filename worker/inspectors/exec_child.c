/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the kernel allows every user. Where it refuses, since the user has many, the pipe stays as
 * small as it is. */
#define PIPE_BYTES (1 << 20)

extern char **environ;

/* The pipe of a child: its own end blocks. */
static int make_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    return fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
}

/* Room for the ends of all records that the pipe can hold. */
static int make_ends(struct exec_child *child) {
    int bytes = fcntl(child->input, F_GETPIPE_SZ);
    uint32_t count = 1;
    while (count <= (uint32_t)(bytes > 0 ? bytes : PIPE_BYTES) / PCAP_RECORD_BYTES)
        count *= 2;
    child->ends = malloc(count * sizeof *child->ends);
    child->mask = count - 1;
    return child->ends != NULL ? 0 : -ENOMEM;
}

static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t none, defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (error == 0)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return error;
}

/* All other descriptors of this process are closed by exec. */
static int set_streams(posix_spawn_file_actions_t *actions, int input, int output) {
    int error = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    return error != 0 ? error : posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
}

static int spawn(pid_t *pid, char *const argv[], int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return -error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = set_signals(&attributes);
        if (error == 0)
            error = set_streams(&actions, input, output);
        if (error == 0)
            error = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* An empty pipe has room for it. */
static int write_header(struct exec_child *child) {
    const struct pcap_file_head header = pcap_file_head(child->link_type);
    ssize_t n = write(child->input, &header, sizeof header);
    child->written = sizeof header;
    return n == (ssize_t)sizeof header ? 0 : n < 0 ? -errno : -EIO;
}

int exec_child_start(struct exec_child *child, char *const argv[], int output, int32_t link_type) {
    int ends[2] = {-1, -1};
    *child = (struct exec_child){.link_type = link_type, .input = -1, .unread = -1};
    int error = make_pipe(ends);
    child->input = ends[1];
    if (error == 0)
        error = make_ends(child);
    if (error == 0) /* before there is a process that could end first */
        error = write_header(child);
    if (error == 0)
        error = spawn(&child->pid, argv, ends[0], output);
    if (ends[0] >= 0)
        close(ends[0]);
    if (error == 0)
        return 0;
    if (child->input >= 0)
        close(child->input);
    free(child->ends);
    return error;
}

/* What is left of a record of which `part` bytes are written. */
static int rest_of(struct iovec rest[2], const struct pcap_record_head *header,
                   const struct fb_packet *packet, uint32_t part) {
    if (part < PCAP_RECORD_BYTES) {
        rest[0] = (struct iovec){(char *)header + part, PCAP_RECORD_BYTES - part};
        rest[1] = (struct iovec){(void *)packet->data, packet->caplen};
        return 2;
    }
    part -= PCAP_RECORD_BYTES;
    rest[0] = (struct iovec){(uint8_t *)packet->data + part, packet->caplen - part};
    return 1;
}

enum exec_gave exec_child_give(struct exec_child *child, const struct fb_packet *packet) {
    const struct pcap_record_head header = pcap_record_head(packet);
    uint32_t size = PCAP_RECORD_BYTES + packet->caplen;
    while (child->part < size) {
        struct iovec rest[2];
        int count = rest_of(rest, &header, packet, child->part);
        ssize_t n = writev(child->input, rest, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? EXEC_FULL : EXEC_CLOSED;
        child->part += (uint32_t)n;
        child->written += (uint32_t)n;
    }
    child->part = 0;
    child->full_ns = 0;
    child->ends[child->given++ & child->mask] = child->written;
    return EXEC_GIVEN;
}

uint32_t exec_child_unread_bytes(const struct exec_child *child) {
    int bytes = 0;
    int pipe = child->input >= 0 ? child->input : child->unread;
    return pipe >= 0 && ioctl(pipe, FIONREAD, &bytes) == 0 && bytes > 0 ? (uint32_t)bytes : 0;
}

uint64_t exec_child_unread(const struct exec_child *child) {
    uint32_t read = child->written - exec_child_unread_bytes(child);
    uint64_t known = child->given < child->mask ? child->given : child->mask;
    uint64_t packets = 0;
    while (packets < known &&
           (int32_t)(child->ends[(child->given - 1 - packets) & child->mask] - read) > 0)
        packets++;
    return packets;
}

uint64_t exec_child_stuck_ns(struct exec_child *child, uint64_t now_ns) {
    uint32_t unread = exec_child_unread_bytes(child);
    if (child->full_ns == 0 || unread != child->full_unread) {
        child->full_ns = now_ns;
        child->full_unread = unread;
    }
    return now_ns - child->full_ns;
}

/* Its pipe is opened for reading first, since who has closed it cannot look into it any more. */
void exec_child_end_input(struct exec_child *child) {
    char path[32];
    if (child->input < 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", child->input);
    child->unread = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    close(child->input);
    child->input = -1;
}

bool exec_child_has_ended(const struct exec_child *child) {
    siginfo_t info = {.si_pid = 0};
    int error = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return error != 0 || info.si_pid == child->pid;
}

void exec_child_kill(const struct exec_child *child, int signo) {
    kill(-child->pid, signo);
}

void exec_child_leave(struct exec_child *child) {
    if (child->input >= 0)
        close(child->input);
    if (child->unread >= 0)
        close(child->unread);
    free(child->ends);
    *child = (struct exec_child){.input = -1, .unread = -1};
}

int exec_child_reap(struct exec_child *child) {
    int status = 0;
    exec_child_kill(child,
                    SIGKILL); /* its number is not another process's before it is waited for */
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    exec_child_leave(child);
    return status;
}
