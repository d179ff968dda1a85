/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_HTTP_H
#define TESTS_LIB_HTTP_H

#include <stddef.h>

/* A client of HTTP on the loopback address, which takes its time if the test wants it to. */

/* A socket that listens on a port that the kernel chose; the caller closes it. */
int http_listen(unsigned *port);

/* A connection; -1 if there is none to be had. */
int http_connect(unsigned port);

/* Sends text as it is; what the server does not take any more is no fault. */
void http_send(int fd, const char *text);

/* All that comes until the server closes the connection, which it has to within a minute. Closes fd
 * and returns the status, 0 without an answer; text is what follows the head. */
int http_receive(int fd, char *text, size_t size);

/* Sends "GET path" and receives the answer. */
int http_get(unsigned port, const char *path, char *text, size_t size);

#endif
