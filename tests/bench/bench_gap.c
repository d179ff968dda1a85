/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long the flows of a killed worker wait: from kill -9 until the next
 * process of the number inspects one of their packets (restart), or until
 * another worker does (failover). Real programs over a trace in its own time.
 *
 * Seen through the inspector `record`: all its files are one FIFO, and a line is
 * written while its packet is inspected. The first line of a flow in a new
 * process is flagged mid-stream, that of a packet met again redelivered. A
 * failover shows as a line of another worker with a flow that was last at the
 * killed one. The time is that of reading the line here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/ctl.h"
#include "tests/bench/bench.h"

#define WORKERS 10u
#define NOBODY WORKERS
#define FAILOVER_MS 200u
#define PIPE_BYTES (1 << 20) /* a second of lines: this process may be kept off its core */
#define LINE_MAX_BYTES 512u
#define WARM_NS UINT64_C(200000000)
#define PAUSE_NS UINT64_C(50000000) /* between a gap and the next kill */
#define LINES_BEFORE_KILLS 100u     /* of every worker */
#define PATIENCE_NS UINT64_C(10000000000)
#define LEAVE_NS UINT64_C(40000000000) /* above the dispatcher's --drain-timeout */
#define OWNERS (1u << 17)              /* flows whose worker is known, several times those alive */

extern char **environ;

struct line {
    unsigned worker;
    uint64_t flow;
    bool again; /* mid-stream or redelivered */
};

struct owner {
    uint64_t flow;
    unsigned worker;
};

/* One instance and who watches it. */
struct bench {
    const char *trace;
    const char *script; /* the supervisor; NULL: this program is it */
    bool failover;
    char build[3072], folder[3072], name[40];
    pid_t main;             /* the script, or the dispatcher; 0: none */
    pid_t workers[WORKERS]; /* where this program is the supervisor; 0: none */
    struct fb_ctl_handle ctl;
    int lines; /* the FIFO */
    char text[1 << 16];
    size_t used;
    uint64_t count[WORKERS]; /* lines of each */
    struct owner owners[OWNERS];
    /* Of the gap that is measured: */
    unsigned killed; /* or NOBODY */
    uint64_t epoch;  /* of the process that is killed */
    uint64_t killed_ns;
    uint64_t noticed_ns, inspected_ns; /* 0: not yet */
    struct bench_series noticed, gaps;
    double worker_mb;
};

static struct bench bench = {.killed = NOBODY, .lines = -1};
static volatile sig_atomic_t interrupted;

static void on_signal(int signo) {
    (void)signo;
    interrupted = 1;
}

/* --- what the workers say --------------------------------------------------------------------- */

/* "frame worker community_id flow flow_seq dir proto flags", by tabs. */
static bool parse_line(const char *text, struct line *line) {
    const char *field[8] = {text};
    for (unsigned i = 1; i < 8; i++) {
        const char *tab = strchr(field[i - 1], '\t');
        if (tab == NULL)
            return false;
        field[i] = tab + 1;
    }
    line->worker = (unsigned)strtoul(field[1], NULL, 10);
    line->flow = strtoull(field[3], NULL, 10);
    line->again = strstr(field[7], "mid-stream") != NULL || strstr(field[7], "redelivered") != NULL;
    return line->worker < WORKERS;
}

static void see_line(struct bench *b, const struct line *line, uint64_t now_ns) {
    struct owner *owner = &b->owners[line->flow % OWNERS];
    bool was_there = owner->flow == line->flow && owner->worker == b->killed;
    bool at_another = was_there && line->worker != b->killed;
    bool in_next = line->again && line->worker == b->killed;
    if (b->inspected_ns == 0 && (b->failover ? at_another : in_next))
        b->inspected_ns = now_ns;
    *owner = (struct owner){line->flow, line->worker};
    b->count[line->worker]++;
}

static void read_lines(struct bench *b) {
    ssize_t got;
    while ((got = read(b->lines, b->text + b->used, sizeof b->text - b->used - 1)) > 0) {
        uint64_t now_ns = bench_now_ns();
        char *from = b->text, *newline;
        b->text[b->used + (size_t)got] = '\0';
        while ((newline = strchr(from, '\n')) != NULL) {
            struct line line;
            *newline = '\0';
            if (!parse_line(from, &line))
                bench_die("'%s': not a line of the inspector record", from);
            see_line(b, &line, now_ns);
            from = newline + 1;
        }
        b->used = strlen(from);
        memmove(b->text, from, b->used);
        if (b->used > LINE_MAX_BYTES)
            bench_die("a line of the inspector record has more than %u bytes", LINE_MAX_BYTES);
    }
}

