/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_LOOPBACK_H
#define TESTS_LIB_LOOPBACK_H

/* TCP sockets of this machine with itself; family: AF_INET or AF_INET6. */

/* A socket that is bound to a port, 0: any that is free; -1 if that is taken. */
int loopback_bind(int family, unsigned port);

/* The port that a socket is bound to. */
unsigned loopback_port(int fd);

/* A connected socket, or -1. buffer: bytes that it takes before it is read, about; 0: as usual. */
int loopback_connect(int family, unsigned port, int buffer);

#endif
