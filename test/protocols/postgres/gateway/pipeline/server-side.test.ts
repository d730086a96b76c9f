import { describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../../../../src/masking/plan.ts'
import { ownQueries } from '../../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { startRun } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { ServerSide } from '../../../../../src/protocols/postgres/gateway/pipeline/server-side.ts'
import { encodeMessage } from '../../../../../src/protocols/postgres/wire/server-message.ts'
import { EMAIL_MASKED, HARMLESS, NOTHING_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'
import { PLAIN } from '../../../../../src/sql/lineage/origin.ts'
import { rowDescription, type Column } from '../../../../../src/protocols/postgres/wire/row-description.ts'

/** A server's side with what the client gets, as the pieces that were written. */
function serverSide(masking: MaskingPlan) {
  const { pipeline, toClient, toUpstream, ended } = testPipeline({ masking })
  const facts = HARMLESS
  pipeline.expect({ type: 'query', run: startRun('dec_1', 'select', facts) })
  return { server: new ServerSide(pipeline), written: toClient, toUpstream, ended, pipeline, facts }
}

const column = (name: string, attribute: number, typeOid: number): Column => ({
  name,
  tableOid: 20_000,
  attribute,
  typeOid,
  typeSize: -1,
  typeModifier: -1,
  format: 0,
})
const described = (...columns: Column[]): Buffer => encodeMessage(rowDescription, { type: 'row-description', columns })
const ID = column('id', 1, 23)
const MAIL = column('email', 2, 25)

function row(...values: Buffer[]): Buffer {
  const parts = values.flatMap((value) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value.length)
    return [length, value]
  })
  const body = Buffer.concat([Buffer.from([0, values.length]), ...parts])
  const head = Buffer.from([0x44, 0, 0, 0, 0])
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

it('queries of the gateway take one round trip, and each gets its own rows', async () => {
  const { server, written, toUpstream, pipeline } = serverSide(NOTHING_MASKED)
  pipeline.answered()
  const queries = ['select 1', { sql: 'select $1', parameters: ['x'] }, 'select 3']
  const read = ownQueries(pipeline, queries)
  expect(toUpstream).toHaveLength(1)
  const tags: string[] = []
  const sent = toUpstream[0] ?? Buffer.alloc(0)
  for (let at = 0; at < sent.length; at += 1 + sent.readUInt32BE(at + 1)) tags.push(String.fromCharCode(sent[at] ?? 0))
  expect(tags).toEqual([...queries.flatMap(() => ['P', 'B', 'E', 'C', 'C']), 'S'])
  const message = (tag: string, body = ''): Buffer =>
    Buffer.from(`${tag}\0\0\0${String.fromCharCode(4 + body.length)}${body}`, 'latin1')
  written.length = 0
  for (const rows of [[row(Buffer.from('a')), row(Buffer.from('b'))], [], [row(Buffer.from('c'))]])
    for (const answer of [message('1'), message('2'), ...rows, message('C', 'SELECT 1\0')]) server.push(answer)
  for (const answer of [...queries.flatMap(() => [message('3'), message('3')]), message('Z', 'I')]) server.push(answer)
  expect(await read).toEqual([[['a'], ['b']], [], [['c']], []].slice(0, 4))
  expect(written).toEqual([])
})

it.each([false, true])(
  'a query of the gateway that fails leaves nothing in the way of the next; in a pipeline: %s',
  async (batchOpen) => {
    const { server, toUpstream, pipeline } = serverSide(NOTHING_MASKED)
    pipeline.answered()
    pipeline.batchOpen = batchOpen
    const message = (tag: string, body = ''): Buffer =>
      Buffer.from(`${tag}\0\0\0${String.fromCharCode(4 + body.length)}${body}`, 'latin1')
    const tags = (): string => {
      const sent = toUpstream.at(-1) ?? Buffer.alloc(0)
      let found = ''
      for (let at = 0; at < sent.length; at += 1 + sent.readUInt32BE(at + 1))
        found += String.fromCharCode(sent[at] ?? 0)
      return found
    }
    const end = batchOpen ? 'H' : 'S'
    const failing = ownQueries(pipeline, ['select 1'])
    expect(tags()).toBe(`PBECC${end}`)
    // What closes the statement and the portal is skipped.
    for (const answer of [message('1'), message('2'), message('E', 'C57014\0\0')]) server.push(answer)
    if (batchOpen) pipeline.serverSkips = false
    else server.push(message('Z', 'I'))
    await expect(failing).rejects.toThrow('57014')
    expect(pipeline.kept.isEmpty).toBe(false)
    for (const closes of ['CC', '']) {
      const next = ownQueries(pipeline, ['select 2'])
      expect(tags()).toBe(`${closes}PBECC${end}`)
      for (const tag of [...closes].map(() => '3')) server.push(message(tag))
      for (const answer of [message('1'), message('2'), message('C', 'SELECT 0\0'), message('3'), message('3')])
        server.push(answer)
      if (!batchOpen) server.push(message('Z', 'I'))
      expect(await next).toEqual([[], []])
      expect(pipeline.kept.isEmpty).toBe(true)
    }
  },
)

describe('rows that nothing is hidden in', () => {
  it.each([
    ['nothing is masked in the session', NOTHING_MASKED, [ID, MAIL]],
    ['nothing is masked in this result', EMAIL_MASKED, [ID, ID]],
  ])('are not looked into, and go on as the memory that they came in: %s', (_what, plan, columns) => {
    const { server, written, ended } = serverSide(plan)
    server.push(described(...columns))
    written.length = 0
    // Lengths that nobody could follow: whoever decodes a row fails here.
    const nonsense = Buffer.from([0x44, 0, 0, 0, 14, 0xff, 0xff, 0x80, 0, 0, 0, 1, 2, 3, 4])
    const chunk = Buffer.concat(Array.from({ length: 2000 }, () => nonsense))
    server.push(chunk)
    expect(ended.aborted).toBe(false)
    expect(written).toHaveLength(1)
    expect(written[0]?.buffer).toBe(chunk.buffer)
    expect([written[0]?.byteOffset, written[0]?.length]).toEqual([chunk.byteOffset, chunk.length])
  })

  it('of a row that two chunks share, only that row is copied', () => {
    const { server, written } = serverSide(NOTHING_MASKED)
    server.push(described(ID))
    written.length = 0
    const all = Buffer.concat(Array.from({ length: 3000 }, (_, n) => row(Buffer.from(`value ${n}`))))
    const first = Buffer.from(all.subarray(0, 30_001))
    const second = Buffer.from(all.subarray(30_001))
    server.push(first)
    server.push(second)
    expect(Buffer.concat(written).equals(all)).toBe(true)
    const own = written.filter(({ buffer }) => buffer !== first.buffer && buffer !== second.buffer)
    expect(own.map(({ length }) => length < 50)).toEqual([true])
  })
})

describe('rows with a masked column', () => {
  it('are changed there alone: what is not text elsewhere is never read', () => {
    const { server, written, ended } = serverSide(EMAIL_MASKED)
    server.push(described(ID, MAIL))
    written.length = 0
    const strange = Buffer.from([0xff, 0xfe, 0x00, 0x80])
    server.push(Buffer.concat([row(strange, Buffer.from('jane@example.com')), row(strange, Buffer.from('bob@x.org'))]))
    expect(ended.aborted).toBe(false)
    expect(Buffer.concat(written)).toEqual(
      Buffer.concat([row(strange, Buffer.from('j***@***.com')), row(strange, Buffer.from('b***@***.org'))]),
    )
  })

  it('do not pass while nobody has said what the columns are', () => {
    const { server, written, ended } = serverSide(EMAIL_MASKED)
    server.push(row(Buffer.from('1'), Buffer.from('jane@example.com')))
    expect(Buffer.concat(written).toString('latin1')).not.toContain('jane')
    expect(ended.aborted).toBe(true)
  })

  it('of a statement that is described once and executed often are worked out once', () => {
    const { server, pipeline, facts } = serverSide(EMAIL_MASKED)
    pipeline.answered()
    const prepared = {
      sql: 'select',
      parameterTypes: [],
      columns: undefined,
      described: 0,
      names: { errorExposure: 'none' as const, outputs: undefined },
    }
    const portal = {
      decision: 'dec_1',
      prepared,
      facts: { ...facts } as never,
      bound: { facts, changes: 0, at: 0 },
      resultFormats: [] as const,
    }
    const known: unknown[] = []
    for (let time = 0; time < 3; time++) {
      pipeline.expect({
        type: 'describe',
        of: prepared,
        hidden: false,
        errorExposure: 'none',
        names: { errorExposure: 'none', outputs: undefined },
      })
      pipeline.expect({ type: 'execute', run: startRun('dec_1', 'select', facts), portal })
      server.push(Buffer.concat([described(ID, MAIL), row(Buffer.from('1'), Buffer.from('a@b.cd'))]))
      server.push(Buffer.from('C\0\0\0\x0dSELECT 1\0'))
      known.push((prepared as { rewrites?: { rewrites: unknown } }).rewrites?.rewrites)
    }
    expect(known[0]).toBeDefined()
    expect(known[1]).toBe(known[0])
    expect(known[2]).toBe(known[0])
    // Another description is another result.
    pipeline.expect({
      type: 'describe',
      of: prepared,
      hidden: false,
      errorExposure: 'none',
      names: { errorExposure: 'none', outputs: undefined },
    })
    pipeline.expect({ type: 'execute', run: startRun('dec_1', 'select', facts), portal })
    server.push(Buffer.concat([described(MAIL, ID), row(Buffer.from('a@b.cd'), Buffer.from('1'))]))
    expect((prepared as { rewrites?: { rewrites: unknown } }).rewrites?.rewrites).not.toBe(known[0])
  })
})

describe('what was known of a result', () => {
  const message = (tag: string, body = ''): Buffer => {
    const head = Buffer.from([tag.charCodeAt(0), 0, 0, 0, 0])
    head.writeUInt32BE(4 + body.length, 1)
    return Buffer.concat([head, Buffer.from(body, 'latin1')])
  }
  const COMPLETE = message('C', 'SELECT 1\0')
  const JANE = 'jane@example.com'
  const names = { errorExposure: 'none' as const, outputs: undefined }

  it('says nothing of the rows of the next statement of a text: those that nobody has described do not pass', () => {
    const { server, written, ended, pipeline, facts } = serverSide(EMAIL_MASKED)
    pipeline.answered()
    pipeline.expect({ type: 'query', run: startRun('dec_1', 'select 1; select 2', facts) })
    server.push(Buffer.concat([described(ID), row(Buffer.from('1')), COMPLETE]))
    expect(ended.aborted).toBe(false)
    server.push(row(Buffer.from(JANE)))
    expect([ended.aborted, Buffer.concat(written).includes(JANE)]).toEqual([true, false])
  })

  it('says nothing of the rows of the next COPY', () => {
    const { server, written, ended, pipeline, facts } = serverSide(EMAIL_MASKED)
    pipeline.answered()
    const copies = { kinds: ['copy-to'], names: [], copy: { options: {} }, tree: { kind: 'utility', statements: [] } }
    const lineage = { outputs: [{ name: 'id', origin: PLAIN }] }
    const given = { ...facts, parsed: [copies, copies] as never, lineage: [lineage, lineage] as never }
    pipeline.expect({ type: 'query', run: startRun('dec_1', 'copy a to stdout; copy b to stdout', given) })
    server.push(Buffer.concat([message('H', '\0\0\x01\0\0'), message('d', '1\n'), message('c'), COMPLETE]))
    expect([ended.aborted, Buffer.concat(written).includes('1\n')]).toEqual([false, true])
    server.push(message('d', `${JANE}\n`))
    expect([ended.aborted, Buffer.concat(written).includes(JANE)]).toEqual([true, false])
  })

  it('is forgotten where it comes to have no columns, and read again where it comes to have them', () => {
    const { server, written, ended, pipeline, facts } = serverSide(EMAIL_MASKED)
    pipeline.answered()
    const prepared = { sql: 'select', parameterTypes: [], columns: undefined, described: 0, names }
    const portal = {
      decision: 'dec_1',
      prepared,
      facts,
      bound: { facts, changes: 0, at: 0 },
      resultFormats: [] as const,
    }
    for (const answer of [described(ID, MAIL), message('n'), described(ID, MAIL)]) {
      pipeline.expect({ type: 'describe', of: prepared, hidden: false, errorExposure: 'none', names })
      server.push(answer)
    }
    pipeline.expect({ type: 'execute', run: startRun('dec_1', 'select', facts), portal })
    server.push(row(Buffer.from('1'), Buffer.from(JANE)))
    expect([ended.aborted, Buffer.concat(written).includes(JANE)]).toEqual([false, false])
  })

  it('is asked for again where the server has skipped the question', () => {
    const { server, pipeline, facts } = serverSide(EMAIL_MASKED)
    pipeline.answered()
    // Known from before, and asked for again since definitions have changed.
    const prepared = { sql: 'select', parameterTypes: [], columns: [ID, ID], described: 1 as number | undefined, names }
    const change = { confirm() {}, undo() {} }
    pipeline.expect({
      type: 'bind',
      change,
      errorExposure: 'none',
      portal: { name: '', facts, bound: { facts, changes: 0, at: 0 } },
    })
    pipeline.expect({ type: 'describe', of: prepared, hidden: false, errorExposure: 'none', names })
    pipeline.expect({ type: 'sync' })
    server.push(message('E', 'SERROR\0VERROR\0C22012\0Mx\0\0'))
    expect(prepared.described).toBeUndefined()
  })
})

describe('a statement that is answered more than once', () => {
  const message = (tag: string, body: string): Buffer => {
    const head = Buffer.from([tag.charCodeAt(0), 0, 0, 0, 0])
    head.writeUInt32BE(4 + body.length, 1)
    return Buffer.concat([head, Buffer.from(body, 'latin1')])
  }
  const done = message('C', 'SELECT 0\0')
  const empty = message('I', '')
  const error = (severity: string): Buffer => message('E', `S${severity}\0V${severity}\0C22012\0Mx\0\0`)
  const ready = message('Z', 'I')
  it.each<[string, string, Buffer[], boolean]>([
    ['two results', 'select 1', [done, done], true],
    ['a result and an empty one', 'select 1', [done, empty], true],
    ['as many results as there may be statements', 'select 1; select 2', [done, done, ready], false],
    ['more than that', 'select 1; select 2', [done, done, done], true],
    ['two errors', 'select 1', [error('ERROR'), error('ERROR')], true],
    ['an error, and the end of the session', 'select 1', [error('ERROR'), error('FATAL')], false],
    ['two ends', 'select 1', [error('ERROR'), error('FATAL'), error('FATAL')], true],
    ['a result after an error', 'select 1', [error('ERROR'), done], true],
    ['columns after an error', 'select 1', [error('ERROR'), described(ID)], true],
    ['a result, an error and its end', 'select 1; select 2', [done, error('ERROR'), ready], false],
  ])('%s, of %s', (_, sql, messages, ends) => {
    const { server, ended, pipeline, facts } = serverSide(NOTHING_MASKED)
    pipeline.answered()
    pipeline.expect({ type: 'query', run: startRun('dec_1', sql, facts) })
    for (const bytes of messages) server.push(bytes)
    expect(ended.aborted).toBe(ends)
  })
})
