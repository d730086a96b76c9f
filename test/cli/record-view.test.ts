import { describe, expect, it } from 'vitest'
import { RecordView, type RecordViewOptions } from '../../src/cli/record-view.ts'
import type { Styles } from '../../src/cli/output/colours.ts'
import type { CommandEvent, EventBody } from '../../src/recording/event.ts'
import { command, opened } from '../helpers/recordings.ts'

const ran = (text: string, more: Partial<CommandEvent> = {}): CommandEvent => ({ ...command(text, text), ...more })
const decided = (text: string, state: string): EventBody => ({ type: 'approval', id: 'apr_1', command: text, state })
const result = (text: string): EventBody => ({
  type: 'result',
  command: text,
  tag: 'OK',
  rows: 0,
  bytes: 0,
  durationMs: 1,
})

const SQL: readonly EventBody[] = [
  opened(),
  ran('select 1'),
  result('select 1'),
  ran('drop table a', { verdict: 'deny', message: 'no', kinds: ['drop-table'], writes: ['public.a'] }),
  ran('truncate b', { verdict: 'hold', kinds: ['truncate'], writes: ['public.b'] }),
  decided('truncate b', 'approved'),
  { type: 'forwarded', command: 'truncate b' },
  result('truncate b'),
  ran('delete from c', { verdict: 'hold', kinds: ['delete'], writes: ['public.c'] }),
  decided('delete from c', 'denied'),
  ran('select f()', { unknown: ['f'] }),
  ran('create role r', { kinds: ['create-role'] }),
  ran('select $1', { parameters: ['Needle'] }),
  ran('update d', { verdict: 'hold', kinds: ['update'], writes: ['public.d'] }),
  { type: 'ended', code: 'CLIENT_LEFT', message: 'bye' },
]

function shown(bodies: readonly EventBody[], options: RecordViewOptions, style?: Styles): string[] {
  const view = new RecordView(options, style)
  const all = bodies.flatMap((body, seq) =>
    view.push({ event: { ...body, seq, at: '2026-01-01T00:00:00Z', ms: seq }, data: undefined }),
  )
  return [...all, ...view.end()].flatMap(({ lines }) => lines)
}

/** The statements that are shown. */
const statements = (bodies: readonly EventBody[], options: RecordViewOptions): string[] =>
  bodies.flatMap((body) =>
    body.type === 'command' && shown(bodies, options).some((line) => line.includes(`s  ${body.text}`))
      ? [body.text]
      : [],
  )

describe('a filter of a record', () => {
  it.each<[RecordViewOptions, string[]]>([
    [{ refused: true }, ['drop table a', 'delete from c', 'update d']],
    [{ held: true }, ['truncate b', 'delete from c', 'update d']],
    [{ writes: true }, ['drop table a', 'truncate b', 'delete from c', 'select f()', 'create role r', 'update d']],
    [{ contains: 'needle' }, ['select $1']],
    [{ contains: 'SELECT' }, ['select 1', 'select f()', 'select $1']],
    [{ held: true, refused: true }, ['delete from c', 'update d']],
    [{ writes: true, contains: 'trunc' }, ['truncate b']],
    [{ refused: true, contains: 'nothing of this' }, []],
  ])('%j picks what matches all of it', (options, expected) => {
    expect(statements(SQL, options)).toEqual(expected)
  })

  it('keeps the beginning, the end, and what belongs to what it picks', () => {
    expect(shown(SQL, { contains: 'truncate' }).map((line) => line.trim().slice(0, 30))).toEqual([
      expect.stringContaining('2026-01-01T00:00:00Z  ses_1'),
      expect.stringContaining('grant grt_1'),
      expect.stringContaining('truncate b'),
      expect.stringContaining('apr_1 approved'),
      expect.stringContaining('→ OK'),
      expect.stringContaining('ended: bye'),
    ])
  })

  it.each<[string, RecordViewOptions, string[]]>([
    ['writes', { writes: true }, ['write /b', 'copy /c']],
    ['failed', { refused: true }, ['copy /c']],
    ['has the text in its path', { contains: '/A' }, ['read /a']],
    ['is held: no file is', { held: true }, []],
  ])('of transfers picks what %s', (_, options, expected) => {
    const file = (operation: string, path: string, error?: string): EventBody => ({
      type: 'file',
      operation,
      path,
      ...(error === undefined ? {} : { error }),
    })
    const bodies = [{ ...opened(), protocol: 'ssh' }, file('read', '/a'), file('write', '/b'), file('copy', '/c', 'no')]
    const lines = shown(bodies, options).slice(2)
    expect(lines.map((line) => /\w+ \/\w/.exec(line)?.[0])).toEqual(expected)
  })

  it('of other protocols goes by what a request changes', () => {
    const bodies = [
      { ...opened(), protocol: 'http' },
      ran('GET /a', { kinds: ['get'], reads: ['/a'] }),
      ran('DELETE /b', { kinds: ['delete'], writes: ['/b'] }),
    ]
    expect(statements(bodies, { writes: true })).toEqual(['DELETE /b'])
  })
})

