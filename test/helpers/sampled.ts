/**
 * `npm run check` cuts streams and changes bytes in one place of five, and makes a fifth of the random runs of tests that take long; every
 * other run, and so continuous integration, does all of it.
 */
const STEP = process.env['PAMCTL_TEST_SAMPLE'] === '1' ? 5 : 1

/** The places to try, of all of them: the last one, and every fifth before it. Lists of other lengths meet other places. */
export const sampled = <T>(places: readonly T[]): readonly T[] =>
  places.filter((_, index) => index % STEP === (places.length - 1) % STEP)

/** How many random runs to make, of so many. */
export const sampledRuns = (runs: number): number => Math.ceil(runs / STEP)