/* --- processes -------------------------------------------------------------------------------- */

/*
 * argv[0] is the program's path; standard output goes nowhere. In a session of
 * its own, as the script does it: Ctrl-C reaches only us, and the scheduler may
 * share cores between sessions.
 */
static pid_t start(char *const argv[]) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int error = posix_spawn(&pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        bench_die("cannot start %s: %s: say by FB_BUILD where the programs are", argv[0],
                  strerror(error));
    return pid;
}

static void start_worker(struct bench *b, unsigned k) {
    char path[4096], number[16], parent[16], inspector[4096];
    snprintf(path, sizeof path, "%s/flow-worker", b->build);
    snprintf(number, sizeof number, "%u", k);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(inspector, sizeof inspector, "record:%s", b->folder);
    char *argv[] = {path,   "-n",          b->name,   "-k",          number,  "--parent",
                    parent, "--inspector", inspector, "--log-level", "error", NULL};
    b->workers[k] = start(argv);
}

static void start_instance(struct bench *b, unsigned instance) {
    char program[4096], inspector[4096], workers[16], failover[16], parent[16];
    snprintf(program, sizeof program, "%s/flow-dispatcher", b->build);
    snprintf(inspector, sizeof inspector, "record:%s", b->folder);
    snprintf(workers, sizeof workers, "%u", WORKERS);
    snprintf(failover, sizeof failover, "%u", FAILOVER_MS);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(b->name, sizeof b->name, "gap-%d-%u", (int)getpid(), instance);
    char *by_script[] = {(char *)b->script, "run", "--inspector", inspector};
    char *by_us[] = {program, "--parent", parent, NULL};
    char *argv[32];
    unsigned n = b->script != NULL ? 4 : 3;
    memcpy(argv, b->script != NULL ? by_script : by_us, n * sizeof *argv);
    char *both[] = {"-n",          b->name,
                    "-w",          workers,
                    "-r",          (char *)b->trace,
                    "--speed",     "1",
                    "--failover",  b->failover ? failover : "never",
                    "--log-level", "error",
                    NULL};
    memcpy(argv + n, both, sizeof both);
    b->main = start(argv);
    for (unsigned k = 0; b->script == NULL && k < WORKERS; k++)
        start_worker(b, k);
}

/* Takes note of processes that have ended; true while one of ours is there. */
static bool reap(struct bench *b, bool in_order) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        const char *what = pid == b->main ? "what was started first" : "a worker";
        bool killed = false;
        for (unsigned k = 0; k < WORKERS; k++) {
            killed = killed || (b->workers[k] == pid && k == b->killed);
            if (b->workers[k] == pid)
                b->workers[k] = 0;
        }
        if (pid == b->main)
            b->main = 0;
        if (in_order && !killed && status != 0)
            bench_die("%s ended with %s %d: the reason is above", what,
                      WIFEXITED(status) ? "status" : "signal",
                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    return pid == 0;
}

/* The process of worker k; it is to be one that our supervisor or we have started. */
static pid_t process_of(const struct bench *b, unsigned k) {
    pid_t pid = (pid_t)fb_ctl_pid(b->ctl.ctl, k);
    pid_t wanted = b->script != NULL ? b->main : getpid();
    int parent = 0;
    if (pid == 0)
        bench_die("worker %u has no process: the trace may be too short for this machine", k);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    if (stat == NULL || fscanf(stat, "%*d (%*[^)]) %*c %d", &parent) != 1 || parent != wanted)
        bench_die("worker %u has pid %d, whose parent is %d and not %d", k, (int)pid, parent,
                  (int)wanted);
    fclose(stat);
    return pid;
}

