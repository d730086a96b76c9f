import { findRelation, type Catalog, type UserCast } from '../catalog/catalog.ts'
import { hasEffects, reachesBeyond } from '../catalog/system-functions.ts'
import type { Name } from '../../../sql/query.ts'
import type { Conversion, ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/** Why the functions, operators, types and casts of a statement make its effect unknown; empty where none does. */
export function unknownCode(statement: ParsedStatement, catalog: Catalog): string[] {
  const reasons = unknownCalls(statement, catalog)
  const called = [...statement.functions, ...statement.operators]
  const types = new Set([
    ...statement.typeNames,
    ...statement.functions.map(({ name }) => name),
    // Parts that have a type without naming it.
    ...called.flatMap(({ name }) => catalog.results.get(name) ?? []),
  ])
  for (const type of types) {
    if (catalog.userTypes.has(type.replace(/^_/, ''))) reasons.push(`the type ${type} runs user-defined code`)
  }
  if (catalog.conversions.size > 0) reasons.push(...castsOf(statement, catalog))
  return reasons
}

/** The same for the functions and operators that it calls. */
export function unknownCalls(statement: ParsedStatement, catalog: Catalog): string[] {
  const reasons: string[] = []
  for (const named of statement.functions) {
    const reason = unknownFunction(named, catalog)
    if (reason !== undefined) reasons.push(reason)
  }
  for (const { schema, name } of statement.operators) {
    if (schema !== 'pg_catalog' && catalog.userOperators.has(name))
      reasons.push(`the operator ${name} is not the system's own`)
    else if (schema !== undefined && schema !== 'pg_catalog' && !catalog.reviewed.operators.has(schema, name))
      reasons.push(`the operator ${schema}.${name} is not the system's own`)
  }
  // `row.name` calls the function `name` where the row has no such column.
  for (const { name, of } of statement.fields) {
    const mayCall = catalog.userFunctions.has(name) || catalog.reviewed.functions.names.has(name)
    if (mayCall && !of.some((row) => findRelation(catalog, row)?.columns.has(name) === true))
      reasons.push(`${name} may call a user-defined function`)
  }
  return reasons
}

/** User-defined casts between system types, where the text may apply them; implicit ones may run anywhere. */
function castsOf({ conversions, functions, writes }: ParsedStatement, catalog: Catalog): string[] {
  // `type(value)` may be a cast.
  const called = functions.map(({ name }): Conversion => ({ to: { type: name }, how: 'explicit', from: undefined }))
  const all = [...catalog.conversions.values()].flat()
  const castsTo = (to: Conversion['to']): readonly UserCast[] => {
    if (typeof to === 'object') return catalog.conversions.get(to.type) ?? []
    return to === 'any' ? all : storedBy(writes, all, catalog)
  }
  const reasons = [...conversions, ...called].flatMap(({ to, how, from }) =>
    castsTo(to)
      .filter((cast) => cast.how === how || (cast.how === 'assignment' && how === 'explicit'))
      .filter((cast) => mayBeOf(from, cast, catalog))
      .map(({ what }) => what),
  )
  return [...new Set(reasons)]
}

/** Casts to the types of columns of these relations; a value of a user-defined type may come from any type. */
function storedBy(writes: readonly Name[], all: readonly UserCast[], catalog: Catalog): readonly UserCast[] {
  return writes.flatMap((named) => {
    const relation = findRelation(catalog, named)
    if (relation === undefined) return all
    const types = [...relation.columns.keys()].map((column) => relation.types.get(column))
    if (types.includes(undefined)) return all
    return [...new Set(types)].flatMap((type) => catalog.conversions.get(String(type).replace(/^_/, '')) ?? [])
  })
}

/** Whether a value may have the source type of a cast. */
function mayBeOf(from: Conversion['from'], cast: UserCast, catalog: Catalog): boolean {
  if (from === 'parameter') return false
  if (from === undefined || cast.from === undefined) return true
  const { name } = cast.from
  const isOther = (type: string | undefined): boolean =>
    type !== undefined && type !== name && catalog.plainTypes.has(type)
  if ('type' in from) return !isOther(from.type)
  if ('given' in from) {
    const types = from.given.flatMap((called) =>
      catalog.userFunctions.has(called) ? ['?'] : (catalog.results.get(called) ?? ['?']),
    )
    return types.length === 0 || !types.every(isOther)
  }
  const types = from.of.map((named) => {
    const relation = findRelation(catalog, named)
    if (relation === undefined || relation.columns.size === 0) return ['?']
    return relation.columns.has(from.name) ? [relation.types.get(from.name)?.replace(/^_/, '')] : []
  })
  const all = types.flat()
  return all.length === 0 || !all.every(isOther)
}

/** `pg_notify(channel, payload)` has the effect of NOTIFY. */
export const isNotify = ({ schema, name }: Name): boolean =>
  name === 'pg_notify' && (schema === undefined || schema === 'pg_catalog')

function unknownFunction({ schema, name }: Name, catalog: Catalog): string | undefined {
  // For the guard it is a SET, for rules a NOTIFY.
  if ((name === 'set_config' || isNotify({ schema, name })) && !catalog.userFunctions.has(name)) return undefined
  if (reachesBeyond(name)) return `the function ${name} can access data outside this statement`
  if (schema !== undefined && catalog.safeFunctions.has(`${schema}.${name}`)) return undefined
  const system = schema === undefined || schema === 'pg_catalog' || schema === 'information_schema'
  const isReviewed =
    schema === undefined ? catalog.reviewed.functions.names.has(name) : catalog.reviewed.functions.has(schema, name)
  // A user-defined function of the same name whose parameters match better is called instead of the system's.
  const shadowed = schema === undefined && catalog.userFunctions.has(name)
  if ((!system && !isReviewed) || shadowed)
    return (
      catalog.distrusted.get(schema === undefined ? name : `${schema}.${name}`) ??
      `the function ${name} is user-defined and is not analysed`
    )
  if (schema !== undefined && isReviewed) return undefined
  if (catalog.volatileFunctions.has(name))
    return hasEffects(name, true) ? `the function ${name} may have effects of its own` : undefined
  return isReviewed || catalog.systemFunctions.has(name) || catalog.safeFunctions.has(name)
    ? undefined
    : `the function ${name} is not in the catalog`
}
