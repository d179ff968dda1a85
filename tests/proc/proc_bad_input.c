/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/run_setup.c: captures, places and memory that are not as they
 * should be: one error line
 * and a status other than 0, what was read before is inspected and reported,
 * and nothing is left behind.
 */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <linux/capability.h>

#define FRAMES 100
#define FRAMES_WORD "100"
#define BROKEN_AT 40 /* whole frames before the break, in files that have one */
#define MIXED 30     /* frames of two link types */
#define REFUSED (-1) /* instead of frames: nothing was started and there is no report */
#define FULL_DISK FB_SHM_DIR "/full"

/* ---- the captures */

static void write_bytes(const struct test *t, const char *name, const void *bytes, size_t size) {
    FILE *file = fopen(file_in(t, name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static size_t read_bytes(const struct test *t, const char *name, uint8_t *bytes, size_t room) {
    FILE *file = fopen(file_in(t, name), "re");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    assert_in_range(size, 1, room - 1);
    return size;
}

/* The offset of a frame's record header, frames counted from 0. */
static size_t record_at(const uint8_t *pcap, unsigned frame) {
    size_t at = 24;
    for (uint32_t caplen; frame > 0; frame--, at += 16 + caplen)
        memcpy(&caplen, pcap + at + 8, sizeof caplen);
    return at;
}

/* pcapng: a section, an Ethernet interface, and enhanced packets, the last one cut short. */
static void write_pcapng_cut(const struct test *t, const uint8_t *pcap) {
    uint8_t bytes[1 << 17];
    const uint32_t begin[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff,
                              28,         1,  20,         1, 65535,      20};
    size_t used = sizeof begin;
    memcpy(bytes, begin, sizeof begin);
    for (unsigned frame = 0; frame <= BROKEN_AT; frame++) {
        size_t at = record_at(pcap, frame);
        uint32_t caplen;
        memcpy(&caplen, pcap + at + 8, sizeof caplen);
        uint32_t padded = (caplen + 3) / 4 * 4, total = 32 + padded;
        const uint32_t header[] = {6, total, 0, 0, frame, caplen, caplen};
        memcpy(bytes + used, header, sizeof header);
        memset(bytes + used + sizeof header, 0, padded);
        memcpy(bytes + used + sizeof header, pcap + at + 16, caplen);
        memcpy(bytes + used + total - 4, &total, sizeof total);
        used += total;
    }
    write_bytes(t, "ng-block", bytes, used - 20);
}

/* pcapng: every second packet is of an interface of another link type. */
static void write_pcapng_mixed(const struct test *t, const char *name, uint32_t link) {
    uint8_t bytes[1 << 12];
    const uint32_t begin[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1,  0xffffffff, 0xffffffff, 28, 1, 20, 1,
                              65535,      20, 1,          20, link,       65535,      20};
    size_t used = sizeof begin;
    memcpy(bytes, begin, sizeof begin);
    for (uint32_t frame = 0; frame < MIXED; frame++) {
        const uint32_t packet[] = {6,          52, frame % 2, 0,          frame,      20, 20,
                                   0x14000045, 0,  0x1140,    0x0100000a, 0x0200000a, 52};
        memcpy(bytes + used, packet, sizeof packet);
        used += sizeof packet;
    }
    write_bytes(t, name, bytes, used);
}

static void write_captures(struct test *t) {
    static uint8_t bytes[1 << 17];
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --packets " FRAMES_WORD " --flows 10 --size 200"),
        EXIT_DONE);
    processes_forget(t);
    size_t size = read_bytes(t, "t.pcap", bytes, sizeof bytes);
    size_t broken = record_at(bytes, BROKEN_AT);
    write_bytes(t, "empty", "", 0);
    write_bytes(t, "half-header", bytes, 10);
    write_bytes(t, "header", bytes, 24);
    write_bytes(t, "record-header", bytes, broken + 8);
    write_bytes(t, "record", bytes, broken + 16 + 20);
    write_pcapng_cut(t, bytes);
    write_pcapng_mixed(t, "ng-raw", 101);
    write_pcapng_mixed(t, "ng-unknown", 195); /* IEEE 802.15.4 */
    write_bytes(t, "text", "no packets here, but a line of text\n", 36);
    write_bytes(t, "picture.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01", 24);
    write_bytes(t, "t.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03 and so on, for a while", 32);
    write_bytes(t, "t.xz",
                "\xfd"
                "7zXZ\0\0\x04 and so on, for a while",
                31);
    write_bytes(t, "t.zst", "\x28\xb5\x2f\xfd\x04\x58 and so on, for a while", 29);
    write_bytes(t, "bad-filter", "tcp and and\n", 12);
    write_bytes(t, "no-host", "not ether host 2:0:0:0:0:9\n", 27);
    const uint32_t too_long = 300000;
    memcpy(bytes + broken + 8, &too_long, sizeof too_long);
    write_bytes(t, "length", bytes, size);
    const uint32_t link = 195; /* IEEE 802.15.4 */
    memcpy(bytes + 20, &link, sizeof link);
    write_bytes(t, "link", bytes, size);
    assert_int_equal(mkdir(file_in(t, "directory"), 0700), 0);
    assert_int_equal(mkfifo(file_in(t, "fifo"), 0600), 0);
}

/* ---- what holds of every run */

/* Files in the test's directory, without what its processes print. */
static unsigned files_of(const struct test *t) {
    unsigned count = 0;
    DIR *entries = opendir(t->directory);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += strncmp(entry->d_name, "out.", 4) != 0 && strncmp(entry->d_name, "err.", 4) != 0;
    closedir(entries);
    return count;
}

static unsigned errors_of(struct test *t, const struct process *p) {
    unsigned count = 0;
    const char *said = process_errors(t, p);
    while ((said = strstr(said, ": error: ")) != NULL) {
        count++;
        said++;
    }
    return count;
}

/* It ended so, said so in one error line if at all, inspected all frames and left nothing; all
 * others ended cleanly. */
static void expect_outcome(struct test *t, struct process *p, int status, int frames,
                           const char *part, const char *fix) {
    process_expect(t, p, status);
    for (unsigned i = 0; i < t->count; i++)
        if (&t->processes[i] != p)
            process_expect(t, &t->processes[i], EXIT_DONE);
    if (errors_of(t, p) != (status != EXIT_DONE))
        fail_msg("%s: not one error line but: %s", p->command, t->text);
    expect_said(t, p, part);
    expect_said(t, p, fix);
    if (frames == REFUSED)
        assert_false(file_exists(t, "out.json"));
    else
        expect_all_inspected(report_of(t, "out.json"), frames);
    unlink(file_in(t, "out.json"));
    char path[FB_PATH_MAX];
    assert_int_equal(objects_of(t->name), 0);
    if (fb_runtime_dir(path, false) == 0) {
        size_t used = strlen(path);
        snprintf(path + used, sizeof path - used, "/%s.sock", t->name);
        assert_int_not_equal(access(path, F_OK), 0);
    }
}

/* ---- captures */

/* One worker for a run that gets as far as that. */
static void start_worker(struct test *t, int frames) {
    if (frames != REFUSED)
        process_start(t, "flow-worker -n @");
}

static const struct capture_row {
    const char *files; /* what follows -r */
    int frames, piped_frames;
    int status;
    const char *part, *fix;
    const char *piped_fix; /* NULL: as fix */
} captures[] = {
    {"t.pcap", FRAMES, FRAMES, 0, "", "", NULL},
    {"header", 0, 0, 0, "", "", NULL},
    {"empty", REFUSED, 0, 1, "is empty", "give a pcap", NULL},
    {"half-header", REFUSED, 0, 1, "after 10 bytes", "give a whole pcap", NULL},
    {"record-header", BROKEN_AT, BROKEN_AT, 1, "after 40 frames", "only got 8", NULL},
    {"record", BROKEN_AT, BROKEN_AT, 1, "after 40 frames", "only got 20", NULL},
    {"ng-block", BROKEN_AT, BROKEN_AT, 1, "after 40 frames", "truncated", NULL},
    {"length", BROKEN_AT, BROKEN_AT, 1, "after 40 frames", "300000", NULL},
    {"text", REFUSED, 0, 1, "unknown file format", "give a pcap", NULL},
    {"picture.png", REFUSED, 0, 1, "unknown file format", "give a pcap", NULL},
#ifdef FB_HAVE_UNPACK
    {"t.gz", REFUSED, 0, 1, "the gzip data is damaged", "give a whole file", "'gunzip -c |'"},
    {"t.xz", REFUSED, 0, 1, "the xz data is damaged", "give a whole file", "'xz -dc |'"},
    {"t.zst", REFUSED, 0, 1, "the zstd data is damaged", "give a whole file", "'zstd -dc |'"},
#else
    {"t.gz", REFUSED, 0, 1, "compressed", "'gunzip -c t.gz | ", "'gunzip -c |'"},
    {"t.xz", REFUSED, 0, 1, "compressed", "'xz -dc t.xz | ", "'xz -dc |'"},
    {"t.zst", REFUSED, 0, 1, "compressed", "'zstd -dc t.zst | ", "'zstd -dc |'"},
#endif
    {"link", REFUSED, 0, 1, "IEEE802_15_4", "another link type", NULL},
};

static void a_capture_that_is_none_or_breaks_off_is_one_line(void **state) {
    struct test *t = *state;
    write_captures(t);
    unsigned files = files_of(t);
    for (size_t i = 0; i < sizeof captures / sizeof *captures; i++) {
        const struct capture_row *row = &captures[i];
        start_worker(t, row->frames);
        struct process *run =
            process_start(t, "flow-dispatcher -n @ -r %s -w 1 --report out.json", row->files);
        expect_outcome(t, run, row->status, row->frames, row->part, row->fix);
        if (row->status != EXIT_DONE)
            expect_said(t, run, row->files);
        processes_forget(t);
    }
    assert_int_equal(files_of(t), files);
}

static void a_pipe_that_is_none_or_closes_in_between_is_one_line(void **state) {
    struct test *t = *state;
    static uint8_t bytes[1 << 17];
    write_captures(t);
    unsigned files = files_of(t);
    for (size_t i = 0; i < sizeof captures / sizeof *captures; i++) {
        const struct capture_row *row = &captures[i];
        start_worker(t, row->piped_frames);
        struct process *run =
            process_start_piped(t, "flow-dispatcher -n @ -r - -w 1 --report out.json");
        if (strcmp(row->files, "empty") != 0)
            process_feed(run, bytes, read_bytes(t, row->files, bytes, sizeof bytes));
        process_close_input(run);
        expect_outcome(t, run, row->status, row->piped_frames,
                       row->piped_fix != NULL ? "compressed" : row->part,
                       row->piped_fix != NULL ? row->piped_fix : row->fix);
        if (row->status != EXIT_DONE)
            expect_said(t, run, "standard input");
        processes_forget(t);
    }
    assert_int_equal(files_of(t), files);
}

static void a_fifo_is_read_to_its_break(void **state) {
    struct test *t = *state;
    write_captures(t);
    struct process *run = process_start(t, "flow-balancer run -n @ -r fifo -w 1 --report out.json");
    const char *const feed[] = {"/bin/sh", "-c", "cat record >fifo", NULL};
    process_expect(t, process_start_words(t, feed), EXIT_DONE);
    expect_outcome(t, run, EXIT_RUNTIME, BROKEN_AT, "fifo breaks off after 40 frames", "");
    processes_forget(t);
    run = process_start(t, "flow-balancer run -n @ -r fifo --loop 2 -w 1 --report out.json");
    expect_outcome(t, run, EXIT_RUNTIME, REFUSED, "fifo is a pipe", "add --preload");
}

/* More words of a run over good files and bad. */
static const struct {
    const char *words;
    int status, frames;
    const char *part, *fix;
} runs[] = {
    {"-r none", 1, REFUSED, "cannot open none: No such file", "give a capture file"},
    {"-r directory", 1, REFUSED, "there is no file in this directory", "give another, or a file"},
    /* The second file: found before anything is read if its beginning says so. */
    {"-r t.pcap -r none", 1, REFUSED, "cannot open none", "give a capture file"},
    {"-r t.pcap -r text", 1, REFUSED, "cannot read text", "give a pcap"},
    {"-r t.pcap -r record", 1, FRAMES + BROKEN_AT, "record breaks off after 40", ""},
    {"-r record -r t.pcap", 1, FRAMES + BROKEN_AT, "record breaks off after 40", ""},
    {"-r empty -r t.pcap", 0, FRAMES, "warning: empty is empty", "going on with the other"},
    {"-r empty -r empty", 1, REFUSED, "all 2 files are empty", "give a pcap"},
    {"-r /dev/null -r t.pcap", 0, FRAMES, "warning: /dev/null is empty", "going on with"},
    {"-r record --preload", 1, BROKEN_AT, "record breaks off after 40 frames", ""},
    {"-r t.pcap --bpf udpp", 1, REFUSED, "filter \"udpp\" does not fit t.pcap", "pcap-filter(7)"},
    {"-r t.pcap -F bad-filter", 1, REFUSED, "filter \"tcp and and", "pcap-filter(7)"},
    /* What an interface of a pcapng file gives is left out alone. */
    {"-r ng-raw", 0, MIXED, "", ""},
    {"-r ng-raw -r ng-unknown", 1, MIXED + MIXED / 2, "ng-unknown has link type 195 (IEEE802_15_4)",
     "frames of that link type are left out"},
    {"-r ng-raw -F no-host", 1, MIXED / 2, "does not fit ng-raw, link type 12 (RAW)", "left out"},
    {"-r t.pcap -F empty", 0, FRAMES, "", ""},
    {"-r t.pcap --report nowhere/out.json", 1, REFUSED, "'nowhere/out.json'", "give a file in"},
    {"-r t.pcap --report directory", 1, REFUSED, "'directory'", "give a file in"},
    {"-r t.pcap --report text/out.json", 1, REFUSED, "'text/out.json'", "give a file in"},
};

/* One run has room for 16 link types. The frames mean nothing in most of them, and go all the same.
 */
static void link_types_beyond_the_sixteenth_are_refused_before_anything_is_read(void **state) {
    static const uint32_t known[] = {0,   1,   9,   10,  101, 104, 105, 107, 108,
                                     113, 117, 127, 192, 239, 276, 204, 51};
    enum { MOST = 16 };
    struct test *t = *state;
    static uint8_t bytes[1 << 17];
    char words[256] = "-r t.pcap";
    write_captures(t);
    size_t size = read_bytes(t, "t.pcap", bytes, sizeof bytes);
    for (unsigned i = 0; i <= MOST; i++) {
        char name[16];
        snprintf(name, sizeof name, "l%u", known[i]);
        memcpy(bytes + 20, &known[i], sizeof known[i]);
        write_bytes(t, name, bytes, size);
        if (i < MOST)
            snprintf(words + strlen(words), sizeof words - strlen(words), " -r %s", name);
    }
    start_worker(t, FRAMES);
    struct process *run = process_start(t, "flow-dispatcher -n @ -w 1 --report out.json %s", words);
    expect_outcome(t, run, EXIT_DONE, (MOST + 1) * FRAMES, "", "");
    assert_int_equal(json_array_size(value_at(t->report, "links")), MOST);
    processes_forget(t);
    run = process_start(t, "flow-dispatcher -n @ -w 1 --report out.json %s -r l51", words);
    expect_outcome(t, run, EXIT_RUNTIME, REFUSED, "l51 has link type 51 (PPP_ETHER)",
                   "in a run of its own");
}

static void what_cannot_be_read_or_written_is_known_as_early_as_can_be(void **state) {
    struct test *t = *state;
    write_captures(t);
    unsigned files = files_of(t);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        start_worker(t, runs[i].frames);
        struct process *run =
            process_start(t, "flow-dispatcher -n @ -w 1 --report out.json %s", runs[i].words);
        expect_outcome(t, run, runs[i].status, runs[i].frames, runs[i].part, runs[i].fix);
        processes_forget(t);
    }
    assert_int_equal(files_of(t), files);
}

/* As a user who is not root, to whom a mode says nothing; the uid stays. */
static void respect_modes(const struct test *t) {
    (void)t;
    if (geteuid() == 0 && (prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) != 0 ||
                           prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) != 0))
        child_skip("without CAP_SETPCAP root cannot lose its power over modes");
}

