import { afterAll, expect, it } from 'vitest'
import { createSqlParser } from '../../../../src/protocols/mysql/dialect/sql-parser.ts'
import { readOutsideSession } from '../../../../src/protocols/mysql/gateway/read-outside-session.ts'

const parser = createSqlParser()
afterAll(() => parser.close())

const kinds = async (text: string): Promise<readonly string[]> => {
  const { facts } = await readOutsideSession(text, parser)
  return facts.type === 'sql' ? facts.statements.flatMap(({ kinds: found }) => found) : []
}

it('reads a text as MySQL does, and what only MariaDB has as MariaDB', async () => {
  expect(await kinds('SELECT a FROM t; DELETE FROM t')).toEqual(['select', 'delete'])
  expect(await kinds('INSERT INTO t VALUES (1) RETURNING a')).toEqual(['insert'])
})

it('what neither reads is of unknown effect, without its text', async () => {
  const { facts } = await readOutsideSession("SELECT 'secret' FROM FROM", parser)
  expect(facts).toMatchObject({ type: 'sql', statements: [{ kinds: ['unknown'] }] })
  expect(JSON.stringify(facts)).not.toContain('secret')
})

it('names without a database are of one that rules without one match', async () => {
  const { facts } = await readOutsideSession('SELECT a FROM t', parser)
  expect(facts).toMatchObject({ statements: [{ reads: ['db.t'], defaultSchema: 'db' }] })
})

it('names without a database are of that of the target, where there is one', async () => {
  const { facts } = await readOutsideSession('DELETE FROM t', parser, 'shop')
  expect(facts).toMatchObject({ statements: [{ writes: ['shop.t'], defaultSchema: 'shop' }] })
})
