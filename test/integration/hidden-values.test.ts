import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { hiddenValues, type ValueSearch } from '../../src/protocols/postgres/gateway/results/hidden-values.ts'
import { valueTypesOf } from '../../src/protocols/postgres/catalog/value-types.ts'
import type { MaskedKind } from '../../src/masking/plan.ts'
import { readCatalogRows } from '../helpers/server-reading.ts'

/**
 * Values as a real server writes them, in both formats, with kinds of data in every place. What is left of them is given back to the
 * server, which reads it with its own functions: both formats must give the same value, and nothing of what is hidden.
 */
let directory: string
let server: LocalPostgres
let db: pg.Client
let search: ValueSearch

const SETUP = `
create extension hstore; create extension citext; create extension ltree;
create type person as (name text, mail text, card bigint, raw bytea);
create type team as (title text, lead person, members person[]);
create domain address as text; create domain addresses as text[]; create domain far as address;
create type measure as (name text, value float8);
create type mood as enum ('fine', 'jane@example.com');
create type words as range (subtype = text);
create table staff (id int, who person, mails addresses);
`
const CARD = '4111111111111111'
const MAIL = 'jane@example.com'
/** Lengths of what stands before and after, so that length words are digits, letters, plus and minus signs. */
const LENGTHS = [0, 1, 16, 27, 32, 33, 43, 45, 46, 48, 57, 64, 65, 95, 97, 122]
const padded = LENGTHS.map((length) => `'${MAIL}' || repeat(' ', ${length})`)

const VALUES: readonly (readonly [expression: string, type: string])[] = [
  ...padded.map((text) => [`array[${text}, 'x', null]`, 'text[]'] as const),
  ...LENGTHS.map((length) => [`array[rpad('${CARD}', ${16 + length})]::varchar[]`, 'varchar[]'] as const),
  ...padded.map((text) => [`row('n', ${text}, 1, null)::person`, 'person'] as const),
  ...LENGTHS.map(
    (length) =>
      [
        `hstore(array['k', rpad('${MAIL}', ${16 + length})], array[rpad('${CARD}', ${16 + length}), null])`,
        'hstore',
      ] as const,
  ),
  ...LENGTHS.map(
    (length) => [`jsonb_build_object('m', rpad('${MAIL}', ${16 + length}), 'c', ${CARD})`, 'jsonb'] as const,
  ),
  [`array[[1, ${CARD}], [2, 3]]`, 'bigint[]'],
  [`'[2:3]={${MAIL},y}'::text[]`, 'text[]'],
  [`array['{"${MAIL}"}', 'a"b\\c', 'NULL', '', '${MAIL} "quoted\\"']`, 'text[]'],
  [`array['jane' || '@' || 'example.com']::citext[]`, 'citext[]'],
  [`'${MAIL}'::mood`, 'mood'],
  [`array['${MAIL}', 'fine']::mood[]`, 'mood[]'],
  [`'${MAIL}'::far`, 'far'],
  [`array['${MAIL}']::addresses`, 'addresses'],
  [`array[array['${MAIL}']::addresses]`, 'addresses[]'],
  [
    `row('t', row('n"', '${MAIL}', ${CARD}, null)::person, array[row('a,b', '<${MAIL}>', 2, '\\x00')::person, null])::team`,
    'team',
  ],
  [`row(1, row('n', 'b', ${CARD}, null)::person, array['${MAIL}'])::staff`, 'staff'],
  [`array[row('', '${MAIL}', ${CARD}, convert_to('${MAIL}', 'UTF8'))::person]`, 'person[]'],
  [`convert_to('x ${MAIL} y', 'UTF8')`, 'bytea'],
  [`'\\x00ff'::bytea || '${MAIL}'::bytea || '\\x00fe5c'::bytea`, 'bytea'],
  [`'\\x01'::bytea || '${CARD}'::bytea || '\\x02'::bytea`, 'bytea'],
  [`array[convert_to('${MAIL}', 'UTF8'), '\\x00']`, 'bytea[]'],
  [`row('n', 'b', 1, '\\x01'::bytea || convert_to('${CARD}', 'UTF8'))::person`, 'person'],
  [`hstore('k"\\', '"${MAIL}"')`, 'hstore'],
  [`array[hstore('k', '${MAIL}')]`, 'hstore[]'],
  [`json_build_object('${MAIL}', ${CARD}, 'a', array['${MAIL}'])`, 'json'],
  [`'{"m": "jane\\u0040example.com", "n": [1.50, true, null, "${CARD}"]}'::json`, 'json'],
  [`array['{"m": "${MAIL}"}'::jsonb, '${CARD}', '[]']`, 'jsonb[]'],
  [`int8range(1, ${CARD})`, 'int8range'],
  [`numrange(${CARD}, null)`, 'numrange'],
  [`words('${MAIL}', 'z')`, 'words'],
  [`array[words('a', '${MAIL}'), words('a', 'b')]`, 'words[]'],
  [`int8multirange(int8range(1, 5), int8range(7, ${CARD}))`, 'int8multirange'],
  [`multirange(words('${MAIL}', 'z'))`, 'words_multirange'],
  [`${CARD}::numeric`, 'numeric'],
  [`array[${CARD}.50, -1.5, 0.001, 'NaN']::numeric[]`, 'numeric[]'],
  [`${CARD}::float8`, 'float8'],
  [`array[1, ${CARD}]::float8[]`, 'float8[]'],
  [`to_json(${CARD}::float8)`, 'json'],
  [`json_build_array(1e300::float8, ${CARD}::float8)`, 'json'],
  [`row('n', ${CARD})::measure`, 'measure'],
  [`array[row('n', ${CARD})::measure]`, 'measure[]'],
  [`array['192.0.2.17', '::1']::inet[]`, 'inet[]'],
  [`'x ''${MAIL}'' y'::tsvector`, 'tsvector'],
]

