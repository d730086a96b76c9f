import type { StatementMatch } from '../../../policy/policy.ts'
import { didYouMean } from '../../../shared/nearest-word.ts'
import { operationOf } from '../policy/masked-fields.ts'
import type { ServiceDescription } from './service-description.ts'
import { descriptionOf, type DescribedTarget } from './target-description.ts'

export interface NameFinding {
  readonly level: 'error' | 'warning'
  /** Within `match:` of the rule, or within the masking rule. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Operations and tags that a rule names and its targets do not have: a rule that denies one that is misspelt denies nothing. */
export function nameFindings(
  match: StatementMatch,
  targets: readonly DescribedTarget[],
  baseDirectory: string,
): NameFinding[] {
  return WORDS.flatMap(({ word, noun, namesIn }) => {
    const named = match[word]
    if (!Array.isArray(named) || targets.length === 0) return []
    const bare = targets.filter(({ openapi }) => openapi === undefined)
    const descriptions = targets.flatMap((target) => descriptionOf(target, baseDirectory) ?? [])
    const names = new Set(descriptions.flatMap(({ operations }) => operations.flatMap(namesIn)))
    if (bare.length === targets.length)
      return [
        {
          level: 'error' as const,
          path: [word],
          message: `no target of this rule has an OpenAPI document: give it with "openapi" of ${listOf(targets)}`,
        },
      ]
    return [
      ...bare.map(({ name }) => ({
        level: 'warning' as const,
        path: [word],
        message: `target ${name} has no OpenAPI document, so the rule never matches there`,
      })),
      ...named.flatMap((name: string, at) =>
        names.has(name)
          ? []
          : [
              {
                level: 'error' as const,
                path: [word, at],
                message: `the OpenAPI documents of ${listOf(targets)} have no ${noun} "${name}"${calledBy(name, descriptions) ?? didYouMean(name, names)}`,
              },
            ],
      ),
    ]
  })
}

/** The same of a masking rule's fields (`OPERATION:POINTER`). */
export function fieldNameFindings(
  fields: readonly string[],
  targets: readonly DescribedTarget[],
  baseDirectory: string,
): NameFinding[] {
  const named = fields.flatMap((field, at) => {
    const name = operationOf(field)
    return name === undefined ? [] : [{ name, at }]
  })
  if (named.length === 0) return []
  const match = { operations: named.map(({ name }) => name) }
  return nameFindings(match, targets, baseDirectory).map((finding) => {
    const at = named[Number(finding.path[1])]?.at
    return { ...finding, path: at === undefined ? ['fields'] : ['fields', at] }
  })
}

/** What the operation is called that a text names by method and path. */
function calledBy(text: string, descriptions: readonly Pick<ServiceDescription, 'nameOf'>[]): string | undefined {
  for (const description of descriptions) {
    const name = description.nameOf(text)
    if (name !== undefined) return `; it is called "${name}"`
  }
  return undefined
}

const WORDS: readonly {
  readonly word: string
  readonly noun: string
  readonly namesIn: (operation: { readonly name: string; readonly tags: readonly string[] }) => readonly string[]
}[] = [
  { word: 'operations', noun: 'operation', namesIn: ({ name }) => [name] },
  { word: 'tags', noun: 'tag', namesIn: ({ tags }) => tags },
]

const listOf = (targets: readonly DescribedTarget[]): string => targets.map(({ name }) => name).join(', ')
