/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/claim.c: how a process becomes a worker, and what keeps two from becoming the same. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/vm_flags.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "flow_balancer/claim.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/lock.h"
#include "flow_balancer/ring.h"

#define WORKER 3u
#define HANDLES 100u

static const struct fb_geometry geometry = {
    .workers = 1,
    .max_workers = 4,
    .depth = 8,
    .slots = 16,
    .worker_burst = 2,
    .arena_bytes = 4096,
};

/* A dispatcher with one number on offer, and ctl as its workers have it. */
struct fixture {
    char name[FB_NAME_MAX + 1];
    struct fb_ctl_handle ours, joined;
    struct fb_region down, up, flows;
    struct fb_tx tx;
    struct fb_claim claim;
    struct step told, go;
    struct caught caught;
    uint64_t epoch;
};

/*
 * Between mapping an up side and locking it, a claim calls madvise(): where a
 * process may sleep for as long as it likes, the dispatcher acts here.
 */
static void (*while_it_sleeps)(struct fixture *);
static struct fixture *sleeping;

int madvise(void *base, size_t size, int advice) {
    void (*act)(struct fixture *) = while_it_sleeps;
    if (advice == MADV_DONTFORK && act != NULL) {
        while_it_sleeps = NULL;
        act(sleeping);
    }
    return (int)syscall(SYS_madvise, base, size, advice);
}

static void withdraw(struct fixture *f) {
    unlink(f->up.path);
    fb_region_close(&f->up);
}

/* A new up side for the next incarnation, not yet offered by ctl and the command group. */
static void make_up(struct fixture *f) {
    const struct fb_region_config config = {.instance = f->name,
                                            .kind = FB_KIND_UP,
                                            .worker = WORKER,
                                            .size = fb_up_footprint(),
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .node = -1};
    if (fb_region_create(&f->up, &config) != 0)
        abort();
    fb_up_format(f->up.base, f->ours.ctl->header.instance, WORKER, ++f->epoch, f->tx.consumed);
    if (fb_region_place(&f->up, &config) != 0)
        abort();
}

static void offer(struct fixture *f) {
    make_up(f);
    fb_tx_attach(&f->tx, f->up.base);
    fb_tx_set_epoch(&f->tx, f->epoch);
    fb_ctl_set_epoch(f->ours.ctl, WORKER, f->epoch);
}

/* Records for so many handles, none of them populated yet. */
static void make_flows(struct fixture *f) {
    const struct fb_region_config config = {.instance = f->name,
                                            .kind = FB_KIND_FLOWS,
                                            .worker = WORKER,
                                            .size = fb_flow_records_footprint(HANDLES),
                                            .head = fb_flow_records_head(),
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .node = -1};
    if (fb_region_create(&f->flows, &config) != 0)
        abort();
    fb_flow_records_format(f->flows.base, f->ours.ctl->header.instance, WORKER, HANDLES);
    if (fb_region_place(&f->flows, &config) != 0)
        abort();
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    *state = f;
    snprintf(f->name, sizeof f->name, "test-claim-%ld", (long)getpid());
    f->up.fd = f->down.fd = f->joined.region.fd = f->ours.region.fd = -1;
    f->claim.up_region.fd = f->claim.down_region.fd = f->claim.flows_region.fd = -1;
    f->flows.fd = -1;
    step_open(&f->told);
    step_open(&f->go);
    if (fb_ctl_create(&f->ours, f->name) != 0)
        return 1;
    f->ours.ctl->geometry = geometry;
    fb_ctl_format(&f->ours);
    const struct fb_region_config config = {.instance = f->name,
                                            .kind = FB_KIND_DOWN,
                                            .worker = WORKER,
                                            .size = fb_down_footprint(&geometry),
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .secret = true,
                                            .node = -1};
    if (fb_region_create(&f->down, &config) != 0)
        return 1;
    fb_down_format(f->down.base, &geometry, f->ours.ctl->header.instance, WORKER, 40);
    if (fb_region_place(&f->down, &config) != 0)
        return 1;
    make_flows(f);
    memcpy(f->ours.ctl->directory[WORKER].down_path, f->down.path, sizeof f->down.path);
    fb_tx_init(&f->tx, f->down.base, NULL);
    offer(f);
    return fb_ctl_join(&f->joined, f->name) != FB_JOINED;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    while_it_sleeps = NULL;
    fb_claim_release(&f->claim);
    fb_ctl_leave(&f->joined);
    fb_region_close(&f->up);
    fb_region_close(&f->down);
    fb_region_close(&f->flows);
    fb_ctl_destroy(&f->ours);
    step_close(&f->told);
    step_close(&f->go);
    free(f);
    return 0;
}

