/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker is killed at one instruction of a burst after the other, and the
 * outcome must be that of a run without a death, but for the one packet that
 * was under inspection. As many as there is time for; all of them with
 * FB_EVERY_INSTRUCTION=1 in the environment.
 *
 * The worker is flow-worker as it is built. It waits on its ring and is stopped;
 * the dispatcher gets a burst; then the worker makes single steps by ptrace,
 * from waking until the burst is given back, and is killed after one of them. A
 * new process takes the number over and finishes the burst. The next burst is
 * stepped to another instruction.
 *
 * After each step the test reads the words of the up side and the length of the
 * record, so it knows at which point of the protocol the process died, and which
 * lines the record must have in the end, each and in which order.
 */
#include "tests/lib/process.h"
#include "tests/lib/records.h"

#include <fcntl.h>
#include <math.h>
#include <pcap/pcap.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/sides.h"

/* Two flows, the first of two packets; and the ends of the two of the burst before. */
#define PACKETS 3u
#define ENDS 2u
#define DESCS (PACKETS + ENDS)
#define FRAME_BYTES 60u

/*
 * Points of a burst, by what is left in memory and in the record. Within one the
 * instructions differ only in what dies with the process.
 */
#define POINT_BEFORE 0u                    /* nothing of the burst has shown yet */
#define POINT_BUSY(i) (1u + 2u * (i))      /* descriptor i is under inspection */
#define POINT_RECORDED(i) (2u + 2u * (i))  /* and is recorded */
#define POINT_IDLE (1u + 2u * DESCS)       /* all are inspected, and not given back */
#define POINT_GIVEN_BACK (2u + 2u * DESCS) /* consumed is stored */
#define POINTS (3u + 2u * DESCS)

/* Steps after the last store of the burst: the worker then looks at its ring again and again. */
#define STEPS_AFTER 64u
#define STEPS_MOST 1000000u /* of a burst: it has some 15,400, and something is wrong */
/* So many first instructions of each point in any case, and others as long as there is time. */
#define DENSE 12u
#define BUDGET_S 25.0

struct stage {
    struct test *t;
    struct process *dispatcher, *worker;
    const struct fb_down *down;
    const struct fb_up *up;
    ino_t up_inode;
    int record;      /* the record's file */
    unsigned bursts; /* fed so far */
    uint64_t first;  /* sequence of the burst's first descriptor */
    off_t size;      /* of the record, when last looked at */
    unsigned lines;  /* of this burst in it */
    unsigned steps;  /* made in all */
    unsigned burst_steps;
    unsigned kills[POINTS];
    /* The lines that the record must have. */
    struct line {
        uint64_t frame;
        bool redelivered;
    } * wanted;
    size_t wanted_count, wanted_room;
};

/* SOON(t, condition): as UNTIL, for what takes less than its pauses. */
#define SOON(t, condition)                                                                         \
    for (double soon_end_ = seconds_now() + PROCESS_DEADLINE_S; !(condition);)                     \
        if (seconds_now() > soon_end_)                                                             \
            pause_or_fail((t), soon_end_, #condition);                                             \
        else                                                                                       \
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL)

/* ---- input */

static size_t put_frame(uint8_t *at, unsigned burst, unsigned port) {
    /* 2 s apart: with a timeout of 1 s the flows of a burst end with the next. */
    const uint32_t header[4] = {1000 + 2 * burst, 0, FRAME_BYTES, FRAME_BYTES};
    uint8_t frame[FRAME_BYTES] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
                                  /* IPv4 and UDP, from port to 53 */
                                  0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0,
                                  2, (uint8_t)(port >> 8), (uint8_t)port, 0, 53, 0, 26};
    memcpy(at, header, sizeof header);
    memcpy(at + sizeof header, frame, sizeof frame);
    return sizeof header + sizeof frame;
}

/* How many descriptors all bursts so far have. */
static uint64_t descriptors(const struct stage *s) {
    return (uint64_t)s->bursts * DESCS - ENDS;
}

static uint64_t published(const struct stage *s) {
    return atomic_load(&s->down->published);
}

