/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_fanout.c: captures that share an interface, a tap in a
 * network namespace of our own. The kernel runs the program that is tested. Each frame
 * passes twice: when it is sent, with all its tags, and when it is received, with the
 * first tag removed. Skipped where no namespace or no tap can be made.
 */
#include "tests/lib/caught.h"
#include "tests/lib/fanout_frames.h"
#include "tests/lib/interface.h"
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MEMBERS_MOST 4u
#define FRAMES_MOST 2048u
#define GROUP 40u
#define WAIT_MOST_S 10

#define TAP "fan0"
#define OURS "ether[0:4] = 0x02000000" /* not what the kernel sends by itself */

static const char *const interfaces[] = {TAP};
static struct capture *members[MEMBERS_MOST];
static int sender = -1, tap = -1;
static bool ready;

static unsigned sent, taken;
static unsigned seen[FRAMES_MOST], taken_by[FRAMES_MOST]; /* how often; bits: by which members */

/* ---- the line */

static bool make_tap(void) {
    struct ifreq request = {.ifr_name = TAP, .ifr_flags = IFF_TAP | IFF_NO_PI};
    if (unshare(CLONE_NEWNET) < 0)
        return false;
    tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    return tap >= 0 && ioctl(tap, TUNSETIFF, &request) == 0;
}

static void begin(void) {
    if (!ready)
        skip();
}

static struct capture_config sharing(enum capture_fanout_mode mode) {
    return (struct capture_config){.interfaces = interfaces,
                                   .interface_count = 1,
                                   .loops = 1,
                                   .filter = OURS,
                                   .fanout = {.wanted = true, .group = GROUP, .mode = mode}};
}

static void join(unsigned member) {
    const struct capture_config config = sharing(FANOUT_CBPF);
    assert_int_equal(capture_open(&members[member], &config), 0);
}

static void leave(unsigned member) {
    capture_close(members[member]);
    members[member] = NULL;
}

static int set_up_line(void **state) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET};
    (void)state;
    ready = make_tap();
    if (!ready) {
        print_message("no tap in a network namespace of our own (%s): fanout tests are skipped\n",
                      strerror(errno));
        return 0;
    }
    set_interface_up(TAP, true);
    to.sll_ifindex = (int)if_nametoindex(TAP);
    sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(sender, (const struct sockaddr *)&to, sizeof to), 0);
    for (unsigned i = 0; i < MEMBERS_MOST; i++)
        join(i);
    return 0;
}

static int tear_down_line(void **state) {
    (void)state;
    for (unsigned i = 0; i < MEMBERS_MOST; i++)
        leave(i);
    return 0;
}

static void forget(void) {
    sent = taken = 0;
    memset(seen, 0, sizeof seen);
    memset(taken_by, 0, sizeof taken_by);
}

static void take_waiting(unsigned member) {
    const struct frame *frames;
    unsigned count = 0;
    while (capture_burst(members[member], 32, &frames, &count) == CAPTURE_MORE) {
        for (unsigned i = 0; i < count; i++) {
            uint32_t number;
            assert_in_range(frames[i].caplen, ETH_HLEN + sizeof number, PACKET_ROOM);
            memcpy(&number, frames[i].data + frames[i].caplen - sizeof number, sizeof number);
            assert_in_range(number, 0, sent - 1);
            seen[number]++;
            taken_by[number] |= 1u << member;
        }
        taken += count;
    }
}

static void take_from_all(void) {
    for (unsigned i = 0; i < MEMBERS_MOST; i++)
        if (members[i] != NULL)
            take_waiting(i);
}

static void take_until(unsigned wanted) {
    time_t until = time(NULL) + WAIT_MOST_S;
    do {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        take_from_all();
    } while (taken < wanted && time(NULL) < until);
}

/* Takes the rest; each frame is there twice, both times with the same member. */
static void take_sent(void) {
    take_until(2 * sent);
    for (unsigned i = 0; i < sent; i++) {
        if (seen[i] != 2 || (taken_by[i] & (taken_by[i] - 1)) != 0)
            fail_msg("frame %u came %u times, not 2, to members %#x", i, seen[i], taken_by[i]);
    }
}

/* ---- frames: their number is at the end */

static void send_frame(struct packet *s) {
    uint32_t number = sent++;
    add_bytes(s, &number, sizeof number);
    assert_true(number < FRAMES_MOST);
    assert_int_equal(send(sender, s->bytes, s->n, 0), s->n);
    assert_int_equal(write(tap, s->bytes, s->n), s->n);
    if (number % 4 ==
        3) /* a kernel buffer is few blocks, and one that has a frame is soon closed */
        take_from_all();
}

static void send_part(const struct datagram *d, enum part part) {
    struct packet s;
    fanout_frame(&s, d, part);
    send_frame(&s);
}