static void skip_if_it_did(struct test *t, struct process *p) {
    if (process_wait(t, p) == CHILD_SKIPS)
        SKIP("%s", process_output(t, p));
}

static void what_is_not_permitted_is_one_line(void **state) {
    struct test *t = *state;
    static const char *const all[][3] = {
        {"-r sealed.pcap", "cannot open sealed.pcap: Permission denied", "can be read"},
        {"-r t.pcap --report sealed/out.json", "'sealed/out.json'", "Permission denied"},
        {"-r t.pcap --inspector record:sealed", "record:sealed: ", "Permission denied"},
        {"-r t.pcap --config sealed.pcap", "--config 'sealed.pcap'", "Permission denied"},
    };
    write_captures(t);
    write_bytes(t, "sealed.pcap", "", 0);
    assert_int_equal(chmod(file_in(t, "sealed.pcap"), 0), 0);
    assert_int_equal(mkdir(file_in(t, "sealed"), 0500), 0);
    t->enter = respect_modes;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct process *run =
            process_start(t, "flow-balancer run -n @ -w 1 --report out.json %s", all[i][0]);
        skip_if_it_did(t, run);
        expect_outcome(t, run, strstr(all[i][0], "--config") != NULL ? 2 : 1, REFUSED, all[i][1],
                       all[i][2]);
        processes_forget(t);
    }
}