/* Feeds one burst, and waits until all of it is in the ring. */
static void feed_burst(struct stage *s) {
    uint8_t bytes[512];
    size_t n = 0;
    if (s->bursts == 0) {
        const struct pcap_file_header header = {.magic = 0xa1b2c3d4,
                                                .version_major = 2,
                                                .version_minor = 4,
                                                .snaplen = 65535,
                                                .linktype = DLT_EN10MB};
        memcpy(bytes, &header, sizeof header);
        n = sizeof header;
    }
    unsigned port = 1024 + s->bursts % 10000 * 2;
    n += put_frame(bytes + n, s->bursts, port);
    n += put_frame(bytes + n, s->bursts, port + 1);
    n += put_frame(bytes + n, s->bursts, port);
    s->first = s->bursts == 0 ? 0 : descriptors(s);
    s->bursts++;
    assert_true(process_feed(s->dispatcher, bytes, n));
    SOON(s->t, s->down == NULL || published(s) == descriptors(s));
}

/* ---- processes */

static const void *map(const char *kind, ino_t *inode, const char *instance) {
    char path[FB_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, FB_SHM_DIR "/%s.%s.0", instance, kind);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    void *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(base != MAP_FAILED);
    close(fd);
    *inode = st.st_ino;
    return base;
}

/* Whether the dispatcher offers another up side than the last one. */
static bool is_offered(const struct stage *s) {
    char path[FB_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, FB_SHM_DIR "/%s.up.0", s->t->name);
    return stat(path, &st) == 0 && st.st_ino != s->up_inode &&
           st.st_size == (off_t)fb_up_footprint();
}

/* Whether the worker has finished all that was published and sleeps. */
static bool is_parked(const struct stage *s) {
    return fb_up_worker_status(s->up) == FB_STATUS_READY && atomic_load(&s->up->parked) == 1 &&
           atomic_load(&s->up->consumed) == published(s);
}

/* The next process of the number. */
static void start_worker(struct stage *s) {
    SOON(s->t, is_offered(s));
    if (s->up != NULL)
        munmap((void *)(uintptr_t)s->up, fb_up_footprint());
    s->up = map("up", &s->up_inode, s->t->name);
    s->worker = process_start(s->t, "flow-worker -n @ -k 0 --inspector record:rec");
    SOON(s->t, is_parked(s));
}

/* Lets the stopped worker go on as the request says, until it stops again. */
static void trace(struct stage *s, enum __ptrace_request request) {
    int status;
    pid_t pid = s->worker->pid;
    assert_int_equal(ptrace(request, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, __WALL), pid);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
        fail_msg("after %u steps the worker came to wait status 0x%x", s->steps, (unsigned)status);
}

static void step(struct stage *s) {
    trace(s, PTRACE_SINGLESTEP);
    s->steps++;
    if (++s->burst_steps > STEPS_MOST)
        fail_msg("the burst is not over after %u steps", STEPS_MOST);
}

static void kill_worker(struct stage *s) {
    struct process *p = s->worker;
    process_signal(p, SIGKILL);
    process_expect(s->t, p, 128 + SIGKILL);
    unlink(p->output);
    unlink(p->errors);
    s->t->count--; /* the last that was started */
}

/* ---- where it is */

static bool is_packet(const struct stage *s, unsigned i) {
    const struct fb_desc *descs =
        (const struct fb_desc *)(const void *)((const char *)s->down + s->down->desc_offset);
    return (descs[(s->first + i) & (s->down->slots - 1)].flags & FB_F_END) == 0;
}

static off_t record_size(const struct stage *s) {
    struct stat st;
    assert_int_equal(fstat(s->record, &st), 0);
    return st.st_size;
}

/* The point at which the burst is, the worker being stopped. */
static unsigned point_now(struct stage *s) {
    uint64_t cursor = atomic_load(&s->up->cursor);
    uint64_t consumed = atomic_load(&s->up->consumed);
    if (consumed != s->first) {
        assert_int_equal(consumed, s->first + DESCS);
        assert_int_equal(cursor, 2 * consumed);
        return POINT_GIVEN_BACK;
    }
    if ((cursor & 1) == 0) {
        bool done = cursor != 2 * s->first;
        assert_int_equal(cursor, 2 * (s->first + (done ? DESCS : 0)));
        return done ? POINT_IDLE : POINT_BEFORE;
    }
    unsigned i = (unsigned)(cursor / 2 - s->first);
    assert_in_range(i, 0, DESCS - 1);
    if (!is_packet(s, i))
        return POINT_BUSY(i);
    off_t size = record_size(s);
    s->lines += size != s->size; /* one write() a line */
    s->size = size;
    return s->lines > i ? POINT_RECORDED(i) : POINT_BUSY(i);
}