/* ---- tests */

static void expect_together(unsigned first, unsigned last, const char *what) {
    for (unsigned i = first; i <= last; i++)
        if (taken_by[i] != taken_by[first])
            fail_msg("%s: frame %u of %u went to %#x, the first to %#x", what, i - first,
                     last - first + 1, taken_by[i], taken_by[first]);
}

/* Whole, as fragments, in both directions and behind whatever: one pair, one member. */
static void all_of_an_address_pair_goes_to_one_member(void **state) {
    char what[64];
    (void)state;
    begin();
    for (unsigned six = 0; six < 2; six++) {
        for (uint32_t pair = 0; pair < 12; pair++) {
            uint32_t from = 0x0a000001 + pair * 7, to = 0xc0a80000 + pair * pair * 901;
            forget();
            struct datagram d = {.six = six != 0, .one = from, .two = to};
            for (d.encapsulation = BARE; d.encapsulation < ENCAPSULATIONS; d.encapsulation++) {
                for (enum part part = WHOLE; part < PARTS; part++) {
                    d.back = false;
                    send_part(&d, part);
                    d.back = true;
                    send_part(&d, part);
                }
            }
            take_sent();
            snprintf(what, sizeof what, "IPv%u, pair %u", six ? 6 : 4, pair);
            expect_together(0, sent - 1, what);
        }
    }
}

/* The n-th pair of addresses of a kind. */
typedef void make_pair(uint32_t n, uint32_t *from, uint32_t *to);

static void one_server(uint32_t n, uint32_t *from, uint32_t *to) {
    *from = 0x0a000000 + n;
    *to = 0xc0000201;
}

static void side_by_side(uint32_t n, uint32_t *from, uint32_t *to) {
    *from = 0x0a000000 + n;
    *to = 0x0a010000 + n;
}

static void far_networks(uint32_t n, uint32_t *from, uint32_t *to) {
    *from = n << 23 | 1;
    *to = 0xc0000201;
}

static void even_numbers(uint32_t n, uint32_t *from, uint32_t *to) {
    *from = 0x0a000000 + 4 * (n % 20);
    *to = 0xac100000 + 16 * (n / 20);
}

#define PAIRS 400u

/* Among the count members that there are. */
/* By a hash with a seed of this boot: the bounds are five times its spread. */
static void expect_spread(const char *what, unsigned count) {
    for (unsigned k = 0; k < MEMBERS_MOST; k++) {
        unsigned got = 0;
        for (unsigned i = 0; i < sent; i++)
            got += taken_by[i] >> k & 1;
        if (members[k] != NULL && (got < sent / count / 2 || got > sent / count * 3 / 2))
            fail_msg("%s: member %u, one of %u, got %u of %u", what, k, count, got, sent);
    }
}

static void send_pairs(make_pair *make, bool six) {
    struct datagram d = {.six = six};
    forget();
    for (uint32_t n = 0; n < PAIRS; n++) {
        make(n, &d.one, &d.two);
        send_part(&d, WHOLE);
    }
    take_sent();
}

static void expect_all_kinds_spread(unsigned count) {
    static const struct {
        make_pair *make;
        const char *name;
    } kinds[] = {{one_server, "one server"},
                 {side_by_side, "side by side"},
                 {far_networks, "far networks"},
                 {even_numbers, "even numbers"}};
    for (unsigned kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        for (unsigned six = 0; six < 2; six++) {
            send_pairs(kinds[kind].make, six != 0);
            expect_spread(kinds[kind].name, count);
        }
    }
}

static void send_arp(bool back, unsigned host) {
    struct packet s = {.n = 0};
    fanout_add_macs(&s, back ? host : 0x901, back ? 0x901 : host);
    add16(&s, ETH_P_ARP);
    add32(&s, 0x00010800);
    send_frame(&s);
}

static void frames_without_ip_go_by_their_mac_pair(void **state) {
    (void)state;
    begin();
    forget();
    for (uint32_t host = 0; host < PAIRS; host++) {
        send_arp(false, host);
        send_arp(true, host);
    }
    take_sent();
    for (uint32_t host = 0; host < PAIRS; host++)
        expect_together(2 * host, 2 * host + 1, "ARP");
    expect_spread("ARP", MEMBERS_MOST);
}

/* Frames that end within a header, or say what they are not. (The kernel itself drops what it
 * receives that ends within the first tag.) */
