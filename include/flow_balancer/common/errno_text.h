/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_ERRNO_TEXT_H
#define FLOW_BALANCER_COMMON_ERRNO_TEXT_H

/*
 * What strerror() says of a positive errno value, for an error that the user can
 * do something about also what: of EMFILE the limit in force and how to raise
 * it. For what opens a file per worker or per source. Good until the next call;
 * any process, one thread.
 */
const char *fb_errno_text(int error);

#endif
