import { policyLanguage } from '../../protocols/policy-language.ts'
import { matchesTarget } from '../../policy/match/target.ts'
import type { CommandRule, TargetSelector, WhoSelector } from '../../policy/policy.ts'
import type { YamlPath } from '../../shared/yaml-file.ts'
import type { ConfigFile } from './schema.ts'
import type { Finding } from './finding.ts'
import type { TargetConfig } from '../../gateway/target.ts'

/*
 * The first rule that matches decides. A rule is said to be shadowed only where that is certain: an earlier one matches
 * everybody, every target and every command that it matches.
 */

export function shadowedAccess({ access, targets }: ConfigFile): Finding[] {
  return access.flatMap((rule, index) => {
    // Rules for emergencies are apart from those of daily work.
    const isSameKind = (other: (typeof access)[number]): boolean =>
      (other.grant === 'break-glass') === (rule.grant === 'break-glass')
    const earlier = access.slice(0, index).find((other) => isSameKind(other) && isForAllOf(other, rule, targets))
    return earlier === undefined ? [] : [never(['access', index], earlier.name)]
  })
}

export function shadowedCommands({ commands, targets }: ConfigFile): Finding[] {
  return commands.flatMap((rules, index): Finding[] => {
    const earlier = commands.slice(0, index).flat()
    const path = ['commands', index]
    const shadows = rules.map((rule) =>
      earlier.find((other) => isForAllOf(other, rule, targets) && matchesAllOf(other, rule, typesOf(rule, targets))),
    )
    if (rules.length > 0 && shadows.every((rule) => rule !== undefined)) return [never(path, shadows[0]?.name ?? '')]
    const [rule] = rules
    if (rules.length !== 1 || rule === undefined || rule.effect.type === 'allow') return []
    const allowing = earlier.find(
      (other) => isForAllOf(other, rule, targets) && allowsFirst(other, rule, typesOf(rule, targets)),
    )
    if (allowing === undefined) return []
    const verb = rule.effect.type === 'deny' ? 'refuse' : 'hold'
    const message = `"${allowing.name}" comes first and already allows what this rule would ${verb}: put this rule first`
    return [{ level: 'warning', path, message }]
  })
}

const never = (path: YamlPath, by: string): Finding => ({
  level: 'warning',
  path,
  message: `never applies: "${by}" comes first and matches everything this rule matches`,
})

interface Scoped {
  readonly who: WhoSelector
  readonly targets: TargetSelector
  readonly when?: unknown
}

/** Whether `one` is about everybody and every target that `other` is about, whatever the circumstances. */
function isForAllOf(one: Scoped, other: Scoped, targets: readonly TargetConfig[]): boolean {
  if (one.when !== undefined) return false
  if (one.who.kind !== undefined && one.who.kind !== other.who.kind) return false
  if (one.who.people !== undefined && !includesAll(one.who.people, other.who.people)) return false
  if (one.who.groups !== undefined && !includesAll(one.who.groups, other.who.groups)) return false
  const matched = targets.filter((target) => matchesTarget(other.targets, target))
  return matched.length > 0 && matched.every((target) => matchesTarget(one.targets, target))
}

/**
 * Whether every command that `other` matches is matched by `one`. A rule that allows matches a command when all of it is
 * named, any other rule when some of it is (sql/vocabulary.ts).
 */
function matchesAllOf(one: CommandRule, other: CommandRule, types: readonly string[]): boolean {
  const [allows, otherAllows] = [one.effect.type === 'allow', other.effect.type === 'allow']
  if (allows && !otherAllows) return isAnything(one, types)
  if (!sameUnknown(one, other)) return false
  if (one.match.kinds !== undefined && !coversKinds(one.match.kinds, other.match.kinds, types)) return false
  if (one.effect.type !== 'deny' && types.some(mustBeNamed)) {
    // Shells and forwarded connections have to be named; so has a program, where only who knows it can tell what it does.
    if (one.match.kinds === undefined && other.match.kinds !== undefined) return false
    if (one.match.unknown !== true && !namesProgram(one) && namesProgram(other)) return false
  }
  return WORDS.every((field) => {
    const [list, inner] = [one.match[field], other.match[field]]
    if (list === undefined) return true
    if (typeof list === 'boolean') return list === inner
    if (typeof inner === 'boolean') return false
    // Of nothing, all is allowed, and nothing is named.
    return includesAll(list, inner) && (allows || !otherAllows)
  })
}

/** Whether there is something on these targets that a rule has to name. */
const mustBeNamed = (type: string): boolean => policyLanguage.forTarget(type).vocabulary.namedInFull.size > 0

const namesProgram = ({ match }: CommandRule): boolean =>
  policyLanguage.vocabularies.some(({ answersOpaque }) => answersOpaque.some((word) => match[word] !== undefined))

const isAnything = ({ match }: CommandRule, types: readonly string[]): boolean =>
  match.unknown === true &&
  !types.some(mustBeNamed) &&
  Object.keys(match).every((field) => field === 'unknown' || match[field] === undefined)

/** A rule that allows all kinds that a later one refuses or holds: of a plain statement, the later one never hears. */
function allowsFirst(one: CommandRule, other: CommandRule, types: readonly string[]): boolean {
  if (one.effect.type !== 'allow' || other.match.unknown === true) return false
  if (WORDS.some((field) => one.match[field] !== undefined)) return false
  if (one.match.kinds === undefined) return !types.some(mustBeNamed)
  return coversKinds(one.match.kinds, other.match.kinds, types)
}

/** Whether `one` matches also what `other` matches of unknown effect. */
function sameUnknown(one: CommandRule, other: CommandRule): boolean {
  if (one.effect.type === 'deny')
    return one.match.unknown !== true || (other.effect.type === 'deny' && other.match.unknown === true)
  return one.match.unknown === true || (other.effect.type !== 'deny' && other.match.unknown !== true)
}

function coversKinds(one: readonly string[], other: readonly string[] | undefined, types: readonly string[]): boolean {
  const kinds = (patterns: readonly string[]): string[] =>
    patterns.flatMap((pattern) => policyLanguage.kindsNamed(pattern, types))
  const wanted = other === undefined ? types.flatMap((type) => policyLanguage.forTarget(type).kinds) : kinds(other)
  const all = new Set(kinds(one))
  return wanted.length > 0 && wanted.every((kind) => all.has(kind))
}

const includesAll = (list: readonly string[], inner: readonly string[] | undefined): boolean =>
  inner !== undefined && inner.every((item) => list.includes(item))

const typesOf = (rule: Scoped, targets: readonly TargetConfig[]): string[] => [
  ...new Set(targets.filter((target) => matchesTarget(rule.targets, target)).map(({ type }) => type)),
]

/** Words that take a list, over all vocabularies; the others are of the kind yes or no. */
const WORDS = policyLanguage.vocabularies.flatMap(({ fields }) => Object.keys(fields))
