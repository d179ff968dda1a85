/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_SIP_ROUND_H
#define FLOW_BALANCER_COMMON_SIP_ROUND_H

#define FB_ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

/* One SipRound (Aumasson and Bernstein 2012), for plain words and for vectors of them alike.
 * Rotating a vector by 16 or 32 bits is moving its parts, if one knows that: what does it is given.
 */
#define FB_SIP_ROUND_BY(rotate_16, rotate_32, v0, v1, v2, v3)                                      \
    do {                                                                                           \
        v0 += v1;                                                                                  \
        v2 += v3;                                                                                  \
        v1 = FB_ROTATE(v1, 13) ^ v0;                                                               \
        v3 = rotate_16(v3) ^ v2;                                                                   \
        v0 = rotate_32(v0);                                                                        \
        v2 += v1;                                                                                  \
        v0 += v3;                                                                                  \
        v1 = FB_ROTATE(v1, 17) ^ v2;                                                               \
        v3 = FB_ROTATE(v3, 21) ^ v0;                                                               \
        v2 = rotate_32(v2);                                                                        \
    } while (0)
#define FB_ROTATE_16(x) FB_ROTATE(x, 16)
#define FB_ROTATE_32(x) FB_ROTATE(x, 32)
#define FB_SIP_ROUND(v0, v1, v2, v3) FB_SIP_ROUND_BY(FB_ROTATE_16, FB_ROTATE_32, v0, v1, v2, v3)

#endif