static void nothing_is_lost_for_being_malformed(void **state) {
    (void)state;
    begin();
    forget();
    for (uint32_t bytes = 20; bytes < 70; bytes++) {
        for (enum encapsulation encapsulation = BARE; encapsulation < ENCAPSULATIONS;
             encapsulation++) {
            struct packet s = {.n = 0};
            fanout_add_macs(&s, 1, 2);
            fanout_add_encapsulation(&s, encapsulation, true, FIRST);
            fanout_add_ip4(&s, 0x0a000001, 0x0a000002, FIRST, 1);
            s.n = s.n < bytes ? s.n : bytes;
            send_frame(&s);
        }
    }
    take_sent();
}

/* The member leaves; how much of what the others had goes to another than before. */
static double moved_when_one_leaves(unsigned leaver) {
    unsigned before[PAIRS], stayed = 0, moved = 0;
    send_pairs(one_server, false);
    memcpy(before, taken_by, sizeof before);
    leave(leaver);
    send_pairs(one_server, false);
    for (uint32_t n = 0; n < PAIRS; n++) {
        if (before[n] == 1u << leaver)
            assert_true(taken_by[n] != before[n]);
        else if (taken_by[n] == before[n])
            stayed++;
        else
            moved++;
    }
    assert_int_not_equal(stayed, 0);
    return (double)moved / (stayed + moved);
}

/* The README says what moves. The outcome is that of a hash whose seed each boot chooses: bounds
 * are five times its spread. */
static void any_number_of_members_shares_fairly_and_some_move_when_one_leaves(void **state) {
    static const double shares[] = {[2] = 0, [3] = 1.0 / 2, [4] = 2.0 / 3};
    static const unsigned leavers[] = {[2] = 3, [3] = 0, [4] = 1};
    (void)state;
    begin();
    for (unsigned count = MEMBERS_MOST; count >= 2; count--) {
        expect_all_kinds_spread(count);
        double share = moved_when_one_leaves(leavers[count]);
        if (share < shares[count] - 0.2 || share > shares[count] + 0.2)
            fail_msg("one of %u leaves: %.3f of the others' moves, not %.3f", count, share,
                     shares[count]);
    }
}

static void a_member_begins_with_its_membership(void **state) {
    (void)state;
    begin();
    struct datagram d = {.two = 1};
    forget();
    for (d.one = 0; d.one < PAIRS; d.one++)
        send_part(&d, WHOLE);
    join(0); /* beside number 2 */
    take_sent();
    expect_together(0, sent - 1, "before another joined");
}

static void a_filter_and_a_direction_hold_for_the_share(void **state) {
    struct capture_config config = sharing(FANOUT_CBPF);
    struct datagram d = {.two = 1};
    (void)state;
    begin();
    config.filter = OURS " and ip6";
    config.direction = CAPTURE_IN;
    for (unsigned i = 0; i < MEMBERS_MOST; i++)
        leave(i);
    assert_int_equal(capture_open(&members[1], &config), 0);
    forget();
    for (d.one = 0; d.one < PAIRS; d.one++) {
        d.six = d.one % 2 == 0;
        send_part(&d, WHOLE);
    }
    take_until(PAIRS / 2);
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(seen[i], i % 2 == 0);
}

/* ---- refusals */

static void expect_refused(const struct capture_config *config, int error, const char *part) {
    struct capture *none;
    struct caught log;
    catch_begin(&log);
    int status = capture_open(&none, config);
    const char *text = catch_end(&log);
    assert_int_equal(status, error);
    assert_non_null(strstr(text, part));
    assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
}

static void a_group_of_another_mode_or_interface_is_refused(void **state) {
    static const char *const others[] = {"lo", TAP};
    struct capture_config config = sharing(FANOUT_HASH);
    (void)state;
    begin();
    set_interface_up("lo", true);
    expect_refused(&config, -EINVAL,
                   "--fanout '40:hash': " TAP " cannot join this group: Invalid argument: a group "
                   "of this number has another interface or mode");
    config = sharing(FANOUT_CBPF);
    config.interfaces = others;
    expect_refused(&config, -EINVAL, "--fanout '40:cbpf': lo cannot join this group");
    config.interface_count = 2; /* groups 39, and 40 of the right interface */
    config.fanout.group--;
    assert_int_equal(capture_open(&members[0], &config), 0);
    config.fanout.mode = FANOUT_QM;
    expect_refused(&config, -EINVAL, "--fanout '39:qm': lo cannot join this group");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_an_address_pair_goes_to_one_member),
        cmocka_unit_test(frames_without_ip_go_by_their_mac_pair),
        cmocka_unit_test(nothing_is_lost_for_being_malformed),
        cmocka_unit_test(any_number_of_members_shares_fairly_and_some_move_when_one_leaves),
        cmocka_unit_test(a_member_begins_with_its_membership),
        cmocka_unit_test(a_filter_and_a_direction_hold_for_the_share),
        cmocka_unit_test(a_group_of_another_mode_or_interface_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up_line, tear_down_line);
}
