/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin that does at one place what an inspector should not: misbehave.so:WHERE,WHAT[=N][!]
 *
 * WHERE is open, claimed, tick, packet, which is frame FRAME of the run, or over, which is the end
 * of flow FLOW. With ! only the first process of the directory that comes there does it. Before
 * and behind each packet a line goes to the file `seen`: "begin FRAME FLAGS PID", "end FRAME PID",
 * and before the end of a flow "over FLOW FLAGS STATE", STATE being 1 where it is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "flow_balancer/inspector.h"

#define FRAME 300u
#define FLOW 7u

struct player {
    const struct fb_host *host;
    char where[16], what[16];
    int number;
    int once; /* only the first process */
    int seen;
    pid_t pid; /* of the worker */
    pthread_t thread;
};

static int is_first(void) {
    int file = open("done", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
    return file >= 0;
}

static void *count_for_ever(void *arg) {
    volatile uint64_t *count = arg;
    for (;;) {
        ++*count;
        usleep(100);
    }
    return NULL;
}

static int start_threads(struct player *p) {
    static volatile uint64_t counts[4];
    for (int i = 0; i < 4; i++) {
        if (pthread_create(&p->thread, NULL, count_for_ever, (void *)(uintptr_t)&counts[i]) != 0)
            return -EAGAIN;
    }
    return 0;
}

/* In the child: lives on, whatever becomes of the worker, until the file `end` is there. */
static int leave_child(struct player *p) {
    pid_t child = fork();
    if (child != 0) {
        dprintf(p->seen, "child %d\n", (int)child);
        return child < 0 ? -EAGAIN : 0;
    }
    prctl(PR_SET_PDEATHSIG, 0);
    signal(SIGTERM, SIG_DFL);
    for (int i = 0; i < 600 && access("end", F_OK) != 0; i++)
        usleep(100000);
    _exit(0);
}

static int return_in_child(struct player *p) {
    pid_t child = fork();
    if (child != 0)
        dprintf(p->seen, "child %d\n", (int)child);
    return child < 0 ? -EAGAIN : 0;
}

static void change_handlers(void) {
    static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        signal(all[i], i % 2 == 0 ? SIG_IGN : SIG_DFL);
}

static void on_trap(int signo) {
    static const char said[] = "trapped by the inspector\n";
    (void)signo;
    _exit(write(STDERR_FILENO, said, sizeof said - 1) < 0 ? 1 : 42);
}

/* As runtimes of languages do when they begin: on a stack of its own. */
static void set_trap(void) {
    static char stack[65536];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    const struct sigaction action = {.sa_handler = on_trap, .sa_flags = SA_ONSTACK};
    sigaltstack(&own, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

/* Calls itself until there is no stack left. */
static int use_stack(int depth) {
    volatile char room[4096];
    room[0] = (char)depth;
    return depth < INT32_MAX ? use_stack(depth + 1) + room[0] : 0;
}

static int misbehave(struct player *p) {
    if (p->once && !is_first())
        return 0;
    if (strcmp(p->what, "error") == 0)
        return -p->number;
    if (strcmp(p->what, "say") == 0) {
        p->host->log(p->host, FB_HOST_ERROR, "it does not like this");
        return -p->number;
    }
    if (strcmp(p->what, "segv") == 0)
        *(volatile int *)(uintptr_t)(p->number / 2) = 1;
    if (strcmp(p->what, "abort") == 0)
        abort();
    if (strcmp(p->what, "deep") == 0)
        return use_stack(p->number);
    if (strcmp(p->what, "exit") == 0)
        exit(p->number);
    if (strcmp(p->what, "quit") == 0)
        _exit(p->number);
    if (strcmp(p->what, "block") == 0) {
        for (;;)
            pause();
    }
    if (strcmp(p->what, "threads") == 0)
        return start_threads(p);
    if (strcmp(p->what, "child") == 0)
        return leave_child(p);
    if (strcmp(p->what, "twin") == 0)
        return return_in_child(p);
    if (strcmp(p->what, "handlers") == 0)
        change_handlers();
    if (strcmp(p->what, "trap") == 0)
        set_trap();
    if (strcmp(p->what, "print") == 0) {
        printf("printed by an inspector\n");
        fflush(stdout);
    }
    if (strcmp(p->what, "close") == 0) {
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
    }
    return 0;
}

static int at(struct player *p, const char *where) {
    return strcmp(p->where, where) == 0 ? misbehave(p) : 0;
}

static int play_open(struct fb_setup *setup) {
    struct player *p = calloc(1, sizeof *p);
    char *equals, *end;
    if (p == NULL)
        return -ENOMEM;
    p->host = setup->host;
    if (setup->args == NULL || sscanf(setup->args, "%15[a-z],%15[a-z=0-9]", p->where, p->what) != 2)
        return -EINVAL;
    equals = strchr(p->what, '=');
    if (equals != NULL) {
        *equals = '\0';
        p->number = (int)strtol(equals + 1, &end, 10);
    }
    p->once = strchr(setup->args, '!') != NULL;
    p->seen = open("seen", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (p->seen < 0)
        return -errno;
    p->pid = getpid();
    setup->self = p;
    setup->tick_ms = 10;
    setup->state_bytes = 1;
    setup->all_ends = 1;
    return at(p, "open");
}

static int play_claimed(void *self, const struct fb_instance *instance) {
    (void)instance;
    return at(self, "claimed");
}

static int play_packet(void *self, void *state, const struct fb_packet *packet) {
    struct player *p = self;
    int rc;
    (void)state;
    dprintf(p->seen, "begin %" PRIu64 " %u %d\n", packet->frame, packet->flags, (int)getpid());
    rc = packet->frame == FRAME ? at(p, "packet") : 0;
    if (rc == 0 && getpid() == p->pid)
        dprintf(p->seen, "end %" PRIu64 " %d\n", packet->frame, (int)getpid());
    return rc;
}

static int play_end(void *self, void *state, const struct fb_flow_end *end) {
    struct player *p = self;
    dprintf(p->seen, "over %" PRIu64 " %u %d\n", end->flow->id, end->flags, state != NULL);
    return end->flow->id == FLOW ? at(p, "over") : 0;
}

static int play_tick(void *self, uint64_t now_ns) {
    (void)now_ns;
    return at(self, "tick");
}

FB_PLUGIN = {
    FB_INSPECTOR_HEAD,     .name = "misbehave",  .open = play_open, .claimed = play_claimed,
    .packet = play_packet, .flow_end = play_end, .tick = play_tick,
};