/* How many lines of the burst are written before a point. */
static unsigned lines_before(unsigned point) {
    unsigned lines = point / 2;
    return lines < PACKETS ? lines : PACKETS;
}

/*
 * Brings the worker to the n-th instruction of a point, or to the point's end,
 * and returns where it is then. It runs up to the write of the last line before
 * the point: system calls stop it; from there on it makes single steps.
 */
static unsigned bring_to(struct stage *s, unsigned point, unsigned n) {
    while (s->lines < lines_before(point)) {
        trace(s, PTRACE_SYSCALL);
        if (point_now(s) == POINT_GIVEN_BACK)
            fail_msg("the burst was given back when it had %u lines in the record", s->lines);
    }
    unsigned now = point_now(s);
    for (unsigned in_point = now == point; now < point || (now == point && in_point < n);) {
        step(s);
        now = point_now(s);
        in_point += now == point;
    }
    return now;
}

/* Stops the worker on its empty ring and fills the ring. */
static void begin_burst(struct stage *s) {
    int status;
    pid_t pid = s->worker->pid;
    assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL), 0);
    assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, __WALL), pid);
    assert_true(WIFSTOPPED(status));
    feed_burst(s);
    for (unsigned i = 0; i < DESCS; i++)
        assert_int_equal(is_packet(s, i), i < PACKETS);
    s->size = record_size(s);
    s->lines = s->burst_steps = 0;
}

/* ---- what the record must say */

static void want(struct stage *s, uint64_t frame, bool redelivered) {
    if (s->wanted_count == s->wanted_room) {
        s->wanted_room = s->wanted_room == 0 ? 1024 : 2 * s->wanted_room;
        s->wanted = realloc(s->wanted, s->wanted_room * sizeof *s->wanted);
        assert_non_null(s->wanted);
    }
    s->wanted[s->wanted_count++] = (struct line){frame, redelivered};
}

/* The lines of the burst just fed, if the worker died at that point, or POINTS: it did not. */
static void want_burst(struct stage *s, unsigned point) {
    for (unsigned i = 0; i < PACKETS; i++) {
        uint64_t frame = (uint64_t)(s->bursts - 1) * PACKETS + i + 1;
        if (point != POINT_BUSY(i))
            want(s, frame, false);
        if (point == POINT_BUSY(i) || point == POINT_RECORDED(i))
            want(s, frame, true);
    }
}

static void expect_record(struct stage *s) {
    struct records records;
    records_read(&records, file_in(s->t, "rec"));
    for (size_t i = 0; i < records.count && i < s->wanted_count; i++) {
        const struct record *row = &records.rows[i];
        bool redelivered = (row->flags & RECORD_REDELIVERED) != 0;
        if (row->frame != s->wanted[i].frame || redelivered != s->wanted[i].redelivered)
            fail_msg("line %zu: frame %u, redelivered %d, not frame %u, redelivered %d", i + 1,
                     (unsigned)row->frame, redelivered, (unsigned)s->wanted[i].frame,
                     s->wanted[i].redelivered);
    }
    assert_int_equal(records.count, s->wanted_count);
    records_drop_redelivered(&records);
    expect_frames_once(&records, (uint64_t)s->bursts * PACKETS);
    expect_flows_in_order(&records, false);
    records_free(&records);
}

/* ---- the run */

/*
 * All on one processor: a step is two switches between the test and the worker,
 * which cost several times as much between processors.
 */
static void stay_here(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)sched_getcpu(), &set);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}

static void begin(struct stage *s, struct test *t) {
    ino_t ignored;
    stay_here();
    *s = (struct stage){.t = t};
    s->dispatcher = process_start_piped(
        t, "flow-dispatcher -n @ -r - -w 1 --ring-depth 64 --ring-bytes 1M --hugepages never "
           "--timeout all=1 --failover never --report out.json");
    feed_burst(s);
    s->worker = process_start(t, "flow-worker -n @ -k 0 --inspector record:rec");
    UNTIL(t, stat_number(t, t->name, "ledger.inspected") == PACKETS);
    want_burst(s, POINTS);
    s->down = map("down", &ignored, t->name);
    s->up = map("up", &s->up_inode, t->name);
    s->record = open(file_in(t, "rec/worker-0.tsv"), O_RDONLY | O_CLOEXEC);
    assert_true(s->record >= 0);
    SOON(t, is_parked(s));
}

