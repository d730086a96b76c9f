import { formatDuration } from '../shared/duration.ts'
import type { Person, Target } from './command.ts'
import { decideAccess } from './decide.ts'
import { fitsTarget } from './match/target.ts'
import { fitsWho } from './match/who.ts'
import type { AccessRule, CommandRule, MaskingRule, Policy, StatementMatch } from './policy.ts'

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
    commands: policy.commands.map((rule) => explained(rule, person, target, describeCommandRule(rule))),
    masking: policy.masking.map((rule) => {
      const text = describeMasking(rule)
      if (!fitsTarget(rule.targets, target)) return { rule: rule.name, applies: false, text: 'is about other targets' }
      if (rule.except && fitsWho(rule.except, person))
        return { rule: rule.name, applies: false, text: 'you see plainly' }
      return { rule: rule.name, applies: true, text }
    }),
  }
}

function explained(rule: AccessRule | CommandRule, person: Person, target: Target, text: string): ExplainedRule {
  if (!fitsTarget(rule.targets, target)) return { rule: rule.name, applies: false, text: 'is about other targets' }
  if (!fitsWho(rule.who, person)) return { rule: rule.name, applies: false, text: 'is about other people' }
  const condition = rule.when === undefined ? '' : `, when ${rule.when.source}`
  return { rule: rule.name, applies: true, text: text + condition }
}

/** `on request, up to 1h, approved by sre`. */
export function describeAccess(rule: AccessRule): string {
  if (rule.grant === 'standing') return `standing, ${formatDuration(rule.longest)} at a time`
  const approvers = rule.approvers === undefined ? '' : `, approved by ${describeApprovers(rule.approvers)}`
  return `on request, up to ${formatDuration(rule.longest)}${approvers}`
}

export function describeApprovers({ groups, count }: { groups: readonly string[]; count: number }): string {
  return `${count > 1 ? `${count} of ` : ''}${groups.join(' or ')}`
}

export const describeMasking = ({ columns, kinds, patterns, style }: MaskingRule): string =>
  `${[...columns, ...kinds, ...patterns.map(({ name }) => name)].join(', ')} shown ${style}`

export function describeCommandRule(rule: CommandRule): string {
  const what = describeMatch(rule.match)
  switch (rule.effect.type) {
    case 'allow':
      return `allows ${what}`
    case 'deny':
      return `refuses ${what}: ${rule.effect.message}`
    case 'hold':
      return `holds ${what} for ${describeApprovers(rule.effect.approvers)}, up to ${formatDuration(rule.effect.expires)}`
  }
}

function describeMatch(match: StatementMatch): string {
  const parts = [match.kinds === undefined ? 'every statement' : match.kinds.join(', ')]
  if (match.relations !== undefined) parts.push(`on ${match.relations.join(', ')}`)
  if (match.writes !== undefined) parts.push(`writing to ${match.writes.join(', ')}`)
  if (match.functions !== undefined) parts.push(`calling ${match.functions.join(', ')}`)
  if (match.missingWhere === true) parts.push('without WHERE')
  if (match.commands !== undefined) parts.push(`like ${match.commands.join(', ')}`)
  if (match.programs !== undefined) parts.push(`running ${match.programs.join(', ')}`)
  if (match.arguments !== undefined) parts.push(`with ${match.arguments.join(', ')}`)
  if (match.paths !== undefined) parts.push(`touching ${match.paths.join(', ')}`)
  if (match.writesPaths !== undefined) parts.push(`writing ${match.writesPaths.join(', ')}`)
  if (match.hosts !== undefined) parts.push(`to ${match.hosts.join(', ')}`)
  if (match.logins !== undefined) parts.push(`as ${match.logins.join(', ')}`)
  if (match.unknown === true) parts.push('(also of unknown effect)')
  return parts.join(' ')
}
