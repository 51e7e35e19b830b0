/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/convert_speed.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/hf_weights.h"

#define NOTED_MIN (16 * MIB)
#define SAMPLE (32 * MIB)
#define PIECE (1 * MIB)
#define SLOWEST 1e5 /* bytes a second */
#define FASTEST 1e12

static char *file_of(const char *data_dir)
{
	return mem_printf("%s/cache/convert_speed.json", data_dir);
}

/* The file as it is; 0 where it says nothing that can be. `*counts`: it was a conversion. */
static double read_file(const char *data_dir, bool *counts)
{
	struct buf text = BUF_INIT(4 * KIB);
	char *path = file_of(data_dir);
	json_t *root = fs_exists(path) && fs_read(path, &text, NULL) == ERR_OK ? json_parse(buf_str(&text), path, NULL) : NULL;
	double speed = json_number_value(json_object_get(root, "bytes_per_s"));
	*counts = json_is_true(json_object_get(root, "measured"));
	json_decref(root);
	buf_release(&text);
	mem_free(path);
	return speed >= SLOWEST && speed <= FASTEST ? speed : 0;
}

static void write_file(const char *data_dir, double speed, bool measured)
{
	char *path = file_of(data_dir), *dir = fs_dirname(path);
	char *text = mem_printf("{\"bytes_per_s\": %.0f, \"measured\": %s}\n", fmin(fmax(speed, SLOWEST), FASTEST),
				measured ? "true" : "false");
	if (fs_make_dirs(dir, NULL) == ERR_OK)
		(void)!fs_write(path, text, strlen(text), NULL);
	mem_free(text);
	mem_free(dir);
	mem_free(path);
}

double convert_speed_read(const char *data_dir)
{
	bool counts;
	return read_file(data_dir, &counts);
}

void convert_speed_note(const char *data_dir, uint64_t bytes, int64_t ms)
{
	bool counts;
	if (bytes < NOTED_MIN)
		return;
	double before = read_file(data_dir, &counts), now = 1000 * (double)bytes / (double)(ms > 0 ? ms : 1);
	/* Times are what is asked for: slow ones weigh as much as they last. */
	write_file(data_dir, before > 0 && counts ? 2 / (1 / before + 1 / now) : now, true);
}

/* Bytes read in how long; the largest file is the one that tells. */
static uint64_t read_some(const char *path, int64_t *us)
{
	uint64_t size = 0, at = 0;
	int fd = fs_open(path, &size, NULL);
	char *piece = mem_alloc(PIECE);
	uint64_t start = size > 2 * SAMPLE ? size / 2 : 0;
	int64_t began = clock_mono_us();
	if (fd >= 0)
		(void)posix_fadvise(fd, (off_t)start, SAMPLE, POSIX_FADV_DONTNEED);
	while (fd >= 0 && at < SAMPLE && start + at + PIECE <= size && fs_pread(fd, piece, PIECE, start + at, NULL) == ERR_OK)
		at += PIECE;
	*us = clock_mono_us() - began;
	mem_free(piece);
	if (fd >= 0)
		close(fd);
	return at;
}

void convert_speed_sample(const char *data_dir, const char *dir)
{
	bool counts;
	struct hf_weights *w = read_file(data_dir, &counts) > 0 ? NULL : hf_weights_open(dir, NULL);
	if (!w)
		return;
	char *path = hf_weights_n_files(w) > 0 ? fs_join(dir, hf_weights_file(w, 0)) : NULL;
	int64_t us = 0;
	uint64_t n = path ? read_some(path, &us) : 0;
	if (n > 0)
		write_file(data_dir, 0.5e6 * (double)n / (double)(us > 0 ? us : 1), false);
	mem_free(path);
	hf_weights_close(w);
}

int64_t convert_speed_ms(double speed, uint64_t bytes)
{
	return speed > 0 ? (int64_t)(1000 * (double)bytes / speed) : 0;
}
