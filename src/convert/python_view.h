/* SPDX-License-Identifier: Apache-2.0
 *
 * python_view - a folder of links to what a Python program may see of a model's folder.
 *
 * llama.cpp's converter loads tokenizers with trust_remote_code=True: what a folder says about code of its own would be run.  So the
 * view has no code, no pickles, no folders, and its configuration files say nothing of code (auto_map).  Thread: work; blocks on the
 * disk. */
#ifndef ASSAY_CONVERT_PYTHON_VIEW_H
#define ASSAY_CONVERT_PYTHON_VIEW_H

#include "base/err.h"

/* Makes the folder `view`.  `lender` (NULL: none): its files of the tokenizer are shown where `dir` has none of that name. */
MUST_USE enum err_code python_view_make(const char *view, const char *dir, const char *lender, struct err *err);

#endif
