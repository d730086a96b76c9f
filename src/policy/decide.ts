import type { Command, Person, Statement, Target } from './command.ts'
import { matchesTarget } from './match/target.ts'
import { matchesWho } from './match/who.ts'
import { jointApprovers } from './joint-approvers.ts'
import type { AccessRule, Approvers, CommandRule, HoldEffect, MaskingRule, Policy } from './policy.ts'
import type { Vocabulary } from './vocabulary.ts'

/** What policy says about a command. */
export type Judgement =
  | { readonly type: 'allow'; readonly rule: string }
  | {
      readonly type: 'deny'
      readonly rule: string | undefined
      readonly code: DenialCode
      readonly message: string
      readonly hint: string | undefined
    }
  | {
      readonly type: 'hold'
      readonly rule: string
      readonly effect: HoldEffect
      readonly statement: string
    }

export type DenialCode =
  'COMMAND_REFUSED' | 'COMMAND_NOT_ALLOWED' | 'COMMAND_UNKNOWN' | 'RELATION_MISSING' | 'MESSAGE_TOO_LARGE'

/** The first access rule that matches, or undefined: no access. Rules for emergencies are no part of daily access. */
export function decideAccess(policy: Policy, person: Person, target: Target): AccessRule | undefined {
  return policy.access.find((rule) => rule.grant !== 'break-glass' && matchesAccess(rule, person, target))
}

/** The first rule that lets this person break the glass on this target; by name, where access stands on it already. */
export function decideBreakGlass(
  policy: Policy,
  person: Person,
  target: Target,
  name?: string,
): AccessRule | undefined {
  if (person.kind !== 'person') return undefined
  return policy.access.find(
    (rule) =>
      rule.grant === 'break-glass' && (name === undefined || rule.name === name) && matchesAccess(rule, person, target),
  )
}

/** Whether somebody may know of a target: some rule gives it to them, in an emergency at least. */
export const isVisible = (policy: Policy, person: Person, target: Target): boolean =>
  (decideAccess(policy, person, target) ?? decideBreakGlass(policy, person, target)) !== undefined

/** Whether an access rule is about this person and target. */
export function matchesAccess(rule: AccessRule, person: Person, target: Target): boolean {
  return (
    matchesWho(rule.who, person) &&
    matchesTarget(rule.targets, target) &&
    (rule.when === undefined || rule.when.holds({ person, target }, true) === true)
  )
}

/** Judges every statement by its first fitting rule, then lets the strictest judgement stand for all of them. */
export function decideCommand(policy: Policy, person: Person, target: Target, command: Command): Judgement {
  const judgements = command.facts.statements.map((statement) => decideStatement(policy, person, target, statement))
  const denied = judgements.findIndex(({ type }) => type === 'deny')
  return (
    placed(judgements[denied], denied, command, policy) ??
    oneHold(judgements.filter((judgement) => judgement.type === 'hold')) ??
    judgements[0] ?? { type: 'allow', rule: 'nothing to run' }
  )
}

function placed(denial: Judgement | undefined, at: number, { facts }: Command, policy: Policy): Judgement | undefined {
  return denial?.type === 'deny' ? { ...denial, message: placeOf(at, facts, policy) + denial.message } : denial
}

/**
 * Which of several statements in a text of SQL is meant: `statement 2 of 3 (DELETE): `. Empty for a single one, and for what else has several
 * parts: it was not written as a list of them.
 */
export function placeOf(at: number, { statements }: Command['facts'], { language }: Policy): string {
  const statement = statements[at]
  if (statement === undefined || statements.length === 1) return ''
  const vocabulary = language.of(statement)
  return vocabulary.hasColumns ? `statement ${at + 1} of ${statements.length} (${vocabulary.name(statement)}): ` : ''
}

type Held = Judgement & { readonly type: 'hold' }

/** One approval answers to one rule, or to several that all hold in batches: other statements must be sent separately. */
function oneHold(holds: readonly Held[]): Judgement | undefined {
  const [first] = holds
  const other = holds.find(({ rule }) => rule !== first?.rule)
  if (first === undefined) return undefined
  if (other === undefined) return { ...first, statement: allOf(holds) }
  const inOne = holds.every(({ effect }) => effect.batch)
  const approvers = inOne ? jointApprovers(holds.map(({ effect }) => effect.approvers)) : undefined
  if (approvers !== undefined) return jointHold(holds, approvers)
  if (inOne)
    return {
      type: 'deny',
      rule: undefined,
      code: 'COMMAND_REFUSED',
      message: `no group of approvers decides on all parts of this (${describeHolders(holds)})`,
      hint: 'send the statements separately',
    }
  return {
    type: 'deny',
    rule: undefined,
    code: 'COMMAND_REFUSED',
    message: `parts of this need approval under different rules ("${first.rule}" and "${other.rule}")`,
    hint: 'send the statements separately',
  }
}

/** Whatever one of the rules insists on holds for all. An approval is for exactly this text, once. */
function jointHold(holds: readonly Held[], approvers: Approvers): Held {
  return {
    type: 'hold',
    rule: each(holds.map(({ rule }) => rule)).join(' and '),
    statement: allOf(holds),
    effect: {
      approvers,
      expires: Math.min(...holds.map(({ effect }) => effect.expires)),
      inTransaction: holds.some(({ effect }) => effect.inTransaction === 'refuse') ? 'refuse' : 'wait',
      covers: 'parameters',
      per: 'request',
      batch: true,
    },
  }
}

