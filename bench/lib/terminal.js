import { pause } from './processes.js'

/** Microseconds of one byte there and back through a terminal that echoes, again and again. `next` resolves with its next output. */
export async function echoTimes({ write, next }, count) {
  const times = []
  for (let i = 0; i < count; i++) {
    const isLast = i % LINE === LINE - 1
    const began = performance.now()
    const back = next()
    write(isLast ? '\n' : 'x')
    await back
    times.push((performance.now() - began) * 1000)
    // What reads the line answers it, too.
    if (isLast) await pause(20)
  }
  return times
}

/** A terminal takes lines that are not too long. */
const LINE = 40