/** Nothing of a kind in them: they stay byte for byte. */
const UNTOUCHED: readonly string[] = [
  `array[1, 2]`,
  `array['a"b', null, '{}', '\\x41']`,
  `row('a,b', null, 7, '\\x00ff')::person`,
  `array[row('a', 'b', 1, null)::person, null]`,
  `hstore(array['a', 'b'], array['1', null])`,
  `'{"a": [1, 2.50, "x\\n"], "b": null}'::json`,
  `'{"a": [1, 2.50, "x\\n"], "b": null}'::jsonb`,
  `int8range(1, 5)`,
  `words('a', 'b "c", d')`,
  `int8multirange(int8range(1, 5), int8range(7, null))`,
  `'{}'::text[]`,
  `'empty'::int4range`,
  `'a b'::tsvector`,
  `12345.678::numeric`,
  `'\\xdeadbeef'::bytea`,
  `'a.b'::ltree`,
  `(select s from staff s limit 1)`,
  `'\\x00'::bytea`,
]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-values-'))
  server = await startPostgres({ directory })
  db = new pg.Client({ host: '127.0.0.1', port: server.port, ...server.superuser, database: 'postgres', ssl: false })
  await db.connect()
  await db.query(SETUP)
  const { valueTypes } = await readCatalogRows(db)
  search = {
    kinds: kinds('redact'),
    keys: { session: Buffer.from('s'), target: Buffer.from('t') },
    types: valueTypesOf(valueTypes),
  }
})

afterAll(async () => {
  await db?.end()
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
})

const kinds = (style: MaskedKind['style']): MaskedKind[] =>
  (['email', 'payment-card', 'ip-address'] as const).map((kind) => ({ kind, style, hashScope: 'session' }))

/** The value as the server writes it, and the object id that it describes it with. The client reads binary results as text, COPY it leaves alone. */
async function written(expression: string, binary: boolean): Promise<{ oid: number; value: Buffer | null }> {
  const { rows, fields } = await db.query<(string | null)[]>({
    text: `select ${expression}`,
    rowMode: 'array',
    types: { getTypeParser: () => String },
  } as never)
  const text = rows[0]?.[0] ?? null
  const oid = fields[0]?.dataTypeID ?? 0
  return { oid, value: binary ? await copied(expression) : text === null ? null : Buffer.from(text) }
}

async function copied(expression: string): Promise<Buffer | null> {
  const { connection } = db as unknown as {
    connection: {
      on(event: string, listener: (message: { chunk: Buffer }) => void): void
      off(event: string, listener: (message: { chunk: Buffer }) => void): void
    }
  }
  const chunks: Buffer[] = []
  const keep = ({ chunk }: { chunk: Buffer }): void => void chunks.push(Buffer.from(chunk))
  connection.on('copyData', keep)
  await db.query(`copy (select ${expression}) to stdout (format binary)`)
  connection.off('copyData', keep)
  const bytes = Buffer.concat(chunks)
  // The signature, flags and length of an extension; then the number of fields, and the length of the only one.
  const length = bytes.readInt32BE(21)
  return length === -1 ? null : bytes.subarray(25, 25 + length)
}

