/** Long work in small steps: at each `yield` others may be served. */
export type Work<T> = Generator<undefined, T, undefined>

/** All of it at once. */
export function atOnce<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** So many steps of it at a time, and others are served in between. */
export async function inSlices<T>(work: Work<T>, stepsAtOnce = STEPS): Promise<T> {
  for (;;) {
    for (let steps = 0; steps < stepsAtOnce; steps++) {
      const step = work.next()
      if (step.done === true) return step.value
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Some milliseconds, where a step is a row of a catalog. */
const STEPS = 2000
