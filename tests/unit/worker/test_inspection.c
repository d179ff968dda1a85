/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspection.c: several inspectors over the same events, and what they are held to. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "flow_balancer/common/log.h"
#include "worker/inspection.h"

#define MS UINT64_C(1000000)
#define MEMORY 262144u
#define SEEN_MAX 512u

/* What an inspector of the test asks for, and what its functions are to return. */
struct player {
    size_t state_bytes;
    uint32_t state_kind, tick_ms;
    const char *const *stats;
    int open, claimed, flow_start, packet, flow_end, tick, reload; /* returned once, then 0 */
    char letter;
    void *state; /* as last given */
    unsigned ticks, reloads, closed;
};

static struct player players[INSPECTIONS_MAX];
static char seen[SEEN_MAX]; /* a letter a call: s flow start, p packet, e end, and whose */
static size_t seen_count;

static void note(const struct player *p, char what) {
    assert_true(seen_count + 3 < SEEN_MAX);
    seen[seen_count++] = what;
    seen[seen_count++] = p->letter;
    seen[seen_count] = '\0';
}

static int once(int *rc) {
    int now = *rc;
    *rc = 0;
    return now;
}

/* args is the number of the player. */
static int play_open(struct fb_setup *setup) {
    struct player *p = &players[atoi(setup->args)];
    setup->self = p;
    setup->state_bytes = p->state_bytes;
    setup->state_kind = p->state_kind;
    setup->tick_ms = p->tick_ms;
    setup->stats = p->stats;
    return once(&p->open);
}

static int play_claimed(void *self, const struct fb_instance *instance) {
    struct player *p = self;
    (void)instance;
    note(p, 'c');
    return once(&p->claimed);
}

static int play_start(void *self, void *state, const struct fb_packet *packet) {
    struct player *p = self;
    (void)packet;
    p->state = state;
    note(p, 's');
    return once(&p->flow_start);
}

static int play_packet(void *self, void *state, const struct fb_packet *packet) {
    struct player *p = self;
    (void)packet;
    p->state = state;
    note(p, 'p');
    return once(&p->packet);
}

static int play_end(void *self, void *state, const struct fb_flow_end *end) {
    struct player *p = self;
    (void)end;
    p->state = state;
    note(p, 'e');
    return once(&p->flow_end);
}

static int play_tick(void *self, uint64_t now_ns) {
    struct player *p = self;
    (void)now_ns;
    p->ticks++;
    return once(&p->tick);
}

static int play_reload(void *self) {
    struct player *p = self;
    p->reloads++;
    return once(&p->reload);
}

static void play_stats(void *self, uint64_t *values) {
    values[0] = (uint64_t)((struct player *)self)->letter;
}

static void play_close(void *self) {
    ((struct player *)self)->closed++;
}

static const struct fb_inspector playing = {
    FB_INSPECTOR_HEAD,        .name = "play",        .open = play_open,    .claimed = play_claimed,
    .flow_start = play_start, .packet = play_packet, .flow_end = play_end, .tick = play_tick,
    .reload = play_reload,    .stats = play_stats,   .close = play_close};

/* For cmocka: an inspection of none, and players that ask for 16 bytes of state. */
static int set_up(void **state) {
    memset(players, 0, sizeof players);
    for (unsigned i = 0; i < INSPECTIONS_MAX; i++) {
        players[i].letter = (char)('0' + i);
        players[i].state_bytes = 16;
    }
    seen_count = 0;
    seen[0] = '\0';
    new_state(state, sizeof(struct inspection));
    return 0;
}

static int tear_down(void **state) {
    inspection_close(*state);
    free(*state);
    return 0;
}

#define INSPECTION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* "0", "1", ... by number, which outlive the test. */
static int add(struct inspection *inspection, const struct fb_inspector *ops) {
    static const char *const numbers[] = {"0", "1", "2", "3", "4", "5", "6", "7", "7"};
    return inspection_add(inspection, ops, numbers[inspection->count]);
}

static void add_players(struct inspection *inspection, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(add(inspection, &playing), 0);
}

static char memory[MEMORY] __attribute__((aligned(16))); /* of a flow */

