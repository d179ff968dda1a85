/* SPDX-License-Identifier: BSD-2-Clause */
#include "lane.h"

uint32_t lane_stage_ends(struct lane *lane, uint64_t time_ns, uint64_t frame) {
    uint32_t staged = 0;
    while (lane->handles.pending != 0) {
        uint64_t seq = lane->tx.seq;
        struct fb_desc *desc = fb_tx_stage_end(&lane->tx);
        if (desc == NULL)
            break;
        struct pending_end end;
        handles_pop_end(&lane->handles, &end);
        *desc = (struct fb_desc){
            .time_ns = time_ns,
            .frame = frame,
            .arena_pos = desc->arena_pos,
            .flow_id = end.flow_id,
            .handle = end.handle,
            .generation = end.generation,
            .l3_off = FB_NO_OFFSET,
            .l4_off = FB_NO_OFFSET,
            .payload_off = FB_NO_OFFSET,
            .flags = FB_F_END,
            .dir_deaths_reason = fb_pack_dir_deaths_reason(0, 0, end.reason),
        };
        lane_mark(lane, seq, end.handle);
        staged++;
    }
    return staged;
}

bool lane_mark_suspect(struct lane *lane, uint64_t seq) {
    /* Our own memory, which no worker can write: what stands there is what we wrote. */
    struct fb_desc *desc = &lane->tx.descs[seq & lane->tx.slot_mask];
    if ((desc->flags & FB_F_END) != 0) {
        desc->flags = FB_F_SKIP; /* its handle is given back as for any end */
        return false;
    }
    unsigned deaths = fb_desc_deaths(desc);
    desc->flags |= FB_F_REDELIVERED;
    desc->dir_deaths_reason =
        fb_pack_dir_deaths_reason(fb_desc_dir(desc), deaths < 3 ? deaths + 1 : 3, 0);
    return true;
}
