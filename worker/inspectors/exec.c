/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/inspectors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "worker/inspectors/exec_child.h"
#include "worker/inspectors/exec_words.h"
#include "worker/inspectors/finish.h"
#include "worker/inspectors/pcap_record.h"
#include "worker/inspectors/settings.h"
#include "worker/records/pattern.h"

/*
 * Gives the packets to a program of the user's: a child for each link type, from the first packet
 * of it. A packet is finished when it is in the child's pipe. A child that ends, or closes its
 * input, while there may be packets is a failure of this worker, and of no packet.
 *
 * None outlives its worker by much: at the end of the run each is waited for, then killed, and
 * killed without waiting where that end is hurried; where another process follows, or the worker
 * was killed, there is the end of its input.
 */
#define MS_NS UINT64_C(1000000)
#define CHILDREN_MAX 16u /* link types, and children of the dispatcher before that still end */
#define TICK_MS 100u     /* between two looks whether they live */
#define CLOSED_NS (200 * MS_NS)     /* from the end of its pipe to the end of a child that dies */
#define TERMINATE_NS (1000 * MS_NS) /* from SIGTERM to SIGKILL; a supervisor waits for 2 s */
#define SAY_NS (1000 * MS_NS)       /* a child that reads nothing for so long is told of */
#define PAUSE_MOST_NS (20 * MS_NS)  /* between two looks whether it has ended */
#define LETTERS "krnl"              /* of patterns */

enum { STAT_PACKETS, STAT_LOST, STAT_CHILDREN };
static const char *const stat_names[] = {
    [STAT_PACKETS] = "packets", [STAT_LOST] = "output_lost", [STAT_CHILDREN] = "children", NULL};

struct exec {
    const struct fb_host *host;
    const char *command;
    struct exec_words words;
    const struct inspectors_settings *settings;
    struct pattern_values values; /* instance is ours */
    struct exec_child children[CHILDREN_MAX];
    unsigned count;
    unsigned last;        /* which the last packet was given to */
    bool has_failed;      /* the worker leaves as if it had crashed */
    bool is_followed;     /* by a process of the number, which is not to wait for this one */
    uint64_t deadline_ns; /* for the children to end by themselves at the end; 0: not yet known */
    uint64_t stats[sizeof stat_names / sizeof *stat_names];
};

