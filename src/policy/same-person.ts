import type { Person } from './command.ts'
import { matchesWho } from './match/who.ts'
import type { Policy, WhoSelector } from './policy.ts'

/**
 * Whether the rules take two states of a person for the same: each of them is for both or for neither. A condition may look at everything
 * that is known of a person, so where there is one, nothing of that may differ.
 */
export function isSamePerson({ access, commands, masking }: Policy, before: Person, now: Person): boolean {
  const isSameMatch = (who: WhoSelector): boolean => matchesWho(who, before) === matchesWho(who, now)
  return (
    [...access, ...commands].every(({ who, when }) => (when === undefined ? isSameMatch(who) : isEqual(before, now))) &&
    masking.every(({ except }) => except === undefined || isSameMatch(except))
  )
}

const isEqual = (before: Person, now: Person): boolean =>
  before.kind === now.kind &&
  before.label === now.label &&
  before.groups.length === now.groups.length &&
  before.groups.every((group, at) => group === now.groups[at])
