import { utcClock } from '../shared/date-time.ts'
import type { BreakGlass } from './break-glass.ts'

/** What happened to access in an emergency, in a sentence. */
export function breakGlassSentence(type: string, use: BreakGlass): string {
  const { id, person, target, reviewers, reviewed, reason } = use
  const groups = reviewers.join(' or ')
  switch (type) {
    case 'breakglass.begun':
      return `${person.label} breaks the glass on ${target}: ${reason}`
    case 'breakglass.granted':
      return `${person.label} has emergency access to ${target}${use.endsAt === undefined ? '' : ` until ${utcClock(use.endsAt)}`}`
    case 'breakglass.refused':
      return `${person.label} got no emergency access to ${target}`
    case 'breakglass.ended':
      return `the emergency access of ${person.label} to ${target} has ended; ${groups} should review ${id}`
    case 'breakglass.review_due':
      return `the emergency access of ${person.label} to ${target} still awaits a review by ${groups}: ${id}`
    case 'breakglass.reviewed':
      return `${reviewed?.label ?? 'somebody'} reviewed the emergency access of ${person.label} to ${target}`
    default:
      return `${type}: ${person.label} on ${target}`
  }
}