static struct fb_event packet_event(unsigned flags) {
    return (struct fb_event){
        .kind = FB_EVENT_PACKET, .state = memory, .packet.flags = (uint16_t)flags};
}

static struct fb_event end_event(enum fb_end_reason reason) {
    return (struct fb_event){
        .kind = FB_EVENT_FLOW_END, .state = memory, .end.reason = (uint32_t)reason};
}

static int inspect(struct inspection *inspection, struct fb_event event) {
    seen_count = 0;
    seen[0] = '\0';
    return inspection_event(inspection, &event);
}

/* ---- one event through all of them */

static void an_event_goes_through_all_in_the_order_they_were_asked_for(void **state) {
    struct inspection *inspection = *state;
    add_players(inspection, 3);
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), 0);
    assert_string_equal(seen, "s0p0s1p1s2p2");
    assert_int_equal(inspect(inspection, packet_event(0)), 0);
    assert_string_equal(seen, "p0p1p2");
    assert_int_equal(inspect(inspection, packet_event(FB_F_GAP)), 0);
    assert_string_equal(seen, "p0p1p2");
    assert_int_equal(inspect(inspection, packet_event(FB_F_MID_STREAM)), 0);
    assert_string_equal(seen, "s0p0s1p1s2p2");
    assert_int_equal(inspect(inspection, end_event(FB_END_CLOSED)), 0);
    assert_string_equal(seen, "e0e1e2");
}

static void who_has_no_function_for_an_event_is_passed_over(void **state) {
    struct inspection *inspection = *state;
    static const struct fb_inspector bare = {FB_INSPECTOR_HEAD, .name = "bare", .open = play_open,
                                             .packet = play_packet};
    add_players(inspection, 1);
    assert_int_equal(add(inspection, &bare), 0);
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), 0);
    assert_string_equal(seen, "s0p0p1");
    assert_int_equal(inspect(inspection, end_event(FB_END_CLOSED)), 0);
    assert_string_equal(seen, "e0");
    inspection_reload(inspection);
    assert_int_equal(inspection_claimed(inspection, &(struct fb_instance){.name = "x"}), 0);
}

/* Sizes that are no multiples of what a type may need. */
static void each_has_a_state_of_its_own_that_is_aligned(void **state) {
    struct inspection *inspection = *state;
    static const size_t sizes[] = {1, 17, 0, 33, 8};
    for (unsigned i = 0; i < 5; i++)
        players[i].state_bytes = sizes[i];
    add_players(inspection, 5);
    assert_true(inspection->state_bytes <= MEMORY);
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), 0);
    char *end = memory;
    for (unsigned i = 0; i < 5; i++) {
        char *mine = players[i].state;
        if (sizes[i] == 0) {
            assert_null(mine);
            continue;
        }
        assert_int_equal((uintptr_t)mine % 16, 0);
        assert_true(mine >= end);
        end = mine + sizes[i];
    }
    assert_true(end <= memory + inspection->state_bytes);
    /* The same at the end of the flow. */
    void *before = players[3].state;
    assert_int_equal(inspect(inspection, end_event(FB_END_CLOSED)), 0);
    assert_ptr_equal(players[3].state, before);
}

/* ---- output that cannot be written */

static void who_cannot_write_a_packet_goes_on_there(void **state) {
    struct inspection *inspection = *state;
    add_players(inspection, 3);
    players[1].packet = FB_OUTPUT_FAILED;
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), FB_OUTPUT_FAILED);
    assert_string_equal(seen, "s0p0s1p1");
    players[1].packet = FB_OUTPUT_FAILED;
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), FB_OUTPUT_FAILED);
    assert_string_equal(seen, "p1");
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), 0);
    assert_string_equal(seen, "p1s2p2");
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), 0);
    assert_string_equal(seen, "s0p0s1p1s2p2"); /* the next flow */
}

static void who_cannot_write_the_start_of_a_flow_is_told_it_again(void **state) {
    struct inspection *inspection = *state;
    add_players(inspection, 2);
    players[1].flow_start = FB_OUTPUT_FAILED;
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), FB_OUTPUT_FAILED);
    assert_string_equal(seen, "s0p0s1");
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), 0);
    assert_string_equal(seen, "s1p1");
}

