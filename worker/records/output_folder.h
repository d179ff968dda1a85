/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_OUTPUT_FOLDER_H
#define WORKER_RECORDS_OUTPUT_FOLDER_H

/*
 * Opens the folder that output is written to, and makes it if it is missing, with those above it.
 * Whether files can be made there is known then, before packets wait for one. option: what the
 * folder is an argument of, such as "--inspector pcap", for messages. Returns a descriptor that the
 * caller owns; or -errno after one logged line, -EINVAL if path is NULL or empty. Worker; one
 * thread.
 */
int output_folder_open(const char *option, const char *path);

#endif