/* A stream that is closed must not become shared memory that lines are written into. */
static void closed_standard_streams_harm_nothing(void **state) {
    struct test *t = *state;
    write_captures(t);
    write_bytes(t, "closed.sh", "exec \"$@\" <&- 2>&-\n", 19);
    process_start(t, "/bin/sh closed.sh %s/flow-worker -n @", t->programs);
    struct process *run = process_start(
        t, "/bin/sh closed.sh %s/flow-dispatcher -n @ -w 1 -r t.pcap --report out.json",
        t->programs);
    expect_outcome(t, run, EXIT_DONE, FRAMES, "", "");
    processes_forget(t);
    write_bytes(t, "closed.sh", "exec \"$@\" <&-\n", 14);
    start_worker(t, 0);
    run = process_start(t, "/bin/sh closed.sh %s/flow-dispatcher -n @ -w 1 -r - --report out.json",
                        t->programs);
    expect_outcome(t, run, EXIT_RUNTIME, 0, "standard input: truncated dump file: it is empty",
                   "give a pcap");
}

/* ---- room that is short, in mounts of the process's own */

static const char *shm_options; /* of the mount that the next process gets as /dev/shm */
static bool shm_filled;

static void fill(const char *path) {
    static const char zeros[4096];
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT(file >= 0);
    while (write(file, zeros, sizeof zeros) > 0)
        ;
    EXPECT(errno == ENOSPC);
}

