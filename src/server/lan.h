/* SPDX-License-Identifier: Apache-2.0
 *
 * lan - the address of this machine that raters on the network reach it by, and the names they may call it.
 *
 * Thread: any. */
#ifndef ASSAY_SERVER_LAN_H
#define ASSAY_SERVER_LAN_H

#include "base/err.h"

#define LAN_NAME_SIZE 264

struct lan {
	char address[48];               /* as it stands in an address: "192.168.1.20", "[fd00::20]" */
	char host[LAN_NAME_SIZE];       /* "tower" */
	char local[LAN_NAME_SIZE];      /* "tower.local" */
	const char *names[4];           /* of these three those that exist, ended by NULL; into this struct, which must not move */
	char url[72];                   /* "http://192.168.1.20:7878" */
};

/* `address` must be one of this machine's, in numbers, and not one that stands for all of them: ERR_INVALID "err_lan_address" with
 * those there are, or "err_lan_all". */
MUST_USE enum err_code lan_open(struct lan *lan, const char *address, struct err *err);
void lan_set_port(struct lan *lan, int port);

#endif
