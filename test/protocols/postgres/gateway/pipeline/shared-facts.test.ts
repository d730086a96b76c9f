import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../../../../src/masking/plan.ts'
import { buildCatalog } from '../../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { NO_ROWS, type CatalogRows } from '../../../../../src/protocols/postgres/catalog/rows.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { ResolvedFacts } from '../../../../../src/protocols/postgres/gateway/pipeline/resolved-facts.ts'
import { maskingScope } from '../../../../../src/protocols/postgres/masking/scope.ts'
import type { DefinitionTrees } from '../../../../../src/sql/masking/masking-scope.ts'
import { EMAIL_MASKED, NOTHING_MASKED } from '../../../../helpers/postgres-pipeline.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const [PEOPLE, ASIDE] = ['20000', '20001']
const rowsOf = (functions: CatalogRows['functions'] = []): CatalogRows => ({
  ...NO_ROWS,
  functions,
  relations: [
    [PEOPLE, 'public', 'people'],
    [ASIDE, 'aside', 'people'],
  ],
  columns: [PEOPLE, ASIDE].flatMap((oid) => [
    [oid, 'id', '1', null, null],
    [oid, 'email', '2', null, null],
  ]),
})
const ID_MASKED: MaskingPlan = {
  ...EMAIL_MASKED,
  columns: EMAIL_MASKED.columns.map((column) => ({ ...column, column: 'id' })),
}

/** What a session begins with that decides what a text does. */
interface World {
  readonly rows: CatalogRows
  readonly path: readonly string[]
  readonly safeFunctions: readonly string[]
  readonly masking: MaskingPlan
  readonly trees: DefinitionTrees
  readonly readOnly: boolean
  readonly ownAccount: boolean
}
const WORLD: World = {
  rows: rowsOf(),
  path: ['pg_catalog', 'public'],
  safeFunctions: [],
  masking: EMAIL_MASKED,
  trees: new Map(),
  readOnly: false,
  ownAccount: false,
}

function session({ rows, path, safeFunctions, masking, trees, readOnly, ownAccount }: World) {
  const catalog = buildCatalog(rows, safeFunctions, path)
  const known = { catalog, masking: maskingScope(masking, catalog, trees), generation: 0, uncertain: undefined }
  const pipeline = { known, session: { readOnly, config: { ownAccount } } } as unknown as PipelineState
  return { known, resolved: new ResolvedFacts(pipeline, parser) }
}

const TEXTS = [
  'select email from people',
  'select id, upper(email) from people where id = 1',
  'select f(id) from people',
  'insert into people values (1)',
  'set default_transaction_read_only = off',
  "alter role app password 'x'",
]
const factsIn = async (world: World): Promise<StatementFacts[]> => {
  const { resolved } = session(world)
  return Promise.all(TEXTS.map(async (text) => resolved.of(await parser.parse(text))))
}

describe('what sessions share of what texts do', () => {
  it('is all of it where they begin with the same', async () => {
    const [first, second] = [await factsIn(WORLD), await factsIn({ ...WORLD })]
    for (const [index, facts] of first.entries()) expect(second[index]).toBe(facts)
  })

  it.each<[string, Partial<World>]>([
    ['another column is masked', { masking: ID_MASKED }],
    ['nothing is masked', { masking: NOTHING_MASKED }],
    ['names are looked for elsewhere', { path: ['pg_catalog', 'aside'] }],
    ['the administrator calls a function harmless', { safeFunctions: ['public.f'] }],
    ['the catalogs are another reading', { rows: rowsOf([['f', 'public', 'v']] as never) }],
    ['views compute something else', { trees: new Map() }],
    ['the session is read-only', { readOnly: true }],
    ['the account is its own', { ownAccount: true }],
  ])('is nothing where %s', async (_, change) => {
    const before = await factsIn(WORLD)
    const world = { ...WORLD, ...change }
    const after = await factsIn(world)
    for (const [index, facts] of before.entries()) expect(after[index]).not.toBe(facts)
    // As if nobody had been there before.
    const alone = await factsIn({ ...world, rows: structuredClone(world.rows), trees: new Map(world.trees) })
    expect(after).toEqual(alone)
  })

  it('tells apart what differs', async () => {
    const [shown, masked] = [await factsIn({ ...WORLD, masking: NOTHING_MASKED }), await factsIn(WORLD)]
    expect([shown[0]?.lineage.length, masked[0]?.lineage.length]).toEqual([0, 1])
    const [free, tied] = [await factsIn(WORLD), await factsIn({ ...WORLD, readOnly: true })]
    expect([free[4]?.refusal, tied[4]?.refusal?.code]).toEqual([undefined, 'SETTING_REFUSED'])
    const [shared, own] = [await factsIn(WORLD), await factsIn({ ...WORLD, ownAccount: true })]
    expect([shared[5]?.refusal?.code, own[5]?.refusal]).toEqual(['COMMAND_REFUSED', undefined])
  })

  it('ends once a session has read the catalogs again', async () => {
    const [one, other] = [session(WORLD), session(WORLD)]
    const parsed = await parser.parse('select id from people')
    const facts = one.resolved.of(parsed)
    one.known.generation++
    const own = one.resolved.of(parsed)
    expect(own).not.toBe(facts)
    expect([one.resolved.of(parsed) === own, other.resolved.of(parsed) === facts]).toEqual([true, true])
  })

  it('is nothing of what was found out while the catalogs could not be relied on', async () => {
    const [one, other] = [session(WORLD), session(WORLD)]
    const parsed = await parser.parse('select email, id from people')
    one.known.uncertain = 'not read' as never
    expect(one.resolved.of(parsed).statements[0]?.unknown).toContain('not read')
    expect(other.resolved.of(parsed).statements[0]?.unknown).toEqual([])
  })
})