static void enter_small_shm(const struct test *t) {
    (void)t;
    private_shm(shm_options);
    if (shm_filled)
        fill(FB_SHM_DIR "/filler");
}

static void enter_full_disk(const struct test *t) {
    (void)t;
    private_shm("size=256M");
    EXPECT(mkdir(FULL_DISK, 0700) == 0);
    EXPECT(mount("tmpfs", FULL_DISK, "tmpfs", 0, "size=16K") == 0);
    if (shm_filled)
        fill(FULL_DISK "/filler");
}

/* What is to be run in its mounts ends with a list of what it left in them. */
static void prepare_mounts(struct test *t, void (*enter)(const struct test *t)) {
    if (geteuid() != 0)
        SKIP("only root can make mounts");
    static const char script[] =
        "\"$@\"; status=$?; ls -A " FB_SHM_DIR " " FULL_DISK " >left 2>/dev/null; exit $status\n";
    write_captures(t);
    write_bytes(t, "inside.sh", script, sizeof script - 1);
    t->enter = enter;
}

static void expect_left_nothing(struct test *t, const char *but) {
    char left[4096];
    left[read_bytes(t, "left", (uint8_t *)left, sizeof left - 1)] = '\0';
    if (strstr(left, t->name) != NULL || strstr(left, "out.json") != NULL ||
        (but != NULL && strstr(left, but) == NULL))
        fail_msg("left: %s", left);
}

