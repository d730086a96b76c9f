import type { ReadEvent } from '../../recording/read.ts'
import { keyReader } from './keys.ts'

/**
 * Plays a terminal on this one. Space pauses, the arrows go five seconds back or on, q ends. Going back plays again from the
 * beginning, unseen, up to where it should be.
 */
export async function playTerminal(
  first: ReadEvent,
  rest: AsyncIterable<ReadEvent>,
  options: { speed: number; maxIdle: number | undefined; again: () => AsyncIterable<ReadEvent> },
): Promise<void> {
  const stdin = process.stdin
  const stdout = process.stdout
  const { speed, maxIdle = Infinity } = options
  let paused = false
  let over = false
  /** Up to here is shown without waiting, in milliseconds of the session. */
  let skipTo = 0
  let position = 0
  let rewind = false
  let otherScreen = false
  let wake = (): void => {}
  const onKey = (key: string): void => {
    switch (key) {
      case ' ':
        paused = !paused
        break
      case '\u001B[C':
        skipTo = position + STEP
        break
      case '\u001B[D':
        skipTo = Math.max(0, position - STEP)
        rewind = true
        break
      case 'q':
      case '\u0003':
        over = true
        break
    }
    wake()
  }
  const keysOf = keyReader()
  const onInput = (bytes: Buffer): void => keysOf(bytes).forEach(onKey)
  const sleep = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = milliseconds === Infinity ? undefined : setTimeout(resolve, milliseconds)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  /** True when it is time; false when a key changed what to do. */
  const untilTime = async (ms: number): Promise<boolean> => {
    let left = Math.min((ms - position) / speed, maxIdle)
    while (!over && !rewind && ms > skipTo && (paused || left > 0)) {
      const started = performance.now()
      const wasPaused = paused
      await sleep(paused ? Infinity : left)
      if (!wasPaused) left -= performance.now() - started
    }
    return !over && !rewind
  }
  const play = async (events: AsyncIterable<ReadEvent>): Promise<void> => {
    for await (const { event, data } of events) {
      if (event.type !== 'terminal' || event.direction !== 'out' || data === undefined) continue
      if (!(await untilTime(event.ms))) return
      position = event.ms
      stdout.write(data)
      // A full-screen program may be cut off by the end of the record, or by q.
      if (data.includes(OTHER_SCREEN)) otherScreen = true
    }
  }
  stdin.setRawMode(true)
  stdin.on('data', onInput)
  stdin.resume()
  try {
    await play(startingWith(first, rest))
    while (rewind && !over) {
      rewind = false
      position = 0
      stdout.write(CLEAR)
      await play(options.again())
    }
  } finally {
    stdin.off('data', onInput)
    stdin.setRawMode(false)
    stdin.pause()
    stdout.write(RESET + (otherScreen ? MAIN_SCREEN : '') + '\n')
  }
}

async function* startingWith(first: ReadEvent, rest: AsyncIterable<ReadEvent>): AsyncGenerator<ReadEvent> {
  yield first
  yield* rest
}

const STEP = 5000
/** Full reset (ECMA-48, RIS). */
const CLEAR = '\u001Bc'
/** Attributes off, cursor shown. */
const RESET = '\u001B[0m\u001B[?25h'
/** DEC private mode 1049, as xterm has it. */
const OTHER_SCREEN = '\u001B[?1049h'
const MAIN_SCREEN = '\u001B[?1049l'