static void who_cannot_write_the_end_of_a_flow_is_told_it_again(void **state) {
    struct inspection *inspection = *state;
    add_players(inspection, 3);
    players[1].flow_end = FB_OUTPUT_FAILED;
    assert_int_equal(inspect(inspection, end_event(FB_END_CLOSED)), FB_OUTPUT_FAILED);
    assert_string_equal(seen, "e0e1");
    assert_int_equal(inspect(inspection, end_event(FB_END_CLOSED)), 0);
    assert_string_equal(seen, "e1e2");
}

static void the_end_of_an_orphaned_flow_is_told_once(void **state) {
    struct inspection *inspection = *state;
    add_players(inspection, 3);
    players[1].flow_end = FB_OUTPUT_FAILED;
    assert_int_equal(inspect(inspection, end_event(FB_END_ORPHANED)), 0);
    assert_string_equal(seen, "e0e1e2");
    /* Another failure ends the worker as ever. */
    struct caught caught;
    players[1].flow_end = -EIO;
    catch_begin(&caught);
    assert_int_equal(inspect(inspection, end_event(FB_END_ORPHANED)), -EIO);
    expect_one_line(catch_end(&caught), "inspector play: flow_end() failed: Input/output error");
    assert_string_equal(seen, "e0e1");
}

static void a_claim_begins_with_the_first_inspector_again(void **state) {
    struct inspection *inspection = *state;
    add_players(inspection, 2);
    players[1].packet = FB_OUTPUT_FAILED;
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), FB_OUTPUT_FAILED);
    seen_count = 0;
    assert_int_equal(inspection_claimed(inspection, &(struct fb_instance){.name = "x"}), 0);
    assert_string_equal(seen, "c0c1");
    assert_int_equal(inspect(inspection, packet_event(FB_F_START)), 0);
    assert_string_equal(seen, "s0p0s1p1");
}

/* ---- failures */

static int say_and_fail(void *self, void *state, const struct fb_packet *packet) {
    (void)self, (void)state, (void)packet;
    fb_error("inspector play: the rules are gone");
    return -ENOENT;
}

static void what_failed_is_one_line_also_if_the_inspector_says_it(void **state) {
    struct inspection *inspection = *state;
    struct caught caught;
    add_players(inspection, 1);
    static const struct {
        unsigned flags;
        int start, packet;
        const char *line;
    } rows[] = {{FB_F_START, -ENOSPC, 0, "flow_start() failed: No space left on device"},
                {FB_F_START, 0, -EPERM, "packet() failed: Operation not permitted"},
                {0, 0, 2, "packet() returned 2, which is neither 0 nor an error"}};
    for (unsigned i = 0; i < 3; i++) {
        players[0].flow_start = rows[i].start;
        players[0].packet = rows[i].packet;
        inspection->next = 0;
        inspection->is_started = false;
        assert_int_equal(inspection_tick(inspection, 0), 0); /* between bursts */
        catch_begin(&caught);
        assert_int_equal(inspect(inspection, packet_event(rows[i].flags)),
                         rows[i].start != 0 ? rows[i].start : rows[i].packet);
        expect_one_line(catch_end(&caught), rows[i].line);
    }
    static const struct fb_inspector saying = {FB_INSPECTOR_HEAD, .name = "play", .open = play_open,
                                               .packet = say_and_fail};
    struct inspection other = {.count = 0};
    assert_int_equal(add(&other, &saying), 0);
    catch_begin(&caught);
    assert_int_equal(inspect(&other, packet_event(0)), -ENOENT);
    expect_one_line(catch_end(&caught), "the rules are gone");
}