static struct fb_up *up_of(const struct fixture *f) {
    return f->up.base;
}

static struct fb_flow_records *flows_of(const struct fixture *f) {
    return f->flows.base;
}

static struct fb_down *down_of(const struct fixture *f) {
    return f->down.base;
}

/* A claim that must not succeed: it lets go of everything and changes nothing. */
static void expect_result(struct fixture *f, enum fb_claim_result expected, const char *said) {
    uint32_t status = up_of(f) != NULL ? fb_up_worker_status(up_of(f)) : 0;
    bool held = up_of(f) != NULL && fb_lock_held(f->up.fd);
    struct fb_claim claim;
    catch_begin(&f->caught);
    enum fb_claim_result result = fb_claim_take(&claim, &f->joined, WORKER);
    const char *text = catch_end(&f->caught);
    assert_int_equal(result, expected);
    if (said == NULL)
        assert_string_equal(text, "");
    else
        expect_one_line(text, said);
    assert_null(claim.up);
    assert_null(claim.down);
    assert_true(claim.up_region.base == NULL && claim.up_region.fd == -1);
    assert_true(claim.down_region.base == NULL && claim.down_region.fd == -1);
    assert_null(claim.flows);
    assert_true(claim.flows_region.base == NULL && claim.flows_region.fd == -1);
    if (up_of(f) != NULL) {
        assert_int_equal(fb_up_worker_status(up_of(f)), status);
        assert_int_equal(fb_lock_held(f->up.fd), held);
    }
}

static void expect_claimed(struct fixture *f) {
    assert_int_equal(fb_claim_take(&f->claim, &f->joined, WORKER), FB_CLAIMED);
    assert_int_equal(fb_up_worker_status(up_of(f)), FB_STATUS_STARTING);
    assert_true(fb_lock_held(f->up.fd));
}

/* ---- refusals */

static void a_number_that_a_living_worker_has_is_busy(void **state) {
    struct fixture *f = *state;
    expect_claimed(f);
    expect_result(f, FB_CLAIM_BUSY, NULL);
    fb_up_set_worker_status(f->claim.up, FB_STATUS_READY);
    expect_result(f, FB_CLAIM_BUSY, NULL);
    assert_true(fb_lock_held(f->up.fd));
}

static void an_up_side_is_claimed_once(void **state) {
    struct fixture *f = *state;
    expect_claimed(f);
    fb_claim_release(&f->claim);
    assert_false(fb_lock_held(f->up.fd));
    for (unsigned status = FB_STATUS_STARTING; status <= FB_STATUS_COUNT; status++) {
        fb_up_set_worker_status(up_of(f), (enum fb_worker_status)status);
        expect_result(f, FB_CLAIM_NOT_YET, NULL);
    }
}

static void a_number_that_is_not_on_offer_is_not_there_yet(void **state) {
    struct fixture *f = *state;
    withdraw(f);
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    offer(f);
    char path[FB_PATH_MAX + 1];
    snprintf(path, sizeof path, "%s-", f->flows.path);
    assert_int_equal(rename(f->flows.path, path), 0);
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    assert_int_equal(rename(path, f->flows.path), 0);
    assert_int_equal(unlink(f->down.path), 0);
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
}

static void what_another_has_in_its_place_is_not_there_yet(void **state) {
    struct fixture *f = *state;
    char path[FB_PATH_MAX];
    snprintf(path, sizeof path, "%s", f->up.path);
    withdraw(f);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    assert_int_equal(rmdir(path), 0);
    if (geteuid() == 0) { /* who else could give a file away */
        offer(f);
        assert_int_equal(fchown(f->up.fd, 65534, 65534), 0);
        expect_result(f, FB_CLAIM_NOT_YET, NULL);
        assert_int_equal(fchown(f->up.fd, 0, 0), 0);
        expect_claimed(f);
    }
}

static void an_epoch_that_is_not_the_directorys_is_not_claimed(void **state) {
    struct fixture *f = *state;
    fb_ctl_set_epoch(f->ours.ctl, WORKER, f->epoch + 1);
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    fb_ctl_set_epoch(f->ours.ctl, WORKER, f->epoch - 1); /* the up side is there, ctl comes last */
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    fb_ctl_set_epoch(f->ours.ctl, WORKER, f->epoch);
    expect_claimed(f);
}

static void an_epoch_that_is_not_the_command_groups_is_not_claimed(void **state) {
    struct fixture *f = *state;
    fb_tx_set_epoch(&f->tx, f->epoch + 1); /* revoked */
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    fb_tx_set_epoch(&f->tx, f->epoch - 1);
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    fb_tx_set_epoch(&f->tx, f->epoch);
    expect_claimed(f);
}

