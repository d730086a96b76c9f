import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerBudget, textLines, textOf } from '../../src/gateway-client/answer-lines.ts'

/** An answer in these pieces; `read`: how many were asked for. */
function answer(pieces: Iterable<Uint8Array<ArrayBuffer>>) {
  const [source, seen] = [pieces[Symbol.iterator](), { read: 0, isCancelled: false }]
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        const { value, done } = source.next()
        if (done === true) return controller.close()
        seen.read++
        controller.enqueue(value)
      },
      cancel: () => void (seen.isCancelled = true),
    },
    { highWaterMark: 0 },
  )
  return { response: new Response(body), seen }
}

function* endless(piece: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (;;) yield piece
}

async function linesOf(response: Response, options?: Parameters<typeof textLines>[2]): Promise<string[]> {
  const lines: string[] = []
  for await (const line of textLines(response, 'the answer', options)) lines.push(line)
  return lines
}

const MIB = new Uint8Array(1024 * 1024).fill(0x61)

it('lines and texts are the same wherever an answer is cut', async () => {
  const text = fc.array(fc.constantFrom('a', '\n', 'ü', '🔑', '\r', 'bc'), { maxLength: 30 }).map((all) => all.join(''))
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(40), { maxLength: 6 }), async (sent, cuts) => {
      const bytes = new TextEncoder().encode(sent)
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
      const pieces = at
        .slice(1)
        .map((end, index) => bytes.slice(at[index], end))
        .filter(({ length }) => length > 0)
      const all = sent.split('\n')
      // What ends with a line feed ends there.
      const lines = all.at(-1) === '' ? all.slice(0, -1) : all
      expect(await linesOf(answer(pieces).response, { empty: true })).toEqual(lines)
      expect(await linesOf(answer(pieces).response)).toEqual(lines.filter((line) => line !== ''))
      expect(await textOf(answer(pieces).response, 'the answer')).toBe(sent)
    }),
    { numRuns: 50 },
  )
})

describe('an answer that does not end', () => {
  it('is read up to the limit, which the error says', async () => {
    const { response, seen } = answer(endless(MIB))
    await expect(textOf(response, 'the answer to GET /v1/targets', answerBudget(3))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: 'the answer to GET /v1/targets is longer than 3 MiB',
      side: 'gateway',
    })
    expect(seen).toEqual({ read: 4, isCancelled: true })
  })

  it('counts against what is left for all pages of a list', async () => {
    const budget = answerBudget(3)
    const page = () => textOf(answer([MIB]).response, 'the answer', budget)
    for (let times = 0; times < 3; times++) expect(await page()).toHaveLength(MIB.length)
    await expect(page()).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
  })

  it('has lines of a limited length, however many there are', async () => {
    const { response, seen } = answer(endless(MIB))
    await expect(linesOf(response)).rejects.toThrow('a line of the answer is longer than 64 MiB')
    expect(seen).toEqual({ read: 65, isCancelled: true })
    const short = answer(endless(new Uint8Array([0x61, 0x0a])))
    let seenLines = 0
    for await (const line of textLines(short.response, 'the answer')) {
      expect(line).toBe('a')
      if (++seenLines === 1000) break
    }
    expect(short.seen.isCancelled).toBe(true)
    const kept = answer(endless(MIB.slice().fill(0x0a)))
    await expect(linesOf(kept.response, { budget: answerBudget(2) })).rejects.toThrow('longer than 2 MiB')
  })
})
