/* SPDX-License-Identifier: Apache-2.0 */
#include "model/checkpoint_name.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "model/label.h"

static bool is_separator(char c)
{
	return c == '-' || c == '_' || c == '.' || c == ' ';
}

/* Length of a mark ("epoch", a separator or none, digits) at `p`; 0 if there is none. */
static size_t mark_length(const char *p, const char *word, int64_t *number)
{
	size_t n = strlen(word), digits = 0;
	if (strncasecmp(p, word, n) != 0)
		return 0;
	if (is_separator(p[n]) && p[n] != '.')
		n++;
	while (isdigit((unsigned char)p[n + digits]))
		digits++;
	uint64_t value;
	if (digits == 0 || digits > 12 || isalpha((unsigned char)p[n + digits]) ||
	    !str_to_u64((struct str){ p + n, digits }, &value))
		return 0;
	*number = (int64_t)value;
	return n + digits;
}

/* Drops [at, at + len) and the separators on one side, so that "a-epoch-1.lora" leaves "a.lora". */
static const char *without(struct arena *a, const char *name, size_t at, size_t len)
{
	size_t end = at + len, start = at;
	while (start > 0 && is_separator(name[start - 1]))
		start--;
	while (start == 0 && is_separator(name[end]))
		end++;
	return arena_printf(a, "%.*s%s", (int)start, name, name + end);
}

bool checkpoint_name_parse(struct arena *a, const char *name, struct checkpoint_name *out)
{
	static const char *const epochs[] = { "epoch", "epochs", "ep" }, *const steps[] = { "checkpoint",
											    "step",
											    "global_step" };
	*out = (struct checkpoint_name){ .epoch = -1, .step = -1, .stem = name };
	for (const char *p = name; *p; p++) {
		if (p > name && isalnum((unsigned char)p[-1]))
			continue; /* "deep3" has no epoch */
		for (size_t i = 0; i < 3; i++) {
			int64_t *number = &out->epoch;
			size_t len = mark_length(p, epochs[i], number);
			if (len == 0)
				len = mark_length(p, steps[i], &out->step);
			if (len == 0)
				continue;
			size_t at = (size_t)(p - name);
			out->loop_index = strncmp(name, "epoch_", 6) == 0 && len == strlen(name);
			out->stem = without(a, name, at, len);
			return true;
		}
	}
	return false;
}

bool checkpoint_name_generic(const char *name)
{
	static const char *const words[] = {
		"output",  "outputs",  "out",	  "checkpoint", "checkpoints", "ckpt",	    "ckpts",
		"adapter", "adapters", "lora",	  "qlora",	"sft",	       "dpo",	    "save",
		"saves",   "result",   "results", "model",	"models",      "run",	    "runs",
		"train",   "training", "trained", "final",	"merged",      "epochs",    "tmp",
		"temp",	   "gguf",     "export",  "finetune",	"finetuned",   "fine-tune", "weights",
		"latest",  "last",     "best",	  "full",	"freeze",      "pt",	    "rm",
		"ppo",	   "kto",      "orpo",	  "lora-out",	"lora_out",    "qlora-out", "lora_model",
		"test",	   "exp",      "fft",	  "full-out",	"exports",     "experiment",
		"finetuning", "fine-tuned", "fine_tuned", "trainer_output", "training_output",
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(str_of(name), words[i]))
			return true;
	/* LLaMA Board names a run by its start. */
	return str_starts(str_of(name), "train_20") || *name == 0;
}

const char *checkpoint_family_name(struct arena *a, const char *path)
{
	const char *name = fs_basename(path);
	char *at = mem_strdup(path);
	while (strcmp(at, "/") != 0 && strcmp(at, ".") != 0 && checkpoint_name_generic(fs_basename(at))) {
		char *parent = fs_dirname(at);
		mem_free(at);
		at = parent;
	}
	const char *found = fs_basename(at);
	const char *label = label_make(
		a, str_of(checkpoint_name_generic(found) || strcmp(found, "/") == 0 ? name : found));
	mem_free(at);
	return label;
}

int natural_compare(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			while (*a == '0' && isdigit((unsigned char)a[1]))
				a++;
			while (*b == '0' && isdigit((unsigned char)b[1]))
				b++;
			size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
			int order = n != m ? (n < m ? -1 : 1) : strncmp(a, b, n);
			if (order != 0)
				return order;
			a += n;
			b += m;
			continue;
		}
		if (*a != *b)
			break;
		a++;
		b++;
	}
	return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

void epoch_label(double epoch, char out[32])
{
	double whole = round(epoch);
	out[0] = 0;
	if (!isfinite(epoch) || fabs(epoch) > 1e9)
		return;
	/* 1e-9: 0.05 itself is not exact in binary. */
	bool near = fabs(epoch - whole) <= 0.05 + 1e-9;
	str_format(out, 32, near ? "%.0f" : "%.1f", near ? whole : epoch);
}
