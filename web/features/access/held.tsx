import { useState } from 'preact/hooks'
import type { AccessRequest, Grant } from '../../../src/api/schemas/access.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Problem } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, asProblem } from '../../lib/client.ts'
import { formatLength } from '../../lib/format.ts'
import { useNow } from '../../lib/use-data.ts'
import { RevokeGrant } from '../live/end.tsx'

/** What the user has, until when; more of it can be asked for, for the same reason. */
export function Held({
  grant,
  others,
  more,
}: {
  grant: Grant
  /** Other grants of the user on the same target. */
  others: readonly Grant[]
  more?: ((request: AccessRequest) => void) | undefined
}) {
  const now = useNow()
  const [error, setError] = useState<PamError>()
  const [busy, setBusy] = useState(false)
  const { id, target, reason, startsAt, endsAt, automatic } = grant
  const lengthMs = Date.parse(endsAt) - Date.parse(startsAt)
  const ask = (): void => {
    setBusy(true)
    api.requests
      .create({ target, reason, lengthMs, extends: id })
      .then(more, (problem: unknown) => setError(asProblem(problem)))
      .finally(() => setBusy(false))
  }
  return (
    <div class="stack" role="group" aria-label={`Grant for ${target}`}>
      <p class="small">
        <strong>{formatLength(Date.parse(endsAt) - now)} left</strong>
        {reason === '' ? '' : ': '}
        <Text>{reason}</Text> <span class="mono soft">{id}</span>
        {automatic !== undefined && (
          <span class="soft">
            , approved automatically by the {automatic.by} of <Text>{automatic.rules.join(', ')}</Text>
          </span>
        )}
      </p>
      {error !== undefined && <Problem error={error} />}
      <div class="row">
        {more !== undefined && (
          <button type="button" disabled={busy} onClick={ask}>
            Ask for {formatLength(lengthMs)} more
          </button>
        )}
        <RevokeGrant id={id} target={target} others={others} />
      </div>
    </div>
  )
}
