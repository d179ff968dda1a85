/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * include/flow_balancer/ring.h and flow_records.h: a process that sees a descriptor sees that
 * its flow's record is populated, in every order of a worker and of a dispatcher that goes on
 * populating.
 */
#include "tests/weave/explore.h"

#include "flow_balancer/flow_records.h"

#define FLOWS 3u

static struct fb_flow records[FLOWS];

static void bind(void *arg) {
    struct ring_fixture *r = arg;
    for (uint32_t n = 0; n < FLOWS; n++) {
        fb_down_set_flow_records(r->down, n + 1);
        records[n].id = 100 + n;
        uint64_t seq = r->tx.seq;
        weave_expect(ring_put(r, 0), "the ring is full");
        struct fb_desc *desc = &r->tx.descs[seq & r->tx.slot_mask];
        desc->handle = n;
        desc->flow_id = records[n].id;
        fb_tx_publish(&r->tx, 1);
    }
}

/* What is not there yet is looked for again; the number of looks is bounded by that of publishes.
 */
static void look(void *arg) {
    struct ring_fixture *r = arg;
    for (unsigned looks = 0; looks < FLOWS; looks++) {
        uint32_t n = fb_rx_peek(&r->rx);
        for (uint32_t i = 0; i < n; i++)
            weave_expect(fb_rx_flow(&r->rx, fb_rx_desc(&r->rx, i)) != NULL,
                         "a packet is there, and its flow's record is not");
        fb_rx_release(&r->rx, n);
    }
}

static void begin(void *world) {
    static const struct ring_start from_zero = {.text = "0"};
    struct ring_fixture *r = world;
    r->start = &from_zero;
    ring_make(r, 8, 16, 4096);
    fb_rx_set_flows(&r->rx, records);
    WEAVE_WATCH(r->down->published);
    WEAVE_WATCH(r->down->flow_records);
    weave_thread(look, r);
    weave_thread(bind, r);
}

static void nothing(void *world) {
    (void)world;
}

static void end(void *world) {
    ring_free(world);
}

static void a_packet_comes_with_the_record_of_its_flow(void **state) {
    (void)state;
    static struct ring_fixture r;
    explore(&(struct weave_scenario){.name = "records",
                                     .set_up = begin,
                                     .check = nothing,
                                     .tear_down = end,
                                     .preemptions = 3,
                                     .weak = 2},
            &r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_comes_with_the_record_of_its_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
