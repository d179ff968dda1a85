/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_SHIM_SHIM_LIST_H
#define WORKER_SHIM_SHIM_LIST_H

/*
 * Every name that libpcap 1.10 exports, without its pcap_, in one of three lists. A test fails if
 * the libpcap that is installed has one that is in none of them.
 *
 * SHIM_OURS: answered here for a device fb:NAME, and passed on for any other.
 */
#define SHIM_OURS(X)                                                                               \
    X(activate)                                                                                    \
    X(breakloop)                                                                                   \
    X(bufsize)                                                                                     \
    X(can_set_rfmon)                                                                               \
    X(close)                                                                                       \
    X(compile)                                                                                     \
    X(create)                                                                                      \
    X(datalink)                                                                                    \
    X(datalink_ext)                                                                                \
    X(dispatch)                                                                                    \
    X(dump_fopen)                                                                                  \
    X(dump_open)                                                                                   \
    X(dump_open_append)                                                                            \
    X(fileno)                                                                                      \
    X(findalldevs)                                                                                 \
    X(get_selectable_fd)                                                                           \
    X(get_tstamp_precision)                                                                        \
    X(getnonblock)                                                                                 \
    X(inject)                                                                                      \
    X(is_swapped)                                                                                  \
    X(list_datalinks)                                                                              \
    X(list_tstamp_types)                                                                           \
    X(lookupnet)                                                                                   \
    X(loop)                                                                                        \
    X(major_version)                                                                               \
    X(minor_version)                                                                               \
    X(next)                                                                                        \
    X(next_ex)                                                                                     \
    X(open_live)                                                                                   \
    X(sendpacket)                                                                                  \
    X(set_buffer_size)                                                                             \
    X(set_datalink)                                                                                \
    X(set_immediate_mode)                                                                          \
    X(set_promisc)                                                                                 \
    X(set_protocol_linux)                                                                          \
    X(set_rfmon)                                                                                   \
    X(set_snaplen)                                                                                 \
    X(set_timeout)                                                                                 \
    X(set_tstamp_precision)                                                                        \
    X(set_tstamp_type)                                                                             \
    X(setdirection)                                                                                \
    X(setfilter)                                                                                   \
    X(setnonblock)                                                                                 \
    X(snapshot)                                                                                    \
    X(stats)

/* SHIM_USED: libpcap's own for every device, called from here as well. geterr: the text is the
 * handle's, and what fails here is written to it. */
#define SHIM_USED(X)                                                                               \
    X(datalink_val_to_name)                                                                        \
    X(geterr)                                                                                      \
    X(offline_filter)                                                                              \
    X(open_dead_with_tstamp_precision)                                                             \
    X(statustostr)

/* SHIM_LEFT: libpcap's own for every device. With a handle are only those in the first rows: their
 * answers for a dead handle are those for a live one. */
#define SHIM_LEFT(X)                                                                               \
    X(file)                        /* NULL: it is no savefile */                                   \
    X(get_required_select_timeout) /* NULL: the descriptor needs no help */                        \
    X(perror)                      /* prints the text of geterr */                                 \
    X(compile_nopcap)                                                                              \
    X(datalink_name_to_val)                                                                        \
    X(datalink_val_to_description)                                                                 \
    X(datalink_val_to_description_or_dlt)                                                          \
    X(dump)                                                                                        \
    X(dump_close)                                                                                  \
    X(dump_file)                                                                                   \
    X(dump_flush)                                                                                  \
    X(dump_ftell)                                                                                  \
    X(dump_ftell64)                                                                                \
    X(ether_aton)                                                                                  \
    X(ether_hostton)                                                                               \
    X(fopen_offline)                                                                               \
    X(fopen_offline_with_tstamp_precision)                                                         \
    X(free_datalinks)    /* free(), as what list_datalinks gives needs it */                       \
    X(free_tstamp_types) /* the same */                                                            \
    X(freealldevs)       /* free(), for each part of what findalldevs adds too */                  \
    X(freecode)                                                                                    \
    X(init)                                                                                        \
    X(lib_version)                                                                                 \
    X(lookupdev)                                                                                   \
    X(nametoaddr)                                                                                  \
    X(nametoaddrinfo)                                                                              \
    X(nametoeproto)                                                                                \
    X(nametollc)                                                                                   \
    X(nametonetaddr)                                                                               \
    X(nametoport)                                                                                  \
    X(nametoportrange)                                                                             \
    X(nametoproto)                                                                                 \
    X(next_etherent)                                                                               \
    X(open_dead)                                                                                   \
    X(open_offline)                                                                                \
    X(open_offline_with_tstamp_precision)                                                          \
    X(strerror)                                                                                    \
    X(tstamp_type_name_to_val)                                                                     \
    X(tstamp_type_val_to_description)                                                              \
    X(tstamp_type_val_to_name)                                                                     \
    X(version)

/* What gives rights up, after which a number could not be claimed any more: not of libpcap. */
#define SHIM_RIGHTS(X)                                                                             \
    X(chroot)                                                                                      \
    X(seteuid)                                                                                     \
    X(setresuid)                                                                                   \
    X(setreuid)                                                                                    \
    X(setuid)

#endif
