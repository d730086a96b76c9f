import { describe, expect, it } from 'vitest'
import { mysqlLocal } from '../../../../src/protocols/mysql/local.ts'
import { ALWAYS_OFFERED, capabilities } from '../../../../src/protocols/mysql/wire/capabilities.ts'
import { encodePackets } from '../../../../src/protocols/mysql/wire/framer.ts'
import { encodeHandshake } from '../../../../src/protocols/mysql/wire/handshake.ts'

const REASON = { code: 'GATEWAY_LOST', message: 'pam: lost', hint: 'connect again' } as const

type Step = readonly ['client' | 'server', Buffer]
/** Sequence id of the error that a client that is cut off is sent, undefined where nothing is said. */
function told(steps: readonly Step[], size = Infinity): number | undefined {
  const progress = mysqlLocal.follow()
  for (const [from, bytes] of steps)
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = bytes.subarray(at, Math.min(bytes.length, at + size))
      if (from === 'client') progress.fromClient(chunk)
      else progress.fromServer(chunk)
    }
  const opening = progress.opening()
  if (opening === undefined) return undefined
  // During the login it is told when it has said the next thing.
  expect(opening.refuse(Buffer.alloc(2), REASON, 0) === undefined).toBe(isLogin(steps))
  const bytes = opening.unanswered.length > 0 || !isLogin(steps) ? opening.unanswered : packet(3, 1, 2, 3)
  const step = opening.refuse(bytes, REASON, 0)
  if (step === undefined) return undefined
  expect(step).toMatchObject({ done: true })
  const text = step.reply.toString('latin1')
  expect(text.slice(4)).toMatch(/^\xff..#[0-9A-Z]{5}pam: lost \(connect again\)$/s)
  return step.reply[3]
}

const packet = (sequence: number, ...bytes: number[]): Buffer => encodePackets(Buffer.from(bytes), sequence)
const text = (sequence: number, head: number, words: string): Buffer =>
  encodePackets(Buffer.concat([Buffer.of(head), Buffer.from(words)]), sequence)
const GREETING = encodePackets(
  encodeHandshake({
    version: '8.4.0',
    threadId: 1,
    scramble: Buffer.alloc(20, 'a'),
    capabilities: ALWAYS_OFFERED,
    collation: 45,
    status: 2,
    plugin: 'mysql_native_password',
  }),
  0,
)
const response = (flags: number): Buffer => {
  const payload = Buffer.alloc(40)
  payload.writeUInt32LE(flags)
  return encodePackets(payload, 1)
}
const ok = (sequence: number, status = 2): Buffer => packet(sequence, 0, 0, 0, status, 0, 0, 0)
const eof = (sequence: number, status = 2): Buffer => packet(sequence, 0xfe, 0, 0, status, 0)
const definition = (sequence: number): Buffer => text(sequence, 3, 'def')

const GREETED: Step[] = [['server', GREETING]]
const IN: Step[] = [...GREETED, ['client', response(ALWAYS_OFFERED)], ['server', ok(2)]]
const IN_WITHOUT_EOF: Step[] = [
  ...GREETED,
  ['client', response(ALWAYS_OFFERED | capabilities.deprecateEof)],
  ['server', ok(2)],
]
const ASKED: Step = ['client', text(0, 3, 'SELECT 1')]
const server = (...packets: Buffer[]): Step => ['server', Buffer.concat(packets)]

/** It has not been let in. */
const isLogin = (steps: readonly Step[]): boolean =>
  steps.length < IN.length || (steps.length === 3 && steps[2] !== IN[2])

