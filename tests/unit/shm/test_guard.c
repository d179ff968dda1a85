/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/guard.c: what is truncated under its reader. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"

#define PAGE 4096u
#define PAGES 4u

/*
 * cmocka takes SIGBUS for itself before each test, and children start without
 * a handler: so each calls fb_guard_init(), which may be called again.
 */

/* A file of four pages that somebody else can truncate. */
struct shared {
    int fd;
    char *base; /* as a reader has it */
};

static void shared_open(struct shared *s, int protection) {
    s->fd = memfd_create("guarded", MFD_CLOEXEC);
    assert_true(s->fd >= 0);
    assert_int_equal(ftruncate(s->fd, PAGES * PAGE), 0);
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(pwrite(s->fd, "x", 1, (off_t)(i * PAGE)), 1);
    s->base = mmap(NULL, PAGES * PAGE, protection, MAP_SHARED, s->fd, 0);
    assert_true(s->base != MAP_FAILED);
}

static void shared_close(struct shared *s) {
    munmap(s->base, PAGES * PAGE);
    close(s->fd);
}

static char read_page(const struct shared *s, unsigned page) {
    return *(volatile const char *)(s->base + (size_t)page * PAGE);
}

static void expect_killed_by(child_body body, void *arg, int signo) {
    int status = child_wait(child_start(body, arg));
    if (!WIFSIGNALED(status) || WTERMSIG(status) != signo)
        fail_msg("expected death by signal %d, got wait status 0x%x", signo, (unsigned)status);
}

/* ---- what is not guarded dies as ever */

static void read_past_the_end(void *arg) {
    struct shared *s = arg;
    EXPECT(fb_guard_init() == 0);
    read_page(s, 3);
}

static void a_fault_outside_the_guarded_regions_kills(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared guarded, other;
    shared_open(&guarded, PROT_READ);
    shared_open(&other, PROT_READ);
    int slot = fb_guard_add(guarded.base, PAGES * PAGE);
    assert_true(slot >= 0);
    assert_int_equal(ftruncate(other.fd, PAGE), 0);
    expect_killed_by(read_past_the_end, &other, SIGBUS);
    assert_false(fb_guard_faulted(slot));
    fb_guard_remove(slot);
    shared_close(&guarded);
    shared_close(&other);
}

static void a_region_that_is_guarded_no_more_kills(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared s;
    shared_open(&s, PROT_READ);
    int slot = fb_guard_add(s.base, PAGES * PAGE);
    fb_guard_remove(slot);
    assert_int_equal(ftruncate(s.fd, PAGE), 0);
    expect_killed_by(read_past_the_end, &s, SIGBUS);
    shared_close(&s);
}

static void read_around(void *arg) {
    struct shared *s = arg;
    EXPECT(fb_guard_init() == 0);
    int slot = fb_guard_add(s->base + PAGE, PAGE);
    EXPECT(slot >= 0);
    EXPECT(read_page(s, 1) == 0 && fb_guard_faulted(slot));
    read_page(s, 2); /* one page behind it */
}

static void the_guard_ends_with_the_last_byte_of_its_region(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared s;
    shared_open(&s, PROT_READ);
    assert_int_equal(ftruncate(s.fd, 0), 0);
    expect_killed_by(read_around, &s, SIGBUS);
    shared_close(&s);
}

static void send_to_itself(void *arg) {
    (void)arg;
    EXPECT(fb_guard_init() == 0);
    kill(getpid(), SIGBUS);
}

static void a_sigbus_that_is_sent_and_is_no_fault_kills(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared s;
    shared_open(&s, PROT_READ);
    int slot = fb_guard_add(s.base, PAGES * PAGE);
    expect_killed_by(send_to_itself, NULL, SIGBUS);
    fb_guard_remove(slot);
    shared_close(&s);
}

/* Any process that may signal another may claim any address. */
static void send_an_address_to_itself(void *arg) {
    const struct shared *s = arg;
    siginfo_t info = {.si_signo = SIGBUS, .si_code = SI_QUEUE, .si_addr = s->base};
    EXPECT(fb_guard_init() == 0);
    syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &info);
}

static void a_sigbus_that_is_sent_with_a_guarded_address_is_no_fault_there(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared s;
    shared_open(&s, PROT_READ);
    int slot = fb_guard_add(s.base, PAGES * PAGE);
    expect_killed_by(send_an_address_to_itself, &s, SIGBUS);
    fb_guard_remove(slot);
    shared_close(&s);
}

