import type { Approvers } from './match/match.ts'

/**
 * Who decides where several rules ask at once: members of a group that each of them names, as many people as the rule that asks for most, with a
 * passkey where one asks for it. Undefined where no group may decide on all.
 */
export function jointApprovers([first, ...others]: readonly Approvers[]): Approvers | undefined {
  if (first === undefined || others.length === 0) return first
  const groups = first.groups.filter((group) => others.every((other) => other.groups.includes(group)))
  if (groups.length === 0) return undefined
  const all = [first, ...others]
  return {
    groups,
    count: Math.max(...all.map(({ count }) => count)),
    ...(all.some(({ stepUp }) => stepUp === 'passkey') ? { stepUp: 'passkey' } : {}),
  }
}

/** `2 of sre or dba with a passkey`. */
export function describeApprovers({ groups, count, stepUp }: Approvers): string {
  return `${count > 1 ? `${count} of ` : ''}${groups.join(' or ')}${stepUp === 'passkey' ? ' with a passkey' : ''}`
}
