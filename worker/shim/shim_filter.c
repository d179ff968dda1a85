/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "worker/shim/shim.h"
#include "worker/shim/shim_real.h"

/* Offsets from here on are no place in a packet, but what a kernel knows of it (linux/filter.h,
 * from SKF_LL_OFF on): its direction, its interface. Over captured bytes such a load matches
 * nothing. */
#define KERNEL_OFFSETS 0xffe00000u

static bool asks_the_kernel(const struct bpf_program *program) {
    for (unsigned i = 0; i < program->bf_len; i++) {
        unsigned code = program->bf_insns[i].code;
        if ((BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_LDX) &&
            BPF_MODE(code) == BPF_ABS && program->bf_insns[i].k >= KERNEL_OFFSETS)
            return true;
    }
    return false;
}

static int set_filter(struct shim_handle *h, const struct bpf_program *program) {
    if (!h->activated)
        return shim_fail_inactive(h);
    if (program == NULL)
        return shim_fail(h, PCAP_ERROR, "setfilter: No filter specified");
    if (program->bf_len > INT_MAX ||
        !shim_real()->validate(program->bf_insns, (int)program->bf_len))
        return shim_fail(h, PCAP_ERROR, "BPF program is not valid");
    if (asks_the_kernel(program))
        return shim_fail(h, PCAP_ERROR,
                         "%s: this filter asks for the direction or the interface of a packet, "
                         "which flow-balancer does not keep",
                         h->name);
    size_t size = program->bf_len * sizeof *program->bf_insns;
    struct bpf_insn *copy = malloc(size);
    if (copy == NULL)
        return shim_fail(h, PCAP_ERROR, "%s: no memory for a filter of %zu bytes", h->name, size);
    memcpy(copy, program->bf_insns, size);
    free(h->filter.bf_insns);
    h->filter = (struct bpf_program){.bf_len = program->bf_len, .bf_insns = copy};
    return 0;
}

int pcap_setfilter(pcap_t *p, struct bpf_program *program) {
    struct shim_handle *h = shim_find(p);
    return h == NULL ? shim_real()->setfilter(p, program) : set_filter(h, program);
}

/* Makes it with the link type and the snapshot length of the handle, and gives that the text if it
 * fails. */
int pcap_compile(pcap_t *p, struct bpf_program *program, const char *text, int optimize,
                 bpf_u_int32 netmask) {
    struct shim_handle *h = shim_find(p);
    if (h == NULL)
        return shim_real()->compile(p, program, text, optimize, netmask);
    if (!h->activated)
        return shim_fail(h, PCAP_ERROR, "not-yet-activated pcap_t passed to pcap_compile");
    int status = shim_real()->compile(h->inner, program, text, optimize, netmask);
    return status == 0 ? 0 : shim_fail(h, status, "%s", shim_real()->geterr(h->inner));
}
