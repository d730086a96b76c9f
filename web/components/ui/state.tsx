import type { BreakGlass } from '../../../src/api/schemas/break-glass.ts'
import { Badge } from './parts.tsx'

/** One colour for each meaning, on every page: green for what is given or in order, red for what was refused or needs somebody now, amber for what waits. */
const TONES: Readonly<Record<string, '' | 'good' | 'bad' | 'warn'>> = {
  allow: 'good',
  allowed: 'good',
  approve: 'good',
  approved: 'good',
  delivered: 'good',
  open: 'good',
  ran: 'good',
  valid: 'good',
  reviewed: 'good',
  deny: 'bad',
  denied: 'bad',
  expired: 'bad',
  failed: 'bad',
  refused: 'bad',
  void: 'bad',
  invalid: 'bad',
  'in use': 'bad',
  locked: 'bad',
  hold: 'warn',
  held: 'warn',
  pending: 'warn',
  waiting: 'warn',
  announcing: 'warn',
  'awaits a review': 'warn',
  recovered: 'warn',
  retrying: 'warn',
  'not reached': 'warn',
  'not run': 'warn',
}

const toneOf = (state: string): '' | 'good' | 'bad' | 'warn' => TONES[state] ?? ''

/** A state in one word or two, in the colour that it has everywhere; one that no colour is listed for is grey. */
export function StateBadge({ state }: { state: string }) {
  return <Badge tone={toneOf(state)}>{state}</Badge>
}

/** What the state of emergency access is called, here and in the inbox. */
export const wordOfBreakGlass = (state: BreakGlass['state']): string => BREAK_GLASS[state]

const BREAK_GLASS: Readonly<Record<BreakGlass['state'], string>> = {
  announcing: 'announcing',
  refused: 'refused',
  active: 'in use',
  review: 'awaits a review',
  closed: 'reviewed',
}
