import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readPieces } from '../../../../src/protocols/http/session/read-pieces.ts'

describe('readPieces', () => {
  it('gives each piece once the one before was taken, and ends behind the last', async () => {
    const body = new PassThrough()
    const events: string[] = []
    const read = readPieces(body, async (piece) => {
      events.push(`begins ${piece.toString()}`)
      await new Promise((resolve) => setImmediate(resolve))
      events.push(`ends ${piece.toString()}`)
    })
    body.write('a')
    body.write('b')
    body.end('c')
    await read
    expect(events).toEqual(['a', 'b', 'c'].flatMap((name) => [`begins ${name}`, `ends ${name}`]))
  })

  it('reads no faster than pieces are taken', async () => {
    let given = 0
    const body = new Readable({ highWaterMark: 10, read: () => void body.push(++given > 50 ? null : Buffer.alloc(10)) })
    let most = 0
    let taken = 0
    await readPieces(body, async () => {
      most = Math.max(most, given - ++taken)
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect(taken).toBe(50)
    expect(most).toBeLessThan(5)
  })

  it('has nothing to read where there is nothing', async () => {
    await readPieces(Readable.from([]), () => {
      throw new Error('a piece')
    })
    const over = Readable.from([])
    for await (const _ of over);
    await readPieces(over, () => undefined)
  })

  it.each([
    ['an error of the stream', (body: PassThrough) => body.destroy(new Error('broken')), 'broken'],
    ['an end before the end', (body: PassThrough) => body.destroy(), 'Premature close'],
  ])('fails with %s, before it and within it', async (_name, breakOff, message) => {
    const early = new PassThrough()
    early.on('error', () => {})
    breakOff(early)
    await expect(readPieces(early, () => undefined)).rejects.toThrow(message)
    const late = new PassThrough()
    late.write('a')
    await expect(readPieces(late, () => void breakOff(late))).rejects.toThrow(message)
    const slow = new PassThrough()
    slow.write('a')
    await expect(readPieces(slow, async () => void breakOff(slow))).rejects.toThrow(message)
  })

  it.each([
    [
      'at once',
      () => {
        throw new Error('no')
      },
    ],
    ['later', () => Promise.reject(new Error('no'))],
  ])('gives the body up where a piece is refused %s', async (_name, take) => {
    const body = new PassThrough()
    body.write('a')
    await expect(readPieces(body, take)).rejects.toThrow('no')
    expect(body.destroyed).toBe(true)
  })
})
