/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two instances on one line. Every flow gets the same frames in a round, of
 * both directions, whole and fragmented, one of a kind that no other frame of it
 * may miss: so a flow is whole in one instance if and only if it has as many
 * rows there, and there are no more flows than were sent.
 */
#include "tests/lib/fanout_frames.h"
#include "tests/lib/netns.h"
#include "tests/lib/records.h"

#include <linux/if_ether.h>
#include <net/if.h>
#include <signal.h>
#include <unistd.h>

#define NEAR "near"
#define FAR "far" /* captured here: what is sent on NEAR comes in, what is sent here goes out */
#define PAIRS 16u
#define ROUND 6u /* frames of a flow in a round: three parts, two ways */

/* How a flow's frames are dressed. */
static const struct {
    enum encapsulation encapsulation;
    bool six, vlan_device;
} kinds[] = {
    {BARE, false, false},         {BARE, true, false},      {TAGGED, false, false},
    {TAGGED, true, false},        {TWO_TAGS, false, false}, {TWO_TAGS, true, false},
    {TAGGED_PPPOE, false, false}, {MPLS, true, false},      {BARE, false, true},
    {BARE, true, true},
};
#define KINDS (sizeof kinds / sizeof kinds[0])
#define FLOWS (KINDS * PAIRS)

struct line {
    int senders[KINDS][2];
    uint16_t rounds;
    json_int_t sent, from_near;
};

/* Interfaces that put a tag beside the frame, as a card does, where a raw tag is within it. */
static bool add_vlan_devices(void) {
    static const char *const ends[] = {NEAR, FAR};
    for (unsigned i = 0; i < 2; i++) {
        char command[128];
        snprintf(command, sizeof command, "ip link add link %s name %s.9 type vlan id 9", ends[i],
                 ends[i]);
        if (netns_run(command, true) != 0)
            return false;
        NETNS_IP("link set dev %s.9 arp off multicast off up", ends[i]);
    }
    return true;
}

static void make_line(struct line *line) {
    netns_enter();
    netns_veth(NEAR, FAR);
    bool vlans = add_vlan_devices();
    if (!vlans)
        print_message("no VLAN devices in this kernel: all tags are sent within the frames\n");
    *line = (struct line){.rounds = 0};
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (unsigned end = 0; end < 2; end++) {
            char name[IFNAMSIZ];
            snprintf(name, sizeof name, "%s%s", end == 0 ? NEAR : FAR,
                     vlans && kinds[kind].vlan_device ? ".9" : "");
            line->senders[kind][end] = netns_sender(name);
        }
    }
}

static void close_line(struct line *line) {
    for (size_t kind = 0; kind < KINDS; kind++)
        for (unsigned end = 0; end < 2; end++)
            close(line->senders[kind][end]);
}

/* The last fragment comes first in every second flow. */
static void send_flow_part(struct line *line, size_t kind, uint32_t pair, unsigned step) {
    static const enum part orders[2][PARTS] = {{WHOLE, FIRST, REST}, {REST, WHOLE, FIRST}};
    struct datagram d = {.encapsulation = kinds[kind].encapsulation,
                         .six = kinds[kind].six,
                         .back = step % 2 != 0,
                         .one = 0x0a000000 + (uint32_t)kind * PAIRS + pair,
                         .two = 0x0a010000 + (uint32_t)kind * PAIRS + pair,
                         .id = line->rounds};
    struct packet s;
    fanout_frame(&s, &d, orders[pair % 2][step / 2]);
    netns_send(line->senders[kind][step % 2], s.bytes, s.n);
    line->sent++;
    line->from_near += step % 2 == 0;
}

/* One step of every flow after the other. The kernel's buffer holds a round, however long no one
 * reads: it is 128 blocks, each closed a millisecond after its first frame, and sending takes less.
 */
static void send_steps(struct line *line, unsigned from, unsigned to) {
    for (unsigned step = from; step < to; step++)
        for (size_t kind = 0; kind < KINDS; kind++)
            for (uint32_t pair = 0; pair < PAIRS; pair++)
                send_flow_part(line, kind, pair, step);
    netns_need_whole_line(line->from_near, (json_int_t)netns_counts_of(FAR).rx_packets);
}

