/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>

/* Offsets behind SKF_AD_OFF. */
static const uint32_t offsets[CAPTURE_ASIDES] = {
    [CAPTURE_PACKET_TYPE] = SKF_AD_PKTTYPE,
    [CAPTURE_INDEX] = SKF_AD_IFINDEX,
    [CAPTURE_TAG] = SKF_AD_VLAN_TAG,
    [CAPTURE_TAGGED] = SKF_AD_VLAN_TAG_PRESENT,
};

static bool is_aside(const struct bpf_insn *insn) {
    return BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS &&
           insn->k >= (uint32_t)SKF_AD_OFF;
}

static bool rewrite_aside(struct bpf_insn *insn) {
    for (uint32_t a = 0; a < CAPTURE_ASIDES; a++)
        if (insn->k == (uint32_t)SKF_AD_OFF + offsets[a]) {
            *insn = (struct bpf_insn){.code = BPF_LD | BPF_W | BPF_ABS, .k = 4 * a};
            return true;
        }
    return false;
}

/* Whether it reads the frame. */
static bool reads(const struct bpf_insn *insn) {
    unsigned class = BPF_CLASS(insn->code), mode = BPF_MODE(insn->code);
    return (class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND)) ||
           (class == BPF_LDX && mode == BPF_MSH);
}

int capture_outside_make(struct bpf_program *to, const struct bpf_program *from) {
    *to = (struct bpf_program){.bf_len = from->bf_len};
    to->bf_insns = calloc(from->bf_len, sizeof *to->bf_insns);
    if (to->bf_insns == NULL)
        return -ENOMEM;
    for (unsigned n = 0; n < from->bf_len; n++) {
        struct bpf_insn *insn = &to->bf_insns[n];
        *insn = from->bf_insns[n];
        if (is_aside(insn)) {
            if (!rewrite_aside(insn)) {
                capture_outside_free(to);
                return -EINVAL;
            }
        } else if (reads(insn)) {
            insn->k += CAPTURE_ASIDE_BYTES;
        }
    }
    return 0;
}

void capture_outside_free(struct bpf_program *program) {
    free(program->bf_insns);
    *program = (struct bpf_program){0};
}

bool capture_outside_passes(const struct bpf_program *program,
                            const uint32_t asides[CAPTURE_ASIDES], uint8_t *data, uint32_t caplen,
                            uint32_t wirelen) {
    uint8_t *from = data - CAPTURE_ASIDE_BYTES;

    for (unsigned a = 0; a < CAPTURE_ASIDES; a++) {
        uint32_t value = htonl(asides[a]);
        memcpy(from + (size_t)4 * a, &value, sizeof value);
    }
    return bpf_filter(program->bf_insns, from, wirelen, caplen + CAPTURE_ASIDE_BYTES) != 0;
}
