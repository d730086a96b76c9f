import { formatDuration } from '../shared/duration.ts'
import { describeAutoApproval } from './auto-approval.ts'
import type { Person, Target } from './command.ts'
import { decideAccess } from './decide.ts'
import { describeApprovers } from './joint-approvers.ts'
import { matchesTarget } from './match/target.ts'
import { matchesWho } from './match/who.ts'
import type { AccessRule, BreakGlassTerms, CommandRule, MaskingRule, Policy, StatementMatch } from './policy.ts'
import type { PolicyLanguage } from './language.ts'

/** What a person may do on a target, rule by rule, and why a rule does not apply. */
export interface Explanation {
  readonly target: string
  readonly access: { readonly rule: string; readonly text: string } | undefined
  readonly accessRules: readonly ExplainedRule[]
  readonly commands: readonly ExplainedRule[]
  readonly masking: readonly ExplainedRule[]
}

export interface ExplainedRule {
  readonly rule: string
  readonly applies: boolean
  /** What it does, or why it does not apply. */
  readonly text: string
}

export function explain(policy: Policy, person: Person, target: Target): Explanation {
  const access = decideAccess(policy, person, target)
  return {
    target: target.name,
    access: access && { rule: access.name, text: describeAccess(access) },
    accessRules: policy.access.map((rule) => explained(rule, person, target, describeAccess(rule))),
    commands: policy.commands
      // A set has rules of the same names for several protocols.
      .filter((rule) => rule.targetType === undefined || rule.targetType === target.type)
      .filter((rule) => policy.language.aboutOthers(rule, target.type).length === 0)
      .map((rule) => explained(rule, person, target, describeCommandRule(rule, policy.language))),
    masking: explainMasking(policy, person, target),
  }
}

/** What each masking rule does with what a target sends; not those of which nothing can be there. */
export function explainMasking(policy: Policy, person: Person, target: Target): ExplainedRule[] {
  const { hasColumns, checkField } = policy.language.forTarget(target.type).vocabulary
  return policy.masking.flatMap((given) => {
    const rule = {
      ...given,
      columns: hasColumns ? given.columns : [],
      fields: checkField === undefined ? [] : given.fields.filter((field) => checkField(field) === undefined),
    }
    if (rule.columns.length + rule.fields.length + rule.kinds.length + rule.patterns.length === 0) return []
    const text = describeMasking(rule)
    if (!matchesTarget(rule.targets, target)) return { rule: rule.name, applies: false, text: 'other targets only' }
    if (rule.except && matchesWho(rule.except, person))
      return { rule: rule.name, applies: false, text: 'does not apply: you see these values unmasked' }
    return { rule: rule.name, applies: true, text }
  })
}

function explained(rule: AccessRule | CommandRule, person: Person, target: Target, text: string): ExplainedRule {
  if (!matchesTarget(rule.targets, target)) return { rule: rule.name, applies: false, text: 'other targets only' }
  if (!matchesWho(rule.who, person)) return { rule: rule.name, applies: false, text: 'other people only' }
  const condition = rule.when === undefined ? '' : `, when ${rule.when.source}`
  return { rule: rule.name, applies: true, text: text + condition }
}

/** `on request, up to 1h, approved by sre`. */
export function describeAccess(rule: AccessRule): string {
  const { breakGlass } = rule
  if (breakGlass !== undefined)
    return `in an emergency, up to ${formatDuration(rule.maxDuration)} without approval, reviewed by ${breakGlass.reviewers.groups.join(' or ')}${describeLifts(breakGlass.lifts)}`
  if (rule.grant === 'standing') return `standing, ${formatDuration(rule.maxDuration)} at a time`
  const approvers = rule.approvers === undefined ? '' : `, approved by ${describeApprovers(rule.approvers)}`
  const auto = rule.autoApprove === undefined ? '' : `, or ${describeAutoApproval(rule.autoApprove)}`
  return `on request, up to ${formatDuration(rule.maxDuration)}${approvers}${auto}`
}

const describeLifts = ({ holds, masks }: BreakGlassTerms['lifts']): string =>
  holds.length + masks.length === 0 ? '' : `, lifts ${[...holds, ...masks].map((name) => `"${name}"`).join(', ')}`

export const describeMasking = ({ columns, fields, kinds, patterns, style }: MaskingRule): string =>
  `masks ${[...columns, ...fields, ...kinds, ...patterns.map(({ name }) => name)].join(', ')} (${style})`

export function describeCommandRule(rule: CommandRule, language: PolicyLanguage): string {
  const what = describeMatch(rule.match, language)
  switch (rule.effect.type) {
    case 'allow':
      return `allows ${what}`
    case 'deny':
      return `denies ${what}: ${rule.effect.message}`
    case 'hold':
      return `holds ${what} for approval by ${describeApprovers(rule.effect.approvers)}${rule.effect.per === 'command' ? ', once per command' : ''}${rule.effect.batch ? ', in batches with others' : ''}, up to ${formatDuration(rule.effect.expires)}`
  }
}

function describeMatch(match: StatementMatch, language: PolicyLanguage): string {
  const { noun } = language.vocabularies.find(({ fields }) =>
    Object.keys(fields).some((word) => match[word] !== undefined),
  ) ?? { noun: undefined }
  const parts = [match.kinds === undefined ? `every ${noun ?? 'statement'}` : match.kinds.join(', ')]
  for (const { fields } of language.vocabularies) {
    for (const [word, field] of Object.entries(fields)) {
      const value = match[word]
      if (value !== undefined) parts.push(field.describe(value))
    }
  }
  if (match.unknown === true) parts.push('(even of unknown effect)')
  return parts.join(' ')
}
