/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <popt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/claim.h"
#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/config.h"
#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parent.h"
#include "flow_balancer/common/parse.h"
#include "flow_balancer/guard.h"

#include "worker/inspectors/inspectors.h"
#include "worker/loop.h"
#include "worker/place.h"

/* Exit statuses: what a supervisor has to tell apart. */
enum exit_status {
    EXIT_IN_ORDER = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_REVOKED = 3,
    EXIT_TRY_AGAIN = 75, /* EX_TEMPFAIL: there was nothing to claim; not a crash */
};

/* Pauses between tries to claim: a number is offered again milliseconds after its process died. */
#define RETRY_FIRST_MS 1
#define RETRY_MOST_MS 20
#define SECOND_NS UINT64_C(1000000000)
#define ANY_WORKER UINT32_MAX

struct options {
    const char *name;
    uint32_t worker; /* or ANY_WORKER: the first free one */
    const struct fb_inspector_ops *ops;
    char *inspector_args; /* or NULL */
    bool spin;
    struct place place;
    uint64_t orphan_ns;
    uint64_t parent; /* pid to follow, 0: none */
    bool check;
};

static volatile sig_atomic_t leave_signals;

static void on_leave_signal(int signo) {
    (void)signo;
    leave_signals = leave_signals + 1;
}

enum option_code {
    OPT_NAME = 1,
    OPT_WORKER,
    OPT_INSPECTOR,
    OPT_WAIT,
    OPT_CPU,
    OPT_NUMA_NODE,
    OPT_ORPHAN,
    OPT_LOG_LEVEL,
    OPT_CONFIG,
    OPT_CHECK,
    OPT_PARENT,
    OPT_HELP,
    OPT_VERSION,
    OPT_COUNT,
};

static const struct poptOption table[] = {
    {"name", 'n', POPT_ARG_STRING, NULL, OPT_NAME, "instance name (default flow-balancer)", "NAME"},
    {"worker", 'k', POPT_ARG_STRING, NULL, OPT_WORKER,
     "worker number (default: the first that is free)", "K"},
    {"inspector", '\0', POPT_ARG_STRING, NULL, OPT_INSPECTOR,
     "what to do with packets (default count)", "NAME[:ARGS]"},
    {"wait", '\0', POPT_ARG_STRING, NULL, OPT_WAIT,
     "on an empty ring: park (default) or spin (a core of its own, less delay)", "MODE"},
    {"cpu", '\0', POPT_ARG_STRING, NULL, OPT_CPU,
     "run on these processors only, such as 2 or 0,4-6", "LIST"},
    {"numa-node", '\0', POPT_ARG_STRING, NULL, OPT_NUMA_NODE,
     "run on this node and take memory there (default: where the dispatcher says), or off",
     "N|off"},
    {"orphan-timeout", '\0', POPT_ARG_STRING, NULL, OPT_ORPHAN,
     "wait so long for a dispatcher of that name (default 30)", "S"},
    {"log-level", '\0', POPT_ARG_STRING, NULL, OPT_LOG_LEVEL,
     "error, warning, info (default) or debug", "LEVEL"},
    {"config", '\0', POPT_ARG_STRING, NULL, OPT_CONFIG,
     "options as lines 'inspector = count'; the command line wins", "FILE"},
    {"check", '\0', POPT_ARG_NONE, NULL, OPT_CHECK, "check the options and exit", NULL},
    {"parent", '\0', POPT_ARG_STRING, NULL, OPT_PARENT,
     "leave when this process is gone: for supervisors", "PID"},
    {"help", 'h', POPT_ARG_NONE, NULL, OPT_HELP, "show this help", NULL},
    {"version", '\0', POPT_ARG_NONE, NULL, OPT_VERSION, "show the version", NULL},
    POPT_TABLEEND,
};

