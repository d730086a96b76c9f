import { splitColumn } from '../../masking/plan.ts'
import { fitsRelation } from '../../policy/match/statement.ts'
import { fitsTarget } from '../../policy/match/target.ts'
import type { TargetSelector } from '../../policy/policy.ts'
import { didYouMean } from '../../shared/nearest-word.ts'
import type { Config } from '../config/config.ts'

/** The columns of a target's relations, by the relation's full name. */
export type Relations = ReadonlyMap<string, readonly string[]>

/**
 * Columns and relations that rules name and none of their targets has: a masked column that is misspelt hides nothing, a relation
 * refuses nothing. Only of targets that were reached, whose catalogs are in `known`.
 */
export function missingNames(
  { policy, targets }: Pick<Config, 'policy' | 'targets'>,
  known: ReadonlyMap<string, Relations>,
): { what: string; message: string }[] {
  const found: { what: string; message: string }[] = []
  const review = (
    what: string,
    selector: TargetSelector,
    names: readonly string[],
    has: (relations: Relations, name: string) => boolean,
    all: (relations: Relations) => string[],
  ): void => {
    const matched = targets.filter((target) => fitsTarget(selector, target))
    const reached = matched.flatMap(({ name }) => known.get(name) ?? [])
    if (reached.length === 0) return
    for (const name of names) {
      if (reached.some((relations) => has(relations, name))) continue
      const which = matched.filter((target) => known.has(target.name)).map((target) => target.name)
      const places = which.length === 1 ? `${which[0]} has no` : `none of ${which.join(', ')} has a`
      found.push({ what, message: `${places} ${name}${didYouMean(name, reached.flatMap(all))}` })
    }
  }
  for (const { name, targets: selector, columns } of policy.masking)
    review(`masking rule "${name}"`, selector, columns.map(fullColumn), hasColumn, columnsOf)
  for (const { name, set, targets: selector, match } of policy.commands) {
    if (set !== undefined) continue
    const relations = [...new Set([...(match.relations ?? []), ...(match.writes ?? [])])]
    review(`command rule "${name}"`, selector, relations.map(fullRelation), hasRelation, relationsOf)
  }
  return found
}

const fullColumn = (name: string): string => Object.values(splitColumn(name)).join('.')
const fullRelation = (name: string): string => (name.includes('.') ? name : `public.${name}`)

const hasRelation = (relations: Relations, pattern: string): boolean =>
  [...relations.keys()].some((name) => fitsRelation(pattern, name))

const hasColumn = (relations: Relations, pattern: string): boolean => {
  const { schema, table, column } = splitColumn(pattern)
  return [...relations].some(
    ([name, columns]) => fitsRelation(`${schema}.${table}`, name) && (column === '*' || columns.includes(column)),
  )
}

const relationsOf = (relations: Relations): string[] => [...relations.keys()]
const columnsOf = (relations: Relations): string[] =>
  [...relations].flatMap(([name, columns]) => columns.map((column) => `${name}.${column}`))
