import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { FIRST_USER_OID, findRelation, type Catalog } from '../../catalog/catalog.ts'
import { hasEffects } from '../../catalog/system-functions.ts'
import type { MaskingScope } from '../../masking/scope.ts'
import { fitOutputs, type Origin } from '../../../../sql/lineage/origin.ts'
import type { ColumnId, ServerReading } from './read-query.ts'

/** The functions and types of a reading, as the catalogs describe them. */
export interface CalledNames {
  readonly functions: ReadonlyMap<number, CalledFunction>
  /** User-defined types whose input or checks run user-defined functions, by name. */
  readonly types: readonly string[]
}

export interface CalledFunction {
  readonly schema: string
  readonly name: string
  readonly isVolatile: boolean
}

/**
 * What the server's reading of a statement includes and the gateway's does not; empty if the gateway's reading covers the server's. A
 * statement of unknown effect covers whatever it calls.
 */
export function differences(
  facts: StatementFacts,
  index: number,
  reading: ServerReading,
  names: CalledNames,
  catalog: Catalog,
  masking: MaskingScope,
): string[] {
  const statement = facts.parsed[index]
  const resolved = facts.statements[index]
  if (statement === undefined || resolved === undefined) return ['there is no such statement']
  const found: string[] = []
  const oidOf = (named: { schema: string | undefined; name: string }): number | undefined =>
    findRelation(catalog, named)?.oid
  const writes = new Set(statement.writes.map(oidOf))
  const reads = new Set(statement.reads.map(oidOf))
  // A statement that is only planned writes nothing: the facts say that it reads what it would write.
  const isPlanned = statement.kinds.includes('explain') && !statement.explainRuns
  for (const [oid, how] of reading.relations) {
    const isCovered = writes.has(oid) || ((how === 'read' || isPlanned) && reads.has(oid))
    if (!isCovered)
      found.push(`it ${how === 'read' ? 'reads' : 'writes to'} ${catalog.byOid.get(oid)?.name ?? `relation ${oid}`}`)
  }
  for (const kind of reading.kinds)
    if (CHANGES.has(kind) && !isPlanned && !statement.kinds.includes(kind)) found.push(`it is of kind ${kind}`)
  const called = new Set(statement.functions.map(({ name }) => name))
  for (const [oid, how] of reading.functions) {
    const known = names.functions.get(oid)
    const name = known === undefined ? `function ${oid}` : `${known.schema}.${known.name}`
    if (known !== undefined && oid >= FIRST_USER_OID && catalog.safeFunctions.has(name)) continue
    const runs =
      known === undefined ||
      (oid >= FIRST_USER_OID && !catalog.reviewed.functions.oids.has(oid)) ||
      // The guard finds set_config() by its name and determines the setting; pg_notify() has a kind of its own.
      (known.name === 'set_config' || known.name === 'pg_notify'
        ? !called.has(known.name)
        : oid < FIRST_USER_OID && hasEffects(known.name, known.isVolatile))
    const isNamed =
      how === 'implied' || called.has(known?.name ?? '') || called.has(SPELLINGS.get(known?.name ?? '') ?? '')
    if (runs || !isNamed) found.push(`it calls ${name}`)
  }
  for (const oid of reading.operators)
    if (!catalog.reviewed.operators.oids.has(oid)) found.push(`it uses the operator ${oid}`)
  for (const oid of reading.families)
    if (!catalog.reviewed.families.has(oid)) found.push(`it uses the operator family ${oid}`)
  for (const oid of reading.methods) found.push(`it uses the operator class or method of sampling ${oid}`)
  for (const type of names.types) found.push(`it converts to or from the type ${type}`)
  const lineage = facts.lineage[index]
  if (lineage === undefined) return found
  const masksOf = (columns: ReadonlySet<ColumnId>): string[] => [
    ...new Set([...columns].flatMap((column) => originOf(column, masking).masks.map(({ name }) => name))),
  ]
  const seen = new Set(lineage.columns)
  for (const name of masksOf(reading.columns)) if (!seen.has(name)) found.push(`it names ${name}`)
  const told = new Set(lineage.leaks.map(({ mask }) => mask.name))
  for (const name of masksOf(reading.deciding)) if (!told.has(name)) found.push(`rows or their order depend on ${name}`)
  if (statement.tree.kind === 'utility' && !GIVES.some((kind) => statement.kinds.includes(kind))) return found
  const outputs =
    'into' in statement.tree && statement.tree.into !== undefined
      ? undefined
      : fitOutputs(lineage.outputs, reading.outputs.length)
  if (outputs === undefined && reading.outputs.some((columns) => masksOf(columns).length > 0)) {
    const carried = new Set(lineage.copies.map(({ mask }) => mask.name))
    for (const name of reading.outputs.flatMap(masksOf))
      if (!carried.has(name)) found.push(`its result has ${reading.outputs.length} columns, some with ${name}`)
  }
  outputs?.forEach((ours, column) => {
    const columns = reading.outputs[column] ?? new Set<ColumnId>()
    const known = new Set(ours.masks.map(({ name }) => name))
    for (const name of masksOf(columns)) if (!known.has(name)) found.push(`column ${column + 1} is made of ${name}`)
  })
  return found
}

function originOf(column: ColumnId, masking: MaskingScope): Origin {
  const [oid = 0, attribute = 0] = column.split('.').map(Number)
  return masking.originAt(oid, attribute)
}

const CHANGES = new Set(['insert', 'update', 'delete', 'merge', 'select-for-update'])
/** Statements that contain a query and return its rows. */
const GIVES = ['declare-cursor', 'prepare', 'copy-to']
/** The functions of older versions for what SQL spells with another word. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([['date_part', 'extract']])
