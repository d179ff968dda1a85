/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/frames_hostile.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const struct decode_options all_options[OPTIONS] = {
    {.ports = &decode_usual_ports, .outer = false},
    {.ports = &decode_usual_ports, .outer = true},
    {.ports = &decode_usual_ports, .key_vlan = true, .key_tunnel = true, .secret = {5, 6}},
    {.ports = &decode_usual_ports, .outer = true, .key_tunnel = true, .secret = {5, 6}},
};

uint8_t *guarded_end(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
    return p + page;
}

void free_guarded(uint8_t *end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(end - page, 2 * page);
}

void assert_consistent(const struct decoded *d, uint32_t caplen) {
    static const uint16_t known = FB_F_FRAGMENT | FB_F_TUNNEL | FB_F_MALFORMED;
    assert_true(d->reason < FB_DECODE_COUNT);
    assert_true(d->swapped <= 1);
    assert_int_equal(d->flags & ~known, 0);
    assert_true(d->l3_off == FB_NO_OFFSET || d->l3_off + IP4 <= caplen);
    assert_true(d->l4_off == FB_NO_OFFSET || (d->l4_off < caplen && d->l4_off > d->l3_off));
    assert_true(d->payload_off == FB_NO_OFFSET ||
                (d->payload_off <= caplen && d->l4_off < d->payload_off));
    assert_true(d->payload_off != FB_NO_OFFSET || d->payload_len == 0);
    assert_int_equal(d->l3_off == FB_NO_OFFSET, key_kind(d) < FB_KEY_IP4);
    assert_false((d->flags & FB_F_TUNNEL) != 0 && d->l3_off == FB_NO_OFFSET);
}

void assert_safe_at_every_length(uint8_t *end, const struct packet *f) {
    for (uint32_t n = 0; n <= f->n; n++) {
        memcpy(end - n, f->bytes, n);
        for (unsigned i = 0; i < LINK_COUNT * OPTIONS; i++) {
            const struct decode_options *options = &all_options[i / LINK_COUNT];
            struct decoded d;
            decode(end - n, n, (enum link_layer)(i % LINK_COUNT), options, &d);
            assert_consistent(&d, n);
            assert_false(options->outer && (d.flags & FB_F_TUNNEL) != 0);
        }
    }
}

void swap_bytes(uint8_t *a, uint8_t *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint8_t t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

/* The addresses of the flow change places, and the ports where it has some. */
static void mirror_flow(struct packet *f, const struct decoded *d) {
    uint8_t *ip = f->bytes + d->l3_off;
    bool six = ip[0] >> 4 == 6;
    swap_bytes(ip + (six ? 8 : 12), ip + (six ? 24 : 16), six ? 16 : 4);
    if (d->payload_off != FB_NO_OFFSET)
        swap_bytes(f->bytes + d->l4_off, f->bytes + d->l4_off + 2, 2);
}

void assert_mirrors(struct packet f, enum link_layer link, const struct decode_options *options) {
    struct decoded there, back;
    decode(f.bytes, f.n, link, options, &there);
    mirror_flow(&f, &there);
    decode(f.bytes, f.n, link, options, &back);
    assert_same_key(&there, &back);
    assert_int_not_equal(there.swapped, back.swapped);
    assert_int_equal(there.reason, back.reason);
    assert_int_equal(there.l3_off, back.l3_off);
    assert_int_equal(there.payload_off, back.payload_off);
}

void assert_sample_holds(uint8_t *end, const struct packet *f, enum link_layer link) {
    for (unsigned i = 0; i < OPTIONS; i++)
        assert_mirrors(*f, link, &all_options[i]);
    assert_safe_at_every_length(end, f);
}