describe('a client that is cut off', () => {
  it.each<[string, number, Step[]]>([
    ['behind the greeting', 4, GREETED],
    ['when it has answered it', 2, GREETED.concat([['client', response(ALWAYS_OFFERED)]])],
    [
      'when it is asked for more',
      4,
      [...GREETED, ['client', response(ALWAYS_OFFERED)], server(packet(2, 0xfe, 0x61, 0))],
    ],
    ['between two commands, as the answer to the next', 1, IN],
    ['while a command runs', 1, [...IN, ASKED]],
    ['after an error', 1, [...IN, ASKED, server(text(1, 0xff, 'xx#42000no'))]],
    ['after rows', 1, [...IN, ASKED, server(packet(1, 1), definition(2), eof(3), packet(4, 1, 0x31), eof(5))]],
    [
      'after rows, binary ones',
      1,
      [...IN, ['client', text(0, 0x17, '')], server(packet(1, 1), definition(2), eof(3), packet(4, 0, 0, 1), eof(5))],
    ],
    [
      'after rows without EOF',
      1,
      [
        ...IN_WITHOUT_EOF,
        ASKED,
        server(packet(1, 1), definition(2), packet(3, 1, 0x31), packet(4, 0xfe, 0, 0, 2, 0, 0, 0)),
      ],
    ],
    [
      'after an error among rows',
      1,
      [...IN, ASKED, server(packet(1, 1), definition(2), eof(3), packet(4, 1, 0x31), text(5, 0xff, 'xx#42000no'))],
    ],
    ['after two results', 1, [...IN, ASKED, server(ok(1, 0x08), packet(2, 1), definition(3), eof(4), eof(5))]],
    [
      'after a PREPARE',
      1,
      [
        ...IN,
        ['client', text(0, 0x16, 'SELECT ?')],
        server(packet(1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0), definition(2), eof(3), definition(4), eof(5)),
      ],
    ],
    [
      'after a PREPARE of nothing',
      1,
      [...IN, ['client', text(0, 0x16, 'DO 1')], server(packet(1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))],
    ],
    ['behind a close, which is not answered', 1, [...IN, ['client', packet(0, 0x19, 1, 0, 0, 0)]]],
    [
      'after opening a cursor',
      1,
      [...IN, ['client', text(0, 0x17, '')], server(packet(1, 1), definition(2), eof(3, 0x42))],
    ],
    ['after fetching from it', 1, [...IN, ['client', text(0, 0x1c, '')], server(packet(1, 0, 0, 1), eof(2))]],
    ['after statistics', 1, [...IN, ['client', packet(0, 9)], server(text(1, 0x55, 'ptime'))]],
    [
      'after a list of columns',
      1,
      [...IN, ['client', text(0, 4, 't\0')], server(definition(1), definition(2), eof(3))],
    ],
    [
      'while it sends a file',
      5,
      [
        ...IN,
        ASKED,
        server(text(1, 0xfb, 'f.csv')),
        ['client', Buffer.concat([text(2, 1, ''), text(3, 2, ''), packet(4)])],
      ],
    ],
  ])('%s reads why', (_when, sequence, steps) => {
    expect(told(steps)).toBe(sequence)
    expect(told(steps, 1)).toBe(sequence)
    expect(told(steps, 7)).toBe(sequence)
  })

  it('reads why behind a greeting of ours, where the server has said nothing', () => {
    const opening = mysqlLocal.follow().opening()
    const greeting = opening?.refuse(Buffer.alloc(0), REASON, 0)
    expect(greeting?.reply.toString('latin1')).toMatch(/^.{5}8\.0\.0-pamctl\0/s)
    expect(greeting).toMatchObject({ taken: 0, done: false })
    const answer = response(ALWAYS_OFFERED)
    for (let cut = 0; cut < answer.length; cut++)
      expect(opening?.refuse(answer.subarray(0, cut), REASON, 1)).toBeUndefined()
    const step = opening?.refuse(answer, REASON, 1)
    expect(step?.reply.toString('latin1')).toMatch(/^.{4}\xff..#[0-9A-Z]{5}pam: lost/s)
    expect(step).toMatchObject({ taken: answer.length, done: true })
    expect(() => opening?.refuse(Buffer.from('GET / HTTP/1.1\r\n'), REASON, 1)).toThrow('no response')
  })

  it.each<[string, Step[]]>([
    ['within the greeting', [['server', GREETING.subarray(0, 20)]]],
    ['within an answer', [...IN, ASKED, server(ok(1).subarray(0, 5))]],
    ['among rows', [...IN, ASKED, server(packet(1, 1), definition(2), eof(3), packet(4, 1, 0x31))]],
    ['among definitions', [...IN, ASKED, server(packet(1, 3), definition(2))]],
    [
      'of a PREPARE',
      [...IN, ['client', text(0, 0x16, 'x')], server(packet(1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0), definition(2))],
    ],
    ['once both encrypt', [...GREETED, ['client', response(ALWAYS_OFFERED | capabilities.ssl)]]],
    ['after what is no answer', [...IN, ASKED, server(packet(1, 0xfd))]],
  ])('%s is told nothing', (_when, steps) => {
    expect(told(steps)).toBeUndefined()
  })

  it('reads a long reason up to what clients have room for', () => {
    const reason = { code: 'NO_GRANT', message: 'é'.repeat(400), hint: undefined } as const
    const step = mysqlLocal.refuse(response(ALWAYS_OFFERED), reason, 1)
    const message = step?.reply.subarray(step.reply.indexOf('#28000') + 6) as Buffer
    expect(message.toString()).toBe(`${'é'.repeat(254)}…`)
  })
})
