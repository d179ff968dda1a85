/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_SIP_ROUND_H
#define FLOW_BALANCER_COMMON_SIP_ROUND_H

#define FB_ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

/* One SipRound (Aumasson and Bernstein 2012), for plain words and for vectors of them alike. */
#define FB_SIP_ROUND(v0, v1, v2, v3)                                                               \
    do {                                                                                           \
        v0 += v1;                                                                                  \
        v2 += v3;                                                                                  \
        v1 = FB_ROTATE(v1, 13) ^ v0;                                                               \
        v3 = FB_ROTATE(v3, 16) ^ v2;                                                               \
        v0 = FB_ROTATE(v0, 32);                                                                    \
        v2 += v1;                                                                                  \
        v0 += v3;                                                                                  \
        v1 = FB_ROTATE(v1, 17) ^ v2;                                                               \
        v3 = FB_ROTATE(v3, 21) ^ v0;                                                               \
        v2 = FB_ROTATE(v2, 32);                                                                    \
    } while (0)

#endif