/* Kills the worker at the n-th instruction of a point, or where that point ended before. */
static void kill_at(struct stage *s, unsigned point, unsigned n) {
    begin_burst(s);
    unsigned now = bring_to(s, point, n);
    kill_worker(s);
    s->kills[now]++;
    want_burst(s, now);
    start_worker(s);
}

/* How many instructions each point of an undisturbed burst has, STEPS_AFTER at its end. */
static void measure(struct stage *s, unsigned lengths[POINTS]) {
    begin_burst(s);
    for (unsigned now = POINT_BEFORE; lengths[POINT_GIVEN_BACK] < STEPS_AFTER;) {
        step(s);
        now = point_now(s);
        lengths[now]++;
    }
    assert_int_equal(ptrace(PTRACE_DETACH, s->worker->pid, NULL, NULL), 0);
    want_burst(s, POINTS);
    SOON(s->t, is_parked(s));
}

static void finish(struct stage *s, unsigned kills) {
    unsigned suspects = 0;
    process_close_input(s->dispatcher);
    process_expect(s->t, s->worker, EXIT_DONE);
    process_expect(s->t, s->dispatcher, EXIT_DONE);
    for (unsigned i = 0; i < PACKETS; i++)
        suspects += s->kills[POINT_BUSY(i)] + s->kills[POINT_RECORDED(i)];
    expect_record(s);
    const json_t *report = report_of(s->t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", (json_int_t)s->bursts * PACKETS);
    expect_number(report, "workers.0.restarts", kills);
    expect_number(report, "redelivered", suspects);
    assert_int_equal(json_object_size(value_at(report, "violations")), 0);
    munmap((void *)(uintptr_t)s->up, fb_up_footprint());
    close(s->record);
    free(s->wanted);
}

/*
 * Kills at places between, in rounds: in the first one in the middle of each
 * point, then where the halves, the quarters and so on have their middles, until
 * each instruction had its turn or the time is over. Returns how many parts each
 * point was divided into, where it is not done to the last instruction.
 */
static unsigned kill_between(struct stage *s, const unsigned lengths[POINTS], double end) {
    unsigned parts = 2;
    for (bool left = true; left; parts *= 2) {
        left = false;
        for (unsigned point = 0; point < POINTS; point++) {
            unsigned whole = 1;
            while (whole < lengths[point])
                whole *= 2;
            unsigned part = whole / parts; /* odd multiples of it are this round's; 0: none left */
            left = left || part > 1;
            for (unsigned n = part; n != 0 && n <= lengths[point]; n += 2 * part) {
                if (seconds_now() > end)
                    return parts / 2;
                if (n > DENSE)
                    kill_at(s, point, n);
            }
        }
    }
    return parts / 2;
}

/* Whether each point of the protocol was hit. Returns the number of kills. */
static unsigned expect_all_points(const struct stage *s) {
    unsigned kills = 0;
    for (unsigned point = 0; point < POINTS; point++) {
        bool recorded_end = point == POINT_RECORDED(3) || point == POINT_RECORDED(4);
        if ((s->kills[point] == 0) != recorded_end)
            fail_msg("%u kills at point %u", s->kills[point], point);
        kills += s->kills[point];
    }
    return kills;
}

static bool may_trace(void) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        for (;;)
            pause();
    bool may = ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL) == 0;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, __WALL), pid);
    return may;
}

static void a_worker_killed_at_any_instruction_costs_one_packet_twice_at_most(void **state) {
    struct stage stage, *s = &stage;
    unsigned lengths[POINTS] = {0}, instructions = 0;
    if (!may_trace())
        SKIP("ptrace is not permitted here: no worker was killed step by step");
    double since = seconds_now();
    begin(s, *state);
    measure(s, lengths);
    for (unsigned point = 0; point < POINTS; point++) {
        instructions += lengths[point];
        for (unsigned n = 1; n <= DENSE && n <= lengths[point]; n++)
            kill_at(s, point, n);
    }
    bool all = getenv("FB_EVERY_INSTRUCTION") != NULL;
    unsigned parts = kill_between(s, lengths, all ? HUGE_VAL : since + BUDGET_S);
    unsigned kills = expect_all_points(s);
    print_message("%u kills in %.0f s, %u steps: at the first %u instructions behind each store of "
                  "a burst, and between two stores where %u parts meet; %s (%u)\n",
                  kills, seconds_now() - since, s->steps, DENSE, parts,
                  all ? "that is each instruction" : "not at each instruction", instructions);
    finish(s, kills);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_worker_killed_at_any_instruction_costs_one_packet_twice_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
