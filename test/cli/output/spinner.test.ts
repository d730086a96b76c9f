import { WriteStream } from 'node:tty'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createIo, type Io } from '../../../src/cli/output/io.ts'
import { elapsed, whileWaiting } from '../../../src/cli/output/spinner.ts'

let shown: string
/** A terminal that keeps what is written to it, and has a cursor as the real one. */
function terminal(): WriteStream {
  const stream = Object.create(WriteStream.prototype) as WriteStream
  return Object.assign(stream, { isTTY: true, columns: 80, write: (text: string) => (shown += text) === shown })
}
const ioOn = (isTTY: boolean): Io => {
  const stream = { isTTY, columns: 80, write: (text: string) => (shown += text) }
  return createIo({ stdin: {}, stdout: stream, stderr: stream }, {}, () => 0)
}

beforeEach(() => {
  shown = ''
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => void vi.useRealTimers())

describe('the spinner', () => {
  it('shows on a terminal what is waited for, and for how long, and leaves nothing behind', async () => {
    let end!: (answer: string) => void
    const done = whileWaiting(
      ioOn(true),
      'waiting for sre to decide',
      () => new Promise<string>((resolve) => (end = resolve)),
      terminal(),
    )
    // It is loaded by now, and what waited for it goes on.
    await import('ora')
    await new Promise(setImmediate)
    expect(shown).toContain('waiting for sre to decide')
    expect(shown).not.toContain('(')
    vi.advanceTimersByTime(65_100)
    expect(shown.slice(-100)).toContain('waiting for sre to decide (1m 05s)')
    shown = ''
    end('approved')
    expect(await done).toBe('approved')
    // The line is cleared, and the cursor is shown again.
    expect(shown).toContain('\u001b[1G\u001b[0K')
    expect(shown).toContain('\u001b[?25h')
    expect(shown).not.toContain('waiting')
  })

  it('prints nothing to a pipe', async () => {
    expect(await whileWaiting(ioOn(false), 'waiting', () => Promise.resolve(1), terminal())).toBe(1)
    expect(shown).toBe('')
  })
})

it.each([
  [0, ''],
  [999, ''],
  [8000, '(8s)'],
  [65_000, '(1m 05s)'],
  [7_620_000, '(2h 07m)'],
])('shows %i milliseconds as %j', (milliseconds, text) => {
  expect(elapsed(milliseconds)).toBe(text)
})