static void send_round(struct line *line) {
    line->rounds++;
    send_steps(line, 0, ROUND);
}

/* ---- instances: the test's name and a letter */

struct instance {
    char name[FB_NAME_MAX + 1];
    char report[16], records[16];
    struct process *run;
};

static json_int_t inspected_by(struct test *t, const struct instance *i) {
    return stat_number(t, i->name, "ledger.inspected");
}

static struct instance start(struct test *t, char letter) {
    struct instance i;
    snprintf(i.name, sizeof i.name, "%.50s-%c", t->name, letter);
    snprintf(i.report, sizeof i.report, "%c.json", letter);
    snprintf(i.records, sizeof i.records, "rec-%c", letter);
    i.run = process_start(
        t,
        "flow-balancer run -n %s -i " FAR " -w 2 -B 32768 --fanout 7 --report %s "
        "--max-flows 10000 --ring-bytes 4M --hang never --timeout all=never --inspector record:%s",
        i.name, i.report, i.records);
    return i;
}

static void await_running(struct test *t, const struct instance *i) {
    UNTIL(t, stat_of(t, i->name) != NULL &&
                 strcmp(text_at(t->report, "dispatcher.state"), "running") == 0);
}

static void await_inspected(struct test *t, const struct instance *a, const struct instance *b,
                            json_int_t frames) {
    UNTIL(t, inspected_by(t, a) + (b == NULL ? 0 : inspected_by(t, b)) >= frames);
}

static void stop(struct test *t, const struct instance *i) {
    process_signal(i->run, SIGTERM);
    process_expect(t, i->run, EXIT_DONE);
}

/* ---- what each instance had */

struct share {
    size_t flows, others; /* that had so many rounds as asked for, or as asked for else */
    size_t rows;
};

/* Every flow of the instance had all frames of so many rounds, or of `else_rounds` of them. */
static struct share share_of(struct test *t, const struct instance *i, unsigned rounds,
                             unsigned else_rounds) {
    struct records r;
    struct share share = {.flows = 0};
    records_read(&r, file_in(t, i->records));
    records_drop_redelivered(&r);
    share.rows = r.count;
    records_by_flow(&r);
    for (size_t from = 0, to; from < r.count; from = to) {
        for (to = from; to < r.count && r.rows[to].flow == r.rows[from].flow; to++)
            ;
        if (to - from == ROUND * rounds)
            share.flows++;
        else if (to - from == ROUND * else_rounds)
            share.others++;
        else
            fail_msg("%s: flow %u has %zu frames, not those of %u or %u rounds of %u", i->name,
                     (unsigned)r.rows[from].flow, to - from, rounds, else_rounds, ROUND);
    }
    records_free(&r);
    return share;
}

/* ---- tests */

static void a_flow_is_in_one_instance_whatever_dies(void **state) {
    struct test *t = *state;
    struct line line;
    make_line(&line);
    struct instance a = start(t, 'a'), b = start(t, 'b');
    await_running(t, &a);
    await_running(t, &b);
    send_round(&line);
    await_inspected(t, &a, &b, line.sent);

    /* A worker is killed in the second round, and replaced. */
    pid_t worker = process_of_worker(a.name, 0);
    line.rounds++;
    send_steps(&line, 0, ROUND / 2);
    kill(worker, SIGKILL);
    send_steps(&line, ROUND / 2, ROUND);
    await_inspected(t, &a, &b, line.sent);
    UNTIL(t, worker_is(t, a.name, 0, "ready"));
    assert_int_not_equal(process_of_worker(a.name, 0), worker);
    json_int_t of_b = inspected_by(t, &b);

    /* An instance leaves; the other has all of the third. */
    stop(t, &b);
    send_round(&line);
    await_inspected(t, &a, NULL, line.sent - of_b);
    stop(t, &a);
    close_line(&line);

    struct share first = share_of(t, &a, 3, 1), second = share_of(t, &b, 2, 2);
    assert_int_equal(first.flows + second.flows, FLOWS);
    assert_int_equal(first.others, second.flows);
    assert_in_range(first.flows, FLOWS * 3 / 10, FLOWS * 7 / 10);
    assert_int_equal(first.rows + second.rows, line.sent);
    expect_all_inspected(report_of(t, b.report), of_b);
    expect_number(t->report, "capture.kernel_drops", 0);
    expect_all_inspected(report_of(t, a.report), line.sent - of_b);
    expect_number(t->report, "capture.kernel_drops", 0);
}

