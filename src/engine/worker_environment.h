/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_environment - the few variables that reach a worker: where GPU drivers lie, and which GPUs a person lets programs see. */
#ifndef ASSAY_ENGINE_WORKER_ENVIRONMENT_H
#define ASSAY_ENGINE_WORKER_ENVIRONMENT_H

#define WORKER_ENV_MAX 8

/* Fills `env` (room for WORKER_ENV_MAX + 1) with those that are set, then NULL; borrowed from our environment.  Safe after fork(). */
void worker_environment(char **env);

#endif