static const struct {
    const char *options, *more;
    bool filled;
    int status, frames;
    const char *part, *fix;
} rooms[] = {
    {"size=64M", "-w 8", false, 0, FRAMES, "rings take 4 MB", "remount,size="},
    {"size=1M", "-w 8", false, 1, REFUSED, "down.0 with ", "remount,size="},
    {"size=1M", "-w 1", true, 1, REFUSED, ".ctl with ", "remount,size="},
    {"size=1G,huge=never", "-w 1 --hugepages require", false, 1, REFUSED, "--hugepages require",
     "sysctl vm.nr_hugepages="},
};

static bool huge_pages_are_forced(void) {
    char text[128] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "re");
    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    return strstr(text, "[force]") != NULL;
}

static void short_shared_memory_is_met_or_is_one_line(void **state) {
    struct test *t = *state;
    prepare_mounts(t, enter_small_shm);
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        if (strstr(rooms[i].options, "huge=") != NULL && huge_pages_are_forced()) {
            print_message("skip: this kernel gives shared memory huge pages in any case\n");
            continue;
        }
        shm_options = rooms[i].options;
        shm_filled = rooms[i].filled;
        struct process *run = process_start(
            t, "/bin/sh inside.sh %s/flow-balancer run -n @ -r t.pcap --report out.json %s",
            t->scripts, rooms[i].more);
        skip_if_it_did(t, run);
        expect_outcome(t, run, rooms[i].status, rooms[i].frames, rooms[i].part, rooms[i].fix);
        expect_left_nothing(t, NULL);
        processes_forget(t);
    }
}

