import { describe, expect, it } from 'vitest'
import { relayExec } from '../../../../src/protocols/kubernetes/streams/exec-relay.ts'
import type {
  ChannelConnection,
  ChannelHandler,
} from '../../../../src/protocols/kubernetes/streams/channel-connection.ts'
import type { ChannelName } from '../../../../src/protocols/kubernetes/wire/channel-message.ts'
import type { MaskedKind } from '../../../../src/masking/plan.ts'
import { PamError } from '../../../../src/shared/errors.ts'

type Step = readonly [channel: ChannelName, text: string | undefined]

/** A side that does these steps, then leaves, or stays; what is written to it is gathered. */
function side(steps: readonly Step[], stays: boolean): ChannelConnection & { readonly got: string[] } {
  const got: string[] = []
  return {
    got,
    async read(handler: ChannelHandler) {
      for (const [channel, text] of steps)
        if (text === undefined) handler.ended(channel)
        else await handler.data(channel, Buffer.from(text))
      if (stays) await new Promise(() => {})
    },
    open: () => Promise.resolve(),
    write: (channel, bytes) => got.push(`${channel} ${bytes.toString()}`) > 0,
    drained: () => Promise.resolve(),
    end: (channel) => void got.push(`${channel} ended`),
    close: () => void got.push('closed'),
    destroy: () => void got.push('destroyed'),
  }
}

interface Run {
  readonly client?: readonly Step[]
  readonly target?: readonly Step[]
  readonly clientLeaves?: boolean
  readonly targetLeaves?: boolean
  readonly ended?: AbortSignal
  readonly channels?: readonly ChannelName[]
  readonly kinds?: readonly MaskedKind[]
  readonly archives?: boolean
}

async function run({
  client = [],
  target = [],
  clientLeaves,
  targetLeaves,
  ended,
  channels,
  kinds = [],
  archives,
}: Run) {
  const events: { type: string; tag?: string }[] = []
  const [one, other] = [side(client, clientLeaves !== true), side(target, targetLeaves !== true)]
  await relayExec({
    session: {
      masking: { kinds },
      hashKeys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
      recorder: { isFull: false, outcome: (event: { type: string }) => void events.push(event) },
    } as never,
    decision: 'cmd_1',
    name: 'app',
    channels: new Set(channels ?? ['stdin', 'stdout', 'stderr', 'error']),
    terminal: false,
    archives: archives ?? false,
    keep: 1000,
    client: one,
    target: other,
    ended: ended ?? new AbortController().signal,
  })
  return { client: one.got, target: other.got, tag: events.find(({ type }) => type === 'result')?.tag }
}

/** The first header of an archive. */
const TAR = `${'file'.padEnd(257, '\0')}ustar${'\0'.repeat(250)}`
const SUCCESS = '{"metadata":{},"status":"Success"}'

describe('exec', () => {
  it('gives the status last, wherever it came', async () => {
    const { client, tag } = await run({
      target: [
        ['error', SUCCESS],
        ['stdout', 'late'],
      ],
      targetLeaves: true,
    })
    expect(client.slice(0, 2)).toEqual(['stdout late', `error ${SUCCESS}`])
    expect(client.at(-1)).toBe('closed')
    expect(tag).toBe('exit 0')
  })

  it('ends when every channel has ended, also on a connection that stays open', async () => {
    const { client, tag } = await run({
      target: [
        ['stdout', 'x'],
        ['stdout', undefined],
        ['stderr', undefined],
        ['error', SUCCESS],
        ['error', undefined],
      ],
    })
    expect(client).toContain(`error ${SUCCESS}`)
    expect(tag).toBe('exit 0')
  })

  it('hands the end of input on', async () => {
    const { target } = await run({
      client: [
        ['stdin', 'a'],
        ['stdin', undefined],
      ],
      clientLeaves: true,
    })
    expect(target).toEqual(['stdin a', 'stdin ended', 'closed'])
  })

  it('has no exit status where the target says none', async () => {
    const { client, tag } = await run({ target: [['stdout', 'x']], targetLeaves: true })
    expect(client.join('\n')).toContain('the target did not say how the command ended')
    expect(tag).toBe('no exit status')
  })

  const kinds = [{ kind: 'email', style: 'redact', hashScope: 'session' }] as const
  it.each<[string, Run]>([
    ['when it comes', { target: [['stdout', `${TAR}a b@example.com `]] }],
    [
      'where what was held back at the end has it',
      {
        target: [
          ['stdout', `${TAR}a b@example.com`],
          ['error', SUCCESS],
        ],
        targetLeaves: true,
      },
    ],
    ['in the middle of what tar wrote', { target: [['stdout', 'b@example.com ']], archives: true }],
  ])('ends an archive rather than hide a value in it: %s', async (_, parts) => {
    const { client, target, tag } = await run({ ...parts, kinds })
    expect(client.join('\n')).not.toContain('example.com')
    expect(client.find((text) => text.startsWith('stderr'))).toMatch(/^stderr pam: the archive contains masked values/)
    expect(client.find((text) => text.startsWith('error'))).toMatch(/"Failure".*the archive contains masked values/)
    expect(target).toEqual(['closed'])
    expect(tag).toBe('no exit status')
  })

  it('leaves an archive without such values as it is', async () => {
    const { client } = await run({
      target: [
        ['stdout', `${TAR}nothing`],
        ['error', SUCCESS],
      ],
      targetLeaves: true,
      kinds,
    })
    expect(
      client
        .slice(0, -1)
        .filter((text) => text.startsWith('stdout '))
        .join(''),
    ).toContain('nothing')
    expect(client).toContain(`error ${SUCCESS}`)
  })

  it('says why the session ended', async () => {
    const ended = AbortSignal.abort(new PamError('GRANT_OVER', 'your access has ended'))
    const { client, target, tag } = await run({ ended })
    expect(client[0]).toBe('stderr pam: your access has ended\n')
    expect(client[1]).toMatch(/^error .*your access has ended/)
    expect(target).toEqual(['closed'])
    expect(tag).toBe('no exit status')
  })

  it.each<[string, Run]>([
    ['a client that writes output', { client: [['stdout', 'x']] }],
    ['a client that writes a status', { client: [['error', SUCCESS]] }],
    ['a client that writes input that it did not ask for', { client: [['stdin', 'x']], channels: ['stdout', 'error'] }],
    ['a client that resizes what is no terminal', { client: [['resize', '{"Width":1,"Height":1}']] }],
    ['a client whose size cannot be read', { client: [['resize', 'x']], channels: ['stdout', 'error', 'resize'] }],
    ['a target that writes input', { target: [['stdin', 'x']] }],
    ['a target that resizes', { target: [['resize', 'x']] }],
    ['a target with an output that nobody asked for', { target: [['stderr', 'x']], channels: ['stdout', 'error'] }],
    ['a status without end', { target: [['error', 'x'.repeat(70_000)]] }],
  ])('ends with %s, and hands nothing of it on', async (_, parts) => {
    const { client, target, tag } = await run(parts)
    expect(target).toEqual(['closed'])
    expect(client.some((text) => text.startsWith('stdout') && text !== 'stdout ended')).toBe(false)
    expect(client.find((text) => text.startsWith('error'))).toMatch(/"status":"Failure"/)
    expect(tag).toBe('no exit status')
  })
})
