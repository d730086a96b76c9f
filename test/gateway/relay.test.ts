import { beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../src/gateway/engine.ts'
import { Relay, type Ending } from '../../src/gateway/relay.ts'
import { StaggeredClose } from '../../src/gateway/staggered-close.ts'
import type { ErrorCode } from '../../src/shared/error-codes.ts'
import { PamError } from '../../src/shared/errors.ts'
import { TestChannel } from '../helpers/test-channel.ts'

let client: TestChannel
let upstream: TestChannel
let calls: string[]
let recorder: { isFull: boolean; whenRoom(then: () => void): void; outcome(): void }
let roomFor: () => void
let isClientReady: boolean
let hasLeft: boolean
let ending: Ending
let unsaid: Set<ErrorCode>
let ended: AbortController
let relay: Relay

const early = (text = '', hasEnded = false) => ({ bytes: Buffer.from(text), hasEnded })
const reason = (): ErrorCode | undefined => (ended.signal.reason as PamError | undefined)?.code

beforeEach(() => {
  client = new TestChannel()
  upstream = new TestChannel()
  calls = []
  roomFor = () => {}
  recorder = { isFull: false, whenRoom: (then) => (roomFor = then), outcome: () => void calls.push('outcome') }
  isClientReady = true
  hasLeft = false
  unsaid = new Set(['CLIENT_LEFT'])
  ending = {
    isIdle: true,
    lastWords: ({ code }) => Buffer.from(code),
    goodbye: () => {
      upstream.write(Buffer.from('bye'))
      upstream.handler.closed()
    },
  }
  ended = new AbortController()
  relay = new Relay({
    session: {
      id: 'ses_1',
      target: { name: 'db' },
      recorder,
      ended: ended.signal,
      end: (error: PamError) => ended.abort(error),
      logger: { warn() {}, error: (fields: object) => void calls.push(JSON.stringify(fields)) },
    } as unknown as Session,
    client,
    upstream: {
      channel: upstream,
      cancel: () => Promise.resolve(void calls.push('cancel')),
      terminate: () => Promise.resolve(calls.push('terminate') > 0),
    },
    clientSide: {
      push(bytes) {
        if (bytes.toString() === 'nonsense') throw new PamError('PROTOCOL_VIOLATION', 'nonsense')
        calls.push(`client ${bytes.toString()}`)
      },
      end: () => void calls.push('client ended'),
      drained: () => void calls.push('client drained'),
      cancelHold: () => false,
    },
    serverSide: {
      push: (bytes) => {
        calls.push(`server ${bytes.toString()}`)
        return isClientReady
      },
    },
    protocol: {
      unsaid,
      hasLeft: () => hasLeft,
      targetEnded: ({ code }) => void calls.push(`target ended: ${code}`),
      abandon: () => void calls.push('abandoned'),
      ending: () => {
        calls.push('ending')
        return ending
      },
    },
    staggeredClose: new StaggeredClose(),
  })
})

describe('a relay', () => {
  it('forwards the early bytes of the client first', () => {
    relay.run(() => early('early', true))
    client.handler.data(Buffer.from('later'))
    expect(calls).toEqual(['client early', 'client ended', 'client later'])
    expect([client.isPaused, upstream.isPaused]).toEqual([false, false])
  })

  it('pauses the target while the client does not keep up', () => {
    relay.run(() => early())
    isClientReady = false
    upstream.handler.data(Buffer.from('much'))
    expect(upstream.isPaused).toBe(true)
    client.handler.drained()
    expect(upstream.isPaused).toBe(false)
  })

  it('pauses the target while the record is full, even if the client keeps up', () => {
    relay.run(() => early())
    recorder.isFull = true
    isClientReady = false
    upstream.handler.data(Buffer.from('much'))
    client.handler.drained()
    expect(upstream.isPaused).toBe(true)
    roomFor()
    expect(upstream.isPaused).toBe(false)
  })

  it('ends the session with what a pump throws', async () => {
    relay.run(() => early())
    client.handler.data(Buffer.from('nonsense'))
    expect(reason()).toBe('PROTOCOL_VIOLATION')
    await relay.over
    expect(client.text).toBe('PROTOCOL_VIOLATION')
  })
})

describe('the end of a relay', () => {
  it.each(['before it ran', 'while it ran'])(
    'of the session %s: the client is told, the target asked to leave',
    async (when) => {
      if (when === 'while it ran') relay.run(() => early())
      ended.abort(new PamError('SESSION_KILLED', 'expired'))
      await relay.over
      expect([client.text, client.hasEnded, client.isDestroyed]).toEqual(['SESSION_KILLED', true, true])
      expect([upstream.text, upstream.isDestroyed]).toEqual(['bye', true])
      // How it stands is asked before what waits is given up.
      expect(calls.slice(0, 2)).toEqual(['ending', 'abandoned'])
    },
  )

  it('forwards nothing to a client that was told', async () => {
    relay.run(() => early())
    ended.abort(new PamError('SESSION_KILLED', 'killed'))
    upstream.handler.data(Buffer.from('row'))
    await relay.over
    expect(calls).not.toContain('server row')
  })

  it('sends no reason in the middle of a message', async () => {
    ending = { ...ending, lastWords: () => undefined }
    relay.run(() => early())
    ended.abort(new PamError('SESSION_KILLED', 'killed'))
    await relay.over
    expect([client.text, client.hasEnded]).toEqual(['', true])
  })

  it('cancels a running command', async () => {
    ending = { ...ending, isIdle: false }
    relay.run(() => early())
    ended.abort(new PamError('SESSION_KILLED', 'killed'))
    await relay.over
    expect(calls).toContain('cancel')
    expect(upstream.text).toBe('bye')
  })

  it('a client that leaves is told nothing, and the target is asked to leave', async () => {
    relay.run(() => early())
    client.handler.closed()
    await relay.over
    expect([reason(), client.text, upstream.text]).toEqual(['CLIENT_LEFT', '', 'bye'])
    expect(calls[0]).toBe('client ended')
  })

  it.each<[boolean, ErrorCode, string]>([
    [false, 'TARGET_LEFT', 'TARGET_LEFT'],
    [true, 'CLIENT_LEFT', ''],
  ])('of the target where the client has said goodbye: %s', async (left, code, told) => {
    hasLeft = left
    relay.run(() => early())
    upstream.handler.closed()
    await relay.over
    expect([reason(), client.text, upstream.text]).toEqual([code, told, ''])
  })

  it('does not tell the client a reason that it knows', async () => {
    unsaid.add('TARGET_LEFT')
    relay.run(() => early())
    upstream.handler.closed()
    await relay.over
    expect([client.text, client.hasEnded, client.isDestroyed]).toEqual(['', false, true])
  })

  it('leaves a target that sends nothing more to the protocol', () => {
    relay.run(() => early())
    upstream.handler.ended()
    expect(calls).toEqual(['target ended: TARGET_LEFT'])
    expect(reason()).toBeUndefined()
  })

  it('an ending that fails is logged, and leaves nothing open', async () => {
    ending = {
      ...ending,
      lastWords: () => {
        throw new Error('no words')
      },
    }
    relay.run(() => early())
    ended.abort(new PamError('SESSION_KILLED', 'killed'))
    await relay.over
    expect(calls.at(-1)).toContain('INTERNAL')
    expect([client.isDestroyed, upstream.isDestroyed]).toEqual([true, true])
  })
})
