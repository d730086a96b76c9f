/**
 * Tests that take long cut streams and change bytes in one place of five, and make as small a part of their random runs;
 * `PAMCTL_TEST_SAMPLE=1` asks for all of them.
 */
const STEP = Number(process.env['PAMCTL_TEST_SAMPLE'] ?? 5)

/** The places to try, of all of them: the last one, and every so many before it. Lists of other lengths meet other places. */
export const sampled = <T>(places: readonly T[]): readonly T[] =>
  places.filter((_, index) => index % STEP === (places.length - 1) % STEP)

/** How many random runs to make, of so many. */
export const sampledRuns = (runs: number): number => Math.ceil(runs / STEP)
