/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHM_VIEW_FLOW_TEXT_H
#define SHM_VIEW_FLOW_TEXT_H

#include <jansson.h>

/* A flow as the report has it, in one line: "10.0.0.1:5001 > 10.0.0.2:443 TCP". What the report
 * says may be anything; of each word as much is taken as its kind may have. Pure. */
struct flow_text {
    char text[192];
};

struct flow_text flow_text_of(const json_t *flow);

#endif
