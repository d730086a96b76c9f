import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { duplexLink } from '../../../../src/protocols/http/upgrade/link.ts'

const closers: (() => unknown)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function pair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  closers.push(() => (near.destroy(), far.destroy(), server.close()))
  return { near, far }
}

describe('pieces of a connection', () => {
  it('are whole to the last one where it breaks before a slow reader has got there', async () => {
    const { near, far } = await pair()
    const pieces = duplexLink(near).pieces[Symbol.asyncIterator]()
    far.write('first')
    const said = [(await pieces.next()).value?.toString()]
    far.write('last')
    await once(near, 'readable')
    const closed = once(near, 'close')
    far.resetAndDestroy()
    await closed.catch(() => {})
    for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next())
      said.push(piece.value.toString())
    expect(said).toEqual(['first', 'last'])
  })

  it('end where the other side ends, and what comes once we have closed is read and dropped', async () => {
    const { near, far } = await pair()
    const link = duplexLink(near)
    far.write('bye')
    for await (const piece of link.pieces) {
      expect(piece.toString()).toBe('bye')
      link.close()
      break
    }
    const ended = once(far, 'close')
    far.resume().end(Buffer.alloc(1e6))
    await ended
    await once(near, 'close')
    expect(near.bytesRead).toBe(1e6 + 3)
  })
})
