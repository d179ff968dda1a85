/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/exec_child.c: a child and its pipe. With a child that reads a known number of
 * bytes and no more, all counts are exact.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/inspectors/exec_child.h"

static uint8_t bytes[200000];

static struct fb_packet packet_of(uint32_t size) {
    return (struct fb_packet){
        .time_ns = 5, .data = bytes, .caplen = size, .wirelen = size, .link_type = 1};
}

static void start_to(struct exec_child *child, const char *command, int output) {
    char *words[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)command, NULL};
    assert_int_equal(exec_child_start(child, words, output, 1), 0);
}

static void start(struct exec_child *child, const char *command) {
    start_to(child, command, STDERR_FILENO);
}

static void await_end(const struct exec_child *child) {
    while (!exec_child_has_ended(child))
        usleep(1000);
}

/* Until the pipe is full; returns how many were given. */
static uint64_t fill(struct exec_child *child, uint32_t size) {
    const struct fb_packet packet = packet_of(size);
    enum exec_gave gave;
    while ((gave = exec_child_give(child, &packet)) == EXEC_GIVEN)
        ;
    assert_int_equal(gave, EXEC_FULL);
    return child->given;
}

static void what_a_child_reads_and_how_it_ends_is_told(void **state) {
    (void)state;
    struct exec_child child;
    start(&child, "test $(wc -c) -eq 184 && exit 7");
    const struct fb_packet packet = packet_of(64);
    assert_int_equal(exec_child_give(&child, &packet), EXEC_GIVEN);
    assert_int_equal(exec_child_give(&child, &packet), EXEC_GIVEN);
    assert_false(exec_child_has_ended(&child));
    exec_child_end_input(&child);
    await_end(&child);
    assert_int_equal(exec_child_unread(&child), 0);
    int status = exec_child_reap(&child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7); /* 24 and two times 16 + 64 */
}

static void a_program_that_is_not_there_is_an_error(void **state) {
    (void)state;
    struct exec_child child;
    char *words[] = {(char *)"/no/such/program", NULL};
    assert_int_equal(exec_child_start(&child, words, STDERR_FILENO, 1), -ENOENT);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

/* The header, then `whole` packets and a part of one, of 100 bytes with their header. */
static void packets_that_were_not_read_whole_are_counted(void **state) {
    (void)state;
    static const struct {
        const char *command;
        unsigned read; /* whole */
    } rows[] = {{"exec sleep 100", 0},
                {"dd bs=1 count=24 of=/dev/null 2>/dev/null; exec sleep 100", 0},
                {"dd bs=1 count=123 of=/dev/null 2>/dev/null; exec sleep 100", 0},
                {"dd bs=1 count=124 of=/dev/null 2>/dev/null; exec sleep 100", 1},
                {"dd bs=1 count=374 of=/dev/null 2>/dev/null; exec sleep 100", 3}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct exec_child child;
        start(&child, rows[i].command);
        const struct fb_packet packet = packet_of(84);
        for (unsigned n = 0; n < 10; n++)
            assert_int_equal(exec_child_give(&child, &packet), EXEC_GIVEN);
        for (unsigned waits = 0; exec_child_unread(&child) > 10 - rows[i].read && waits < 5000;
             waits++)
            usleep(1000);
        usleep(20000);
        assert_int_equal(exec_child_unread(&child), 10 - rows[i].read);
        if (i % 2 == 0) /* also behind the end of its input */
            exec_child_end_input(&child);
        exec_child_kill(&child, SIGKILL);
        await_end(&child);
        assert_int_equal(exec_child_unread(&child), 10 - rows[i].read);
        assert_int_equal(WTERMSIG(exec_child_reap(&child)), SIGKILL);
    }
}

/* Sizes at which a pipe takes a part of a record too. */
static void a_full_pipe_has_all_that_was_given_and_a_part_is_none(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0, 1, 60, 1514, 4079, 4080, 4081, 9000, 200000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct exec_child child;
        start(&child, "exec sleep 100");
        uint64_t given = fill(&child, sizes[i]);
        assert_in_range(given, 1, child.mask);
        assert_int_equal(exec_child_unread(&child), given);
        assert_int_equal(exec_child_unread_bytes(&child),
                         PCAP_FILE_BYTES + given * (PCAP_RECORD_BYTES + sizes[i]) + child.part);
        exec_child_reap(&child);
    }
}

