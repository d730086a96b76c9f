import type { Compilable, CompiledQuery, Kysely } from 'kysely'
import type { Tables } from './schema.ts'

/**
 * A question that is asked for each connection: it is put together and compiled once for each store, and then asked with other
 * values. `names` are those of its values, which `build` gets stand-ins for.
 */
export function compiledOnce<Values extends object, Row>(
  names: readonly (keyof Values & string)[],
  build: (db: Kysely<Tables>, values: Values) => Compilable<Row>,
): (db: Kysely<Tables>, values: Values) => Promise<Row[]> {
  const standIns = Object.fromEntries(names.map((name) => [name, new StandIn(name)])) as Values
  /** A kind of database has an adapter, and each store one of its own. */
  const byAdapter = new WeakMap<object, CompiledQuery<Row>>()
  return async (db, values) => {
    const { adapter } = db.getExecutor()
    let compiled = byAdapter.get(adapter)
    if (compiled === undefined) byAdapter.set(adapter, (compiled = build(db, standIns).compile()))
    const parameters = compiled.parameters.map((value) =>
      value instanceof StandIn ? values[value.name as keyof Values] : value,
    )
    return (await db.executeQuery<Row>({ ...compiled, parameters })).rows
  }
}

class StandIn {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}
