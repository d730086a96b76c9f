/** A point in a terminal recording to jump to: a command, or a line of output. */
export interface Jump {
  /** Seconds on the player's clock, which cuts pauses short. */
  readonly at: number
  readonly text: string
  readonly isCommand: boolean
}

/** Reads an asciicast: its markers are commands, the rest are lines of output. */
export function jumpsOf(cast: string): {
  readonly jumps: readonly Jump[]
  /** The event at which the next part begins. */
  readonly next: number | undefined
  readonly hasOutput: boolean
} {
  const jumps: Jump[] = []
  let next: number | undefined
  let hasOutput = false
  let [line, last, cut] = ['', 0, 0]
  for (const text of cast.split('\n').slice(1)) {
    if (text === '') continue
    const [time, code, data] = JSON.parse(text) as [number, string, string]
    cut += Math.max(0, time - last - IDLE_LIMIT)
    last = time
    const at = time - cut
    const isNext = /^next (\d+)$/.exec(data)
    if (code === 'm' && isNext !== null) next = Number(isNext[1])
    else if (code === 'm') jumps.push({ at, text: data, isCommand: true })
    if (code !== 'o') continue
    hasOutput = true
    line += data.replaceAll(ESCAPES, '')
    const parts = line.split(/\r?\n/)
    line = (parts.pop() ?? '').slice(-MAX_LINE_LENGTH)
    for (const part of parts) {
      // After a carriage return, the later text is what was visible.
      const seen = (part.split('\r').at(-1) ?? '').trim()
      if (seen !== '') jumps.push({ at, text: seen.slice(0, MAX_LINE_LENGTH), isCommand: false })
    }
  }
  return { jumps, next, hasOutput }
}

/** The same limit as the player's (terminal.ts). */
const IDLE_LIMIT = 2
const MAX_LINE_LENGTH = 300
/** Escape sequences (ECMA-48), and control characters that ring or move the cursor. */
const ESCAPES =
  // oxlint-disable-next-line no-control-regex
  /\u001B(?:\[[\d;?<=>]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[()][0-9A-Za-z]|[@-Z\\-_=>])|[\u0007\u0008]/g
