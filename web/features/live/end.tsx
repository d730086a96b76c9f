import { useState } from 'preact/hooks'
import { TwoSteps } from '../../components/ui/parts.tsx'
import { api } from '../../lib/client.ts'

/** Ends a session; the connected user sees the reason in their client. */
export function EndSession({ id }: { id: string }) {
  const [reason, setReason] = useState('')
  return (
    <TwoSteps label="End session…" confirm="End session now" act={() => api.sessions.kill(id, reason.trim())}>
      <Reason value={reason} change={setReason} />
    </TwoSteps>
  )
}

/** Revokes a grant: every session under it ends at once. */
export function RevokeGrant({ id, target }: { id: string; target: string }) {
  const [reason, setReason] = useState('')
  return (
    <TwoSteps
      label="Revoke access…"
      confirm={`Revoke access to ${target}`}
      act={() => api.grants.revoke(id, reason.trim())}
    >
      <p class="small">Every session under this grant ends at once.</p>
      <Reason value={reason} change={setReason} />
    </TwoSteps>
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
