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
  failed: 'bad',
  refused: 'bad',
  void: 'bad',
  invalid: 'bad',
  'emergency access': 'bad',
  locked: 'bad',
  hold: 'warn',
  held: 'warn',
  pending: 'warn',
  waiting: 'warn',
  announcing: 'warn',
  'awaits a review': 'warn',
  recovered: 'warn',
  retrying: 'warn',
}

export const toneOf = (state: string): '' | 'good' | 'bad' | 'warn' => TONES[state] ?? ''

/** A state in one word or two, in the colour that it has everywhere; one that no colour is listed for is grey. */
export function StateBadge({ state }: { state: string }) {
  return <Badge tone={toneOf(state)}>{state}</Badge>
}
