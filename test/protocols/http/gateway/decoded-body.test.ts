import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decoded, encodingOf } from '../../../../src/protocols/http/gateway/decoded-body.ts'
import type { Headers } from '../../../../src/protocols/http/wire/headers.ts'

const encoding = (...headers: Headers) => encodingOf({ status: 200, headers, body: Readable.from([]) })

async function lengthOf(body: Buffer): Promise<number> {
  let length = 0
  for await (const chunk of decoded(Readable.from([body]), 'gzip')) length += chunk.length
  return length
}

describe('compressed answers', () => {
  it('say how they are compressed once, in a way that is known', () => {
    expect(encoding(['content-encoding', 'GZIP'])).toBe('gzip')
    expect(encoding(['content-encoding', 'identity'])).toBeUndefined()
    expect(encoding()).toBeUndefined()
    for (const values of [
      ['gzip', 'gzip'],
      ['gzip, br'],
      ['compress'],
      ['zstd'],
      ['gzip', 'identity'],
      ['constructor'],
    ])
      expect(() => encoding(...values.map((value) => ['content-encoding', value] as const))).toThrow(
        /an encoding that was not asked for/,
      )
  })

  it('have no coding of the connection but chunks', () => {
    for (const value of ['chunked', 'Chunked ', 'identity'])
      expect(encoding(['transfer-encoding', value], ['content-encoding', 'br'])).toBe('br')
    for (const value of ['gzip, chunked', 'gzip', 'xchunked', 'chunked;q=1', 'chunked, chunked'])
      expect(() => encoding(['transfer-encoding', value])).toThrow(/an encoding that was not asked for/)
  })

  it('are refused where they are out of all proportion, and not where they are small or long', async () => {
    expect(await lengthOf(gzipSync(Buffer.alloc(8 * 1024 * 1024)))).toBe(8 * 1024 * 1024)
    const lines = Buffer.from(Array.from({ length: 400_000 }, (_, at) => `line ${at} of a log\n`).join(''))
    expect(await lengthOf(gzipSync(Buffer.concat([lines, lines, lines]), { level: 1 }))).toBe(3 * lines.length)
    await expect(lengthOf(gzipSync(Buffer.alloc(64 * 1024 * 1024)))).rejects.toThrow(/compression ratio/)
  })

  it('that are damaged fail', async () => {
    await expect(lengthOf(gzipSync('x'.repeat(1000)).subarray(0, 20))).rejects.toThrow()
  })
})
