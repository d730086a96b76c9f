import { describe, expect, it } from 'vitest'
import type { ColumnMask, MaskedKind } from '../../../../../src/masking/plan.ts'
import type { ValueType } from '../../../../../src/protocols/postgres/catalog/value-types.ts'
import {
  knownRewrites,
  maskCopyRow,
  rowRewrites,
  type CopiedRows,
  type Masker,
  type RowRewrites,
} from '../../../../../src/protocols/postgres/gateway/results/row-masking.ts'
import type { Format } from '../../../../../src/protocols/postgres/wire/bind.ts'
import type { Column } from '../../../../../src/protocols/postgres/wire/row-description.ts'
import { madeOf, PLAIN, valueOf, type Origin, type Output } from '../../../../../src/sql/lineage/origin.ts'

const MASK: ColumnMask = {
  name: 'public.people.email',
  style: 'redact',
  sideChannels: 'deny',
  maxComparisons: 0,
  copying: false,
  hashScope: 'session',
}
const MAIL: MaskedKind = { kind: 'email', style: 'redact', hashScope: 'session' }
const TYPES: ReadonlyMap<number, ValueType> = new Map([
  [25, { form: 'text' }],
  [23, { form: 'fixed' }],
])
/** The masked column has attribute 2 of relation 5. */
const masker = (columns: readonly ColumnMask[], kinds: readonly MaskedKind[] = []): Masker =>
  ({
    scope: {
      plan: { columns, kinds },
      anything: madeOf(columns.map((mask) => valueOf(mask))),
      originAt: (relation: number, attribute: number): Origin =>
        relation === 5 && attribute === 2 ? valueOf(MASK) : PLAIN,
      types: TYPES,
    },
    keys: { session: Buffer.from('s'), target: Buffer.from('t') },
  }) as unknown as Masker

const column = (given: Partial<Column> = {}): Column => ({
  name: 'a',
  tableOid: 0,
  attribute: 0,
  typeOid: 25,
  typeSize: -1,
  typeModifier: -1,
  format: 0,
  ...given,
})
const output = (origin: Origin, given: Partial<Output> = {}): Output => ({ name: 'a', origin, ...given })
/** What the client sees of a row of these values. */
const shown = (rewrites: RowRewrites, ...values: string[]): (string | null)[] =>
  values.map((value, at) => {
    const rewrite = rewrites === 'untouched' ? undefined : rewrites[at]
    const rewritten = rewrite?.(Buffer.from(value))
    return rewritten === undefined ? value : (rewritten?.toString() ?? null)
  })

describe('a column that the server describes', () => {
  const described = [column({ tableOid: 5, attribute: 2 }), column({ tableOid: 5, attribute: 1 })]

  it('as one of a relation is masked by that, whatever was read of the statement', () => {
    const outputs = [output(PLAIN), output(valueOf(MASK))]
    expect(shown(rowRewrites(described, undefined, outputs, masker([MASK])), 'x', 'y')).toEqual(['****', 'y'])
  })

  it('so is not believed where the definitions may have changed since the catalogs were read', () => {
    const outputs = [output(PLAIN), output(valueOf(MASK), { stale: true })]
    expect(shown(rowRewrites(described, undefined, outputs, masker([MASK])), 'x', 'y')).toEqual(['x', '****'])
  })

  it('as one of none is masked like what it was made of, and whole where nobody knows that', () => {
    const rows = (outputs: readonly Output[] | undefined) =>
      shown(rowRewrites([column()], undefined, outputs, masker([{ ...MASK, style: 'keep-last-4' }])), '123456789')
    expect(rows([output(valueOf({ ...MASK, style: 'keep-last-4' }))])).toEqual(['****'])
    expect(rows([output(PLAIN)])).toEqual(['123456789'])
    expect(rows(undefined)).toEqual(['****'])
    expect(rows([output(PLAIN), output(PLAIN)])).toEqual(['****'])
  })

  it.each([
    ['text', 25, '****'],
    ['"char", which has one character', 18, null],
    ['xml, in which asterisks are invalid', 142, null],
    ['an integer', 23, null],
    ['json', 114, '"****"'],
  ])('is of a type that its mask must not break: %s', (_, typeOid, masked) => {
    const rewrites = rowRewrites([column({ tableOid: 5, attribute: 2, typeOid })], undefined, undefined, masker([MASK]))
    expect(shown(rewrites, 'x')).toEqual([masked])
  })
})