const describeHolders = (holds: readonly Held[]): string =>
  each(holds.map(({ rule, effect }) => `"${rule}": ${effect.approvers.groups.join(' or ')}`)).join(', ')

/** What is held, each kind once: `TRUNCATE and DROP TABLE`. */
const allOf = (holds: readonly Held[]): string => each(holds.map(({ statement }) => statement)).join(' and ')

const each = (texts: readonly string[]): readonly string[] => [...new Set(texts)]

/**
 * The first rule that matches. Where that one allows whatever the effect may be (`unknown: true`), an earlier rule that holds what this may
 * be takes its place: to add something that nobody can determine is no way around an approver.
 */
export function decidingRule(
  policy: Policy,
  person: Person,
  target: Target,
  statement: Statement,
): CommandRule | undefined {
  const first = policy.commands.findIndex((one) => matchesCommand(policy, one, person, target, statement))
  const rule = policy.commands[first]
  if (rule?.effect.type !== 'allow' || rule.match.unknown !== true) return rule
  const earlier = policy.commands.slice(0, first).filter(({ effect }) => effect.type === 'hold')
  return earlier.find((one) => matchesCommand(policy, withUnknown(one), person, target, statement)) ?? rule
}

const withUnknown = (rule: CommandRule): CommandRule => ({ ...rule, match: { ...rule.match, unknown: true } })

function decideStatement(policy: Policy, person: Person, target: Target, statement: Statement): Judgement {
  const rule = decidingRule(policy, person, target, statement)
  const vocabulary = policy.language.of(statement)
  const what = vocabulary.name(statement)
  if (rule === undefined) {
    const unknown = [...statement.unknown, ...vocabulary.opaque(statement)]
    return unknown.length > 0
      ? {
          type: 'deny',
          rule: undefined,
          code: 'COMMAND_UNKNOWN',
          message: `cannot determine the effect of ${vocabulary.subject(statement)} (${unknown.join('; ')}), and no rule on ${target.name} allows that`,
          hint: vocabulary.adviceOnUnknown(statement),
        }
      : {
          type: 'deny',
          rule: undefined,
          code: 'COMMAND_NOT_ALLOWED',
          message: `no rule allows ${what} on ${target.name}`,
          hint: `"pamctl policy explain ${target.name}" shows what is allowed`,
        }
  }
  switch (rule.effect.type) {
    case 'allow':
      return { type: 'allow', rule: rule.name }
    case 'deny':
      return (
        denyUndescribed(rule, person, target, statement, vocabulary) ?? {
          type: 'deny',
          rule: rule.name,
          code: 'COMMAND_REFUSED',
          message: rule.effect.message,
          hint: hintOf(rule, statement, vocabulary),
        }
      )
    case 'hold':
      if (rule.liftedBy !== undefined)
        return { type: 'allow', rule: `${rule.name} (hold lifted by "${rule.liftedBy}")` }
      return {
        type: 'hold',
        rule: rule.name,
        effect: rule.effect,
        statement: what,
      }
  }
}

/** A rule that matches only what the target's description lacks has nothing to say of it: its words are about something else. */
function denyUndescribed(
  { name, match, when }: CommandRule,
  person: Person,
  target: Target,
  statement: Statement,
  vocabulary: Vocabulary,
): Judgement | undefined {
  const isConditionKnown = when?.holds({ person, target, statement }, false) !== undefined || when === undefined
  const missing = vocabulary.undescribed?.(match, statement, isConditionKnown)
  return missing === undefined
    ? undefined
    : {
        type: 'deny',
        rule: name,
        code: 'COMMAND_UNKNOWN',
        message: `${missing.reason}, and rule "${name}" denies what this ${vocabulary.name(statement)} could be`,
        hint: missing.advice,
      }
}

/** Where a rule matches only because it may be about this, that is said first. */
function hintOf({ match, hint }: CommandRule, statement: Statement, vocabulary: Vocabulary): string | undefined {
  const maybe = vocabulary.whyMaybe(match, statement)
  if (maybe === undefined) return hint
  const why = `it matches because ${vocabulary.name(statement)} ${maybe}`
  return hint === undefined ? why : `${why}; ${hint}`
}

function matchesCommand(
  { language }: Policy,
  rule: CommandRule,
  person: Person,
  target: Target,
  statement: Statement,
): boolean {
  if (!matchesWho(rule.who, person) || !matchesTarget(rule.targets, target)) return false
  if (rule.targetType !== undefined && rule.targetType !== target.type) return false
  if (!language.matches(rule.match, rule.effect.type, statement)) return false
  // What could not be read may be anything, but no command of another type of target.
  if (statement.unknown.length > 0 && language.aboutOthers(rule, target.type).length > 0) return false
  // A condition that fails to evaluate must not open the door: it makes an allowing rule not match, and a refusing one match.
  const surely = rule.effect.type === 'allow'
  return rule.when === undefined || (rule.when.holds({ person, target, statement }, surely) ?? !surely)
}

/** Whether the sessions of this person on this target are read-only whatever is asked: the set `read-only` is used for them. */
export function isReadOnly(policy: Policy, person: Person, target: Target): boolean {
  return policy.commands.some(
    (rule) =>
      rule.set === 'read-only' &&
      rule.when === undefined &&
      matchesWho(rule.who, person) &&
      matchesTarget(rule.targets, target),
  )
}

/** Whether a masking rule is about this person on this target. */
export function appliesMasking(rule: MaskingRule, person: Person, target: Target): boolean {
  return matchesTarget(rule.targets, target) && !(rule.except !== undefined && matchesWho(rule.except, person))
}
