import { useState } from 'preact/hooks'
import type { Grant } from '../../../src/api/schemas/access.ts'
import type { Session } from '../../../src/api/schemas/session.ts'
import { Link } from '../../app/router.tsx'
import { Confirm } from '../../components/ui/dialog.tsx'
import { TwoSteps } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { formatDateTime } from '../../lib/format.ts'
import { useStore } from '../../lib/store.ts'
import { useData } from '../../lib/use-data.ts'

/** Ends sessions; the connected users see the reason in their clients. With `wholeAccess`, the grant is revoked, which ends every session under it. */
export function EndDialog({ session, close }: { session: Session; close: () => void }) {
  const [reason, setReason] = useState('')
  const [whole, setWhole] = useState(false)
  const me = useStore(signIn)
  const { id, grantId, person, target, grantEndsAt } = session
  const myId = me.state === 'in' ? me.me.person.id : ''
  const { data: grants } = useData(`grants of ${person.id} ${whole}`, () =>
    whole ? api.grants.list({ all: person.id !== myId, active: true, limit: 100 }) : Promise.resolve(undefined),
  )
  const others = (grants?.items ?? []).filter(
    (grant) => grant.id !== grantId && grant.target === target && grant.person.id === person.id,
  )
  const act = (): Promise<unknown> =>
    whole ? api.grants.revoke(grantId, reason.trim()) : api.sessions.kill(id, reason.trim())
  return (
    <Confirm
      title={`End the session of ${person.label} on ${target}`}
      confirm={whole ? 'Revoke access now' : 'End session now'}
      act={act}
      close={close}
    >
      <Reason value={reason} change={setReason} />
      <fieldset class="stack">
        <legend class="visually-hidden">What ends</legend>
        <label class="check">
          <input type="radio" name="what" checked={!whole} onChange={() => setWhole(false)} />
          <span>
            This session. <Text>{person.label}</Text> can connect again.
          </span>
        </label>
        <label class="check">
          <input type="radio" name="what" checked={whole} onChange={() => setWhole(true)} />
          <span>
            The access
            {grantEndsAt === undefined ? '' : ` until ${formatDateTime(grantEndsAt)}`}, with every session under it.
          </span>
        </label>
      </fieldset>
      <Remaining target={target} others={others} />
      {me.state === 'in' && me.me.roles.includes('lock') && (
        <p class="small">
          To keep <Text>{person.label}</Text> out of everything,{' '}
          <Link to={`/locks?person=${encodeURIComponent(person.label)}`}>lock them</Link>.
        </p>
      )}
    </Confirm>
  )
}

/** Revokes a grant: every session under it ends at once. `others`: what else the person has the target by. */
export function RevokeGrant({ id, target, others }: { id: string; target: string; others: readonly Grant[] }) {
  const [reason, setReason] = useState('')
  return (
    <TwoSteps
      label="Revoke access…"
      confirm={`Revoke access to ${target}`}
      act={() => api.grants.revoke(id, reason.trim())}
    >
      <p class="small">Every session under this grant ends at once.</p>
      <Remaining target={target} others={others} />
      <Reason value={reason} change={setReason} />
    </TwoSteps>
  )
}

/** Access ends with the last grant. */
function Remaining({ target, others }: { target: string; others: readonly Grant[] }) {
  return (
    <>
      {others.map(({ id, endsAt }) => (
        <p key={id} class="small">
          Access to <Text>{target}</Text> remains until {formatDateTime(endsAt)} by <span class="mono">{id}</span>,
          unless that is revoked as well.
        </p>
      ))}
    </>
  )
}

function Reason({ value, change }: { value: string; change: (value: string) => void }) {
  return (
    <label>
      Reason, shown to the connected user
      <input value={value} maxLength={1000} onInput={({ currentTarget }) => change(currentTarget.value)} />
    </label>
  )
}