it('a plan is shown without the widths of its rows, which are averages of lengths', () => {
  const plan = 'Seq Scan on t  (cost=0.00..1.05 rows=5 width=137)'
  expect(shown(rowRewrites([column()], undefined, [output(PLAIN)], masker([MASK]), true), plan)).toEqual([
    plan.replace('137', '0'),
  ])
})

describe('the rewrites of a statement that runs again', () => {
  const [columns, outputs] = [[column({ tableOid: 5, attribute: 2 })], [output(PLAIN)]]

  it('are those from before where nothing has changed', () => {
    const [of, known] = [{}, masker([MASK])]
    const rewrites = knownRewrites(of, columns, [0], outputs, known, false)
    expect(knownRewrites(of, columns, [0], outputs, known, false)).toBe(rewrites)
  })

  it('are computed anew where the masks, the columns, the formats or what was read of it have', () => {
    const of = {}
    const rows = (...given: Readonly<[boolean, readonly Column[], readonly Format[], readonly Output[], Masker]>) => {
      const [plan, all, formats, read, by] = given
      return shown(knownRewrites(of, all, formats, read, by, plan), 'width=7')
    }
    const none = masker([])
    expect(rows(false, columns, [0], outputs, none)).toEqual(['width=7'])
    expect(rows(false, columns, [0], outputs, masker([MASK]))).toEqual(['****'])
    expect(rows(false, columns, [0], outputs, none)).toEqual(['width=7'])
    expect(rows(true, columns, [0], outputs, none)).toEqual(['width=0'])
    const masked = masker([MASK])
    const plain = [column()]
    expect(rows(false, plain, [0], outputs, masked)).toEqual(['width=7'])
    expect(rows(false, columns, [0], outputs, masked)).toEqual(['****'])
    expect(rows(false, plain, [0], outputs, masked)).toEqual(['width=7'])
    expect(rows(false, plain, [0], [output(valueOf(MASK))], masked)).toEqual(['****'])
    const json = [column({ tableOid: 5, attribute: 2, typeOid: 3802 })]
    expect(rows(false, json, [0], outputs, masked)).toEqual(['"****"'])
    expect(rows(false, json, [1], outputs, masked)).toEqual([null])
  })
})

describe('a row of COPY', () => {
  const FORMAT = { format: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', header: false } as const
  const copied = (row: string, given: Partial<CopiedRows>, by: Masker): string | undefined =>
    maskCopyRow(Buffer.from(`${row}\n`), { format: FORMAT, outputs: undefined, types: undefined, ...given }, by)
      ?.toString()
      .trimEnd()

  it('is masked whole where nobody knows what its columns were made of, and does not pass in an unknown format', () => {
    expect(copied('a\tb', {}, masker([MASK]))).toBe('****\t****')
    expect(copied('a\tb', { outputs: [output(PLAIN)] }, masker([MASK]))).toBe('****\t****')
    expect(copied('a\tb', { outputs: [output(PLAIN), output(valueOf(MASK))] }, masker([MASK]))).toBe('a\t****')
    expect(copied('a\tb', { format: undefined }, masker([MASK]))).toBeUndefined()
  })

  it('is searched as text where its types are those of another number of columns', () => {
    expect(copied('jane@example.com\t1', { types: [23, 23] }, masker([], [MAIL]))).toBe('jane@example.com\t1')
    expect(copied('jane@example.com\t1', { types: [23] }, masker([], [MAIL]))).toBe('****\t1')
    expect(copied('jane@example.com\t1', { types: [25, 23] }, masker([], [MAIL]))).toBe('****\t1')
  })

  it('is searched field by field for what rules define, which may be about a whole value', () => {
    const find = (text: string) => (text === 'abc' ? [{ start: 0, end: 3 }] : [])
    const custom = [{ ...MAIL, kind: { name: 'code', find } }] as unknown as readonly MaskedKind[]
    expect(copied('x\tabc', { types: [25, 25] }, masker([], custom))).toBe('x\t****')
  })
})
