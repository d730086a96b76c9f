import { expect, it } from 'vitest'
import type { ParsedStatement } from '../../../../../src/sql/facts/parsed-statement.ts'
import type { SqlStatement } from '../../../../../src/sql/statement.ts'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import {
  dropsPrepared,
  KeptStatements,
  showsPrepared,
} from '../../../../../src/protocols/postgres/gateway/pipeline/kept-statements.ts'

const factsOf = (parsed: Partial<ParsedStatement>, statement: Partial<SqlStatement> = {}): StatementFacts =>
  ({
    parsed: [{ kinds: [], names: [], settings: [], ...parsed }],
    statements: [{ reads: [], behind: [], ...statement }],
  }) as unknown as StatementFacts

it('has a name for each text that nobody can guess, and another one once all were dropped', () => {
  const kept = new KeptStatements()
  expect([kept.isEmpty, kept.namesOf(['a', 'b'])]).toEqual([true, []])
  const a = kept.keep('a')
  const b = kept.keep('b')
  expect(a).toMatch(/^pam_[0-9a-f-]{36}$/)
  expect([kept.nameOf('a'), kept.namesOf(['c', 'b', 'a']), kept.isEmpty]).toEqual([a, [b, a], false])
  expect([kept.has(a), kept.has('pam_of_somebody'), kept.has('')]).toEqual([true, false, false])
  expect(kept.takeDropped()).toEqual([])
  kept.drop()
  expect([kept.isEmpty, kept.has(a), kept.nameOf('a')]).toEqual([true, false, undefined])
  expect(kept.keep('a')).not.toBe(a)
  expect([kept.takeDropped(), kept.takeDropped()]).toEqual([[a, b], []])
})

it('knows what drops all that is prepared, and what shows it', () => {
  const settings = [{ name: '*', value: undefined }]
  expect(dropsPrepared(factsOf({ kinds: ['discard'], settings }))).toBe(true)
  expect(dropsPrepared(factsOf({ kinds: ['discard'] }))).toBe(false)
  expect(dropsPrepared(factsOf({ kinds: ['deallocate'], names: ['*'] }))).toBe(true)
  expect(dropsPrepared(factsOf({ kinds: ['deallocate'], names: ['mine'] }))).toBe(false)
  const shown = ['pg_catalog.pg_prepared_statements']
  expect(showsPrepared(factsOf({}, { reads: shown }))).toBe(true)
  expect(showsPrepared(factsOf({}, { behind: shown }))).toBe(true)
  expect(showsPrepared(factsOf({}, { reads: ['public.people'] }))).toBe(false)
})
