/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspectors/serve_client.c: the queue of one client, over a pair of sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/inspectors/pcap_record.h"
#include "worker/inspectors/serve_client.h"

#define LONGEST 262144u

static uint8_t bytes[LONGEST + 256];

struct pair {
    struct serve_client client;
    int reader;
    uint64_t added;   /* packets */
    uint64_t sent;    /* as the client counts them */
    uint64_t read;    /* bytes */
    uint64_t whole;   /* packets of which all bytes were read */
    uint8_t part[16]; /* of a header */
    uint64_t left;    /* of the record that is being read */
    unsigned part_bytes;
};

static int set_up(void **state) {
    struct pair *p = new_state(state, sizeof *p);
    union serve_address address = {.ip4.sin_family = AF_INET};
    int ends[2];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    p->reader = ends[1];
    return serve_client_open(&p->client, ends[0], &address);
}

static int tear_down(void **state) {
    struct pair *p = *state;
    if (p->client.fd >= 0)
        serve_client_close(&p->client);
    close(p->reader);
    free(p);
    return 0;
}

/* Packet number i begins at byte i of the bytes, so that each has others. */
static bool add(struct pair *p, uint32_t size) {
    const struct fb_packet packet = {.time_ns = p->added,
                                     .data = bytes + p->added % 256,
                                     .caplen = size,
                                     .wirelen = size,
                                     .link_type = 1};
    bool taken = serve_client_add(&p->client, &packet);
    p->added += taken;
    return taken;
}

static int send_all(struct pair *p) {
    uint64_t sent;
    int error = serve_client_send(&p->client, &sent);
    p->sent += sent;
    assert_int_equal(p->sent + p->client.packets, p->added);
    return error;
}

/* Each byte is that of the packet in whose record it is. */
static void check(struct pair *p, const uint8_t *got, size_t n) {
    size_t skip = p->read < PCAP_FILE_BYTES ? PCAP_FILE_BYTES - (size_t)p->read : 0;
    p->read += n;
    for (size_t i = skip; i < n;) {
        if (p->part_bytes < PCAP_RECORD_BYTES) {
            p->part[p->part_bytes++] = got[i++];
            if (p->part_bytes < PCAP_RECORD_BYTES)
                continue;
            struct pcap_record_head head;
            memcpy(&head, p->part, sizeof head);
            assert_int_equal(head.ns, p->whole);
            assert_int_equal(head.caplen, head.wirelen);
            p->left = head.caplen;
        } else {
            struct pcap_record_head head;
            memcpy(&head, p->part, sizeof head);
            size_t take = n - i < p->left ? n - i : (size_t)p->left;
            const uint8_t *wanted = bytes + p->whole % 256 + (head.caplen - p->left);
            assert_memory_equal(got + i, wanted, take);
            p->left -= take;
            i += take;
        }
        if (p->left == 0) {
            p->whole++;
            p->part_bytes = 0;
        }
    }
}

static void read_some(struct pair *p, size_t most) {
    static uint8_t got[1 << 20];
    ssize_t n = read(p->reader, got, most < sizeof got ? most : sizeof got);
    if (n > 0)
        check(p, got, (size_t)n);
}

static void what_is_queued_arrives_whole_and_in_order(void **state) {
    struct pair *p = *state;
    uint64_t random = 5;
    serve_client_begin(&p->client, 1);
    for (unsigned i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        uint32_t size = (uint32_t)(random >> 40) % (i % 50 == 0 ? LONGEST : 3000u);
        while (!add(p, size)) {
            assert_int_equal(send_all(p), 0);
            read_some(p, (size_t)(random >> 33) % 100000 + 1);
        }
    }
    while (serve_client_queued(&p->client) != 0) {
        assert_int_equal(send_all(p), 0);
        read_some(p, 100000);
    }
    while (p->whole < p->added)
        read_some(p, 100000);
    assert_int_equal(p->sent, 20000);
    assert_int_equal(p->read, p->client.in);
    assert_true(p->client.in > 10 * SERVE_QUEUE_BYTES); /* it went round */
}

