/**
 * Tests that take long cut streams and change bytes in one place of five, and make as small a part of their random runs;
 * `PAMCTL_TEST_SAMPLE=1` asks for all of them.
 */
const STEP = Number(process.env['PAMCTL_TEST_SAMPLE'] ?? 5)

/**
 * The places to try, of all of them: every so many, and the last one among them. Lists of other lengths meet other places, and so does
 * each `turn` of a test that tries one list with many things: together they meet all. `rarer`: where each place costs much, that many
 * times fewer.
 */
export function sampled<T>(places: readonly T[], { turn = 0, rarer = 1 } = {}): readonly T[] {
  const step = STEP === 1 ? 1 : Math.min(STEP * rarer, places.length)
  return places.filter((_, index) => (index + turn) % step === (places.length - 1) % step)
}

/** How many random runs to make, of so many. */
export const sampledRuns = (runs: number): number => Math.ceil(runs / STEP)
