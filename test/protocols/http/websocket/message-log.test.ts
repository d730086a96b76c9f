import { describe, expect, it } from 'vitest'
import { MessageLog } from '../../../../src/protocols/http/websocket/message-log.ts'

function logOf(limit: number) {
  const events: Record<string, unknown>[] = []
  const session = {
    masking: { kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] },
    commitment: (text: string) => `C${text.length}`,
    recorder: { outcome: (event: Record<string, unknown>) => void events.push(event) },
  } as unknown as ConstructorParameters<typeof MessageLog>[0]['session']
  const log = new MessageLog({ session, command: 'dec_1', limit })
  const rows = () => events.filter(({ type }) => type === 'rows').flatMap((event) => event['rows'])
  const notices = () => events.filter(({ type }) => type === 'notice').map((event) => event['message'])
  return { log, events, rows, notices }
}

describe('messages of a WebSocket on record', () => {
  it('say who has sent what, in order', () => {
    const { log, rows, events } = logOf(1000)
    log.add('client', 'text', Buffer.from('hello'))
    log.add('target', 'binary', Buffer.from([0, 255]))
    log.add('target', 'ping', Buffer.alloc(0))
    log.add('target', 'ping', Buffer.from('x'))
    log.add('client', 'close', Buffer.from('enough'))
    log.end({ said: 'the client closed the WebSocket', error: undefined, durationMs: 1.5 })
    expect(rows()).toEqual([
      ['client', 'text', 'hello'],
      ['target', 'binary', '\\x00ff'],
      ['target', 'ping', '\\x78'],
      ['client', 'close', 'enough'],
    ])
    expect(events.at(-1)).toMatchObject({ type: 'result', command: 'dec_1', tag: '101, 2 messages', bytes: 3 })
  })

  it.each([
    ['plain', '{"a":"jane@example.org"}', '{"a":"<secret C16>"}'],
    ['with an escape', String.raw`{"a":"jane\u0040example.org"}`, '{"a":"<secret C16>"}'],
    ['in percent encoding', 'who=jane%40example.org', '<secret C20>'],
    ['what a password is called', '{"password":"hunter2!"}', '{"password":"<secret C8>"}'],
    ['a password with signs in it', '{"password":"P@ss w;rd"}', '{"password":"<secret C9>"}'],
  ])('have a commitment in place of a secret: %s', (_name, said, kept) => {
    const { log, rows } = logOf(1000)
    log.add('client', 'text', Buffer.from(said))
    expect(rows()).toEqual([['client', 'text', kept]])
  })

  it('keep a text as it is where nothing in it is secret', () => {
    const { log, rows } = logOf(1000)
    const said = String.raw`{"a":"100%25 \u00e9"}`
    log.add('client', 'text', Buffer.from(said))
    expect(rows()).toEqual([['client', 'text', said]])
  })

  it('are kept up to a limit for each direction, which is said once; none is free', () => {
    const { log, rows, notices } = logOf(40)
    log.add('client', 'text', Buffer.from('x'.repeat(30)))
    log.add('client', 'text', Buffer.from('y'.repeat(30)))
    log.add('client', 'text', Buffer.from('z'))
    for (let count = 0; count < 10; count++) log.add('target', 'text', Buffer.alloc(0))
    expect(rows()).toEqual([
      ['client', 'text', 'x'.repeat(30)],
      ['client', 'text', 'y'.repeat(10)],
      ['target', 'text', ''],
      ['target', 'text', ''],
      ['target', 'text', ''],
    ])
    expect(notices()).toHaveLength(2)
    expect(log.messages).toBe(13)
  })

  it('are cut behind a whole secret, or within what stands for it', () => {
    const { log, rows } = logOf(22)
    log.add('client', 'text', Buffer.from(`${'x'.repeat(18)} jane@example.org`))
    expect(JSON.stringify(rows())).not.toContain('jan')
  })
})