static void allow_20_files(const struct test *t) {
    (void)t;
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}) != 0)
        _exit(126);
}

static void too_few_open_files_are_one_line_with_the_limit(void **state) {
    struct test *t = *state;
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10 --flows 5"), EXIT_DONE);
    t->enter = allow_20_files;
    struct process *run =
        process_start(t, "flow-balancer run -n @ -r t.pcap -w 16 --log-level error");
    process_expect(t, run, EXIT_RUNTIME);
    expect_one_line_with(t, run, "Too many open files: the limit is 20");
    expect_said(t, run, "raise both as root, with 'ulimit -n 4096'");
    assert_int_equal(objects_of(t->name), 0);
}

static void a_report_on_a_full_disk_is_one_line_and_leaves_no_half(void **state) {
    struct test *t = *state;
    prepare_mounts(t, enter_full_disk);
    shm_filled = true;
    struct process *run = process_start(
        t,
        "/bin/sh inside.sh %s/flow-balancer run -n @ -r t.pcap -w 1 --report " FULL_DISK
        "/out.json",
        t->scripts);
    skip_if_it_did(t, run);
    expect_outcome(t, run, EXIT_RUNTIME, REFUSED, FULL_DISK "/out.json", "No space left");
    assert_non_null(strstr(process_output(t, run), "ledger: BALANCED"));
    expect_left_nothing(t, "filler");
}

