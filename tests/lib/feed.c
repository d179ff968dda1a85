/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/feed.h"

#include "tests/lib/life.h"
#include "tests/lib/packet.h"

#define STEP_NS UINT64_C(1000001) /* from one packet to the next: nanoseconds count */
#define PAYLOAD 32u
#define LARGE_PAYLOAD 59958u /* of a frame of 60,000 bytes */
#define FILE_MOST (16u << 20)

void feed_file(struct test *t, struct process *p, const char *name) {
    char *bytes = malloc(FILE_MOST);
    FILE *file = fopen(file_in(t, name), "re");
    assert_non_null(file);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, FILE_MOST, file);
    fclose(file);
    assert_true(process_feed(p, bytes, size));
    free(bytes);
}

static void feed_bytes(struct feed *feed, const void *bytes, size_t size) {
    assert_int_equal(fwrite(bytes, 1, size, feed->file), size);
    if (feed->to != NULL)
        assert_true(process_feed(feed->to, bytes, size));
}

void feed_open(struct feed *feed, struct test *t, const char *name, uint32_t link,
               struct process *to) {
    /* Nanoseconds, version 2.4, no zone, no accuracy, longest frame, link type. */
    const uint32_t header[6] = {0xa1b23c4d, 4u << 16 | 2u, 0, 0, 65535, link};
    *feed = (struct feed){.to = to, .link = link, .time_ns = UINT64_C(1700000000123456789)};
    feed->file = fopen(file_in(t, name), "we");
    assert_non_null(feed->file);
    feed_bytes(feed, header, sizeof header);
}

void feed_close(struct feed *feed) {
    assert_int_equal(fclose(feed->file), 0);
    if (feed->to != NULL)
        process_close_input(feed->to);
}

/* payload: PAYLOAD bytes or more, of which those behind PAYLOAD are zero. */
static void feed_sized(struct feed *feed, unsigned flow, const char *mark, uint32_t payload) {
    enum { ETHERNET = 14, IP = 20, UDP = 8 };
    static const uint8_t zeros[LARGE_PAYLOAD];
    struct packet f = {.n = 0};
    ADD(&f, 2, 0, 0, 0, 0, 11, 2, 0, 0, 0, 0, 10, 8, 0);
    ADD(&f, 0x45, 0);
    add16(&f, IP + UDP + payload);
    ADD(&f, 0, 1, 0, 0, 64, 17, 0, 0); /* no checksum */
    ADD(&f, 10, 1, HIGH(flow), LOW(flow), 10, 0, 0, 2);
    ADD(&f, 0x03, 0xe8, 0, 80);
    add16(&f, UDP + payload);
    add16(&f, 0);
    snprintf((char *)f.bytes + f.n, PAYLOAD, "%s %u", mark, (unsigned)++feed->frames);
    f.n += PAYLOAD;
    uint32_t skipped = feed->link == FEED_LINK_RAW ? ETHERNET : 0;
    uint32_t bytes = f.n - skipped + payload - PAYLOAD;
    feed->time_ns += STEP_NS;
    const uint32_t record[4] = {(uint32_t)(feed->time_ns / 1000000000),
                                (uint32_t)(feed->time_ns % 1000000000), bytes, bytes};
    feed_bytes(feed, record, sizeof record);
    feed_bytes(feed, f.bytes + skipped, f.n - skipped);
    feed_bytes(feed, zeros, payload - PAYLOAD);
}

void feed_packet(struct feed *feed, unsigned flow, const char *mark) {
    feed_sized(feed, flow, mark, PAYLOAD);
}

void feed_large(struct feed *feed, unsigned flow) {
    feed_sized(feed, flow, "large", LARGE_PAYLOAD);
}

void feed_flows(struct feed *feed, unsigned first, unsigned end, unsigned times) {
    for (unsigned i = 0; i < times; i++)
        for (unsigned flow = first; flow < end; flow++)
            feed_packet(feed, flow, "harmless");
}

void await_fed(struct test *t, const struct feed *feed) {
    UNTIL(t, inspected(t) == (json_int_t)feed->frames);
}