static void an_open_or_claim_that_fails_is_one_line(void **state) {
    struct inspection *inspection = *state;
    struct caught caught;
    players[0].open = -ENOMEM;
    catch_begin(&caught);
    assert_int_equal(add(inspection, &playing), -ENOMEM);
    expect_one_line(catch_end(&caught), "inspector play: open() failed: Cannot allocate memory");
    assert_int_equal(inspection->count, 0);
    inspection_close(inspection);
    assert_int_equal(players[0].closed, 0); /* it never was open */
    add_players(inspection, 2);
    players[0].claimed = -EACCES;
    catch_begin(&caught);
    assert_int_equal(inspection_claimed(inspection, &(struct fb_instance){.name = "x"}), -EACCES);
    expect_one_line(catch_end(&caught), "inspector play: claimed() failed: Permission denied");
    assert_string_equal(seen, "c0");
    inspection_close(inspection);
    assert_int_equal(players[0].closed, 1);
    assert_int_equal(players[1].closed, 1);
}

/* ---- limits */

static void state_is_limited_by_its_kind(void **state) {
    struct inspection *inspection = *state;
    struct caught caught;
    static const struct {
        uint32_t kind;
        size_t most;
        const char *line;
    } rows[] = {
        {FB_STATE_PRIVATE, FB_STATE_PRIVATE_MAX,
         "65537 bytes of private state a flow: at most 65536"},
        {FB_STATE_FLAT, FB_STATE_FLAT_MAX, "1025 bytes of flat state a flow: at most 1024"}};
    for (unsigned i = 0; i < 2; i++) {
        struct player *p = &players[inspection->count];
        p->state_kind = rows[i].kind;
        p->state_bytes = rows[i].most;
        assert_int_equal(add(inspection, &playing), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct player *p = &players[inspection->count];
        p->state_kind = rows[i].kind;
        p->state_bytes = rows[i].most + 1;
        catch_begin(&caught);
        assert_int_equal(add(inspection, &playing), -EINVAL);
        expect_one_line(catch_end(&caught), rows[i].line);
    }
}

static void counters_have_names_that_can_be_shown(void **state) {
    struct caught caught;
    static const char *const good[] = {"a", "packets_of_32_letters_0123456_x", NULL};
    static const char *const none[] = {NULL};
    static const char *const bad[][2] = {{"", NULL},
                                         {"Upper", NULL},
                                         {"with-dash", NULL},
                                         {"with space", NULL},
                                         {"of_more_than_32_letters_0123456x", NULL}};
    const char *many[FB_STATS_MAX + 2] = {NULL};
    for (unsigned i = 0; i < FB_STATS_MAX; i++)
        many[i] = "x";
    struct inspection *inspection = *state;
    players[0].stats = good;
    players[1].stats = none;
    players[2].stats = many;
    add_players(inspection, 3);
    assert_int_equal(inspection->items[0].stat_count, 2);
    assert_int_equal(inspection->items[1].stat_count, 0);
    assert_int_equal(inspection->items[2].stat_count, FB_STATS_MAX);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct inspection other = {.count = 0};
        players[0].stats = bad[i];
        catch_begin(&caught);
        assert_int_equal(add(&other, &playing), -EINVAL);
        expect_one_line(catch_end(&caught), "must have a name of 1 to 31 of a-z, 0-9 and _");
        assert_int_equal(other.count, 1); /* it was opened, so it is closed */
    }
    struct inspection other = {.count = 0};
    many[FB_STATS_MAX] = "x";
    players[0].stats = many;
    catch_begin(&caught);
    assert_int_equal(add(&other, &playing), -EINVAL);
    expect_one_line(catch_end(&caught), "has more than 32 counters");
    static const struct fb_inspector mute = {FB_INSPECTOR_HEAD, .name = "mute", .open = play_open,
                                             .packet = play_packet};
    other.count = 0;
    players[0].stats = good;
    catch_begin(&caught);
    assert_int_equal(add(&other, &mute), -EINVAL);
    expect_one_line(catch_end(&caught), "names counters, but has no function stats");
    many[FB_STATS_MAX] = NULL;
    players[0].stats = many;
}

static void the_ninth_inspector_is_refused_before_it_is_opened(void **state) {
    struct inspection *inspection = *state;
    struct caught caught;
    add_players(inspection, INSPECTIONS_MAX);
    players[7].open = -ENOMEM;
    catch_begin(&caught);
    assert_int_equal(add(inspection, &playing), -EINVAL);
    expect_one_line(catch_end(&caught), "at most 8 inspectors");
}

