import { describe, expect, it } from 'vitest'
import { toErrorResponse } from '../../../../src/protocols/postgres/gateway/error-response.ts'
import { AnswerReader, errorOf } from '../../../../src/protocols/postgres/query/answer.ts'
import { messagesFor } from '../../../../src/protocols/postgres/query/connect.ts'
import { errorResponse, reportFields } from '../../../../src/protocols/postgres/wire/error-response.ts'
import { bodyOf, Framer, type Frame } from '../../../../src/protocols/postgres/wire/framer.ts'
import { decodeMessage, readyForQuery } from '../../../../src/protocols/postgres/wire/server-message.ts'
import { errorCodes, type ErrorCode } from '../../../../src/shared/error-codes.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const message = (tag: string, body: Buffer | string): Frame => {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5)
  head.write(tag)
  head.writeUInt32BE(bytes.length + 4, 1)
  return { tag: head[0] as number, bytes: Buffer.concat([head, bytes]) }
}
const row = (text: string): Frame =>
  message('D', Buffer.concat([Buffer.from([0, 1, 0, 0, 0, text.length]), Buffer.from(text)]))
const tags = (bytes: Buffer): string => {
  let found = ''
  new Framer(1e6, 'client').push(bytes, ({ tag }) => void (found += String.fromCharCode(tag)))
  return found
}

describe('the answer to a statement', () => {
  it.each([
    ['INSERT 0 5', { command: 'INSERT', affected: 5 }],
    ['UPDATE 0', { command: 'UPDATE', affected: 0 }],
    ['SELECT 2', { command: 'SELECT' }],
    ['CREATE TABLE', { command: 'CREATE TABLE' }],
    ['REFRESH MATERIALIZED VIEW', { command: 'REFRESH MATERIALIZED VIEW' }],
  ])('%s', (tag, end) => {
    expect(new AnswerReader(1).read(message('C', `${tag}\0`))).toEqual({ type: 'end', end: { ...end, hasMore: false } })
  })

  it('hands over as many rows of each result as are wanted', () => {
    const reader = new AnswerReader(1)
    expect(
      [row('a'), row('b'), message('C', 'SELECT 2\0'), row('c'), message('C', 'SELECT 1\0')].map((frame) =>
        reader.read(frame),
      ),
    ).toEqual([
      { type: 'row', values: ['a'] },
      { type: 'nothing' },
      { type: 'end', end: { command: 'SELECT', hasMore: true } },
      { type: 'row', values: ['c'] },
      { type: 'end', end: { command: 'SELECT', hasMore: false } },
    ])
  })

  it('refuses what no answer consists of, and rows that are cut off', () => {
    expect(() => new AnswerReader(1).read(message('K', 'x'))).toThrow('an answer has no message')
    expect(() => new AnswerReader(1).read(message('D', Buffer.from([0, 1, 0, 0, 0, 9, 1])))).toThrow()
    expect(new AnswerReader(1).read({ tag: 0x5a, bytes: readyForQuery('I') })).toEqual({ type: 'ready' })
  })

  it.each(Object.keys(errorCodes) as ErrorCode[])('%s keeps its code', (code) => {
    const bytes = toErrorResponse(new PamError(code, 'no', { hint: 'decision dec_0123456789abc' }))
    const error = errorOf(decodeMessage(errorResponse, bodyOf({ tag: 0x45, bytes }), 'error').fields)
    expect(error).toMatchObject({ code, id: 'dec_0123456789abc' })
  })

  it('an error of the target has no code of ours, whatever routine it names', () => {
    const fields = reportFields({ severity: 'ERROR', sqlstate: '42P01', message: 'no', routine: 'COMMAND_REFUSED' })
    expect(errorOf(fields)).toMatchObject({ code: 'STATEMENT_FAILED', sqlstate: '42P01' })
  })
})

it.each([
  ['a syntax error of the target', { sqlstate: '42601', position: 3, routine: 'scanner_yyerror' }, true],
  ['a syntax error at run time', { sqlstate: '42601', routine: 'scanner_yyerror' }, false],
  ["the gateway's word for a syntax error", { sqlstate: '42601', position: 3 }, true],
  ["the gateway's word for a relation that does not exist", { sqlstate: '42P01' }, true],
  ["the target's, of the statement in turn", { sqlstate: '42P01', position: 3, routine: 'parserOpenTable' }, false],
  ['another error', { sqlstate: '22012', routine: 'int4div' }, false],
])('%s: whether the whole text is refused', (_what, fields, ranNothing) => {
  expect(errorOf(reportFields({ severity: 'ERROR', message: 'no', ...fields }))).toMatchObject({ ranNothing })
})

describe('what is sent', () => {
  it.each([
    ['select 1', [], 'PBDES'],
    ['select 1;\n ; ', [], 'PBDES'],
    ["select ';'", [], 'Q'],
    ['select 1; select 2', [], 'Q'],
    // With parameters there can be one statement: the server says so.
    ['select $1; select 2', ['x'], 'PBDES'],
  ])('%s', (sql, parameters, sent) => {
    expect(tags(messagesFor({ sql, parameters, maxRows: 5 }))).toBe(sent)
  })
})
