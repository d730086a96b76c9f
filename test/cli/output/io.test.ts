import { describe, expect, it } from 'vitest'
import { createIo, type Io } from '../../../src/cli/output/io.ts'

async function ioWith(environment: NodeJS.ProcessEnv = {}): Promise<{ io: Io; out: () => string; err: () => string }> {
  let [out, err] = ['', '']
  const io = createIo(
    {
      stdin: {},
      stdout: { isTTY: true, columns: 80, write: (text) => (out += text) },
      stderr: { isTTY: true, write: (text) => (err += text) },
    },
    environment,
    () => 0,
  )
  await io.useColour(() => 'auto')
  return { io, out: () => out, err: () => err }
}

/** Title, conceal, up and erase, a C1 sequence, and text that runs from right to left. */
const HOSTILE = 'a\u001b]0;x\u0007b\u001b[8mc\u001b[1A\u001b[2Kd\u009b2Je\u202ef\rg'
// oxlint-disable-next-line no-control-regex
const ACTIVE = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202e]|\u001b(?!\[(?:1|22|3[126]|39)m)/

describe('control characters', () => {
  it.each<[string, (io: Io) => unknown]>([
    ['a result', (io) => io.print(HOSTILE)],
    ['JSON', (io) => io.json({ [HOSTILE]: HOSTILE })],
    ['JSON of others', (io) => io.jsonText(JSON.stringify(HOSTILE))],
    ['a line of JSON', (io) => io.jsonLine({ text: JSON.stringify(HOSTILE) })],
    ['cells and headings', (io) => io.table([HOSTILE], new Map([[HOSTILE, (row: string) => row]]))],
    ['a note', (io) => io.note(HOSTILE)],
    ['what has to be read', (io) => io.tell(HOSTILE)],
    ['an error', (io) => io.fail(HOSTILE, HOSTILE)],
    ['an error as JSON', (io) => io.failJson({ message: HOSTILE })],
  ])('are spelled out in %s', async (_, write) => {
    const { io, out, err } = await ioWith()
    await write(io)
    expect(out() + err()).not.toMatch(ACTIVE)
    expect((out() + err()).length).toBeGreaterThan(HOSTILE.length)
  })

  it('pass in our own colours', async () => {
    const { io, err } = await ioWith()
    io.note(`${io.style.green('✓')} ${io.style.bold('x')} ${io.style.red('y')} ${io.style.cyan('z')}`)
    expect(err()).toBe('\u001b[32m✓\u001b[39m \u001b[1mx\u001b[22m \u001b[31my\u001b[39m \u001b[36mz\u001b[39m\n')
  })
})