static void counters_come_from_whose_they_are(void **state) {
    struct inspection *inspection = *state;
    static const char *const names[] = {"a", NULL};
    uint64_t values[FB_STATS_MAX] = {7};
    players[1].stats = names;
    add_players(inspection, 2);
    inspection_stats(inspection, 0, values);
    assert_int_equal(values[0], 7); /* it has none */
    inspection_stats(inspection, 1, values);
    assert_int_equal(values[0], '1');
}

/* ---- ticks and reloads */

static void each_ticks_at_its_own_period_and_missed_ticks_are_not_made_up_for(void **state) {
    struct inspection *inspection = *state;
    players[0].tick_ms = 100;
    players[1].tick_ms = 250;
    add_players(inspection, 2);
    uint64_t begin = inspection->items[0].next_tick_ns - 100 * MS;
    inspection->items[1].next_tick_ns = begin + 250 * MS;
    assert_int_equal(inspection_next_tick(inspection), begin + 100 * MS);
    static const struct {
        unsigned at_ms, first, second, next_ms;
    } rows[] = {{99, 0, 0, 100},    {100, 1, 0, 200},  {150, 1, 0, 200},   {200, 2, 0, 250},
                {250, 2, 1, 300},   {299, 2, 1, 300},  {1234, 3, 2, 1250}, {1235, 3, 2, 1250},
                {1250, 3, 3, 1300}, {1300, 4, 3, 1400}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(inspection_tick(inspection, begin + rows[i].at_ms * MS), 0);
        assert_int_equal(players[0].ticks, rows[i].first);
        assert_int_equal(players[1].ticks, rows[i].second);
        assert_int_equal(inspection_next_tick(inspection), begin + rows[i].next_ms * MS);
    }
}

static void who_asks_for_no_period_ticks_each_second_and_who_cannot_tick_never(void **state) {
    struct inspection *inspection = *state;
    static const struct fb_inspector bare = {FB_INSPECTOR_HEAD, .name = "bare", .open = play_open,
                                             .packet = play_packet};
    assert_int_equal(add(inspection, &bare), 0);
    assert_int_equal(inspection_next_tick(inspection), UINT64_MAX);
    assert_int_equal(inspection_tick(inspection, UINT64_MAX / 2), 0);
    assert_int_equal(add(inspection, &playing), 0);
    assert_int_equal(inspection->items[1].tick_ns, 1000 * MS);
}

static void a_tick_that_cannot_write_comes_again_and_one_that_fails_ends_it(void **state) {
    struct inspection *inspection = *state;
    struct caught caught;
    add_players(inspection, 2);
    players[0].tick = FB_OUTPUT_FAILED;
    uint64_t now_ns = inspection->items[1].next_tick_ns;
    assert_int_equal(inspection_tick(inspection, now_ns), 0);
    assert_int_equal(players[0].ticks + players[1].ticks, 2);
    assert_int_equal(inspection_tick(inspection, now_ns + 999 * MS), 0);
    players[0].tick = -EIO;
    catch_begin(&caught);
    assert_int_equal(inspection_tick(inspection, now_ns + 1000 * MS), -EIO);
    expect_one_line(catch_end(&caught), "inspector play: tick() failed: Input/output error");
}

static void a_reload_that_fails_is_counted_and_said_and_the_others_reload(void **state) {
    struct inspection *inspection = *state;
    struct caught caught;
    add_players(inspection, 3);
    assert_int_equal(inspection_reload(inspection), 0);
    players[0].reload = -EINVAL;
    players[1].reload = -ENOENT;
    catch_begin(&caught);
    assert_int_equal(inspection_reload(inspection), 2);
    assert_int_equal(lines_of(catch_end(&caught)), 2);
    assert_non_null(strstr(caught.text, "inspector play: reload() failed: Invalid argument"));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(players[i].reloads, 2);
}

/* ---- what they log, and children */