/* What was cut by a full pipe goes on where it was cut. */
static void a_record_that_was_cut_is_finished_first(void **state) {
    (void)state;
    static uint8_t got[PCAP_RECORD_BYTES + 150000];
    struct exec_child child;
    int output = memfd_create("got", MFD_CLOEXEC);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    start_to(&child, "sleep 0.2; cat", output);
    const struct fb_packet packet = packet_of(150000);
    unsigned full = 0;
    while (child.given < 40) {
        if (exec_child_give(&child, &packet) != EXEC_FULL)
            continue;
        full++;
        usleep(500);
    }
    assert_true(full > 0);
    exec_child_end_input(&child);
    await_end(&child);
    assert_int_equal(exec_child_reap(&child), 0);
    assert_int_equal(lseek(output, 0, SEEK_END), PCAP_FILE_BYTES + 40 * (off_t)sizeof got);
    for (off_t i = 0; i < 40; i++) {
        assert_int_equal(pread(output, got, sizeof got, PCAP_FILE_BYTES + i * (off_t)sizeof got),
                         sizeof got);
        assert_memory_equal(got + PCAP_RECORD_BYTES, bytes, 150000);
    }
    close(output);
}

static void time_counts_while_nothing_is_read(void **state) {
    (void)state;
    struct exec_child child;
    start(&child, "exec sleep 100");
    fill(&child, 1000);
    assert_int_equal(exec_child_stuck_ns(&child, 1000), 0);
    assert_int_equal(exec_child_stuck_ns(&child, 1700), 700);
    child.full_unread -= 1; /* as if it had read since */
    assert_int_equal(exec_child_stuck_ns(&child, 1800), 0);
    assert_int_equal(exec_child_stuck_ns(&child, 1900), 100);
    exec_child_reap(&child);
}

static void who_reads_no_more_is_noticed_with_what_is_left(void **state) {
    (void)state;
    struct exec_child child;
    start(&child, "dd bs=1 count=24 of=/dev/null 2>/dev/null; exec <&-; sleep 100");
    const struct fb_packet packet = packet_of(84);
    unsigned given = 0;
    while (exec_child_give(&child, &packet) == EXEC_GIVEN && ++given < 500)
        usleep(1000);
    assert_in_range(given, 1, 499);
    assert_false(exec_child_has_ended(&child));
    assert_int_equal(exec_child_unread(&child), given);
    exec_child_reap(&child);
}

/* Signal 13, that of pipes, is bit 12; 90 is a descriptor of the worker. */
static void it_begins_with_signals_as_usual_and_without_our_descriptors(void **state) {
    (void)state;
    struct exec_child child;
    sigset_t all, before;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int mine = fcntl(null, F_DUPFD_CLOEXEC, 90);
    assert_int_equal(mine, 90);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    start(&child,
          "grep -q 'SigBlk:.0*$' /proc/self/status && "
          "grep -q 'SigIgn:.*[02468ace]...$' /proc/self/status && ! [ -e /proc/self/fd/90 ]");
    sigprocmask(SIG_SETMASK, &before, NULL);
    await_end(&child);
    assert_int_equal(exec_child_reap(&child), 0);
    close(mine);
    close(null);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_child_reads_and_how_it_ends_is_told),
        cmocka_unit_test(a_program_that_is_not_there_is_an_error),
        cmocka_unit_test(packets_that_were_not_read_whole_are_counted),
        cmocka_unit_test(a_full_pipe_has_all_that_was_given_and_a_part_is_none),
        cmocka_unit_test(a_record_that_was_cut_is_finished_first),
        cmocka_unit_test(time_counts_while_nothing_is_read),
        cmocka_unit_test(who_reads_no_more_is_noticed_with_what_is_left),
        cmocka_unit_test(it_begins_with_signals_as_usual_and_without_our_descriptors),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