/** What the server reads out of it, as text. */
async function readBack(value: Buffer | null, type: string, binary: boolean): Promise<string | null> {
  const { rows } = await db.query<{ read: string | null }>(`select ($1::${type})::text as read`, [
    binary || value === null ? value : value.toString('utf8'),
  ])
  return rows[0]?.read ?? null
}

async function masked(expression: string, binary: boolean, how: ValueSearch): Promise<Buffer | null> {
  const { oid, value } = await written(expression, binary)
  const rewrite = hiddenValues(oid, binary ? 1 : 0, how)
  const result = rewrite?.(value)
  return result === undefined ? value : result
}

describe.each(['hex', 'escape'])('kinds within values, bytea_output %s', (output) => {
  beforeAll(async () => {
    await db.query(`set bytea_output = ${output}`)
  })

  it.each(['redact', 'partial', 'null', 'hash', 'keep-last-4'] as const)('%s', async (style) => {
    const how = { ...search, kinds: kinds(style) }
    for (const [expression, type] of VALUES) {
      const text = await readBack(await masked(expression, false, how), type, false)
      const binary = await readBack(await masked(expression, true, how), type, true)
      expect([expression, binary]).toEqual([expression, text])
      const before = await readBack((await written(expression, true)).value, type, true)
      expect([expression, text]).not.toEqual([expression, before])
      expect([expression, decoded(text)]).not.toEqual([expression, expect.stringMatching(HIDDEN)])
    }
  })

  it.each(UNTOUCHED)('%s stays as it is', async (expression) => {
    for (const binary of [false, true]) {
      const { oid, value } = await written(expression, binary)
      expect([binary, hiddenValues(oid, binary ? 1 : 0, search)?.(value)]).toEqual([binary, undefined])
    }
  })
})

const HIDDEN = /jane@example|4111111111111111|192\.0\.2/
/** With the hexadecimal digits of bytea taken for what they say. */
const decoded = (text: string | null): string =>
  `${text} ${(text?.match(/(?:[0-9a-f]{2})+/g) ?? []).map((hex) => Buffer.from(hex, 'hex').toString('latin1')).join(' ')}`

describe('values that are not what their type says, or of a type that nobody told', () => {
  it.each([0, 1] as const)('format %s: are hidden', (format) => {
    const rewrite = (oid: number, value: Buffer): unknown => hiddenValues(oid, format, search)?.(value)
    const broken = format === 1 ? Buffer.from([0, 0, 0, 9, 0]) : Buffer.from(`{${MAIL}`)
    for (const oid of [1009, 2249, 3926, 4536]) expect([oid, rewrite(oid, broken)]).toEqual([oid, null])
    expect(rewrite(4_000_000_000, Buffer.from(MAIL))).toEqual(format === 1 ? null : Buffer.from('****'))
  })

  it('in text by what they look like', () => {
    const rewrite = (text: string): unknown => {
      const result = hiddenValues(undefined, 0, search)?.(Buffer.from(text))
      return result === undefined || result === null ? result : String(result)
    }
    expect(rewrite(`{"a": ${CARD}}`)).toBe('{"a": "****"}')
    expect(rewrite(`("x,${MAIL}",${CARD})`)).toBe('("x,****",)')
    expect(rewrite(`{"\\\\x${Buffer.from(MAIL).toString('hex')}",NULL}`)).toBe('{"\\\\x2a2a2a2a",NULL}')
    expect(rewrite(`\\x${Buffer.from(MAIL).toString('hex')}`)).toBe('\\x2a2a2a2a')
    expect(rewrite(`(${MAIL} and more)`)).toBe('("**** and more")')
    expect(rewrite(CARD)).toBeNull()
    expect(rewrite('{nothing} (to) "hide"')).toBeUndefined()
  })

  it('nested beyond what anybody has', () => {
    let row = MAIL
    for (let depth = 0; depth < 12; depth++) row = `("${row.replace(/["\\]/g, '$&$&')}")`
    expect(hiddenValues(2249, 0, search)?.(Buffer.from(row))?.toString()).not.toContain('jane')
    const json = Buffer.from(`${'['.repeat(100_000)}"${MAIL}"${']'.repeat(100_000)}`)
    const result = hiddenValues(114, 0, search)?.(json)
    expect(result === null || !String(result).includes(MAIL)).toBe(true)
  })
})
