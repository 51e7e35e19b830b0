/* SPDX-License-Identifier: Apache-2.0
 *
 * python_convert - a Hugging Face folder as a GGUF by llama.cpp's own converter, for architectures that hf_convert() does not know.
 *
 * It runs as a child with few rights (child_rights.h) over a view of the folder (python_view.h), and writes into OUT.part/, a folder;
 * what it made is opened by our own reader before it becomes OUT.  Killed at any moment, OUT.part/ is what is left, and the next try
 * begins by removing it.  Thread: work; blocks for minutes. */
#ifndef ASSAY_CONVERT_PYTHON_CONVERT_H
#define ASSAY_CONVERT_PYTHON_CONVERT_H

#include "convert/hf_convert.h"
#include "convert/python_env.h"

struct python_convert_options {
	const char *data_dir;
	enum hf_type type;
	const char *base;  /* a folder that lends the tokenizer where DIR has none; NULL: none */
	bool replace;      /* a GGUF (or an empty file) that lies at the result's place */
	struct python_watch watch;
};

/* Whether the converter may be of help where hf_convert() failed so. */
bool python_convert_may_help(const struct err *why);

/* Makes the environment too where it is not ready: call it only where somebody has asked for that.  As hf_weights_open() about the
 * folder; as python_env_make(); ERR_IO "err_convert_space", ERR_CONFLICT "err_file_exists" and "err_convert_not_replaced", ERR_BUSY
 * "err_convert_running", ERR_DATA "err_python_failed" with what it said last, and "err_python_output" where it made no GGUF. */
MUST_USE enum err_code python_convert(const char *dir, const char *out_path, const struct python_convert_options *o,
				      struct hf_convert_facts *facts, struct err *err);

#endif
