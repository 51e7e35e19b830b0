/* SPDX-License-Identifier: Apache-2.0
 *
 * address - what an address of the network is: whether it is written in numbers, whether it is link-local, where machines keep
 * their own credentials.  Thread: any. */
#ifndef ASSAY_BASE_ADDRESS_H
#define ASSAY_BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/url.h"

/* Link-local, or another address at which clouds give their machines credentials; also where it is carried in an IPv6 address. */
bool address_is_link_local(const struct sockaddr *address);
/* Written in numbers. */
bool address_is_typed(const struct url_parts *url);
/* Written in numbers and link-local; a proxy would connect to it for us. */
bool address_names_link_local(const struct url_parts *url);

#endif