static void fill_table(void *arg) {
    struct shared *s = arg;
    struct caught caught;
    for (unsigned i = 0; i < FB_GUARD_REGIONS; i++)
        EXPECT(fb_guard_add(s->base, PAGE) >= 0);
    catch_begin(&caught);
    int slot = fb_guard_add(s->base, PAGE);
    const char *text = catch_end(&caught);
    EXPECT(slot == -ENOSPC && lines_of(text) == 1 && strstr(text, "320") != NULL);
    EXPECT(!fb_guard_faulted(slot));
    fb_guard_remove(slot); /* harmless */
    fb_guard_remove(17);
    EXPECT(fb_guard_add(s->base, PAGE) == 17);
}

static void a_full_table_refuses_and_a_freed_slot_is_used_again(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared s;
    shared_open(&s, PROT_READ);
    in_child(fill_table, &s);
    shared_close(&s);
}

/* ---- what is guarded goes on with zeros */

static void a_truncated_region_reads_as_zeros_and_is_marked(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared s;
    shared_open(&s, PROT_READ);
    int slot = fb_guard_add(s.base, PAGES * PAGE);
    assert_int_equal(read_page(&s, 2), 'x');
    assert_false(fb_guard_faulted(slot));
    assert_int_equal(ftruncate(s.fd, PAGE), 0);
    assert_int_equal(read_page(&s, 0), 'x'); /* still there */
    assert_false(fb_guard_faulted(slot));
    errno = 42;
    assert_int_equal(read_page(&s, 2), 0);
    assert_int_equal(errno, 42);
    assert_true(fb_guard_faulted(slot));
    /* All of it is zero now, and what its owner writes later does not come back. */
    assert_int_equal(ftruncate(s.fd, PAGES * PAGE), 0);
    assert_int_equal(pwrite(s.fd, "y", 1, 0), 1);
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(read_page(&s, i), 0);
    fb_guard_remove(slot);
    shared_close(&s);
}

static void only_the_region_that_faulted_is_replaced(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared a, b;
    shared_open(&a, PROT_READ);
    shared_open(&b, PROT_READ | PROT_WRITE);
    int slot_a = fb_guard_add(a.base, PAGES * PAGE);
    int slot_b = fb_guard_add(b.base, PAGES * PAGE);
    assert_int_equal(ftruncate(b.fd, 0), 0);
    b.base[3 * PAGE] = 'w'; /* a writer that is guarded writes into nothing */
    assert_true(fb_guard_faulted(slot_b));
    assert_false(fb_guard_faulted(slot_a));
    assert_int_equal(read_page(&a, 3), 'x');
    struct stat st;
    assert_int_equal(fstat(b.fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    fb_guard_remove(slot_a);
    fb_guard_remove(slot_b);
    shared_close(&a);
    shared_close(&b);
}

static void a_slot_that_is_used_again_has_not_faulted(void **state) {
    (void)state;
    assert_int_equal(fb_guard_init(), 0);
    struct shared a, b;
    shared_open(&a, PROT_READ);
    int slot = fb_guard_add(a.base, PAGES * PAGE);
    assert_int_equal(ftruncate(a.fd, 0), 0);
    assert_int_equal(read_page(&a, 0), 0);
    assert_true(fb_guard_faulted(slot));
    fb_guard_remove(slot);
    shared_close(&a);
    shared_open(&b, PROT_READ);
    assert_int_equal(fb_guard_add(b.base, PAGES * PAGE), slot);
    assert_false(fb_guard_faulted(slot));
    assert_int_equal(ftruncate(b.fd, 0), 0);
    assert_int_equal(read_page(&b, 3), 0); /* the handler is there for the second fault too */
    assert_true(fb_guard_faulted(slot));
    fb_guard_remove(slot);
    shared_close(&b);
}

int main(void) {
    fb_log_init("test_guard", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_outside_the_guarded_regions_kills),
        cmocka_unit_test(a_region_that_is_guarded_no_more_kills),
        cmocka_unit_test(the_guard_ends_with_the_last_byte_of_its_region),
        cmocka_unit_test(a_sigbus_that_is_sent_and_is_no_fault_kills),
        cmocka_unit_test(a_sigbus_that_is_sent_with_a_guarded_address_is_no_fault_there),
        cmocka_unit_test(a_full_table_refuses_and_a_freed_slot_is_used_again),
        cmocka_unit_test(a_truncated_region_reads_as_zeros_and_is_marked),
        cmocka_unit_test(only_the_region_that_faulted_is_replaced),
        cmocka_unit_test(a_slot_that_is_used_again_has_not_faulted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