/* Of the frames read none is forgotten: inspected, or said and counted as abandoned. */
static void expect_rest_counted(struct test *t, struct process *run) {
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    json_int_t left = number_at(report, "ledger.dropped.abandoned");
    assert_in_range(left, 1, FRAMES * 20);
    assert_in_range(number_at(report, "ledger.inspected"), 1, FRAMES * 20);
    char line[64];
    snprintf(line, sizeof line, "error: %d packets were not inspected", (int)left);
    expect_said(t, run, line);
    expect_number(report, "ledger.quarantined", 0);
    expect_left_nothing(t, "worker-0.tsv");
    assert_int_equal(objects_of(t->name), 0);
}

#define CANNOT_RECORD                                                                              \
    "flow-worker: error: inspector record: cannot write " FULL_DISK "/worker-0.tsv"

static void records_that_fill_their_disk_end_the_run_and_count_the_rest(void **state) {
    struct test *t = *state;
    prepare_mounts(t, enter_full_disk);
    shm_filled = false;
    struct process *run = process_start(
        t,
        "/bin/sh inside.sh %s/flow-balancer run -n @ -r t.pcap --loop 20 -w 1 --inspector "
        "record:" FULL_DISK " --drain-timeout 1 --report out.json",
        t->scripts);
    skip_if_it_did(t, run);
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, CANNOT_RECORD);
    expect_said(t, run, "No space left on device");
    expect_rest_counted(t, run);
}

static void a_worker_by_hand_says_once_that_its_disk_is_full(void **state) {
    struct test *t = *state;
    static const char script[] =
        "\"$FB_BUILD/flow-worker\" -n $1 -k 0 --inspector record:" FULL_DISK " 2>worker &\n"
        "\"$FB_BUILD/flow-dispatcher\" -n $1 -r t.pcap --loop 20 -w 1 --failover 100 "
        "--drain-timeout 1 --report out.json\n"
        "status=$?; wait; exit $status\n";
    prepare_mounts(t, enter_full_disk);
    write_bytes(t, "by-hand.sh", script, sizeof script - 1);
    shm_filled = false;
    struct process *run = process_start(t, "/bin/sh inside.sh /bin/sh by-hand.sh @");
    skip_if_it_did(t, run);
    process_expect(t, run, EXIT_RUNTIME);
    expect_rest_counted(t, run);
    char said[4096];
    said[read_bytes(t, "worker", (uint8_t *)said, sizeof said - 1)] = '\0';
    const char *first = strstr(said, CANNOT_RECORD);
    assert_non_null(first);
    assert_null(strstr(first + 1, CANNOT_RECORD));
    assert_non_null(strstr(said, "No space left on device"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_capture_that_is_none_or_breaks_off_is_one_line),
        PROCESS_TEST(a_pipe_that_is_none_or_closes_in_between_is_one_line),
        PROCESS_TEST(a_fifo_is_read_to_its_break),
        PROCESS_TEST(link_types_beyond_the_sixteenth_are_refused_before_anything_is_read),
        PROCESS_TEST(what_cannot_be_read_or_written_is_known_as_early_as_can_be),
        PROCESS_TEST(what_is_not_permitted_is_one_line),
        PROCESS_TEST(closed_standard_streams_harm_nothing),
        PROCESS_TEST(short_shared_memory_is_met_or_is_one_line),
        PROCESS_TEST(too_few_open_files_are_one_line_with_the_limit),
        PROCESS_TEST(a_report_on_a_full_disk_is_one_line_and_leaves_no_half),
        PROCESS_TEST(records_that_fill_their_disk_end_the_run_and_count_the_rest),
        PROCESS_TEST(a_worker_by_hand_says_once_that_its_disk_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
