import { PamError } from '../../shared/errors.ts'
import type { StatementLineage } from '../lineage/report.ts'

/** Why a statement is refused: it would store masked values where they are not masked, or reveal them other than in its rows. */
export function guardLineage({ copies, leaks }: StatementLineage): PamError | undefined {
  const kept = copies.find(({ mask }) => !mask.copying)
  if (kept !== undefined) {
    return refuse(
      `this would copy values of the masked ${kept.mask.name} to ${kept.to}, where they are not masked`,
      'leave that column out',
    )
  }
  const told = leaks.find(
    ({ mask, comparisons }) =>
      mask.sideChannels === 'deny' || (mask.sideChannels === 'equality' && comparisons === undefined),
  )
  if (told === undefined) return undefined
  return refuse(
    `${told.mask.name} is masked, and ${told.place} could reveal its values`,
    told.hint ??
      (told.mask.sideChannels === 'equality'
        ? 'only = and IN with literals or parameters are allowed'
        : 'select the column itself; filter, sort and group by other columns'),
  )
}

const refuse = (message: string, hint: string): PamError => new PamError('MASKING_REFUSED', message, { hint })