static void an_up_side_of_another_epoch_is_not_claimed(void **state) {
    struct fixture *f = *state;
    up_of(f)->epoch++;
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    up_of(f)->epoch--;
    expect_claimed(f);
}

/* ---- a claimer that sleeps between mapping and locking */

static void settle_and_offer_again(struct fixture *f) {
    withdraw(f);
    offer(f);
}

static void only_replace(struct fixture *f) {
    withdraw(f);
    f->epoch--; /* so that nothing but the inode tells them apart */
    offer(f);
}

static void raise_epoch(struct fixture *f) {
    fb_tx_set_epoch(&f->tx, f->epoch + 1);
}

static void only_unlink(struct fixture *f) {
    unlink(f->up.path);
}

static void a_claimer_that_overslept_lets_go_and_the_new_offer_is_untouched(void **state) {
    struct fixture *f = *state;
    static void (*const acts[])(struct fixture *) = {settle_and_offer_again, only_replace};
    sleeping = f;
    for (unsigned i = 0; i < 2; i++) {
        while_it_sleeps = acts[i];
        assert_int_equal(fb_claim_take(&f->claim, &f->joined, WORKER), FB_CLAIM_NOT_YET);
        assert_null(while_it_sleeps);
        assert_int_equal(fb_up_worker_status(up_of(f)), FB_STATUS_VACANT);
        assert_false(fb_lock_held(f->up.fd));
    }
    expect_claimed(f);
}

static void a_claimer_that_is_revoked_in_its_sleep_lets_go(void **state) {
    struct fixture *f = *state;
    sleeping = f;
    while_it_sleeps = raise_epoch;
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    fb_tx_set_epoch(&f->tx, f->epoch);
    while_it_sleeps = only_unlink;
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
}

/* ---- objects that are not ours, or not whole */

static void sides_of_another_instance_are_not_claimed(void **state) {
    struct fixture *f = *state;
    up_of(f)->header.instance[5] ^= 1;
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    up_of(f)->header.instance[5] ^= 1;
    down_of(f)->header.instance[15] ^= 1;
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    down_of(f)->header.instance[15] ^= 1;
    flows_of(f)->header.instance[0] ^= 1;
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    flows_of(f)->header.instance[0] ^= 1;
    expect_claimed(f);
}

static void sides_of_another_build_or_number_are_wrong_and_said_to_be(void **state) {
    struct fixture *f = *state;
    up_of(f)->header.fingerprint ^= 1;
    expect_result(f, FB_CLAIM_WRONG, "this program");
    up_of(f)->header.fingerprint ^= 1;
    down_of(f)->header.worker = 2;
    expect_result(f, FB_CLAIM_WRONG, "worker 2");
    down_of(f)->header.worker = WORKER;
    atomic_store(&down_of(f)->header.magic, 77);
    expect_result(f, FB_CLAIM_WRONG, "magic 000000000000004d");
    atomic_store(&down_of(f)->header.magic, 0);
    expect_result(f, FB_CLAIM_NOT_YET, NULL);
    atomic_store(&down_of(f)->header.magic, FB_MAGIC);
    down_of(f)->slots = 12;
    expect_result(f, FB_CLAIM_WRONG, "12 slots");
    down_of(f)->slots = geometry.slots;
    flows_of(f)->header.worker = 2;
    expect_result(f, FB_CLAIM_WRONG, "worker 2");
    flows_of(f)->header.worker = WORKER;
    flows_of(f)->header.kind = FB_KIND_DOWN;
    expect_result(f, FB_CLAIM_WRONG, "kind 2");
    flows_of(f)->header.kind = FB_KIND_FLOWS;
    flows_of(f)->capacity = FB_FLOW_CHUNK + 1;
    expect_result(f, FB_CLAIM_WRONG, "flow records of worker");
    flows_of(f)->capacity = HANDLES;
    expect_claimed(f);
}

static void an_up_side_that_is_too_short_is_wrong(void **state) {
    struct fixture *f = *state;
    up_of(f)->header.size = sizeof(struct fb_header);
    assert_int_equal(ftruncate(f->up.fd, 2048), 0);
    expect_result(f, FB_CLAIM_WRONG, "has 2048 bytes");
}

/* ---- a claim that succeeds */

