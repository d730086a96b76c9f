import { describe, expect, it } from 'vitest'
import { localHalves } from '../../src/protocols/local.ts'
import type { LocalProgress } from '../../src/protocols/local-half.ts'
import { Q, startup } from '../helpers/messages.ts'

/** Where a client that is cut off can be told why: never within something that it is still reading. */
const REASON = { code: 'GATEWAY_LOST', message: 'lost', hint: undefined } as const
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const GSS_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 48])
const message = (tag: string, body: string | Buffer = ''): Buffer => {
  const head = Buffer.alloc(5)
  head.write(tag, 'latin1')
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, Buffer.from(body as string)])
}
const READY = message('Z', 'I')
const FATAL = /^E.{4}SFATAL\0.*C08006\0.*Mlost\0/s

type Step = readonly ['client' | 'server', string | Buffer]
function told(progress: LocalProgress, steps: readonly Step[], later: Buffer = Buffer.alloc(0)): string | undefined {
  for (const [from, given] of steps) {
    const bytes = Buffer.from(given as string)
    if (from === 'client') progress.fromClient(bytes)
    else progress.fromServer(bytes)
  }
  const opening = progress.opening()
  if (opening === undefined) return undefined
  let bytes = Buffer.concat([opening.unanswered, later])
  let all = ''
  for (let [isDone, replies] = [false, 0]; !isDone; replies++) {
    const step = opening.refuse(bytes, REASON, replies)
    if (step === undefined) return `${all}…`
    all += step.reply.toString('latin1')
    bytes = bytes.subarray(step.taken)
    isDone = step.done
  }
  return all
}

describe('PostgreSQL', () => {
  const postgres = (steps: readonly Step[], later?: Buffer) => told(localHalves.postgres.follow(), steps, later)
  const client = (bytes: Buffer): Step => ['client', bytes]
  const server = (bytes: Buffer | string): Step => ['server', bytes]
  const START = startup('app')

  it.each<[string, Step[]]>([
    ['at its start-up message', [client(START)]],
    ['behind a declined SSL request', [client(SSL_REQUEST), server('N'), client(START)]],
    ['behind both declined', [client(GSS_REQUEST), server('N'), client(SSL_REQUEST), server('N'), client(START)]],
    ['after a message', [client(START), server(READY)]],
    [
      'after the answer to a request and a notice in one read',
      [client(START), server(message('N', 'x')), server(READY)],
    ],
    ['while a command runs', [client(START), server(READY), client(Q('select 1'))]],
    ['after a message in pieces', [client(START), ...[...READY].map((byte) => server(Buffer.from([byte])))]],
    [
      'between the rows',
      [client(START), server(READY), server(Buffer.concat([message('D', 'x'.repeat(1000)), message('D', 'y')]))],
    ],
  ])('%s it reads a FATAL error', (_when, steps) => {
    expect(postgres(steps)).toMatch(FATAL)
  })

  it('a request that was not answered is declined first', () => {
    expect(postgres([client(SSL_REQUEST)])).toBe('N…')
    expect(postgres([client(SSL_REQUEST)], START)).toMatch(/^NE.*Mlost/s)
    expect(postgres([client(SSL_REQUEST), server('N')])).toBe('…')
    expect(postgres([], START)).toMatch(FATAL)
  })

  it.each<[string, Step[]]>([
    ['within a header', [client(START), server(READY.subarray(0, 3))]],
    ['within a body', [client(START), server(message('D', 'x'.repeat(50)).subarray(0, 20))]],
    ['after TLS was agreed', [client(SSL_REQUEST), server('S')]],
    [
      'after a message of an impossible length',
      [client(START), server(Buffer.from([0x5a, 0, 0, 0, 1])), server(READY)],
    ],
    ['after an answer that nobody asked for', [server('N')]],
    ['where the client speaks something else', [client(Buffer.from('GET / HTTP/1.1\r\n\r\n')), server('x')]],
    ['after more than a start-up message can have', [client(Buffer.alloc(100_000))]],
  ])('%s nothing is said', (_when, steps) => {
    expect(postgres(steps)).toBeUndefined()
  })

  it('a cancel request is answered with nothing', () => {
    const cancel = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2])
    expect(postgres([client(cancel)])).toBe('')
  })
})

describe('SSH', () => {
  const ssh = (...parts: (string | Buffer)[]) =>
    told(
      localHalves.ssh.follow(),
      parts.map((part): Step => ['server', part]),
    )
  const packet = (type: number, length = 11): Buffer => {
    const bytes = Buffer.alloc(4 + length)
    bytes.writeUInt32BE(length)
    bytes[4] = 4
    bytes[5] = type
    return bytes
  }
  /** Length, padding, type 1, reason 11. */
  const DISCONNECT = /^\0{3}...\0{3}..*lost/s
  const KEXINIT = packet(20, 700)

  it('before the server spoke it is identified, then disconnected', () => {
    expect(ssh()).toMatch(/^SSH-2\.0-pamctl\r\n\0{3}...\0{3}..*lost/s)
  })

  it.each<[string, (string | Buffer)[]]>([
    ['after the identification', ['SSH-2.0-x\r\n']],
    ['after lines before it', ['hello\r\nSSH-2.0', '-x\r\n']],
    ['after a packet', ['SSH-2.0-x\r\n', KEXINIT]],
    [
      'after a packet in pieces',
      [Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), KEXINIT.subarray(0, 9)]), KEXINIT.subarray(9)],
    ],
  ])('%s it is disconnected', (_when, parts) => {
    expect(ssh(...parts)).toMatch(DISCONNECT)
  })

  it.each<[string, (string | Buffer)[]]>([
    ['within the identification', ['SSH-2.0']],
    ['within a packet', ['SSH-2.0-x\r\n', KEXINIT.subarray(0, 100)]],
    ['behind the keys', ['SSH-2.0-x\r\n', Buffer.concat([KEXINIT, packet(31), packet(21)])]],
    ['behind the keys, whatever comes', ['SSH-2.0-x\r\n', Buffer.concat([packet(21), KEXINIT]), KEXINIT]],
    ['where it sends without end', ['y'.repeat(40_000)]],
  ])('%s nothing is said', (_when, parts) => {
    expect(ssh(...parts)).toBeUndefined()
  })
})
