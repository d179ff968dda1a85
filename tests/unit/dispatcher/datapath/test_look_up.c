/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/datapath/look_up.h: what follows the payload of a packet, and what is wrong with it.
 */
#include "tests/lib/unit.h"

#include "dispatcher/datapath/look_up.h"

static void the_tail_is_what_was_captured_behind_the_payload(void **state) {
    (void)state;
    static const struct {
        uint32_t caplen, payload_len;
        uint16_t payload_off;
        unsigned tail;
    } rows[] = {
        {60, 0, 54, 6}, /* padding of Ethernet */
        {1514, 1460, 54, 0},
        {1518, 1460, 54, 4}, /* frame check sequence */
        {96, 1460, 54, 0},   /* cut off by the snapshot length */
        {84, 0, 54, 30},
        {85, 0, 54, FB_TAIL_LONG},
        {9000, 0, 54, FB_TAIL_LONG},
        {54, 0, 54, 0},
        {60, 0, FB_NO_OFFSET, FB_TAIL_LONG},
        {0, 0, FB_NO_OFFSET, FB_TAIL_LONG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct decoded decoded = {.payload_len = rows[i].payload_len,
                                        .payload_off = rows[i].payload_off};
        assert_int_equal(look_up_tail(&decoded, rows[i].caplen), rows[i].tail);
    }
}

static void a_malformed_packet_says_what_is_wrong_instead(void **state) {
    (void)state;
    struct decoded decoded = {
        .payload_off = 54, .reason = FB_DECODE_UDP_LENGTH, .flags = FB_F_TUNNEL};
    assert_int_equal(look_up_last(&decoded, 60), 6);
    decoded.flags |= FB_F_MALFORMED;
    assert_int_equal(look_up_last(&decoded, 60), FB_DECODE_UDP_LENGTH);
    decoded.payload_off = FB_NO_OFFSET;
    assert_int_equal(look_up_last(&decoded, 60), FB_DECODE_UDP_LENGTH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_malformed_packet_says_what_is_wrong_instead),
        cmocka_unit_test(the_tail_is_what_was_captured_behind_the_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
