/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_NDPI_RESULT_H
#define WORKER_INSPECTORS_NDPI_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <ndpi/ndpi_api.h>

/*
 * What nDPI found out of a flow, in a fraction of the memory that the library takes of it while it
 * is inspected: from then until the flow ends. Pointers; all zero: nothing was found.
 */
struct ndpi_result {
    ndpi_risk risk; /* bits by ndpi_risk_enum */
    char *texts;    /* host name, JA3 of client and of server, each with its 0; NULL: all empty */
    ndpi_protocol protocol;
    uint16_t tls_version; /* 0: not known, or no TLS */
    uint8_t confidence;   /* ndpi_confidence_t */
};

/*
 * Takes what is known of a flow now; `protocol` is what the library returned last. The result is
 * to be freed. Returns 0, or -ENOMEM and then all but the texts is there.
 */
int ndpi_result_take(struct ndpi_result *result, const struct ndpi_flow_struct *flow,
                     ndpi_protocol protocol);

void ndpi_result_free(struct ndpi_result *result);

/* Whether the protocol was found in packets of the flow, or of flows of the same hosts. */
bool ndpi_result_is_detected(const struct ndpi_result *result);

/* Whether it was guessed, by ports or addresses. */
bool ndpi_result_is_guessed(const struct ndpi_result *result);

/*
 * {"ndpi": {...}} as Suricata has it from its plugin of that name, and ndpiReader in its JSON: a
 * new object of the caller's, or NULL if memory ran out.
 */
json_t *ndpi_result_json(struct ndpi_detection_module_struct *module,
                         const struct ndpi_result *result);

/*
 * Suricata's name of the protocol, a constant. A guess does not count. Where it has none, or none
 * was found, "failed" if the flow had payload, as Suricata says that, else NULL.
 */
const char *ndpi_result_app_proto(const struct ndpi_result *result, bool has_payload);

#endif
