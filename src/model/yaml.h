/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml - a YAML document as JSON text, line for line.
 *
 * libyaml finds the events; here they become JSON in which every value begins in the line that it has in the YAML, so that
 * whoever reads the JSON names the right lines.  What JSON has no word for is refused with its line: anchors and aliases (a
 * few lines of them stand for gigabytes), tags, keys that are no texts, a second document; and so is a key given twice.
 * Plain scalars follow YAML 1.2's core schema: null, true and false are meant, numbers keep their digits; one that JSON
 * would write differently (0x1F, 007, .5) is the text that stands there, and so are yes, no and dates.
 * Thread: any. */
#ifndef ASSAY_MODEL_YAML_H
#define ASSAY_MODEL_YAML_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends `text` (UTF-8) as JSON to `out`, whose maximum holds; nothing for a document that is empty.  ERR_DATA
 * (err_yaml_*, with "line"), ERR_LIMIT for too deep, too many values or too much text, ERR_CANCELLED where `cancel` (may
 * be NULL) became true. */
MUST_USE enum err_code yaml_to_json(struct str text, struct buf *out, const atomic_bool *cancel, struct err *err);

#endif
