import { Duplex, PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRelay, type RelayParts } from '../../../../src/protocols/ssh/gateway/relay.ts'

/** As much of a channel of the library's as a relay uses; what is written to it is gathered. */
function channel(): Duplex & { written: string; readonly stderr: PassThrough; readonly outgoing: { state: string } } {
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
      ended: new AbortController().signal,
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

describe('what is typed once access has ended', () => {
  it('reaches neither the target nor the record, also what had no room before', async () => {
    const [client, stream] = [channel(), channel()]
    const ending = new AbortController()
    const inputs: string[] = []
    startRelay({
      session: {
        masking: { kinds: [] },
        config: { recordOutput: 1024 },
        ended: ending.signal,
        recorder: { isFull: false, outcome: (_: object, data?: Buffer) => void inputs.push(String(data)) },
      },
      client,
      target: { stream, close() {} },
      command: 'cmd_1',
      name: '1',
      terminal: true,
      isTransfer: false,
      typed: Buffer.alloc(0),
    } as unknown as RelayParts).say('')
    client.push('ls\n')
    await taken(stream)
    expect(stream.written).toBe('ls\n')
    // Not yet sent on.
    client.push('rm -rf a\n')
    ending.abort()
    client.push('rm -rf b\n')
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(stream.written).toBe('ls\n')
    expect(inputs.join('')).not.toContain('b')
  })
})

describe('output that is an archive', () => {
  /** What a client gets of a command that writes this and exits with 0, and what is on record of how it ended. */
  async function outputOf(text: string): Promise<{ stdout: string; stderr: string; tag: string | undefined }> {
    const [client, stream] = [channel(), channel()]
    // It is not open for an exit status: this one has no connection to send it over.
    client.outgoing.state = 'eof'
    let stderr = ''
    client.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
    const results: { type: string; tag?: string }[] = []
    const session = {
      masking: { kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] },
      hashKeys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
      config: { recordOutput: 1024 },
      ended: new AbortController().signal,
      recorder: { isFull: false, outcome: (event: { type: string }) => void results.push(event) },
    }
    const close = (): void => {
      if (stream.writableEnded) return
      stream.push(null)
      stream.stderr.end()
      stream.end()
    }
    const { over } = startRelay({
      session,
      client,
      target: { stream, exit: { code: 0 }, close },
      command: 'cmd_1',
      name: '1',
      terminal: false,
      isTransfer: false,
      typed: Buffer.alloc(0),
    } as unknown as RelayParts)
    stream.push(Buffer.from(text, 'latin1'))
    close()
    await over
    return { stdout: client.written, stderr, tag: results.find(({ type }) => type === 'result')?.tag }
  }
  const TAR = `${'file'.padEnd(257, '\0')}ustar${'\0'.repeat(250)}`

  it.each<[string, string]>([
    ['when it comes', `${TAR}a b@example.com `],
    ['where what was held back at the end has it', `${TAR}a b@example.com`],
    ['in compressed data', '\x1f\x8b\x08 b@example.com'],
  ])('ends with an error rather than hide a value in it: %s', async (_, text) => {
    const { stdout, stderr, tag } = await outputOf(text)
    expect(stdout).not.toContain('example.com')
    expect(stderr).toBe('pam: the archive contains masked values, and masking them would damage it\n')
    expect(tag).toBe('exit 126')
  })

  it.each(['nothing', 'a b@example'])('is left as it is without such values: %s', async (end) => {
    expect(await outputOf(`${TAR}${end}`)).toEqual({ stdout: `${TAR}${end}`, stderr: '', tag: 'exit 0' })
  })
})
