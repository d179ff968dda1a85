/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/records/eve_tcp.c: every state after every packet, and whole connections. */
#include "tests/lib/unit.h"

#include <string.h>

#include "worker/records/eve_tcp.h"

enum { A = EVE_TCP_ACK, S = EVE_TCP_SYN, F = EVE_TCP_FIN, R = EVE_TCP_RST, P = EVE_TCP_PSH };

/* Flags that a packet may have, by what it is taken for. */
static const uint8_t flags[5][3] = {{A, P | A, 0},
                                    {S, S | P, S | F},
                                    {S | A, S | A | P, S | A | F},
                                    {F | A, F, F | P | A},
                                    {R, R | A, R | S | F}};

/* By state: after ACK, SYN, SYN with ACK, FIN and RST of the client, then of the server. */
#define N EVE_TCP_NONE
#define SS EVE_TCP_SYN_SENT
#define SR EVE_TCP_SYN_RECV
#define ES EVE_TCP_ESTABLISHED
#define F1 EVE_TCP_FIN_WAIT1
#define F2 EVE_TCP_FIN_WAIT2
#define CW EVE_TCP_CLOSE_WAIT
#define LA EVE_TCP_LAST_ACK
#define TW EVE_TCP_TIME_WAIT
#define CL EVE_TCP_CLOSED
static const enum eve_tcp_state after[EVE_TCP_STATE_COUNT][2][5] = {
    [N] = {{ES, SS, SR, CW, N}, {ES, SR, SR, F1, N}},
    [SS] = {{SS, SS, SS, SS, CL}, {SR, SR, SR, F1, CL}},
    [SR] = {{ES, SR, SR, CW, CL}, {SR, SR, SR, F1, CL}},
    [ES] = {{ES, ES, ES, CW, CL}, {ES, ES, ES, F1, CL}},
    [F1] = {{F2, F1, F1, TW, CL}, {F1, F1, F1, F1, CL}},
    [F2] = {{F2, F2, F2, TW, CL}, {F2, F2, F2, F2, CL}},
    [CW] = {{CW, CW, CW, CW, CL}, {CW, CW, CW, LA, CL}},
    [LA] = {{CL, LA, LA, LA, CL}, {LA, LA, LA, LA, CL}},
    [TW] = {{TW, TW, TW, TW, CL}, {CL, TW, TW, TW, CL}},
    [CL] = {{CL, CL, CL, CL, CL}, {CL, CL, CL, CL, CL}},
};

static void every_state_after_every_packet(void **unused) {
    (void)unused;
    for (unsigned state = 0; state < EVE_TCP_STATE_COUNT; state++) {
        for (unsigned cell = 0; cell < 2 * 5 * 3; cell++) {
            unsigned of_server = cell / 15, kind = cell / 3 % 5;
            enum eve_tcp_state next =
                eve_tcp_next((enum eve_tcp_state)state, of_server == 1, flags[kind][cell % 3]);
            if (next != after[state][of_server][kind])
                fail_msg("%s after packet %u of %s is %s",
                         eve_tcp_state_name((enum eve_tcp_state)state), kind,
                         of_server == 1 ? "the server" : "the client", eve_tcp_state_name(next));
        }
    }
}

/* Packets of a connection: '>' of the client, '<' of the server, and a letter a flag. */
static enum eve_tcp_state run(const char *packets) {
    static const struct {
        char letter;
        uint8_t flag;
    } letters[] = {{'S', S}, {'A', A}, {'F', F}, {'R', R}, {'P', P}};
    enum eve_tcp_state state = EVE_TCP_NONE;
    for (const char *c = packets; *c != '\0';) {
        bool of_server = *c++ == '<';
        uint8_t set = 0;
        for (; *c != '\0' && *c != '<' && *c != '>'; c++) {
            for (unsigned i = 0; i < sizeof letters / sizeof *letters; i++)
                set |= letters[i].letter == *c ? letters[i].flag : 0;
        }
        state = eve_tcp_next(state, of_server, set);
    }
    return state;
}

static void connections_end_where_they_should(void **unused) {
    static const struct {
        const char *packets, *state, *flow;
    } rows[] = {
        {"", "none", "new"},
        {">S", "syn_sent", "new"},
        {">S>S>S", "syn_sent", "new"},
        {">S<SA", "syn_recv", "new"},
        {"<SA>A", "established", "established"},
        {">S<SA>A>PA<A", "established", "established"},
        {">S<A>A", "established", "established"},
        {">PA", "established", "established"},
        {">S<RA", "closed", "closed"},
        {">S<SA>R", "closed", "closed"},
        {">R", "none", "new"},
        {">S<SA>A>FA", "close_wait", "established"},
        {">S<SA>A>FA<A<FA", "last_ack", "closed"},
        {">S<SA>A>FA<A<FA>A", "closed", "closed"},
        {">S<SA>A<FA", "fin_wait1", "established"},
        {">S<SA>A<FA>A", "fin_wait2", "established"},
        {">S<SA>A<FA>A>FA", "time_wait", "closed"},
        {">S<SA>A<FA>FA<A", "closed", "closed"},
    };
    (void)unused;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum eve_tcp_state state = run(rows[i].packets);
        assert_string_equal(eve_tcp_state_name(state), rows[i].state);
        assert_string_equal(eve_tcp_flow_state(state), rows[i].flow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_after_every_packet),
        cmocka_unit_test(connections_end_where_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
