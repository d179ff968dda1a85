/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of libflowbalancer that counts packets, for the benchmark:
 *
 *   library_reader step | next INSTANCE
 *
 * step: burst by burst; next: event by event. Prints how many there were. Exit status: 0 once it
 * was told to stop, 1 otherwise, 2 on wrong usage.
 */
#include <stdio.h>
#include <string.h>

#include "flow_balancer/consumer.h"

struct counts {
    unsigned long packets, bytes;
};

static void take(struct counts *counts, const struct fb_event *event) {
    if (event->kind != FB_EVENT_PACKET)
        return;
    counts->packets++;
    counts->bytes += event->packet.caplen;
}

static int read_by_step(struct fb_consumer *consumer, struct counts *counts) {
    int taken;
    while ((taken = fb_consumer_burst(consumer, -1)) >= 0) {
        const struct fb_event *event;
        while (taken > 0 && (event = fb_consumer_step(consumer)) != NULL)
            take(counts, event);
    }
    return taken;
}

static int read_by_next(struct fb_consumer *consumer, struct counts *counts) {
    const struct fb_event *event;
    int taken;
    while ((taken = fb_consumer_next(consumer, -1, &event)) >= 0) {
        if (taken > 0)
            take(counts, event);
    }
    return taken;
}

int main(int argc, char **argv) {
    struct fb_consumer *consumer;
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    struct counts counts = {0, 0};
    if (argc != 3 || (strcmp(argv[1], "step") != 0 && strcmp(argv[1], "next") != 0))
        return 2;
    config.instance = argv[2];
    if (fb_consumer_open(&consumer, &config) != 0)
        return 1;
    int ended =
        argv[1][0] == 's' ? read_by_step(consumer, &counts) : read_by_next(consumer, &counts);
    fb_consumer_close(consumer);
    printf("%lu packets, %lu bytes\n", counts.packets, counts.bytes);
    return ended == FB_ENDED_STOPPED ? 0 : 1;
}
