import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'libpg-query'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSqlParser, type SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import { kindsOf } from '../../src/policy/kinds.ts'
import { checkKind } from '../../src/policy/patterns.ts'
import { ruleSets } from '../../src/policy/rule-sets.ts'
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
    expect([...kinds].toSorted()).toEqual(kindsOf.postgres.toSorted())
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
    expect([...written].toSorted()).toEqual(kindsOf.ssh.toSorted())
  })

  it('has every kind of the ready-made sets', () => {
    const problems = Object.values(ruleSets).flatMap(({ rules }) =>
      rules.flatMap(({ match }) => (match.kinds ?? []).flatMap((kind) => checkKind(kind) ?? [])),
    )
    expect(problems).toEqual([])
  })
})