/* Resident memory in MB. */
static double resident(pid_t pid) {
    unsigned long pages = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *statm = fopen(path, "re");
    if (statm == NULL || fscanf(statm, "%*u %lu", &pages) != 1)
        bench_die("cannot read %s", path);
    fclose(statm);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* --- a gap ------------------------------------------------------------------------------------ */

/* Waits for lines, or for the end of `process` where it is a pidfd; reads what there is. */
static void watch(struct bench *b, int process) {
    struct pollfd fds[2] = {{.fd = b->lines, .events = POLLIN}, {.fd = process, .events = POLLIN}};
    poll(fds, process < 0 ? 1 : 2, 10);
    if (interrupted != 0)
        bench_die("interrupted");
    read_lines(b);
}

static void watch_for(struct bench *b, uint64_t ns) {
    for (uint64_t end_ns = bench_now_ns() + ns; bench_now_ns() < end_ns;)
        watch(b, -1);
}

/* Whether the dispatcher has seen the death and offered the number again. */
static void see_offer(struct bench *b) {
    if (b->noticed_ns == 0 && fb_ctl_epoch(b->ctl.ctl, b->killed) != b->epoch)
        b->noticed_ns = bench_now_ns();
}

static void measure(struct bench *b, unsigned k) {
    pid_t pid = process_of(b, k);
    int pidfd = b->script == NULL ? pidfd_open(pid, 0) : -1;
    if (b->gaps.runs == 0)
        b->worker_mb = resident(pid);
    b->killed = k;
    b->epoch = fb_ctl_epoch(b->ctl.ctl, k);
    b->noticed_ns = b->inspected_ns = 0;
    b->killed_ns = bench_now_ns();
    kill(pid, SIGKILL);
    while (b->inspected_ns == 0) {
        watch(b, pidfd);
        see_offer(b);
        if (pidfd >= 0 && poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) == 1) {
            close(pidfd);
            pidfd = -1;
            reap(b, true);
            if (!b->failover)
                start_worker(b, k);
        }
        if (bench_now_ns() - b->killed_ns > PATIENCE_NS)
            bench_die("no packet of worker %u was inspected within %.0f s of its end", k,
                      (double)PATIENCE_NS / 1e9);
    }
    if (pidfd >= 0)
        close(pidfd);
    bench_add(&b->gaps, (double)(b->inspected_ns - b->killed_ns) / 1e6);
    bench_add(&b->noticed, (double)(b->noticed_ns - b->killed_ns) / 1e6);
    b->killed = NOBODY;
    if (b->failover)
        start_worker(b, k);
}

/* --- an instance ------------------------------------------------------------------------------ */

static void await_ready(struct bench *b) {
    uint64_t end_ns = bench_now_ns() + PATIENCE_NS;
    unsigned ready = 0;
    while (b->ctl.ctl == NULL && fb_ctl_join(&b->ctl, b->name) != FB_JOINED) {
        b->ctl.ctl = NULL;
        usleep(1000);
        if (bench_now_ns() > end_ns || !reap(b, true))
            bench_die("instance %s does not come up", b->name);
    }
    while (ready < WORKERS) {
        ready = 0;
        for (unsigned k = 0; k < WORKERS; k++)
            ready += b->count[k] >= LINES_BEFORE_KILLS;
        watch(b, -1);
        if (bench_now_ns() > end_ns)
            bench_die("%u of %u workers have packets", ready, WORKERS);
    }
    watch_for(b, WARM_NS);
}

/* Asks all to leave and waits until they have: read on, or a full FIFO would hold them. */
static void finish(struct bench *b, bool in_order) {
    uint64_t end_ns = bench_now_ns() + LEAVE_NS;
    if (b->main != 0)
        kill(b->main, SIGTERM);
    for (unsigned k = 0; !in_order && k < WORKERS; k++)
        if (b->workers[k] != 0) /* its dispatcher may never have come up */
            kill(b->workers[k], SIGTERM);
    while (reap(b, in_order) && bench_now_ns() < end_ns) {
        if (b->lines >= 0)
            read_lines(b);
        usleep(1000);
    }
    if (b->ctl.ctl != NULL)
        fb_ctl_leave(&b->ctl);
    b->ctl.ctl = NULL;
}

static void run_instance(struct bench *b, unsigned instance, unsigned kills) {
    memset(b->count, 0, sizeof b->count);
    memset(b->owners, 0xff, sizeof b->owners);
    start_instance(b, instance);
    await_ready(b);
    for (unsigned k = 0; k < kills; k++) {
        measure(b, k);
        watch_for(b, PAUSE_NS);
    }
    finish(b, true);
}