static void a_claimer_has_both_sides_the_lock_and_no_descriptor(void **state) {
    struct fixture *f = *state;
    expect_claimed(f);
    assert_int_equal(f->claim.worker, WORKER);
    assert_int_equal(f->claim.up_region.fd, -1);
    assert_int_equal(f->claim.down_region.fd, -1);
    assert_int_equal(f->claim.flows_region.fd, -1);
    assert_int_equal(atomic_load(&up_of(f)->pid), getpid());
    struct fb_rx rx;
    fb_rx_init(&rx, f->claim.down, f->claim.up);
    assert_int_equal(rx.next, 40);
    struct fb_desc *desc = fb_tx_stage_end(&f->tx);
    assert_non_null(desc);
    desc->frame = 4711;
    fb_tx_publish(&f->tx, 1);
    assert_int_equal(fb_rx_peek(&rx), 1);
    assert_int_equal(fb_rx_desc(&rx, 0)->frame, 4711);
    assert_true(fb_rx_begin(&rx, 0, &(struct fb_desc){0}));
    fb_rx_release(&rx, 1);
    assert_int_equal(fb_tx_refresh(&f->tx), FB_VIOLATION_NONE);
    assert_int_equal(f->tx.consumed, 41);
    fb_claim_release(&f->claim);
    assert_false(fb_lock_held(f->up.fd));
    fb_claim_release(&f->claim); /* harmless */
}

/* Packets are not for those who read core dumps, and a child does not hold the lock on. */
static void packets_stay_out_of_core_dumps_and_the_up_side_out_of_children(void **state) {
    struct fixture *f = *state;
    expect_claimed(f);
    assert_true(has_vm_flag(f->claim.down, "dd"));
    assert_true(has_vm_flag(f->claim.flows_region.base, "dd"));
    assert_true(has_vm_flag(f->claim.up, "dc"));
}

/* What the dispatcher populates and writes is what the claimer reads, as far as it is told. */
static void a_claimer_finds_the_records_of_flows(void **state) {
    struct fixture *f = *state;
    expect_claimed(f);
    struct fb_rx rx;
    fb_rx_init(&rx, f->claim.down, f->claim.up);
    struct fb_desc desc = {.flow_id = 9, .handle = 5};
    size_t chunk = FB_FLOW_CHUNK * sizeof(struct fb_flow);
    assert_int_equal(fb_region_populate(&f->flows, fb_flow_records_head(), chunk), 0);
    fb_flow_records_first(flows_of(f))[5] = (struct fb_flow){.id = 9, .src_port = 80};
    fb_down_set_flow_records(f->down.base, FB_FLOW_CHUNK);
    fb_tx_stage_end(&f->tx);
    fb_tx_publish(&f->tx, 1);
    assert_null(fb_rx_flow(&rx, &desc)); /* they are not set, and nothing was peeked at */
    fb_rx_set_flows(&rx, f->claim.flows);
    assert_null(fb_rx_flow(&rx, &desc));
    assert_int_equal(fb_rx_peek(&rx), 1);
    const struct fb_flow *flow = fb_rx_flow(&rx, &desc);
    assert_non_null(flow);
    assert_int_equal(flow->src_port, 80);
    desc.flow_id = 8; /* its record was not written: another's is there still */
    assert_null(fb_rx_flow(&rx, &desc));
    desc.handle = FB_FLOW_CHUNK - 1;
    desc.flow_id = 0;
    assert_non_null(fb_rx_flow(&rx, &desc));
    desc.handle = FB_FLOW_CHUNK; /* a hole */
    assert_null(fb_rx_flow(&rx, &desc));
}

static void the_next_incarnation_claims_the_next_up_side(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < 3; i++) {
        expect_claimed(f);
        assert_int_equal(f->claim.up->epoch, i + 1);
        fb_claim_release(&f->claim);
        expect_result(f, FB_CLAIM_NOT_YET, NULL);
        settle_and_offer_again(f);
    }
}

static void write_to_the_down_side(void *arg) {
    struct fixture *f = arg;
    ((volatile struct fb_down *)(uintptr_t)f->claim.down)->depth = 1;
}

