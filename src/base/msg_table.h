/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_table - the shape of the generated table; only msg.c and the generated file include it. */
#ifndef ASSAY_BASE_MSG_TABLE_H
#define ASSAY_BASE_MSG_TABLE_H

struct msg_entry {
	const char *key;
	const char *text[2]; /* by enum lang */
};

extern const struct msg_entry msg_table[]; /* sorted by key (byte order) */
extern const unsigned msg_table_size;

#endif