#define SAY(exec, level, ...) (exec)->host->log((exec)->host, (level), __VA_ARGS__)

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_program(const char *path) {
    struct stat st;
    return access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Whether a program can be found, as execvp() looks for it. */
static int find_program(const char *name) {
    char path[PATH_MAX];
    const char *folders = getenv("PATH");
    int error = -ENOENT;
    if (strchr(name, '/') != NULL)
        return is_program(name) ? 0 : access(name, F_OK) != 0 ? -errno : -EACCES;
    for (const char *end; folders != NULL; folders = *end == ':' ? end + 1 : NULL) {
        end = strchrnul(folders, ':');
        snprintf(path, sizeof path, "%.*s%s%s", (int)(end - folders), folders,
                 end == folders ? "" : "/", name);
        if (is_program(path))
            return 0;
        if (access(path, F_OK) == 0)
            error = -EACCES;
    }
    return error;
}

static int refuse_pattern(const struct exec *exec, const char *option, const char *text,
                          const char *at) {
    SAY(exec, FB_HOST_ERROR,
        "%s '%s': '%.2s' stands for nothing: %%k is the worker, %%r its incarnation, %%n the "
        "instance, %%l the link type, %%%% a %%",
        option, text, at);
    return -EINVAL;
}

static int check_command(struct exec *exec) {
    if (exec->command == NULL || *exec->command == '\0') {
        SAY(exec, FB_HOST_ERROR, "the command is missing: write exec:'COMMAND WORDS'");
        return -EINVAL;
    }
    const char *problem = exec_words_split(&exec->words, exec->command);
    if (problem != NULL) {
        SAY(exec, FB_HOST_ERROR, "cannot take '%s' apart: %s", exec->command, problem);
        return -EINVAL;
    }
    problem = pattern_problem(exec->command, LETTERS);
    if (problem != NULL)
        return refuse_pattern(exec, "command", exec->command, problem);
    const char *pattern = exec->settings->exec_output;
    problem = pattern != NULL ? pattern_problem(pattern, LETTERS) : NULL;
    if (problem != NULL)
        return refuse_pattern(exec, "--exec-output", pattern, problem);
    const char *program = exec->words.word[0];
    int error = strchr(program, '%') == NULL ? find_program(program) : 0;
    if (error == 0)
        return 0;
    SAY(exec, FB_HOST_ERROR, "cannot run '%s' of '%s': %s%s", program, exec->command,
        strerror(-error), strchr(program, '/') == NULL ? " (looked for in PATH)" : "");
    return -EINVAL;
}

static void free_exec(struct exec *exec) {
    while (exec->count != 0)
        exec_child_leave(&exec->children[--exec->count]);
    exec_words_free(&exec->words);
    free((char *)exec->values.instance);
    free(exec);
}

static int exec_open(struct fb_setup *setup) {
    struct exec *exec = calloc(1, sizeof *exec);
    if (exec == NULL) {
        fb_error("inspector exec: no memory for %zu bytes", sizeof *exec);
        return -ENOMEM;
    }
    exec->host = setup->host;
    exec->command = setup->args;
    exec->settings = inspectors_settings();
    int error = check_command(exec);
    if (error != 0) {
        free_exec(exec);
        return error;
    }
    setup->self = exec;
    setup->needs = FB_NEEDS_EXEC | FB_NEEDS_FILES;
    setup->tick_ms = TICK_MS;
    setup->stats = stat_names;
    return 0;
}

/* ---- the end of a child ---------------------------------------------------------------------- */

struct ending {
    char text[64];
    bool is_good; /* status 0 */
};

static struct ending describe(int status) {
    struct ending e = {.is_good = status == 0};
    if (WIFSIGNALED(status))
        snprintf(e.text, sizeof e.text, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(e.text, sizeof e.text, "ended with status %d", WEXITSTATUS(status));
    return e;
}

static void forget(struct exec *exec, struct exec_child *child) {
    *child = exec->children[--exec->count];
    exec->last = 0;
}

/* A child that has ended, or is killed now, though its input went on; how: NULL, or what it did. */
static int fail(struct exec *exec, struct exec_child *child, const char *how) {
    uint64_t unread = exec_child_unread(child);
    uint32_t bytes = exec_child_unread_bytes(child);
    pid_t pid = child->pid;
    struct ending end = describe(exec_child_reap(child));
    forget(exec, child);
    exec->stats[STAT_LOST] += unread;
    exec->has_failed = true;
    SAY(exec, FB_HOST_ERROR,
        "'%s' (pid %d) %s, and had not read %" PRIu64 " packets (%" PRIu32
        " bytes in its pipe): the worker ends as if it had crashed%s",
        exec->command, (int)pid, how != NULL ? how : end.text, unread, bytes,
        how == NULL && end.is_good
            ? "; a command has to read to the end of its input, and to stay in the foreground"
            : "");
    return INSPECTOR_OUTPUT_GONE;
}

/* A child that has ended, after its input did. */
static void settle(struct exec *exec, struct exec_child *child) {
    uint64_t unread = exec_child_unread(child);
    pid_t pid = child->pid;
    struct ending end = describe(exec_child_reap(child));
    forget(exec, child);
    exec->stats[STAT_LOST] += unread;
    if (unread != 0)
        SAY(exec, FB_HOST_ERROR, "'%s' (pid %d) %s, and had not read %" PRIu64 " packets",
            exec->command, (int)pid, end.text, unread);
    else if (!end.is_good)
        SAY(exec, FB_HOST_WARNING, "'%s' (pid %d) %s", exec->command, (int)pid, end.text);
    else
        SAY(exec, FB_HOST_DEBUG, "'%s' (pid %d) %s", exec->command, (int)pid, end.text);
}

static void settle_ended(struct exec *exec) {
    for (unsigned i = exec->count; i-- > 0;) {
        if (exec->children[i].input < 0 && exec_child_has_ended(&exec->children[i]))
            settle(exec, &exec->children[i]);
    }
}

/* Waits until all are gone that have no input any more, until until_ns or a signal handler runs. */
static void await_ends(struct exec *exec, uint64_t until_ns) {
    for (uint64_t pause_ns = MS_NS;;
         pause_ns = pause_ns * 2 < PAUSE_MOST_NS ? pause_ns * 2 : PAUSE_MOST_NS) {
        settle_ended(exec);
        if (exec->count == 0 || fb_now_ns() >= until_ns)
            return;
        const struct timespec pause = fb_timespec(pause_ns);
        if (nanosleep(&pause, NULL) != 0)
            return;
    }
}

static void end_inputs(struct exec *exec) {
    for (unsigned i = 0; i < exec->count; i++)
        exec_child_end_input(&exec->children[i]);
}

static void kill_all(const struct exec *exec, int signo) {
    for (unsigned i = 0; i < exec->count; i++)
        exec_child_kill(&exec->children[i], signo);
}

static void begin_end(struct exec *exec) {
    end_inputs(exec);
    if (exec->deadline_ns == 0)
        exec->deadline_ns = fb_deadline_ns(fb_now_ns(), exec->settings->drain_ns);
}

bool exec_has_part_out(const void *self) {
    const struct exec *exec = self;
    return exec->count != 0 && exec->children[exec->last].part != 0;
}

void exec_close_in_child(void *self) {
    const struct exec *exec = self;
    for (unsigned i = 0; i < exec->count; i++) {
        if (exec->children[i].input >= 0)
            close(exec->children[i].input);
        if (exec->children[i].unread >= 0)
            close(exec->children[i].unread);
    }
}

void exec_finish(void *self, uint64_t until_ns) {
    struct exec *exec = self;
    begin_end(exec);
    exec->is_followed = until_ns == 0;
    if (until_ns == INSPECTOR_FINISH_NOW)
        exec->deadline_ns = until_ns;
    if (!exec->is_followed)
        await_ends(exec, until_ns < exec->deadline_ns ? until_ns : exec->deadline_ns);
}

static void exec_close(void *self) {
    struct exec *exec = self;
    begin_end(exec);
    /* Else flows wait for the next process, and those children end by themselves. */
    if (!exec->is_followed && !exec->has_failed) {
        await_ends(exec, exec->deadline_ns);
        if (exec->count != 0)
            SAY(exec, FB_HOST_WARNING, "'%s' still runs though its input has ended: SIGTERM",
                exec->command);
        kill_all(exec, SIGTERM);
        await_ends(exec, fb_now_ns() + TERMINATE_NS);
        kill_all(exec, SIGKILL);
        await_ends(exec, fb_now_ns() + TERMINATE_NS);
    }
    free_exec(exec);
}

/* ---- packets --------------------------------------------------------------------------------- */

/* Those of the dispatcher before read what is theirs, and end. */
static int exec_claimed(void *self, const struct fb_instance *instance) {
    struct exec *exec = self;
    char *name = strdup(instance->name);
    if (name == NULL)
        return -ENOMEM;
    end_inputs(exec);
    free((char *)exec->values.instance);
    exec->values = (struct pattern_values){
        .worker = instance->worker, .incarnation = instance->incarnation, .instance = name};
    return 0;
}

/* Where it prints: a descriptor, or -errno after one logged line. */
static int open_output(const struct exec *exec, const struct pattern_values *values) {
    if (exec->settings->exec_output == NULL)
        return STDERR_FILENO;
    char *path = pattern_fill(exec->settings->exec_output, values);
    int file = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int error = path == NULL ? -ENOMEM : file < 0 ? -errno : 0;
    if (error != 0)
        SAY(exec, FB_HOST_ERROR, "--exec-output: cannot open '%s': %s",
            path != NULL ? path : exec->settings->exec_output, strerror(-error));
    free(path);
    return error != 0 ? error : file;
}

static void free_words(char **words) {
    for (char **word = words; word != NULL && *word != NULL; word++)
        free(*word);
    free(words);
}

/* The words of the command for one child; NULL: no memory. */
static char **fill_words(const struct exec *exec, const struct pattern_values *values) {
    char **filled = calloc(exec->words.count + 1, sizeof *filled);
    for (unsigned i = 0; filled != NULL && i < exec->words.count; i++) {
        filled[i] = pattern_fill(exec->words.word[i], values);
        if (filled[i] == NULL) {
            free_words(filled);
            return NULL;
        }
    }
    return filled;
}

/* The child for a link type that has none. Returns 0, or INSPECTOR_OUTPUT_GONE after one logged
 * line. */
static int start(struct exec *exec, int32_t link_type) {
    struct pattern_values values = exec->values;
    values.link_type = pcap_link_type(link_type);
    exec->has_failed = true; /* unless it goes well */
    if (exec->count == CHILDREN_MAX) {
        SAY(exec, FB_HOST_ERROR, "'%s': there are %u link types, each with a child: no more",
            exec->command, CHILDREN_MAX);
        return INSPECTOR_OUTPUT_GONE;
    }
    int output = open_output(exec, &values);
    if (output < 0)
        return INSPECTOR_OUTPUT_GONE;
    char **words = fill_words(exec, &values);
    struct exec_child *child = &exec->children[exec->count];
    int error = words == NULL ? -ENOMEM : exec_child_start(child, words, output, link_type);
    if (error != 0)
        SAY(exec, FB_HOST_ERROR, "cannot run '%s': %s", exec->command, strerror(-error));
    free_words(words);
    if (output != STDERR_FILENO)
        close(output);
    if (error != 0)
        return INSPECTOR_OUTPUT_GONE;
    SAY(exec, FB_HOST_DEBUG, "'%s' has pid %d", exec->command, (int)child->pid);
    exec->has_failed = false;
    exec->last = exec->count++;
    exec->stats[STAT_CHILDREN]++;
    return 0;
}

static bool serves(const struct exec *exec, unsigned i, int32_t link_type) {
    return i < exec->count && exec->children[i].link_type == link_type &&
           exec->children[i].input >= 0;
}

/* Makes `last` the child for a link type. Returns 0, or INSPECTOR_OUTPUT_GONE. */
static __attribute__((noinline)) int find_child(struct exec *exec, int32_t link_type) {
    for (unsigned i = 0; i < exec->count; i++) {
        if (serves(exec, i, link_type)) {
            exec->last = i;
            return 0;
        }
    }
    return start(exec, link_type);
}

/* No process has the pipe any more. One that was killed is not yet gone then, perhaps. */
static int fail_closed(struct exec *exec, struct exec_child *child) {
    const struct timespec pause = fb_timespec(MS_NS);
    uint64_t until_ns = fb_now_ns() + CLOSED_NS;
    while (!exec_child_has_ended(child) && fb_now_ns() < until_ns)
        nanosleep(&pause, NULL);
    return fail(exec, child, exec_child_has_ended(child) ? NULL : "has closed its standard input");
}

/* The pipe is full: the packet waits, unless that has no end. */
static int wait_for(struct exec *exec, struct exec_child *child) {
    uint64_t stuck_ns = exec_child_stuck_ns(child, fb_now_ns());
    uint64_t timeout_ns = exec->settings->exec_timeout_ns;
    if (exec_child_has_ended(child)) /* another process has its pipe */
        return fail(exec, child, NULL);
    if (timeout_ns != 0 && stuck_ns >= timeout_ns) {
        char how[96];
        snprintf(how, sizeof how, "read nothing for %.1f s and was killed (--exec-timeout)",
                 (double)timeout_ns / 1e9);
        return fail(exec, child, how);
    }
    if (stuck_ns >= SAY_NS && !child->said) {
        child->said = true;
        SAY(exec, FB_HOST_ERROR, "'%s' (pid %d) reads nothing: the worker waits until it does",
            exec->command, (int)child->pid);
    }
    return FB_OUTPUT_FAILED;
}

static void say_it_reads(const struct exec *exec, struct exec_child *child) {
    child->said = false;
    SAY(exec, FB_HOST_INFO, "'%s' (pid %d) reads again", exec->command, (int)child->pid);
}

static int exec_packet(void *self, void *state, const struct fb_packet *packet) {
    struct exec *exec = self;
    (void)state;
    if (__builtin_expect(!serves(exec, exec->last, packet->link_type), 0)) {
        int error = find_child(exec, packet->link_type);
        if (error != 0)
            return error;
    }
    struct exec_child *child = &exec->children[exec->last];
    enum exec_gave gave = exec_child_give(child, packet);
    if (__builtin_expect(gave == EXEC_FULL, 0))
        return wait_for(exec, child);
    if (__builtin_expect(gave == EXEC_CLOSED, 0))
        return fail_closed(exec, child);
    exec->stats[STAT_PACKETS]++;
    if (__builtin_expect(child->said, 0))
        say_it_reads(exec, child);
    return 0;
}

static int exec_tick(void *self, uint64_t now_ns) {
    struct exec *exec = self;
    (void)now_ns;
    settle_ended(exec);
    for (unsigned i = 0; i < exec->count; i++) {
        if (exec_child_has_ended(&exec->children[i]))
            return fail(exec, &exec->children[i], NULL);
    }
    return 0;
}

static void exec_stats(void *self, uint64_t *values) {
    const struct exec *exec = self;
    memcpy(values, exec->stats, (sizeof stat_names / sizeof *stat_names - 1) * sizeof *values);
}

const struct fb_inspector inspect_exec_ops = {
    FB_INSPECTOR_HEAD,
    .name = "exec",
    .help = "exec:COMMAND: its packets to a program of yours, as pcap on standard input; %k, %r, "
            "%n, %l: worker, incarnation, instance, link type",
    .open = exec_open,
    .claimed = exec_claimed,
    .packet = exec_packet,
    .tick = exec_tick,
    .stats = exec_stats,
    .close = exec_close,
};
