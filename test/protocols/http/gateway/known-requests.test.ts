import { describe, expect, it } from 'vitest'
import { keyOf, KnownRequests, type ReadRequest } from '../../../../src/protocols/http/gateway/known-requests.ts'
import type { RequestHead } from '../../../../src/protocols/http/server/exchange.ts'

const HEAD: RequestHead = {
  version: '1.1',
  method: 'GET',
  target: '/a?b=c',
  host: 'localhost',
  headers: [
    ['accept', 'a'],
    ['x-request-id', 'b'],
  ],
}
const CONFIG = {}
const read = (): ReadRequest => ({ command: {} as never, draft: {} as never })

describe('KnownRequests', () => {
  it('treats two heads as equal only if every part of them is the same', () => {
    const others: RequestHead[] = [
      { ...HEAD, version: '2' },
      { ...HEAD, method: 'DELETE' },
      { ...HEAD, target: '/a?b=d' },
      { ...HEAD, host: 'other' },
      { ...HEAD, headers: [] },
      { ...HEAD, headers: HEAD.headers.toReversed() },
      { ...HEAD, headers: [['accept', 'a']] },
      { ...HEAD, headers: [['accept', 'a:x-request-id:b']] },
      {
        ...HEAD,
        headers: [
          ['accept', 'b'],
          ['x-request-id', 'a'],
        ],
      },
    ]
    expect(keyOf({ ...HEAD, headers: [...HEAD.headers] })).toBe(keyOf(HEAD))
    expect(new Set([HEAD, ...others].map(keyOf)).size).toBe(others.length + 1)
  })

  it('knows a request under the configuration that it was read by', () => {
    const known = new KnownRequests()
    const [one, other] = [{}, {}]
    const first = read()
    known.keep('a', one, first)
    expect(known.find('a', one)).toMatchObject(first)
    expect(known.find('a', other)).toBeUndefined()
    expect(known.find('b', one)).toBeUndefined()
    const second = read()
    known.keep('a', other, second)
    expect(known.find('a', other)?.command).toBe(second.command)
    expect(known.find('a', one)).toBeUndefined()
  })

  it('forgets rather than grows', () => {
    const known = new KnownRequests()
    for (let n = 0; n < 10_000; n++) known.keep(`${n}`.padStart(1000), CONFIG, read())
    const kept = Array.from({ length: 10_000 }, (_, n) => known.find(`${n}`.padStart(1000), CONFIG)).filter(Boolean)
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.length).toBeLessThan(150)
    known.keep('x'.repeat(1_000_000), CONFIG, read())
    expect(known.find('x'.repeat(1_000_000), CONFIG)).toBeUndefined()
  })
})
