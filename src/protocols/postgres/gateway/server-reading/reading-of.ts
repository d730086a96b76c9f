import type { Session } from '../../../../gateway/engine.ts'
import type { PostgresTarget } from '../../target.ts'

/** If columns are masked, the target's own reading must agree with the gateway's, unless the configuration says otherwise. */
export const readingOf = ({
  config,
  masking,
}: Pick<Session<PostgresTarget>, 'config' | 'masking'>): 'ours' | 'agreed' =>
  config.reading ?? (masking.columns.length > 0 ? 'agreed' : 'ours')
