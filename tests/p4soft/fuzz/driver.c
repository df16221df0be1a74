/* Runs the fuzz target where there is no libFuzzer: inputs are mutations of the seed files, the same ones in every run with
 * the same number SEED.
 *
 *   driver SECONDS SEED LAST_FILE SEED_FILE...
 *
 * LAST_FILE has the input that runs, for when it is the last one. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 4096u
#define SEEDS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t draw(uint32_t below) { /* xorshift64* */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}

static struct {
  size_t size;
  uint8_t data[MOST];
} seeds[SEEDS];

static size_t mutate(uint8_t *out, size_t size) {
  for (uint32_t n = draw(6); n-- > 0 && size > 0;) {
    const size_t at = draw((uint32_t)size);
    switch (draw(5)) {
    case 0: out[at] = (uint8_t)draw(256); break;
    case 1: out[at] ^= (uint8_t)(1u << draw(8)); break;
    case 2: size = at; break;
    case 3: out[at] = draw(2) ? 0xff : 0; break;
    default: /* a piece of the input again, elsewhere */
      if (size < MOST / 2) {
        const size_t n_bytes = draw((uint32_t)(size - at)) + 1u;
        memmove(out + size, out + at, n_bytes);
        size += n_bytes;
      }
    }
  }
  return size;
}

static int last;

static void run(const uint8_t *data, size_t size) {
  if (ftruncate(last, (off_t)size) < 0 || pwrite(last, data, size, 0) != (ssize_t)size) abort();
  LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv) {
  if (argc < 5 || (last = open(argv[3], O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0) return 2;
  const double seconds = strtod(argv[1], NULL);
  state ^= strtoull(argv[2], NULL, 10) << 1; /* which leaves it odd: never 0 */
  const time_t end = time(NULL) + (time_t)(seconds + 0.5);
  uint32_t count = 0;
  for (int i = 4; i < argc && count < SEEDS; i++) {
    FILE *file = fopen(argv[i], "rb");
    if (!file) return 2;
    seeds[count].size = fread(seeds[count].data, 1, MOST, file);
    fclose(file);
    run(seeds[count].data, seeds[count].size);
    count++;
  }
  while (time(NULL) < end)
    for (int i = 0; i < 1000; i++) {
      const uint32_t a = draw(count);
      uint8_t *input = malloc(MOST);
      if (!input) return 2;
      memcpy(input, seeds[a].data, seeds[a].size);
      const size_t size = mutate(input, seeds[a].size);
      uint8_t *exact = malloc(size ? size : 1);
      if (!exact) return 2;
      memcpy(exact, input, size);
      run(exact, size);
      free(exact);
      free(input);
    }
  return 0;
}
