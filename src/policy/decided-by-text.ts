import type { Person, Target } from './command.ts'
import type { PolicyLanguage } from './language.ts'
import { matchesTarget } from './match/target.ts'
import { matchesWho } from './match/who.ts'
import type { CommandRule, Policy } from './policy.ts'

/**
 * Whether what these rules say of a person's commands on a target depends on nothing but the text of each: whatever its names stand for there,
 * and whatever else it is found to do, it is allowed, or it is denied. So it is where each rule that can decide looks at what the text tells
 * (`Vocabulary.toldByText`), allows what is of unknown effect as well, or denies not only that. Anything else may depend on the target: conditions,
 * and rules that hold a command, since a person decides about what it does.
 */
export function isDecidedByText(policy: Policy, person: Person, target: Target): boolean {
  const { language } = policy
  for (const rule of policy.commands) {
    if (!matchesWho(rule.who, person) || !matchesTarget(rule.targets, target)) continue
    if (rule.targetType !== undefined && rule.targetType !== target.type) continue
    if (isAboutOthers(rule, language, target)) continue
    if (!dependsOnTextOnly(rule, language, target)) return false
    // What comes after a rule that every command matches decides nothing.
    if (wordsOf(rule).length === 0) return true
  }
  return true
}

const wordsOf = ({ match }: CommandRule): string[] =>
  Object.keys(match).filter((word) => word !== 'unknown' && match[word] !== undefined)

/** It names what no command of such a target has: it never matches one. */
function isAboutOthers({ match }: CommandRule, language: PolicyLanguage, target: Target): boolean {
  const own = language.spokenOn(target.type)
  return [...language.wordsOf(match).keys()].some((other) => !own.includes(other))
}

function dependsOnTextOnly(rule: CommandRule, language: PolicyLanguage, target: Target): boolean {
  const { toldByText } = language.forTarget(target.type).vocabulary
  if (rule.when !== undefined || rule.effect.type === 'hold') return false
  if ((rule.match.unknown === true) !== (rule.effect.type === 'allow')) return false
  return wordsOf(rule).every((word) => toldByText.has(word))
}
