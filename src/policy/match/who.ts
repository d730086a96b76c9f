import type { Person } from '../command.ts'
import type { WhoSelector } from '../policy.ts'

export function matchesWho(selector: WhoSelector, person: Person): boolean {
  if (selector.kind !== undefined && selector.kind !== person.kind) return false
  if (selector.people !== undefined && !selector.people.includes(person.id)) return false
  return selector.groups === undefined || selector.groups.some((group) => person.groups.includes(group))
}
