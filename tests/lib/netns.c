/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int netns_run(const char *command, bool quiet) {
    char text[256], *rest = text, *words[32];
    unsigned count = 0;
    int status;
    snprintf(text, sizeof text, "%s", command);
    while (count < 31 && (words[count] = strsep(&rest, " ")) != NULL)
        count++;
    words[count] = NULL;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        if (quiet)
            dup2(nowhere, STDERR_FILENO);
        execvp(words[0], words);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Interfaces that are made from here on have no IPv6, whose autoconfiguration sends frames. */
static bool netns_forgo_ipv6(void) {
    static const char *const path = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT; /* a kernel without it */
    bool done = write(file, "1", 1) == 1;
    close(file);
    return done;
}

void netns_enter(void) {
    if (unshare(CLONE_NEWNET) != 0)
        SKIP("no network namespace of its own (%s): run it as root", strerror(errno));
    if (!netns_forgo_ipv6())
        SKIP("IPv6 cannot be switched off (%s): is /proc/sys writable?", strerror(errno));
    if (netns_run("ip -V", true) != 0)
        SKIP("no program ip: install iproute2");
    if (netns_run("tcpreplay -V", true) == 127)
        SKIP("no program tcpreplay: install it");
}

void netns_veth(const char *one, const char *other) {
    const char *const ends[] = {one, other};
    NETNS_IP("link add %s type veth peer name %s", one, other);
    for (unsigned i = 0; i < 2; i++)
        NETNS_IP("link set dev %s mtu %u arp off multicast off up", ends[i], NETNS_MTU);
}

struct netns_counts netns_counts_of(const char *name) {
    struct netns_counts c = {0};
    char line[512], wanted[IFNAMSIZ + 2];
    bool found = false;
    FILE *file = fopen("/proc/self/net/dev", "re");
    assert_non_null(file);
    snprintf(wanted, sizeof wanted, "%s:", name);
    while (!found && fgets(line, sizeof line, file) != NULL) {
        const char *at = line + strspn(line, " ");
        if (strncmp(at, wanted, strlen(wanted)) != 0)
            continue;
        /* Received: bytes, packets, errors, drops and four more; then sent: the same. */
        found = sscanf(at + strlen(wanted), "%*u %llu %*u %llu %*u %*u %*u %*u %*u %llu %*u %llu",
                       &c.rx_packets, &c.rx_dropped, &c.tx_packets, &c.tx_dropped) == 4;
    }
    fclose(file);
    if (!found)
        fail_msg("no counters of an interface %s", name);
    return c;
}

void netns_need_whole_line(json_int_t sent, json_int_t arrived) {
    if (arrived < sent)
        SKIP("the kernel lost %d frames on their way over the line: nothing to be judged",
             (int)(sent - arrived));
    assert_int_equal(arrived, sent);
}

struct process *netns_replay(struct test *t, const char *interface, const char *options,
                             const char *file) {
    return process_start(t, "/usr/bin/env tcpreplay -i %s %s %s", interface, options, file);
}

json_int_t netns_replayed(struct test *t, struct process *replay) {
    unsigned long long sent = 0, failed = 0, truncated = 0;
    process_expect(t, replay, EXIT_DONE);
    const char *text = strstr(process_output(t, replay), "Successful packets:");
    if (text == NULL ||
        sscanf(text, "Successful packets: %llu Failed packets: %llu Truncated packets: %llu", &sent,
               &failed, &truncated) != 3)
        fail_msg("tcpreplay did not say how many it sent: %s", t->text);
    if (failed != 0 || truncated != 0)
        fail_msg("tcpreplay failed with %llu frames, cut %llu", failed, truncated);
    return (json_int_t)sent;
}

int netns_sender(const char *interface) {
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_ifindex = (int)if_nametoindex(interface)};
    int sender =
        socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: it receives nothing */
    assert_true(sender >= 0);
    assert_int_equal(bind(sender, (const struct sockaddr *)&address, sizeof address), 0);
    return sender;
}

void netns_send(int sender, const void *frame, size_t size) {
    if (send(sender, frame, size, 0) != (ssize_t)size)
        fail_msg("a frame of %zu bytes was not sent: %s", size, strerror(errno));
}

#define PACED_HEADERS 42u /* Ethernet, IPv4, UDP */
#define PACED_FLOWS 500u
#define PACED_BEHIND 10u /* this part of a second is too much */

static const char paced_headers[PACED_HEADERS + 1] =
    "\x02\0\0\0\0\x0b\x02\0\0\0\0\x0a\x08\0"                   /* Ethernet */
    "\x45\0\0\0\0\x01\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02" /* 10.0.0.1 to 10.0.0.2 */
    "\0\0\0\x50\0\0\0\0";                                      /* UDP to port 80 */

static volatile sig_atomic_t pace_is_over;

static void end_pace(int signo) {
    (void)signo;
    pace_is_over = 1;
}

static void put_length(uint8_t *at, size_t length) {
    at[0] = (uint8_t)(length >> 8);
    at[1] = (uint8_t)length;
}

/* Returns whether it kept its pace. */
static bool send_paced(int sender, unsigned per_second, size_t size) {
    static uint8_t frame[NETNS_MTU];
    double begun = seconds_now();
    uint64_t sent = 0;
    bool kept = true;
    memcpy(frame, paced_headers, PACED_HEADERS);
    put_length(frame + 16, size - 14);
    put_length(frame + 38, size - 34);
    while (!pace_is_over) {
        uint64_t due = (uint64_t)((seconds_now() - begun) * per_second);
        kept = kept && due - sent < per_second / PACED_BEHIND;
        for (; sent < due && !pace_is_over; sent++) {
            put_length(frame + 34, 10000 + sent % PACED_FLOWS);
            netns_send(sender, frame, size);
        }
        usleep(200);
    }
    return kept;
}

pid_t netns_pace(const char *interface, unsigned per_second, size_t size) {
    assert_in_range(size, PACED_HEADERS, NETNS_MTU);
    int sender = netns_sender(interface);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGTERM, end_pace);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(send_paced(sender, per_second, size) ? 0 : 1);
    }
    close(sender);
    return pid;
}

bool netns_stop_pace(pid_t sender) {
    int status;
    assert_int_equal(kill(sender, SIGTERM), 0);
    assert_int_equal(waitpid(sender, &status, 0), sender);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 0;
}
