import { splitColumn } from '../../masking/plan.ts'
import { matchesRelation } from '../../sql/vocabulary.ts'
import { matchesTarget } from '../../policy/match/target.ts'
import type { TargetSelector } from '../../policy/policy.ts'
import { didYouMean } from '../../shared/nearest-word.ts'
import type { Config } from '../config/config.ts'
import { kindOf } from '../config/target-kind.ts'

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
    complete: (name: string, schema: string) => string,
    has: (relations: Relations, name: string) => boolean,
    all: (relations: Relations) => string[],
  ): void => {
    const matched = targets.filter((target) => matchesTarget(selector, target))
    const reached = matched.flatMap(({ name }) => known.get(name) ?? [])
    const schema = matched.map((target) => kindOf(target).defaultSchema(target)).find((one) => one !== undefined)
    if (reached.length === 0 || schema === undefined) return
    for (const name of new Set(names.map((short) => complete(short, schema)))) {
      if (reached.some((relations) => has(relations, name))) continue
      const which = matched.filter((target) => known.has(target.name)).map((target) => target.name)
      const places = which.length === 1 ? `${which[0]} has no` : `none of ${which.join(', ')} has a`
      found.push({ what, message: `${places} ${name}${didYouMean(name, reached.flatMap(all))}` })
    }
  }
  for (const { name, targets: selector, columns } of policy.masking)
    review(`masking rule "${name}"`, selector, columns, fullColumn, hasColumn, columnsOf)
  for (const { name, set, targets: selector, match } of policy.commands) {
    if (set !== undefined) continue
    const relations = [match['relations'], match['writes']].flatMap((list) => (Array.isArray(list) ? list : []))
    review(`command rule "${name}"`, selector, relations, fullRelation, hasRelation, relationsOf)
  }
  return found
}

const fullColumn = (name: string, schema: string): string => Object.values(splitColumn(name, schema)).join('.')
const fullRelation = (name: string, schema: string): string => (name.includes('.') ? name : `${schema}.${name}`)

const hasRelation = (relations: Relations, pattern: string): boolean =>
  [...relations.keys()].some((name) => matchesRelation(pattern, name, ''))

const hasColumn = (relations: Relations, pattern: string): boolean => {
  const { schema, table, column } = splitColumn(pattern, '')
  return [...relations].some(
    ([name, columns]) =>
      matchesRelation(`${schema}.${table}`, name, '') && (column === '*' || columns.includes(column)),
  )
}

const relationsOf = (relations: Relations): string[] => [...relations.keys()]
const columnsOf = (relations: Relations): string[] =>
  [...relations].flatMap(([name, columns]) => columns.map((column) => `${name}.${column}`))
