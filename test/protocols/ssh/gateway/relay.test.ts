import { Duplex, PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRelay, type RelayParts } from '../../../../src/protocols/ssh/gateway/relay.ts'

/** As much of a channel of the library's as a relay uses; what is written to it is gathered. */
function channel(): Duplex & { written: string } {
  const made = Object.assign(
    new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, done) {
        made.written += bytes.toString()
        made.emit('taken')
        done()
      },
    }),
    {
      stderr: new PassThrough(),
      incoming: { state: 'open' },
      outgoing: { state: 'open' },
      _client: { _protocol: {} },
      _callbacks: [],
      written: '',
    },
  )
  return made
}

const taken = (of: Duplex): Promise<void> => new Promise((resolve) => of.once('taken', resolve))

// What is held for a time stays held: no timer runs off.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

describe('a terminal with masked output', () => {
  it('shows what is typed as soon as it is echoed, and records it before', async () => {
    const [client, stream] = [channel(), channel()]
    const events: string[] = []
    const session = {
      masking: { kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] },
      hashKeys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
      config: { recordOutput: 1024 },
      recorder: {
        isFull: false,
        outcome: ({ type }: { type: string }, data?: Buffer) =>
          events.push(`${type} ${data?.toString()} ${client.written}`),
      },
    }
    startRelay({
      session,
      client,
      target: { stream },
      command: 'cmd_1',
      name: '1',
      terminal: true,
      isTransfer: false,
      typed: Buffer.from('j'),
    } as unknown as RelayParts)
    for (const [typed, echoed] of [
      ['', 'j'],
      ['ane', 'ane'],
    ] as const) {
      client.push(typed)
      while (!stream.written.endsWith(typed === '' ? 'j' : typed)) await taken(stream)
      const shown = taken(client)
      stream.push(echoed)
      await shown
    }
    expect(client.written).toBe('jane')
    const rest = taken(client)
    stream.push('@example.com\r\n')
    await rest
    expect(client.written).toBe('jane************\r\n')
    expect(events).toEqual(['terminal j ', 'terminal ane j', 'terminal ************\r\n jane'])
  })
})