static int open_and_log(struct fb_setup *setup) {
    setup->host->log(setup->host, FB_HOST_WARNING, "%s\n", setup->args);
    setup->host->log(setup->host, (enum fb_host_level)77, "not told");
    assert_int_equal(setup->host->major, FB_INSPECTOR_MAJOR);
    assert_int_equal(setup->host->minor, FB_INSPECTOR_MINOR);
    return 0;
}

static void what_an_inspector_logs_is_one_line_with_its_name(void **state) {
    struct inspection *inspection = *state;
    struct caught caught;
    static const struct fb_inspector logging = {FB_INSPECTOR_HEAD, .name = "logger",
                                                .open = open_and_log, .packet = play_packet};
    fb_log_set_level(FB_LOG_INFO);
    catch_begin(&caught);
    assert_int_equal(inspection_add(inspection, &logging, "two\nlines\x1b[2J"), 0);
    expect_one_line(catch_end(&caught), "warning: inspector logger: two lines [2J\n");
}

static int fork_and_return(void *self, void *state, const struct fb_packet *packet) {
    (void)self, (void)state, (void)packet;
    pid_t child = fork();
    if (child != 0)
        return waitpid(child, &players[0].open, 0) == child ? 0 : -ECHILD;
    return 0;
}

/* In a process of its own: what it registers stays. */
static void fork_in_an_inspector(void *arg) {
    struct inspection *inspection = arg;
    static const struct fb_inspector forking = {FB_INSPECTOR_HEAD, .name = "forks",
                                                .open = play_open, .packet = fork_and_return};
    struct caught caught;
    inspection_watch_children(inspection);
    EXPECT(add(inspection, &forking) == 0);
    EXPECT(add(inspection, &playing) == 0);
    catch_begin(&caught);
    EXPECT(inspect(inspection, packet_event(0)) == 0);
    catch_end(&caught);
    EXPECT(strcmp(seen, "p1") == 0);
    EXPECT(WIFEXITED(players[0].open) && WEXITSTATUS(players[0].open) == EXIT_FAILURE);
    EXPECT(strstr(caught.text, "inspector forks: a child that it forked returned from packet()") !=
           NULL);
    EXPECT(lines_of(caught.text) == 1);
}

static void a_child_that_returns_ends_before_the_next_inspector(void **state) {
    in_child(fork_in_an_inspector, *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        INSPECTION_TEST(an_event_goes_through_all_in_the_order_they_were_asked_for),
        INSPECTION_TEST(who_has_no_function_for_an_event_is_passed_over),
        INSPECTION_TEST(each_has_a_state_of_its_own_that_is_aligned),
        INSPECTION_TEST(who_cannot_write_a_packet_goes_on_there),
        INSPECTION_TEST(who_cannot_write_the_start_of_a_flow_is_told_it_again),
        INSPECTION_TEST(who_cannot_write_the_end_of_a_flow_is_told_it_again),
        INSPECTION_TEST(the_end_of_an_orphaned_flow_is_told_once),
        INSPECTION_TEST(a_claim_begins_with_the_first_inspector_again),
        INSPECTION_TEST(what_failed_is_one_line_also_if_the_inspector_says_it),
        INSPECTION_TEST(an_open_or_claim_that_fails_is_one_line),
        INSPECTION_TEST(state_is_limited_by_its_kind),
        INSPECTION_TEST(counters_have_names_that_can_be_shown),
        INSPECTION_TEST(the_ninth_inspector_is_refused_before_it_is_opened),
        INSPECTION_TEST(counters_come_from_whose_they_are),
        INSPECTION_TEST(each_ticks_at_its_own_period_and_missed_ticks_are_not_made_up_for),
        INSPECTION_TEST(who_asks_for_no_period_ticks_each_second_and_who_cannot_tick_never),
        INSPECTION_TEST(a_tick_that_cannot_write_comes_again_and_one_that_fails_ends_it),
        INSPECTION_TEST(a_reload_that_fails_is_counted_and_said_and_the_others_reload),
        INSPECTION_TEST(what_an_inspector_logs_is_one_line_with_its_name),
        INSPECTION_TEST(a_child_that_returns_ends_before_the_next_inspector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