/* --- from start to end ------------------------------------------------------------------------ */

static void file_of(const struct bench *b, unsigned k, char path[4096]) {
    snprintf(path, 4096, "%s/worker-%u.tsv", b->folder, k);
}

/* One FIFO under the names of all workers' files. */
static void make_fifo(struct bench *b) {
    const char *temporary = getenv("TMPDIR");
    char first[4096], path[4096];
    snprintf(b->folder, sizeof b->folder, "%s/fb-gap.XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(b->folder) == NULL)
        bench_die("cannot make %s: %s", b->folder, strerror(errno));
    file_of(b, 0, first);
    int error = mkfifo(first, 0600);
    for (unsigned k = 1; error == 0 && k < WORKERS; k++) {
        file_of(b, k, path);
        error = link(first, path);
    }
    b->lines = error != 0 ? -1 : open(first, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (b->lines < 0 || fcntl(b->lines, F_SETPIPE_SZ, PIPE_BYTES) < 0)
        bench_die("cannot make a FIFO of %d bytes in %s: %s", PIPE_BYTES, b->folder,
                  strerror(errno));
}

/* At the exit, also of bench_die(): nothing of ours is left behind. */
static void clear_up(void) {
    char path[4096];
    finish(&bench, false);
    for (unsigned k = 0; k < WORKERS && bench.folder[0] != '\0'; k++) {
        file_of(&bench, k, path);
        unlink(path);
    }
    rmdir(bench.folder);
}

/* Processes that wanted a core, over the last minute. */
static double machine_load(void) {
    double load = 0;
    FILE *file = fopen("/proc/loadavg", "re");
    if (file == NULL || fscanf(file, "%lf", &load) != 1)
        bench_die("cannot read /proc/loadavg");
    fclose(file);
    return load;
}

static void print_series(struct bench_series *s, double less) {
    double median = bench_median(s); /* sorts */
    unsigned p99 = (s->runs * 99 + 99) / 100 - 1;
    printf(" %.1f | %.1f | %.1f |", median - less, s->of[p99] - less, s->of[s->runs - 1] - less);
}

static void run(struct bench *b, unsigned kills) {
    double load = machine_load();
    for (unsigned done = 0, n; done < kills; done += n) {
        n = kills - done < WORKERS ? kills - done : WORKERS;
        run_instance(b, done / WORKERS, n);
    }
    if (b->script != NULL)
        printf("| restart by the supervisor script");
    else if (!b->failover)
        printf("| restart by a supervisor that does nothing else");
    else
        printf("| failover, `--failover %u`, from the kill", FAILOVER_MS);
    printf(" | %u | %.1f - %.1f | %.0f | %.1f |", kills, load, machine_load(), b->worker_mb,
           bench_median(&b->noticed));
    print_series(&b->gaps, 0);
    if (b->failover) {
        printf("\n| the same, from that deadline | | | | |");
        print_series(&b->gaps, FAILOVER_MS);
    }
    putchar('\n');
}

int main(int argc, char **argv) {
    struct bench *b = &bench;
    const char *what = argc > 1 ? argv[1] : "";
    const char *build = getenv("FB_BUILD");
    if (argc == 2 && strcmp(what, "--head") == 0) {
        puts("| what | kills | machine load | worker, MB | number offered again, median ms |"
             " inspected again, median ms | 99th percentile | most "
             "|\n|---|---|---|---|---|---|---|---|");
        return 0;
    }
    b->failover = strcmp(what, "--failover") == 0;
    if ((argc != 4 && (argc != 5 || b->failover)) ||
        (!b->failover && strcmp(what, "--restart") != 0)) {
        fputs("usage: bench_gap --head\n"
              "       bench_gap --restart TRACE KILLS [SCRIPT]   SCRIPT: scripts/flow-balancer\n"
              "       bench_gap --failover TRACE KILLS\n",
              stderr);
        return 2;
    }
    b->trace = argv[2];
    b->script = argv[4];
    snprintf(b->build, sizeof b->build, "%s", build != NULL ? build : "build");
    unsigned kills = (unsigned)bench_number("KILLS", argv[3], 1, BENCH_RUNS_MAX);
    fb_log_init("bench_gap", FB_LOG_WARNING);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    atexit(clear_up);
    make_fifo(b);
    run(b, kills);
    return 0;
}