static void print_help(poptContext context) {
    poptPrintHelp(context, stdout, 0);
    puts("\nInspectors:");
    for (unsigned i = 0; inspector_at(i) != NULL; i++)
        printf("  %-8s %s\n", inspector_at(i)->name, inspector_at(i)->help);
    puts("\nExit status: 0 left in order, 1 failed, 2 wrong usage, 3 revoked by the dispatcher,\n"
         "75 nothing to claim (try again).");
}

static bool set_inspector(struct options *o, char *text) {
    char *colon = strchr(text, ':');
    if (colon != NULL)
        *colon = '\0';
    o->ops = inspector_find(text);
    o->inspector_args = colon == NULL ? NULL : colon + 1;
    if (o->ops != NULL)
        return true;
    const char *names[32] = {NULL};
    for (unsigned i = 0; i + 1 < 32 && inspector_at(i) != NULL; i++)
        names[i] = inspector_at(i)->name;
    unsigned ignored;
    return fb_parse_word("--inspector", text, names, &ignored);
}

static bool apply(struct options *o, enum option_code code, char *text) {
    static const char *const waits[] = {"park", "spin", NULL};
    unsigned index = 0;
    uint64_t number = 0;
    enum fb_log_level level;
    bool ok = true;
    switch (code) {
    case OPT_NAME:
        o->name = text;
        ok = fb_name_valid(text);
        if (!ok)
            fb_error("--name '%s': give 1 to %u letters, digits, '_' or '-'", text, FB_NAME_MAX);
        break;
    case OPT_WORKER:
        ok = fb_parse_count("--worker", text, 0, FB_MAX_WORKERS - 1, &number);
        o->worker = (uint32_t)number;
        break;
    case OPT_INSPECTOR:
        ok = set_inspector(o, text);
        break;
    case OPT_WAIT:
        ok = fb_parse_word("--wait", text, waits, &index);
        o->spin = index == 1;
        break;
    case OPT_CPU:
        o->place.cpus_given = true;
        ok = fb_cpus_parse("--cpu", text, &o->place.cpus);
        break;
    case OPT_NUMA_NODE:
        o->place.node = PLACE_OFF;
        ok = strcmp(text, "off") == 0 ||
             fb_parse_count("--numa-node", text, 0, FB_NODE_NUMBERS - 1, &number);
        if (ok && text[0] != 'o')
            o->place.node = (int)number;
        break;
    case OPT_ORPHAN:
        ok = fb_parse_duration("--orphan-timeout", text, SECOND_NS, 86400 * SECOND_NS,
                               &o->orphan_ns);
        break;
    case OPT_LOG_LEVEL:
        ok = fb_log_parse_level(text, &level) == 0;
        if (ok)
            fb_log_set_level(level);
        else
            fb_error("--log-level '%s': give one of error, warning, info, debug", text);
        break;
    case OPT_PARENT:
        ok = fb_parse_count("--parent", text, 1, INT32_MAX, &o->parent);
        break;
    case OPT_CHECK:
        o->check = true;
        break;
    default: /* --config has been read */
        break;
    }
    return ok;
}

/* A fb_config_take_code; the text is kept to the end, as those of the command line. */
static bool take(void *arg, int code, const char *value, bool on) {
    (void)on; /* no flag of the worker stands in a file */
    char *text = strdup(value);
    return text != NULL && apply(arg, (enum option_code)code, text);
}

static bool read_config(struct options *o, poptContext context) {
    bool given[OPT_COUNT] = {false};
    char *path = fb_config_scan(context, OPT_CONFIG, given);
    bool wanted = path != NULL && !given[OPT_HELP] && !given[OPT_VERSION];
    bool ok = !wanted || fb_config_read_codes(path, FB_WORKER, table, take, o);
    free(path);
    return ok;
}