/* Sockets that take all frames of the far end. */
static unsigned takers(void) {
    char line[256];
    unsigned count = 0;
    FILE *file = fopen("/proc/self/net/packet", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned protocol, interface;
        if (sscanf(line, "%*s %*u %*u %x %u", &protocol, &interface) == 2)
            count += protocol == ETH_P_ALL && interface == if_nametoindex(FAR);
    }
    fclose(file);
    return count;
}

/* It waits for a worker that is stopped; what is sent meanwhile is not its any more. */
static void an_instance_leaves_its_group_before_it_drains(void **state) {
    struct test *t = *state;
    struct line line;
    make_line(&line);
    struct instance a = start(t, 'a'), b = start(t, 'b');
    await_running(t, &a);
    await_running(t, &b);
    send_round(&line);
    await_inspected(t, &a, &b, line.sent);
    json_int_t of_b = inspected_by(t, &b);
    assert_int_equal(takers(), 2);

    pid_t worker = process_of_worker(b.name, 0);
    kill(worker, SIGSTOP);
    send_round(&line);
    UNTIL(t, stat_number(t, b.name, "ledger.received") == 2 * of_b);
    process_signal(b.run, SIGTERM);
    UNTIL(t, takers() == 1);
    send_round(&line);
    await_inspected(t, &a, NULL, line.sent - 2 * of_b);
    assert_false(process_ended(t, b.run));
    kill(worker, SIGCONT);
    process_expect(t, b.run, EXIT_DONE);
    stop(t, &a);
    close_line(&line);

    struct share first = share_of(t, &a, 3, 1), second = share_of(t, &b, 2, 2);
    assert_int_equal(first.flows + second.flows, FLOWS);
    assert_int_equal(first.others, second.flows);
    expect_all_inspected(report_of(t, a.report), line.sent - 2 * of_b);
    expect_all_inspected(report_of(t, b.report), 2 * of_b);
}

static void what_a_killed_dispatcher_had_goes_to_the_other(void **state) {
    struct test *t = *state;
    struct line line;
    make_line(&line);
    struct instance a = start(t, 'a'), b = start(t, 'b');
    await_running(t, &a);
    await_running(t, &b);
    struct process *c =
        process_start(t, "flow-dispatcher -n %s-c -i " FAR " --fanout 7:hash", t->name);
    process_expect(t, c, EXIT_RUNTIME);
    expect_one_line_with(t, c, "--fanout '7:hash': " FAR " cannot join this group");
    send_round(&line);
    await_inspected(t, &a, &b, line.sent);
    json_int_t of_b = inspected_by(t, &b);

    /* With its supervisor, which would start another. */
    pid_t dispatcher = process_of_dispatcher(b.name);
    kill(dispatcher, SIGSTOP);
    process_signal(b.run, SIGKILL);
    process_expect(t, b.run, 128 + SIGKILL);
    kill(dispatcher, SIGKILL);
    UNTIL(t, process_run(t, "flow-dispatcher --clean -n %s", b.name) == EXIT_DONE);
    send_round(&line);
    await_inspected(t, &a, NULL, line.sent - of_b);
    stop(t, &a);
    close_line(&line);

    struct share first = share_of(t, &a, 2, 1), second = share_of(t, &b, 1, 1);
    assert_int_equal(first.flows + second.flows, FLOWS);
    assert_int_equal(first.others, second.flows);
    expect_all_inspected(report_of(t, a.report), line.sent - of_b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_flow_is_in_one_instance_whatever_dies),
        PROCESS_TEST(an_instance_leaves_its_group_before_it_drains),
        PROCESS_TEST(what_a_killed_dispatcher_had_goes_to_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
