import type { Command, Person, Statement, Target } from './command.ts'
import { decideAccess, decideCommand, decidingRule, type Judgement } from './decide.ts'
import { explainMasking } from './explain.ts'
import { matchesTarget } from './match/target.ts'
import { matchesWho } from './match/who.ts'
import type { AccessRule, CommandRule, Policy, StatementMatch } from './policy.ts'
import type { PolicyLanguage } from './language.ts'

/** What the rules would say of a command, and why each of them decides or does not. */
export interface Trial {
  readonly access: { readonly rule: string; readonly grant: AccessRule['grant'] } | undefined
  readonly judgement: Judgement
  readonly statements: readonly TriedStatement[]
  /** What would be masked in anything that the target sends. */
  readonly masking: readonly { readonly rule: string; readonly text: string }[]
}

export interface TriedStatement {
  /** `DELETE`; of a command, its program. */
  readonly kind: string
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly unknown: readonly string[]
  readonly rules: readonly TriedRule[]
}

export interface TriedRule {
  readonly rule: string
  readonly effect: 'allow' | 'deny' | 'hold'
  /** `decides`; `fits` where an earlier rule decided, or the command is denied before any rule; `not` with the reason. */
  readonly result: 'decides' | 'fits' | 'not'
  readonly why: string
}

/** `isRefused`: the command is denied before any rule is asked, so none decides. */
export function tryCommand(policy: Policy, person: Person, target: Target, command: Command, isRefused = false): Trial {
  const access = decideAccess(policy, person, target)
  return {
    access: access && { rule: access.name, grant: access.grant },
    judgement: decideCommand(policy, person, target, command),
    statements: command.facts.statements.map((statement) => ({
      kind: policy.language.of(statement).name(statement),
      reads: statement.reads,
      writes: statement.writes,
      unknown: [...statement.unknown, ...policy.language.of(statement).opaque(statement)],
      rules: triedRules(policy, person, target, statement, isRefused),
    })),
    masking: explainMasking(policy, person, target).flatMap(({ rule, applies, text }) =>
      applies ? [{ rule, text }] : [],
    ),
  }
}

function triedRules(
  policy: Policy,
  person: Person,
  target: Target,
  statement: Statement,
  isRefused: boolean,
): TriedRule[] {
  const deciding = isRefused ? undefined : decidingRule(policy, person, target, statement)
  let decided: string | undefined
  return policy.commands.flatMap((rule): TriedRule[] => {
    // A set has rules of the same names for several protocols.
    if (rule.targetType !== undefined && rule.targetType !== target.type) return []
    const told = { rule: rule.name, effect: rule.effect.type }
    const not = whyNot(rule, policy.language, person, target, statement)
    if (not !== undefined && rule === deciding) {
      decided = rule.name
      return [
        {
          ...told,
          result: 'decides',
          why: 'the effect of this is not fully known, and this rule holds what it may be',
        },
      ]
    }
    // What no command of such a target can match has nothing to say here.
    if (not !== undefined)
      return policy.language.aboutOthers(rule, target.type).length === 0 ? [{ ...told, result: 'not', why: not }] : []
    if (isRefused) return [{ ...told, result: 'fits', why: 'matches, but the command is denied before any rule' }]
    if (decided !== undefined) return [{ ...told, result: 'fits', why: `also matches, but "${decided}" comes first` }]
    decided = rule.name
    const maybe =
      rule.effect.type === 'allow' ? undefined : policy.language.of(statement).whyMaybe(rule.match, statement)
    return [
      {
        ...told,
        result: 'decides',
        why: maybe === undefined ? 'the first rule that matches' : `the first rule that matches: the command ${maybe}`,
      },
    ]
  })
}

/** Why a rule is not about this statement, or undefined where it is. */
function whyNot(
  rule: CommandRule,
  language: PolicyLanguage,
  person: Person,
  target: Target,
  statement: Statement,
): string | undefined {
  if (!matchesTarget(rule.targets, target)) return 'other targets only'
  if (!matchesWho(rule.who, person)) return 'other people only'
  const effect = rule.effect.type
  if (!language.matches(rule.match, effect, statement)) {
    const { unknown } = rule.match
    const { fields } = language.of(statement)
    const failing = ['kinds', ...Object.keys(fields)].find(
      (field) =>
        rule.match[field] !== undefined &&
        !language.matches(
          { [field]: rule.match[field], unknown: unknown ?? (effect === 'deny' ? undefined : true) },
          effect,
          statement,
        ),
    )
    if (failing !== undefined) {
      const value = rule.match[failing] as NonNullable<StatementMatch[string]>
      return (
        fields[failing]?.otherwise(value) ?? `matches other kinds of commands only: ${rule.match.kinds?.join(', ')}`
      )
    }
    if (effect === 'deny' && unknown === true)
      return 'matches statements of unknown effect only; the effect of this one is known'
    return effect === 'deny'
      ? 'matches something else'
      : 'the effect of this is not fully known, and the rule lacks `unknown: true`'
  }
  if (rule.when === undefined) return undefined
  const holds = rule.when.holds({ person, target, statement }, effect === 'allow')
  if (holds ?? effect !== 'allow') return undefined
  return `its condition is false: ${rule.when.source}`
}