/* Returns an exit status, or -1 to go on. */
static int parse(struct options *o, poptContext context) {
    *o = (struct options){.name = "flow-balancer",
                          .worker = ANY_WORKER,
                          .ops = inspector_find("count"),
                          .place.node = PLACE_PLAN,
                          .orphan_ns = 30 * SECOND_NS};
    if (!read_config(o, context))
        return EXIT_USAGE;
    int code;
    while ((code = poptGetNextOpt(context)) > 0) {
        if (code == OPT_HELP) {
            print_help(context);
            return EXIT_IN_ORDER;
        }
        if (code == OPT_VERSION) {
            fb_numa_print_version("flow-worker");
            return EXIT_IN_ORDER;
        }
        if (!apply(o, (enum option_code)code, poptGetOptArg(context)))
            return EXIT_USAGE;
    }
    const char *rest = poptPeekArg(context);
    if (code == -1 && rest == NULL)
        return -1;
    if (code < -1)
        fb_error("%s: %s: see --help", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                 poptStrerror(code));
    else
        fb_error("'%s': not an option: see --help", rest);
    return EXIT_USAGE;
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* One try at the number asked for, or at each number for whose process no flow waits. */
static enum fb_claim_result try_claim(const struct options *o, const struct fb_ctl_handle *ctl,
                                      struct fb_claim *claim) {
    uint32_t numbers = ctl->ctl->geometry.max_workers;
    if (o->worker != ANY_WORKER) {
        if (o->worker < numbers)
            return fb_claim_take(claim, ctl, o->worker);
        fb_error("-k %u: instance '%s' has worker numbers 0 to %u", o->worker, o->name,
                 numbers - 1);
        return FB_CLAIM_WRONG;
    }
    bool wait = false;
    for (unsigned k = 0; k < numbers; k++) {
        uint32_t state = fb_ctl_state(ctl->ctl, k);
        if (state != FB_STATE_ABSENT && state != FB_STATE_LOST)
            continue;
        enum fb_claim_result result = fb_claim_take(claim, ctl, k);
        if (result == FB_CLAIMED || result == FB_CLAIM_WRONG)
            return result;
        wait = wait || result == FB_CLAIM_NOT_YET;
    }
    return wait ? FB_CLAIM_NOT_YET : FB_CLAIM_BUSY;
}

/*
 * Waits for a dispatcher of the name and claims a number. Returns -1 when it
 * has one, else an exit status after one logged line.
 */
static int join(const struct options *o, struct fb_ctl_handle *ctl, struct fb_claim *claim) {
    uint64_t give_up_ns = fb_now_ns() + o->orphan_ns;
    for (long retry_ms = RETRY_FIRST_MS;; retry_ms *= 2) {
        enum fb_join joined = fb_ctl_join(ctl, o->name);
        if (joined == FB_WRONG)
            return EXIT_FAILED;
        enum fb_claim_result result = FB_CLAIM_NOT_YET;
        if (joined == FB_JOINED) {
            result = try_claim(o, ctl, claim);
            if (result == FB_CLAIMED)
                return -1;
            long long pid = o->worker != ANY_WORKER && result == FB_CLAIM_BUSY
                                ? (long long)fb_ctl_pid(ctl->ctl, o->worker)
                                : 0;
            fb_ctl_leave(ctl);
            if (result == FB_CLAIM_WRONG)
                return EXIT_FAILED;
            if (result == FB_CLAIM_BUSY && o->worker == ANY_WORKER)
                fb_error("instance '%s' has no free worker number: see --max-workers", o->name);
            else if (result == FB_CLAIM_BUSY)
                fb_error("worker %u of instance '%s' is already running (pid %lld): leave -k out "
                         "for a free number",
                         o->worker, o->name, pid);
            if (result == FB_CLAIM_BUSY)
                return EXIT_TRY_AGAIN;
        }
        if (leave_signals != 0)
            return EXIT_IN_ORDER;
        if (fb_now_ns() >= give_up_ns) {
            fb_error("no dispatcher of instance '%s' for %.0f s: start flow-dispatcher -n %s, or "
                     "see --orphan-timeout",
                     o->name, (double)o->orphan_ns / 1e9, o->name);
            return EXIT_TRY_AGAIN;
        }
        if (retry_ms > RETRY_MOST_MS)
            retry_ms = RETRY_MOST_MS;
        pause_ms(retry_ms);
    }
}

/* Serves one claim to its end. Returns an exit status, or -1 to join anew as a stranger. */
static int serve(struct options *o, const struct fb_ctl_handle *ctl, struct fb_claim *claim,
                 void *inspector, size_t flow_bytes) {
    static struct worker_loop loop;
    loop = (struct worker_loop){
        .ctl = ctl, .ops = o->ops, .inspector = inspector, .up = claim->up, .spin = o->spin};
    place_claimed(&o->place, ctl->ctl, claim->worker, claim->up);
    if (flow_states_init(&loop.states, flow_bytes) != 0)
        return EXIT_FAILED;
    enum loop_end end = LOOP_FAILED;
    if (o->ops->claimed == NULL || o->ops->claimed(inspector, claim->worker) == 0) {
        fb_rx_init(&loop.rx, claim->down, claim->up);
        fb_up_set_worker_status(claim->up, FB_STATUS_READY);
        end = worker_loop_run(&loop, &leave_signals);
    }
    flow_states_fini(&loop.states);
    switch (end) {
    case LOOP_STOPPED:
    case LOOP_ASKED:
        fb_up_set_worker_status(claim->up, FB_STATUS_LEFT);
        return EXIT_IN_ORDER;
    case LOOP_ORPHANED:
        fb_warning("worker %u: the dispatcher of instance '%s' is gone; its ring is finished",
                   claim->worker, o->name);
        return leave_signals != 0 ? EXIT_IN_ORDER : -1;
    case LOOP_REVOKED:
        fb_warning("worker %u: revoked by the dispatcher", claim->worker);
        return EXIT_REVOKED;
    default:
        return EXIT_FAILED;
    }
}

/*
 * Goes to the node planned for its number, if a dispatcher is there already:
 * before the inspector takes memory. False after one logged line.
 */
static bool place_early(struct options *o) {
    struct fb_ctl_handle ctl;
    if (o->worker == ANY_WORKER || o->check)
        return true;
    enum fb_join joined = fb_ctl_join(&ctl, o->name);
    if (joined != FB_JOINED)
        return joined == FB_NOT_YET;
    place_planned(&o->place, ctl.ctl, o->worker);
    fb_ctl_leave(&ctl);
    return true;
}

static int work(struct options *o) {
    void *inspector;
    size_t flow_bytes = 0;
    if (place_begin(&o->place) != 0 || !place_early(o))
        return EXIT_FAILED;
    /* Before the claim: a number that is claimed has packets waiting. */
    int error = o->ops->open(o->inspector_args, &inspector, &flow_bytes);
    if (error != 0)
        return error == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
    int status = -1;
    while (status < 0 && !o->check) {
        struct fb_ctl_handle ctl;
        struct fb_claim claim;
        status = join(o, &ctl, &claim);
        if (status >= 0)
            break;
        fb_debug("claimed worker %u of instance '%s'", claim.worker, o->name);
        status = serve(o, &ctl, &claim, inspector, flow_bytes);
        fb_claim_release(&claim);
        fb_ctl_leave(&ctl);
    }
    if (o->ops->close != NULL)
        o->ops->close(inspector);
    return o->check ? EXIT_IN_ORDER : status;
}

/*
 * A core dump of a large worker takes long, and its number is not free until it is written. Where
 * kernel.core_pattern names a program the kernel dumps at a limit of 0 as well, but not at 1.
 */
static void forbid_core_dump(void) {
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) != 0)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* the limit that we came with is 0 */
}

int main(int argc, char **argv) {
    fb_log_init("flow-worker", FB_LOG_INFO);
    static struct options options; /* 13 KB of topology */
    poptContext context = poptGetContext("flow-worker", argc, (const char **)argv, table, 0);
    int status = parse(&options, context);
    poptFreeContext(context);
    if (status >= 0)
        return status;
    if (fb_guard_init() != 0 || (options.parent != 0 && !fb_follow_parent(options.parent)))
        return EXIT_FAILED;
    struct sigaction action = {.sa_handler = on_leave_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    forbid_core_dump();
    return work(&options);
}
