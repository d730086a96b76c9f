import { loadModule } from 'libpg-query'
import { describe, expect, it } from 'vitest'
import { assumedCatalog } from '../../../src/protocols/postgres/catalog/build-catalog.ts'
import { resolveFacts } from '../../../src/protocols/postgres/dialect/command-facts.ts'
import { MaskingScope } from '../../../src/protocols/postgres/masking/scope.ts'
import { plainMilliseconds } from '../../../src/protocols/postgres/plain-milliseconds.ts'
import {
  applicationNameOf,
  checkPinnedRows,
  pinnedOf,
  pinnedQuery,
  sessionSettings,
  startSettings,
} from '../../../src/protocols/postgres/session-settings.ts'
import { readSql } from '../../helpers/read-sql.ts'

await loadModule()

const NAMES = { person: 'jane@example.com', session: 'ses_1', target: 'shop' }
const SETTINGS = sessionSettings.parse({
  statement_timeout: '30s',
  lock_timeout: 5000,
  transaction_timeout: '5min',
  application_name: '{person} {session}',
  pinned: ['statement_timeout', 'application_name'],
})
const PINNED = pinnedOf(SETTINGS)

describe('times', () => {
  it.each<[string, number | undefined]>([
    ['30s', 30_000],
    ['30 s', 30_000],
    ['500ms', 500],
    ['500', 500],
    ['5min', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0', undefined],
    ['0s', undefined],
    ['-1', undefined],
    ['+1', undefined],
    ['0.4ms', undefined],
    ['1.5s', undefined],
    ['1e3', undefined],
    ['400us', undefined],
    ['010', undefined],
    ['0x10', undefined],
    ['5S', undefined],
    ['5m', undefined],
    ['5 s ', undefined],
    ['5\n', undefined],
    ['', undefined],
    ['1, 2', undefined],
    ['99999999999', undefined],
  ])('%j is %s', (text, milliseconds) => {
    expect(plainMilliseconds(text)).toBe(milliseconds)
  })
})

describe('the configuration', () => {
  const problems = (settings: object): string[] =>
    (sessionSettings.safeParse(settings).error?.issues ?? []).map(
      ({ path, message }) => `${path.join('.')}: ${message}`,
    )

  it.each<[object, RegExp]>([
    [{ statement_timeout: 0 }, /^statement_timeout: expected a time such as 30s.*not "0"/],
    [{ statement_timeout: '30 seconds' }, /^statement_timeout: expected a time/],
    [{ statement_timeout: '0.5ms' }, /^statement_timeout: expected a time/],
    [{ statement_timeout: '25d' }, /^statement_timeout: expected a time/],
    [{ statement_timeout: true }, /^statement_timeout: expected a time/],
    [{ work_mem: '1GB' }, /Unrecognized key: "work_mem"/],
    [{ role: 'postgres' }, /Unrecognized key: "role"/],
    [{ application_name: '{user}' }, /^application_name: only {person}, {session} and {target}/],
    [{ application_name: '{person' }, /^application_name: only {person}/],
    [{ application_name: 'é' }, /^application_name: expected 1 to 200 printable/],
    [{ pinned: ['lock_timeout'] }, /^pinned\.0: lock_timeout is pinned, but has no value here/],
    [{ pinned: ['search_path'] }, /^pinned\.0: Invalid option/],
  ])('%j is refused', (settings, problem) => {
    expect(problems(settings)).toEqual([expect.stringMatching(problem)])
  })

  it.each([{}, { statement_timeout: 30_000 }, { idle_session_timeout: '24d' }, { application_name: 'pam' }])(
    '%j is taken',
    (settings) => {
      expect(problems(settings)).toEqual([])
    },
  )
})

describe('an application_name', () => {
  it.each([
    ['{person} {session} on {target}', NAMES, 'jane@example.com ses_1 on shop'],
    ['{person}', { ...NAMES, person: '{session}' }, '{session}'],
    ['{person}', { ...NAMES, person: "J\u00e4ne 'O' \u{1f600}\n" }, "J?ne 'O' ??"],
    ['{person}', { ...NAMES, person: '$& $1 $$' }, '$& $1 $$'],
    ['x{person}', { ...NAMES, person: 'a'.repeat(100) }, `x${'a'.repeat(62)}`],
  ])('%s is filled in as printable ASCII of at most 63 bytes', (template, names, name) => {
    expect(applicationNameOf(template, names)).toBe(name)
  })
})

describe('what a session starts with', () => {
  const start = (asked: Record<string, string>): Record<string, string> =>
    Object.fromEntries(startSettings(new Map(Object.entries(asked)), SETTINGS, NAMES))
  const DEFAULTS = {
    statement_timeout: '30000',
    lock_timeout: '5000',
    transaction_timeout: '300000',
    application_name: 'jane@example.com ses_1',
  }

  it.each<[Record<string, string>, Record<string, string>]>([
    [{}, DEFAULTS],
    [{ application_name: 'psql' }, DEFAULTS],
    [{ lock_timeout: '0' }, { ...DEFAULTS, lock_timeout: '0' }],
    [{ statement_timeout: '10s' }, { ...DEFAULTS, statement_timeout: '10s' }],
    [{ datestyle: 'ISO' }, { ...DEFAULTS, datestyle: 'ISO' }],
  ])('where the client asks for %j', (asked, settings) => {
    expect(start(asked)).toEqual(settings)
  })

  it.each(['0', '31s', '0.4ms', '1h', 'x', ''])('statement_timeout=%s is refused', (value) => {
    expect(() => start({ statement_timeout: value })).toThrow('statement_timeout is pinned by the configuration')
  })

  it('is what the client asks for where nothing is configured', () => {
    expect(startSettings(new Map([['application_name', 'x']]), undefined, NAMES)).toEqual(
      new Map([['application_name', 'x']]),
    )
    expect(pinnedQuery(pinnedOf(undefined))).toBeUndefined()
  })

  it.each<[string, (string | null)[][], boolean]>([
    [
      'as it was set',
      [
        ['statement_timeout', '30000', '30000'],
        ['application_name', 'a', 'a'],
      ],
      true,
    ],
    [
      'stricter',
      [
        ['application_name', 'a', 'a'],
        ['statement_timeout', '10000', '10000'],
      ],
      true,
    ],
    [
      'left out by a pooler',
      [
        ['statement_timeout', '0', '0'],
        ['application_name', 'a', 'a'],
      ],
      false,
    ],
    [
      'set, and not what RESET goes back to',
      [
        ['statement_timeout', '30000', '0'],
        ['application_name', 'a', 'a'],
      ],
      false,
    ],
    [
      'another name',
      [
        ['statement_timeout', '30000', '30000'],
        ['application_name', 'b', 'b'],
      ],
      false,
    ],
    [
      'no value',
      [
        ['statement_timeout', null, null],
        ['application_name', 'a', 'a'],
      ],
      false,
    ],
    ['nothing', [], false],
  ])('is read back: %s', (_, rows, isFine) => {
    const check = (): void => checkPinnedRows(rows, PINNED, new Map([['application_name', 'a']]))
    if (isFine) expect(check).not.toThrow()
    else expect(check).toThrow(/^the target reports (statement_timeout|application_name) as /)
  })
})

describe('statements that lift what is pinned', () => {
  const refusalOf = (sql: string, pinned = PINNED): string | undefined => {
    const parsed = readSql(sql)
    const catalog = assumedCatalog(parsed)
    const masking = new MaskingScope({ columns: [], kinds: [] }, catalog, new Map())
    return resolveFacts(parsed, catalog, masking, undefined, { readOnly: false, ownAccount: true, pinned }).refusal
      ?.message
  }

  it.each([
    'set statement_timeout = 0',
    'set local statement_timeout = 30001',
    "set session Statement_Timeout to '1h'",
    "set statement_timeout = '-1'",
    "set statement_timeout = '0.4ms'",
    "set application_name = 'x'",
    "select set_config('statement_timeout', '0', true)",
    "select set_config('statement_timeout', $1, true)",
    "select 1 from t where id in (select length(set_config('statement_timeout', '1d', false)))",
    "prepare p as select set_config('statement_timeout', '0', false)",
    "create view v as select set_config('statement_timeout', '0', false)",
    'select 1; set statement_timeout = 0',
  ])('%s is refused', (sql) => {
    expect(refusalOf(sql)).toMatch(
      /^(statement_timeout|application_name) is pinned by the configuration of this target/,
    )
    expect(refusalOf(sql, pinnedOf(undefined)) ?? '').not.toMatch('pinned')
  })

  it.each([
    'set statement_timeout = 30000',
    "set statement_timeout = '10s'",
    "set local statement_timeout to '10 s'",
    "select set_config('statement_timeout', '500', true)",
    'set lock_timeout = 0',
    "select set_config('lock_timeout', $1, true)",
    'reset statement_timeout',
    'reset all',
    'discard all',
    'set statement_timeout to default',
    'show statement_timeout',
    "select current_setting('statement_timeout')",
    'alter role app reset statement_timeout',
    'alter function f() reset all',
    // Sessions of the gateway start with what is pinned, which goes before these.
    'alter role app set statement_timeout = 0',
    'alter role all in database shop set statement_timeout = 0',
    'alter database shop set statement_timeout = 0',
    'alter system set statement_timeout = 0',
    // To call it is of unknown effect.
    "create function f() returns int language sql set statement_timeout = 0 as 'select 1'",
    'alter function f() set statement_timeout = 0',
    'alter procedure p() set statement_timeout to 0',
  ])('%s is not', (sql) => {
    expect(refusalOf(sql)).toBeUndefined()
  })
})
