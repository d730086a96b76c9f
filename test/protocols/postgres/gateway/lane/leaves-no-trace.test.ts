import { describe, expect, it } from 'vitest'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import { isOfBlock, leavesNoTrace } from '../../../../../src/protocols/postgres/gateway/lane/known-statement.ts'

const parsed = {
  kinds: ['select'],
  tree: { kind: 'select' },
  readWrite: false,
  names: [],
  makes: [],
  settings: [],
  opaqueSettings: false,
  executes: undefined,
  copy: undefined,
  renamesSchema: undefined,
}
const facts = (given: object = {}, statement: object = {}): StatementFacts =>
  ({
    parsed: [{ ...parsed, ...statement }],
    statements: [{ unknown: [] }],
    refusal: undefined,
    missing: undefined,
    syntaxError: undefined,
    changesCatalog: false,
    lastRead: undefined,
    unresolved: false,
    errorExposure: 'none',
    comparisons: [],
    ...given,
  }) as unknown as StatementFacts
const block = (...kinds: string[]) => ({ kinds, tree: { kind: 'utility' } })

describe('the fast lane takes', () => {
  it('statements that read and write rows, and those that begin or end a transaction', () => {
    for (const kind of ['select', 'select-for-update', 'insert', 'update', 'delete', 'merge'])
      expect(leavesNoTrace(facts({}, { kinds: [kind] })), kind).toBe(true)
    for (const kind of ['begin', 'start', 'commit', 'rollback'])
      expect(leavesNoTrace(facts({}, block(kind))), kind).toBe(true)
    expect(leavesNoTrace(facts({ lastRead: 'unread', errorExposure: 'named' }))).toBe(true)
  })

  it.each<[string, object]>([
    ['none', { parsed: [] }],
    ['two', { parsed: [parsed, parsed] }],
    ['more effects than one', { statements: [{ unknown: [] }, { unknown: [] }] }],
    ['what has an unknown effect', { statements: [{ unknown: ['calls f'] }] }],
    ['what is refused', { refusal: { message: 'no' } }],
    ['what names something missing', { missing: { facts: {}, error: {} } }],
    ['what is no statement', { syntaxError: {} }],
    ['what changes definitions', { changesCatalog: true }],
    ['what depends on what was read last', { lastRead: 'read' }],
    ['what has names that are not resolved', { unresolved: true }],
    ['what runs code that nobody has read', { errorExposure: 'any' }],
    ['what compares masked columns, which is counted', { comparisons: [{ column: 'a', count: 1, budget: 2 }] }],
  ])('not %s', (_, given) => {
    expect(leavesNoTrace(facts(given))).toBe(false)
  })

  it.each<[string, object]>([
    ['no kind', { kinds: [] }],
    ['another kind', { kinds: ['truncate'] }],
    ['another kind besides', { kinds: ['select', 'create-table'] }],
    ['a utility statement', { tree: { kind: 'utility' } }],
    ['a name', { names: ['p'] }],
    ['something that it makes', { makes: ['t'] }],
    ['a setting', { settings: [{ name: 'role' }] }],
    ['settings that are not known', { opaqueSettings: true }],
    ['a statement that it executes', { executes: 'p' }],
    ['rows in a format of COPY', { copy: {} }],
    ['a schema that it renames', { renamesSchema: 'a' }],
    ['a transaction that writes though the session reads', { ...block('begin'), readWrite: true }],
    ['a transaction and more', block('commit', 'select')],
  ])('nothing with %s', (_, statement) => {
    expect(leavesNoTrace(facts({}, statement))).toBe(false)
  })

  it('no block that a savepoint only seems to be', () => {
    expect(isOfBlock({ ...parsed, ...block('savepoint') } as unknown as StatementFacts['parsed'][number])).toBe(false)
  })
})
