import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'libpg-query'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSqlParser, type SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import { checkKind } from '../../src/policy/patterns.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { postgresKinds } from '../../src/protocols/postgres/kinds.ts'
import { postgresRuleSets } from '../../src/protocols/postgres/rule-sets.ts'
import { sshKinds } from '../../src/protocols/ssh/policy/kinds.ts'
import { statementsOfEachKind } from '../fixtures/statements-of-each-kind.ts'

const ROOT = join(import.meta.dirname, '..', '..')
let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(async () => parser.close())

const read = async (sql: string) => {
  const parsed = await parser.parse(sql)
  if ('failure' in parsed) throw new Error(`${sql}: ${parsed.failure}`)
  return parsed
}

describe('the list of kinds', () => {
  it('is what the reader of SQL says of every statement of the grammar', async () => {
    const statements = (await Promise.all(statementsOfEachKind.map(read))).flat()
    const kinds = new Set(statements.flatMap((statement) => statement.kinds))
    expect([...kinds].toSorted()).toEqual(postgresKinds.toSorted())
    // Nodes that are never a statement of their own.
    const inner = ['RawStmt', 'SetOperationStmt', 'ReturnStmt', 'PLAssignStmt', 'ReplicaIdentityStmt']
    const grammar = readFileSync(join(ROOT, 'node_modules/@pgsql/types/types.d.ts'), 'utf8')
    const types = [...grammar.matchAll(/export interface ([A-Za-z]+Stmt) /g)].map(([, type = '']) => type)
    const trees = statementsOfEachKind.flatMap((sql) => parseSync(sql).stmts ?? [])
    const covered = new Set(trees.flatMap(({ stmt }) => Object.keys(stmt ?? {})))
    expect(types.filter((type) => !covered.has(type) && !inner.includes(type))).toEqual([])
  })

  it('has every kind that the engine for SSH writes', () => {
    const folder = join(ROOT, 'src/protocols/ssh')
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n')
    const written = new Set(
      [...sources.matchAll(/'(exec|shell|file-[a-z]+|forward-[a-z]+)'/g)].map(([, kind = '']) => kind),
    )
    expect([...written].toSorted()).toEqual(sshKinds.toSorted())
  })

  it('has every kind of the ready-made sets', () => {
    const problems = Object.values(postgresRuleSets).flatMap(({ rules }) =>
      rules.flatMap(({ match }) => (match.kinds ?? []).flatMap((kind) => checkKind(policyLanguage)(kind) ?? [])),
    )
    expect(problems).toEqual([])
  })
})
