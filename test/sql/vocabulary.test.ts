import { describe, expect, it } from 'vitest'
import type { StatementMatch } from '../../src/policy/policy.ts'
import { matchesRelation, sqlVocabulary } from '../../src/sql/vocabulary.ts'
import type { SqlStatement } from '../../src/sql/statement.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'

/** What a rule that allows, one that holds and one that refuses say. */
const effects = (match: StatementMatch, given: Partial<SqlStatement>): string =>
  (['allow', 'hold', 'deny'] as const)
    .filter((effect) => sqlVocabulary.matches(match, effect, sqlStatement(given)))
    .join(' ')

describe('whether a rule matches a statement', () => {
  it.each<[StatementMatch, Partial<SqlStatement>, string]>([
    [{}, {}, 'allow hold deny'],
    // What is allowed is named in full; what is refused is named in part.
    [{ kinds: ['select'] }, { kinds: ['select', 'update'] }, 'hold deny'],
    [{ kinds: ['select', 'upd*'] }, { kinds: ['select', 'update'] }, 'allow hold deny'],
    // A MERGE is of the kinds of what its clauses do as well: whoever holds DELETE holds one that deletes.
    [{ kinds: ['delete'] }, { kinds: ['merge', 'delete'] }, 'hold deny'],
    [{ kinds: ['merge'] }, { kinds: ['merge', 'delete'] }, 'hold deny'],
    [{ kinds: ['merge', 'delete'] }, { kinds: ['merge', 'delete'] }, 'allow hold deny'],
    [{ kinds: ['delete'] }, { kinds: ['merge', 'update'] }, ''],
    [{ relations: ['a'] }, { reads: ['public.a', 'public.b'] }, 'hold deny'],
    [{ relations: ['a'] }, { reads: ['other.a'] }, ''],
    [{ relations: ['a'] }, { reads: ['a'], defaultSchema: 'shop' }, 'allow hold deny'],
    // What is behind a view is refused through it, and need not be allowed.
    [{ relations: ['view'] }, { reads: ['public.view'], behind: ['public.table'] }, 'allow hold deny'],
    [{ relations: ['table'] }, { reads: ['public.view'], behind: ['public.table'] }, 'hold deny'],
    [{ writes: ['a'] }, { reads: ['public.a'] }, ''],
    [{ writes: ['a'] }, { writes: ['public.a'] }, 'allow hold deny'],
    [{ writes: ['table'] }, { writes: ['public.view'], behind: ['public.table'] }, 'hold deny'],
    [{ functions: ['now'] }, { functions: ['pg_catalog.now'] }, 'allow hold deny'],
    [{ functions: ['now'] }, { functions: ['pg_catalog.now', 'app.run'] }, 'hold deny'],
    [{ missingWhere: true }, { missingWhere: true }, 'allow hold deny'],
    [{ missingWhere: false }, { missingWhere: true }, ''],
    // An effect that cannot be determined is matched by rules that say so, and by any that refuses.
    [{}, { unknown: ['f()'] }, 'deny'],
    [{ unknown: true }, { unknown: ['f()'] }, 'allow hold deny'],
    // A text that could not be parsed may be any statement, on anything.
    [{ kinds: ['drop-table'], writes: ['users'] }, { kinds: ['unknown'], unknown: ['x'] }, 'deny'],
    [{ functions: ['f'], missingWhere: true, unknown: true }, { kinds: ['unknown'], unknown: ['x'] }, 'hold deny'],
    [{ unknown: true }, {}, 'allow hold'],
  ])('%j, %j: %s', (match, given, expected) => {
    expect(effects(match, given)).toBe(expected)
  })

  it.each([
    ['orders', 'public.orders', true],
    ['orders', 'other.orders', false],
    ['*.orders', 'other.orders', true],
    ['hr.*', 'hr.salaries', true],
    ['hr.*', 'public.hr', false],
    ['*', 'public.orders', true],
    ['*', 'other.orders', false],
    ['public.orders', 'orders', true],
  ])('the pattern %s and the relation %s: %s', (pattern, relation, isMatch) => {
    expect(matchesRelation(pattern, relation, 'public')).toBe(isMatch)
  })
})

it('names a statement', () => {
  const statement = sqlStatement({ kinds: ['delete'], missingWhere: true, functions: ['now'], behind: ['public.a'] })
  expect(sqlVocabulary.name(statement)).toBe('DELETE')
  expect(sqlVocabulary.subject(statement)).toBe('this DELETE')
  expect(sqlVocabulary.describe?.(statement)).toEqual(['without WHERE'])
  expect(sqlVocabulary.values(statement)).toEqual({ behind: ['public.a'], functions: ['now'], missingWhere: true })
})

it('has a value for each of its variables', () => {
  expect(Object.keys(sqlVocabulary.values(sqlStatement({})) ?? {}).toSorted()).toEqual(
    Object.keys(sqlVocabulary.variables).toSorted(),
  )
})

it('names a way out where user-defined code is the reason', () => {
  const adviceFor = (reason: string): string => sqlVocabulary.adviceOnUnknown(sqlStatement({ unknown: [reason] }))
  for (const reason of ['the function st_area is user-defined and is not analysed', 'a trigger of public.t runs app.f'])
    expect(adviceFor(reason)).toContain('list reviewed functions in `safeFunctions` of the target')
  expect(adviceFor('app.f is not what safeFunctions lists')).toContain('list reviewed functions in `safeFunctions`')
  expect(adviceFor('a view of public.v runs pg_catalog.set_config')).not.toContain('safeFunctions')
  expect(adviceFor('DO is not read')).not.toContain('safeFunctions')
})