/* What counts as sent are records whose last byte the socket took. */
static void what_a_slow_client_was_not_sent_is_known(void **state) {
    struct pair *p = *state;
    serve_client_begin(&p->client, 1);
    while (add(p, 1000))
        ;
    assert_in_range(p->added, SERVE_QUEUE_BYTES / 1016 - 2, SERVE_QUEUE_BYTES / 1016);
    assert_int_equal(send_all(p), 0);
    assert_int_equal(p->sent, (p->client.out - PCAP_FILE_BYTES) / 1016);
    assert_true(p->sent > 0 && p->client.packets > 0);
    uint64_t before = p->client.packets;
    assert_int_equal(send_all(p), 0); /* it reads nothing */
    assert_int_equal(p->client.packets, before);
}

static void a_packet_whose_last_byte_is_unsent_does_not_count(void **state) {
    struct pair *p = *state;
    static const uint8_t much[4096];
    uint64_t sent;
    serve_client_begin(&p->client, 1);
    assert_true(add(p, 1000));
    while (write(p->client.fd, much, sizeof much) > 0) /* the socket takes no more */
        ;
    p->client.out = p->client.in - 1; /* as if all but that byte had gone before */
    assert_int_equal(serve_client_send(&p->client, &sent), 0);
    assert_int_equal(serve_client_queued(&p->client), 1);
    assert_int_equal(sent, 0);
    p->client.out = p->client.in;
    assert_int_equal(serve_client_send(&p->client, &sent), 0);
    assert_int_equal(sent, 1);
}

/* Only the one packet of a client that has none of its bytes. */
static void a_packet_is_taken_back_if_nothing_of_it_went(void **state) {
    struct pair *p = *state;
    serve_client_begin(&p->client, 1);
    assert_true(add(p, 1000));
    serve_client_take_back(&p->client);
    assert_int_equal(serve_client_queued(&p->client), PCAP_FILE_BYTES);
    assert_int_equal(p->client.packets, 0);
    p->added = 0;
    assert_true(add(p, 1000));
    assert_int_equal(send_all(p), 0);
    assert_int_equal(p->sent, 1);
    serve_client_take_back(&p->client); /* it went whole */
    assert_int_equal(p->client.in, PCAP_FILE_BYTES + 1016);
    while (serve_client_queued(&p->client) == 0) { /* until the socket takes but a part of one */
        assert_true(add(p, LONGEST));
        assert_int_equal(send_all(p), 0);
    }
    uint64_t in = p->client.in;
    assert_true(p->client.out > p->client.first);
    serve_client_take_back(&p->client);
    assert_int_equal(p->client.in, in);
    assert_int_equal(p->client.packets, 1);
}

static void the_longest_packet_has_room(void **state) {
    struct pair *p = *state;
    serve_client_begin(&p->client, 1);
    for (unsigned i = 0; i < 15; i++)
        assert_true(add(p, LONGEST));
    assert_false(add(p, LONGEST));
    assert_true(add(p, 0));
}

static void one_that_has_closed_is_gone(void **state) {
    struct pair *p = *state;
    serve_client_begin(&p->client, 1);
    assert_true(add(p, 100));
    shutdown(p->reader, SHUT_WR); /* it only reads from now on */
    assert_int_equal(serve_client_hear(&p->client), 0);
    assert_true(p->client.is_silent);
    assert_int_equal(send_all(p), 0);
    assert_int_equal(p->sent, 1);
    close(p->reader);
    p->reader = dup(STDERR_FILENO);
    assert_true(add(p, 100));
    assert_int_equal(send_all(p), -EPIPE);
    assert_int_equal(p->client.packets, 1);
}

static void what_it_sends_is_ignored(void **state) {
    struct pair *p = *state;
    static const char much[100000];
    assert_true(write(p->reader, much, sizeof much) > 0);
    assert_int_equal(serve_client_hear(&p->client), 0);
    assert_false(p->client.is_silent);
    char byte;
    assert_int_equal(recv(p->client.fd, &byte, 1, MSG_DONTWAIT), -1);
}

#define CLIENT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(what_is_queued_arrives_whole_and_in_order),
        CLIENT_TEST(what_a_slow_client_was_not_sent_is_known),
        CLIENT_TEST(a_packet_whose_last_byte_is_unsent_does_not_count),
        CLIENT_TEST(a_packet_is_taken_back_if_nothing_of_it_went),
        CLIENT_TEST(the_longest_packet_has_room),
        CLIENT_TEST(one_that_has_closed_is_gone),
        CLIENT_TEST(what_it_sends_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