static void the_down_side_is_read_only_for_its_worker(void **state) {
    struct fixture *f = *state;
    expect_claimed(f);
    int status = child_wait(child_start(write_to_the_down_side, f));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- life and death of other processes */

static void claim_and_wait(void *arg) {
    struct fixture *f = arg;
    fb_ctl_leave(&f->joined);
    EXPECT(fb_ctl_join(&f->joined, f->name) == FB_JOINED);
    enum fb_claim_result result = fb_claim_take(&f->claim, &f->joined, WORKER);
    step_tell(&f->told, result == FB_CLAIMED                                    ? 'c'
                        : result == FB_CLAIM_BUSY || result == FB_CLAIM_NOT_YET ? 'n'
                                                                                : '?');
    step_hear(&f->go);
}

static void the_number_of_a_killed_worker_is_free_immediately(void **state) {
    struct fixture *f = *state;
    pid_t worker = child_start(claim_and_wait, f);
    assert_int_equal(step_hear(&f->told), 'c');
    assert_true(fb_lock_held(f->up.fd));
    assert_int_equal(atomic_load(&up_of(f)->pid), worker);
    expect_result(f, FB_CLAIM_BUSY, NULL);
    child_kill(worker);
    assert_false(fb_lock_held(f->up.fd));
    expect_result(f, FB_CLAIM_NOT_YET, NULL); /* until the death is settled */
    settle_and_offer_again(f);
    expect_claimed(f);
}

static void of_several_that_claim_together_one_gets_the_number(void **state) {
    struct fixture *f = *state;
    enum { RIVALS = 4, ROUNDS = 20 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t rivals[RIVALS];
        unsigned claimed = 0, refused = 0;
        for (unsigned i = 0; i < RIVALS; i++)
            rivals[i] = child_start(claim_and_wait, f);
        for (unsigned i = 0; i < RIVALS; i++) {
            char letter = step_hear(&f->told);
            claimed += letter == 'c';
            refused += letter == 'n';
        }
        for (unsigned i = 0; i < RIVALS; i++)
            step_tell(&f->go, 'g');
        for (unsigned i = 0; i < RIVALS; i++)
            assert_int_equal(child_wait(rivals[i]), 0);
        assert_int_equal(claimed, 1);
        assert_int_equal(refused, RIVALS - 1);
        settle_and_offer_again(f);
    }
}

/* A worker that starts a helper, which lives on and cannot reach the up side. */
static void claim_and_fork(void *arg) {
    struct fixture *f = arg;
    /* The dispatcher's own mapping is inherited here and is not the worker's to keep. */
    fb_region_close(&f->up);
    fb_ctl_leave(&f->joined);
    EXPECT(fb_ctl_join(&f->joined, f->name) == FB_JOINED);
    EXPECT(fb_claim_take(&f->claim, &f->joined, WORKER) == FB_CLAIMED);
    pid_t helper = fork();
    EXPECT(helper >= 0);
    if (helper == 0) {
        alarm(60);
        unsigned char resident;
        bool mapped = mincore(f->claim.up, 4096, &resident) == 0;
        step_tell(&f->told, mapped ? 'm' : 'h');
        step_hear(&f->go);
        _exit(0);
    }
    pause();
}

static void a_child_of_a_worker_does_not_keep_its_number(void **state) {
    struct fixture *f = *state;
    pid_t worker = child_start(claim_and_fork, f);
    assert_int_equal(step_hear(&f->told), 'h');
    assert_true(fb_lock_held(f->up.fd));
    child_kill(worker);
    bool held = fb_lock_held(f->up.fd);
    step_tell(&f->go, 'g');
    assert_false(held);
}

#define CLAIM_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    fb_log_init("test_claim", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        CLAIM_TEST(a_number_that_a_living_worker_has_is_busy),
        CLAIM_TEST(an_up_side_is_claimed_once),
        CLAIM_TEST(a_number_that_is_not_on_offer_is_not_there_yet),
        CLAIM_TEST(what_another_has_in_its_place_is_not_there_yet),
        CLAIM_TEST(an_epoch_that_is_not_the_directorys_is_not_claimed),
        CLAIM_TEST(an_epoch_that_is_not_the_command_groups_is_not_claimed),
        CLAIM_TEST(an_up_side_of_another_epoch_is_not_claimed),
        CLAIM_TEST(a_claimer_that_overslept_lets_go_and_the_new_offer_is_untouched),
        CLAIM_TEST(a_claimer_that_is_revoked_in_its_sleep_lets_go),
        CLAIM_TEST(sides_of_another_instance_are_not_claimed),
        CLAIM_TEST(sides_of_another_build_or_number_are_wrong_and_said_to_be),
        CLAIM_TEST(an_up_side_that_is_too_short_is_wrong),
        CLAIM_TEST(a_claimer_has_both_sides_the_lock_and_no_descriptor),
        CLAIM_TEST(packets_stay_out_of_core_dumps_and_the_up_side_out_of_children),
        CLAIM_TEST(a_claimer_finds_the_records_of_flows),
        CLAIM_TEST(the_next_incarnation_claims_the_next_up_side),
        CLAIM_TEST(the_down_side_is_read_only_for_its_worker),
        CLAIM_TEST(the_number_of_a_killed_worker_is_free_immediately),
        CLAIM_TEST(of_several_that_claim_together_one_gets_the_number),
        CLAIM_TEST(a_child_of_a_worker_does_not_keep_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
