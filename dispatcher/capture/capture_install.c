/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_install.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flow_balancer/common/log.h"

static const struct bpf_insn take = {BPF_RET | BPF_K, 0, 0, FB_FRAME_MAX};
static const struct bpf_program every_frame = {.bf_len = 1, .bf_insns = (struct bpf_insn *)&take};

/* most: bytes that are taken of a frame that passes. */
static int attach(int fd, const struct bpf_program *bpf, uint32_t most) {
    struct sock_fprog program = {.len = (unsigned short)bpf->bf_len};
    int err;

    if (bpf->bf_len > BPF_MAXINSNS)
        return -EINVAL;
    program.filter = calloc(bpf->bf_len, sizeof *program.filter);
    if (program.filter == NULL)
        return -ENOMEM;
    for (unsigned n = 0; n < bpf->bf_len; n++) {
        const struct bpf_insn *insn = &bpf->bf_insns[n];
        bool takes = insn->code == (BPF_RET | BPF_K) && insn->k != 0;
        program.filter[n] =
            (struct sock_filter){insn->code, insn->jt, insn->jf, takes ? most : insn->k};
    }
    err = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
    free(program.filter);
    return err;
}

/*
 * pcap_setfilter() has the kernel drop everything first, and the frames that come until it has
 * checked the new program are lost: about 5 of 20,000 a second with 300 hosts. It is for sockets
 * whose programs libpcap rewrites (cooked ones), devices without a kernel's filter, and programs
 * that the kernel refuses, for their length: then libpcap filters, and goes on with that.
 */
static bool set_in_kernel(const struct capture_interface *i, const struct bpf_program *bpf) {
    if (!i->is_socket || i->outside || pcap_datalink(i->pcap) == DLT_LINUX_SLL ||
        pcap_datalink(i->pcap) == DLT_LINUX_SLL2)
        return false;
    return attach(pcap_fileno(i->pcap), bpf, FB_FRAME_MAX) == 0; /* libpcap cuts */
}

/*
 * libpcap reads from the socket while it changes a filter, and fails if the kernel
 * has an error to report there, as it does once when an interface goes down. The
 * second attempt meets none.
 */
static int set_by_libpcap(struct capture_interface *i, const struct bpf_program *bpf) {
    struct bpf_program program = *bpf; /* which libpcap copies */

    if (set_in_kernel(i, bpf))
        return 0;
    i->outside = true;
    return pcap_setfilter(i->pcap, &program) == 0 || pcap_setfilter(i->pcap, &program) == 0
               ? 0
               : -EINVAL;
}

/* The kernel cuts, which saves copying; but not what is still to be filtered. */
static int set_on_packet(struct capture_interface *i, const struct bpf_program *bpf) {
    struct bpf_program outside;
    int err;

    if (!i->outside && attach(i->packet.fd, bpf, i->packet.snaplen) == 0)
        return 0;
    err = capture_outside_make(&outside, bpf);
    if (err == 0)
        err = attach(i->packet.fd, &every_frame, FB_FRAME_MAX);
    if (err < 0) {
        capture_outside_free(&outside);
        return err;
    }
    capture_packet_filter(&i->packet, outside);
    i->outside = true;
    return 0;
}

int capture_install_set(const struct capture_filter *filter, struct capture_interface *i,
                        const struct bpf_program *bpf) {
    int err;

    bpf = bpf == NULL ? &every_frame : bpf;
    err = i->by_packet ? set_on_packet(i, bpf) : set_by_libpcap(i, bpf);
    if (err == 0)
        return 0;
    fb_error("filter \"%s\" is refused by %s: %s: give another",
             filter->text == NULL ? "" : filter->text, i->name,
             i->by_packet ? strerror(-err) : pcap_geterr(i->pcap));
    return -EINVAL;
}

int capture_install_ask(struct capture_filter *filter, const struct capture_interface *i,
                        const struct bpf_program **bpf) {
    const struct capture_program *program;
    enum capture_fit fit =
        capture_filter_fits(filter, (struct capture_kind){.handle = i->compiles}, &program);

    *bpf = fit == CAPTURE_FITS ? &program->bpf : NULL;
    if (fit == CAPTURE_FITS || (fit == CAPTURE_FIT_UNKNOWN && filter->lacks))
        return 0;
    capture_filter_say(filter, program, i->name, "");
    return -EINVAL;
}

int capture_install_first(struct capture_filters *filters, struct capture_interface *i) {
    char reason[PCAP_ERRBUF_SIZE];
    int err = 0;

    i->compiles = capture_filters_handle(filters, i->pcap, i->name, reason);
    if (i->compiles == NULL) {
        fb_error("filters cannot be compiled for %s: %s: free some memory, or choose another "
                 "interface",
                 i->name, reason);
        return -ENOMEM;
    }
    if (filters->present->text != NULL)
        err = capture_install_ask(filters->present, i, &i->bpf);
    else if (!i->by_packet) /* else the kernel is to cut */
        return 0;
    return err < 0 ? err : capture_install_set(filters->present, i, i->bpf);
}
