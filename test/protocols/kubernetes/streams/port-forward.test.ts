import { describe, expect, it, vi } from 'vitest'
import type { Verdict } from '../../../../src/gateway/engine.ts'
import type { Link } from '../../../../src/protocols/http/upgrade/link.ts'
import { relayPortForward } from '../../../../src/protocols/kubernetes/streams/port-forward.ts'
import { encodeSpdyFrame } from '../../../../src/protocols/kubernetes/wire/spdy-frame.ts'
import { encodeSpdyHeaders, StoredBlocks } from '../../../../src/protocols/kubernetes/wire/spdy-headers.ts'

/** A side that says these pieces, then waits until it is told to leave. */
function side(pieces: readonly Buffer[]): Link & { readonly written: Buffer[]; leave(): void } {
  let leave = (): void => {}
  const left = new Promise<void>((resolve) => (leave = resolve))
  const written: Buffer[] = []
  return {
    written,
    leave: () => leave(),
    pieces: (async function* () {
      yield* pieces
      await left
    })(),
    write: (piece) => written.push(piece) > 0,
    drained: () => Promise.resolve(),
    close() {},
    destroy() {},
  }
}

const opening = (...streams: Record<string, string>[]): Buffer[] => {
  const blocks = new StoredBlocks()
  return streams.map((headers, index) => {
    const block = blocks.encode(encodeSpdyHeaders(new Map(Object.entries(headers))))
    return encodeSpdyFrame({ type: 'syn-stream', stream: 2 * index + 1, isLast: false, block })
  })
}

const run = (
  client: Link,
  target: Link,
  decide: (port: number, left: AbortSignal) => Promise<Verdict>,
  recorder: object = { isFull: false },
) =>
  relayPortForward({
    session: { recorder: { isWritten: true, outcome() {}, ...recorder } } as never,
    client,
    target,
    decide,
    ended: new AbortController().signal,
  })

describe('port-forward', () => {
  it('takes back what is held for a client that has left', async () => {
    const client = side(opening({ streamtype: 'error', port: '80', requestid: '0' }))
    const asked = new Promise<AbortSignal>((resolve) => {
      void run(client, side([]), (_, left) => {
        resolve(left)
        return new Promise(() => {})
      })
    })
    const left = await asked
    expect(left.aborted).toBe(false)
    const withdrawn = new Promise((resolve) => left.addEventListener('abort', resolve))
    client.leave()
    await withdrawn
  })

  it('takes no more connections than can be put on record', async () => {
    const streams = ['0', '1', '2'].map((requestid) => ({ streamtype: 'error', port: '80', requestid }))
    const waiting: (() => void)[] = []
    let decided = 0
    const decide = (): Promise<Verdict> => {
      decided++
      return new Promise(() => {})
    }
    void run(side(opening(...streams)), side([]), decide, {
      isFull: true,
      whenRoom: (go: () => void) => waiting.push(go),
    })
    for (let count = 1; count <= streams.length; count++) {
      await vi.waitUntil(() => waiting.length === count)
      expect(decided).toBe(count)
      waiting[count - 1]?.()
    }
  })

  it.each<[string, Record<string, string>[]]>([
    ['no port', [{ streamtype: 'error', requestid: '0' }]],
    ['port 0', [{ streamtype: 'error', port: '0', requestid: '0' }]],
    ['a port that is too large', [{ streamtype: 'error', port: '65536', requestid: '0' }]],
    ['a port in another spelling', [{ streamtype: 'error', port: '080', requestid: '0' }]],
    ['no request', [{ streamtype: 'error', port: '80' }]],
    ['another kind of stream', [{ streamtype: 'stdin', port: '80', requestid: '0' }]],
    [
      'two ports of one request',
      [
        { streamtype: 'error', port: '80', requestid: '0' },
        { streamtype: 'data', port: '22', requestid: '0' },
      ],
    ],
  ])('ends where a stream has %s, and opens nothing', async (_, streams) => {
    const target = side([])
    // Never decided: what would be opened waits.
    await run(side(opening(...streams)), target, () => new Promise(() => {}))
    // Nothing but that it is over.
    expect(target.written.map((frame) => frame.readUInt16BE(2))).toEqual([7])
  })
})
