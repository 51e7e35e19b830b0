/* SPDX-License-Identifier: Apache-2.0
 *
 * sp_model - a strict reader of SentencePiece's tokenizer.model (protobuf).
 *
 * Reads the pieces and what the model says of itself; every length is checked against what is left, unknown fields are
 * skipped, and groups (which protobuf has given up) are refused.  Thread: any. */
#ifndef ASSAY_CONVERT_SP_MODEL_H
#define ASSAY_CONVERT_SP_MODEL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* As sentencepiece_model.proto numbers them. */
enum sp_type { SP_NORMAL = 1, SP_UNKNOWN = 2, SP_CONTROL = 3, SP_USER_DEFINED = 4, SP_UNUSED = 5, SP_BYTE = 6 };
enum sp_kind { SP_UNIGRAM = 1, SP_BPE = 2, SP_WORD = 3, SP_CHAR = 4 };

struct sp_piece {
	const char *text; /* UTF-8, not empty */
	float score;
	enum sp_type type;
};

struct sp_model {
	enum sp_kind kind;
	struct sp_piece *pieces; /* by id */
	uint64_t n;
};

/* `what` names the file in the sentence.  ERR_DATA for what is not such a model. */
MUST_USE enum err_code sp_model_parse(struct arena *a, struct str bytes, const char *what, struct sp_model *out,
				      struct err *err);

#endif