describe('a record for people', () => {
  const lookup = (name: string): CommandEvent => ran(name, { reads: ['pg_catalog.pg_class'] })
  const bodies = [opened(), lookup('q1'), lookup('q2'), ran('select 1', { reads: ['public.a'] })]

  it('folds what the client asks for itself, unless all is asked for or a filter finds it', () => {
    expect(shown(bodies, {}).slice(2)).toEqual([
      expect.stringContaining('(the client looked up definitions, 2 queries; --all shows them)'),
      expect.stringContaining('select 1'),
    ])
    expect(shown(bodies, { all: true }).slice(2)).toHaveLength(3)
    expect(statements(bodies, { contains: 'q1' })).toEqual(['q1'])
    // What has been looked up last is shown at the end as well.
    expect(shown(bodies.slice(0, 3), {})).toHaveLength(3)
  })

  it('cuts long texts, and says how much is left out', () => {
    const long = Array.from({ length: 30 }, (_, line) => `line ${line}`).join('\n')
    const cut = shown([opened(), ran(long)], {})
      .slice(2)
      .join('\n')
    expect([cut.includes('line 19\n'), cut.includes('line 20')]).toEqual([true, false])
    expect(cut).toMatch(/… 80 more characters; --full shows them$/)
    expect(shown([opened(), ran(long)], { full: true }).join('\n')).toContain('line 29')
    expect(shown([opened(), ran('x'.repeat(2000))], {}).join('\n')).not.toContain('--full')
  })

  it('has only our own colours: those within texts are removed', () => {
    const style = { bold: (text: string) => `<b>${text}</b>`, cyan: (text: string) => `<c>${text}</c>` }
    const styles = { ...style, green: (text: string) => `<g>${text}</g>`, red: (text: string) => `<r>${text}</r>` }
    const text = `select 'a\n-- from' as "from" -- select\n\u001b[31m`
    expect(shown([opened(), ran(text, { verdict: 'deny' })], {}, styles)[2]).toContain(
      `<c>select</c> <g>'a</g>\n            <g>-- from'</g> <c>as</c> "from" -- select\n            \\u{1b}[31m  <r>[denied]</r>`,
    )
    // Only SQL has keywords.
    expect(shown([{ ...opened(), protocol: 'ssh' }, ran('select 1')], {}, styles)[2]).toContain('s  select 1')
  })
})

describe('a line of a record', () => {
  const FORGED = '\n    9.000s  ended: the client left (CLIENT_LEFT)'
  it.each<[string, EventBody]>([
    ['parameter', ran('select $1', { parameters: [`x${FORGED}`] })],
    ['text', ran(`select 1${FORGED}`)],
    ['operation', ran('call', { operations: [`x${FORGED}`] })],
    ['message', ran('drop table a', { verdict: 'deny', message: `no${FORGED}` })],
    ['comment', { ...decided('a', 'denied'), comment: `no${FORGED}` } as EventBody],
    ['error', { ...result('a'), error: `x${FORGED}` } as EventBody],
    ['path', { type: 'file', channel: 1, operation: 'read', path: `/x${FORGED}` } as unknown as EventBody],
    ['notice', { type: 'notice', message: `x${FORGED}` }],
    ['reason', { ...opened(), grant: { id: 'g', rule: 'r', endsAt: '', reason: `x${FORGED}` } }],
  ])('cannot be forged with a %s', (_, body) => {
    const lines = shown([body], { all: true }).join('\n').split('\n')
    expect(lines.filter((line) => /^ {4}9\.000s/.test(line))).toEqual([])
  })

  it('cannot be forged with what a client looks up', () => {
    const psql = (id: string): CommandEvent =>
      ran(`select 1 from pg_class c where c.relname OPERATOR(pg_catalog.~) '^(x${FORGED})$'`, {
        id,
        reads: ['pg_catalog.pg_class'],
      })
    const lines = shown([psql('a'), psql('b')], {})
    expect(lines.join('\n')).toMatch(/^ {4}0\.000s {2}\(psql looked up x\\u\{a\} {4}9\.000s.*$/)
  })
})
