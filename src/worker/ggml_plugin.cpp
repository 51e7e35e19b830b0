// SPDX-License-Identifier: Apache-2.0
//
// ggml_plugin - the CPU calls that the worker makes, where the CPU part of ggml is loaded at run time (script/llama --generic)
// and its symbols cannot be linked: through its table where it has them there, otherwise what ggml itself does without it.
#ifdef GGML_BACKEND_DL
#include "ggml-backend.h"
#include "ggml-cpu.h"

bool ggml_backend_is_cpu(ggml_backend_t backend)
{
	ggml_backend_dev_t device = ggml_backend_get_device(backend);
	return device && ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU;
}

void ggml_backend_cpu_set_use_ref(ggml_backend_t backend, bool on)
{
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
	auto set = (void (*)(ggml_backend_t, bool))ggml_backend_reg_get_proc_address(reg, "ggml_backend_cpu_set_use_ref");
	if (set)
		set(backend, on);
}

void ggml_cpu_fp32_to_fp16(const float *from, ggml_fp16_t *to, int64_t n)
{
	ggml_fp32_to_fp16_row(from, to, n);
}

void ggml_cpu_fp32_to_bf16(const float *from, ggml_bf16_t *to, int64_t n)
{
	ggml_fp32_to_bf16_row_ref(from, to, n);
}
#endif
