/* SPDX-License-Identifier: Apache-2.0
 *
 * python_env - a private Python environment (DATA/cache/python/env) with what llama.cpp's own converter needs: made by the machine's
 * python3 and pip, kept for the next model, removed on request.
 *
 * Nothing is installed unless python_env_make() is called, which its caller does only where somebody has asked for it.  What is
 * installed, and from where, stands in the converter's own list of requirements and in the settings of pip on this machine.
 * Thread: work; blocks on the disk, and python_env_make() for minutes. */
#ifndef ASSAY_CONVERT_PYTHON_ENV_H
#define ASSAY_CONVERT_PYTHON_ENV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define PYTHON_DOWNLOAD_MIB 400      /* about, where PyTorch comes without code for GPUs, which is what the requirements ask for */
#define PYTHON_DISK_MIB 2000         /* as much as has to be free */

enum python_phase {
	PYTHON_MAKING,     /* the environment */
	PYTHON_INSTALLING, /* packages into it */
	PYTHON_CONVERTING,
};

/* `share` of the phase, negative where it is not known; `line`: what the program says, "" for nothing. */
typedef void (*python_progress_fn)(void *user, enum python_phase phase, double share, struct str line);

struct python_watch {
	python_progress_fn progress; /* may be NULL */
	void *user;
	const atomic_bool *cancel; /* may be NULL */
};

/* Owned: the folder with convert_hf_to_gguf.py, from $ASSAY_CONVERTER, else as it was installed with this program; NULL with
 * ERR_NOT_FOUND "err_python_no_converter". */
char *python_converter(struct err *err);

/* Whether packages are installed as the converter of this version wants them. */
bool python_env_ready(const char *data_dir);

/* Makes it where it is not ready.  ERR_NOT_FOUND "err_python_missing", ERR_IO "err_python_venv", "err_python_pip",
 * "err_python_space", ERR_BUSY "err_python_running" where another process does the same; ERR_CANCELLED.  A half-made one is removed. */
MUST_USE enum err_code python_env_make(const char *data_dir, const struct python_watch *watch, struct err *err);

/* Owned: its Python. */
char *python_env_program(const char *data_dir);

/* Removes it; `*bytes` (may be NULL) is what that gave back.  Nothing there is fine.  ERR_BUSY while it is being made. */
MUST_USE enum err_code python_env_remove(const char *data_dir, uint64_t *bytes, struct err *err);

#endif
