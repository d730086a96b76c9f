import { loadModule } from 'libpg-query'
import { describe, expect, it } from 'vitest'
import { assumedFacts } from '../../../../src/protocols/postgres/gateway/assumed-facts.ts'
import { readSql } from '../../../helpers/read-sql.ts'

await loadModule()

/** What every object of JavaScript has: nothing is looked up by a client's word where these would be found. */
const INHERITED = Object.getOwnPropertyNames(Object.prototype)

const TEXTS = [
  (name: string) => `set "${name}" = 1`,
  (name: string) => `reset "${name}"`,
  (name: string) => `select set_config('${name}', '1', false)`,
  (name: string) => `delete from t where "${name}"(id) = 2`,
  (name: string) => `delete from t where "${name}"(id, 1) = 2`,
  (name: string) => `delete from t where "${name}"(null) = 2`,
  (name: string) => `delete from t where extract("${name}" from at) = 2`,
  (name: string) => `delete from t where a::"${name}" = 2`,
  (name: string) => `delete from "${name}" where "${name}"."${name}" = 2`,
  (name: string) => `select "${name}"(a) over "${name}" from t window "${name}" as ()`,
  (name: string) => `copy t to stdout with ("${name}" 1)`,
  (name: string) => `with "${name}" as (select 1) select * from "${name}"`,
]

describe('words of a client that JavaScript knows', () => {
  it.each(INHERITED)('%s is a name like any other', (name) => {
    for (const text of TEXTS) {
      const sql = text(name)
      const [facts] = assumedFacts(readSql(sql)).statements
      const [usual] = assumedFacts(readSql(text('unheard_of'))).statements
      expect({ sql, kinds: facts?.kinds, missingWhere: facts?.missingWhere }).toEqual({
        sql,
        kinds: usual?.kinds,
        missingWhere: usual?.missingWhere,
      })
    }
  })
})
