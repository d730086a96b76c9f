import { useState } from 'preact/hooks'
import type { Lock, NewLock as Asked } from '../../../src/api/schemas/lock.ts'
import { Confirm } from '../../components/ui/dialog.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { formatDuration, formatLength, parseDuration } from '../../lib/format.ts'
import { useStore } from '../../lib/store.ts'
import { lockOf, WHAT, type What } from './lock-of.ts'

/** Locks a person, a target, a label or everything. The dialog says what that does; its button is the one confirmation. */
export function NewLock({
  asked,
  made,
  close,
}: {
  /** What a link has filled in. */
  asked: { readonly person: string; readonly target: string }
  made: (lock: Lock) => void
  close: () => void
}) {
  const [what, setWhat] = useState<What>(asked.target === '' ? 'person' : 'target')
  const [name, setName] = useState(asked.target === '' ? asked.person : asked.target)
  const [reason, setReason] = useState('')
  const [length, setLength] = useState('')
  const [includingSelf, setIncludingSelf] = useState(false)
  const me = useStore(signIn)
  const lengthMs = length.trim() === '' ? undefined : parseDuration(length)
  const isBadLength = length.trim() !== '' && lengthMs === undefined
  const lock = isBadLength ? undefined : lockOf(what, name, { reason: reason.trim(), lengthMs, includingSelf })
  const { person } = me.state === 'in' ? me.me : { person: undefined }
  const isMe = what === 'person' && [person?.id, person?.label].includes(name.trim())
  return (
    <Confirm title="Lock" confirm="Lock now" disabled={lock === undefined} act={act} close={close}>
      <label>
        What
        <select
          value={what}
          onChange={({ currentTarget }) => {
            setWhat(WHAT.find(({ value }) => value === currentTarget.value)?.value ?? 'person')
            setName('')
          }}
        >
          {WHAT.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {what !== 'all' && (
        <label>
          {WHAT.find(({ value }) => value === what)?.field}
          <input
            value={name}
            required
            maxLength={300}
            placeholder={WHAT.find(({ value }) => value === what)?.example}
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
        </label>
      )}
      <label>
        Reason, shown to everybody who is kept out
        <input
          value={reason}
          required
          maxLength={1000}
          onInput={({ currentTarget }) => setReason(currentTarget.value)}
        />
      </label>
      <label>
        Duration (optional; by default until somebody lifts it)
        <input
          value={length}
          placeholder="2h"
          aria-invalid={isBadLength}
          onInput={({ currentTarget }) => setLength(currentTarget.value)}
        />
        {isBadLength && <span role="alert">Enter a duration such as 30m or 1h30m.</span>}
      </label>
      {isMe && (
        <label class="check">
          <input
            type="checkbox"
            checked={includingSelf}
            onChange={({ currentTarget }) => setIncludingSelf(currentTarget.checked)}
          />
          Lock myself out; somebody else has to unlock me
        </label>
      )}
      {lock !== undefined && <Effect lock={lock} />}
    </Confirm>
  )

  async function act(): Promise<void> {
    if (lock !== undefined) made(await api.locks.create(lock))
  }
}

/** What the button will do. */
function Effect({ lock: { person, target, label, lengthMs } }: { lock: Asked }) {
  const until =
    lengthMs === undefined
      ? 'until somebody lifts the lock'
      : `for ${formatLength(lengthMs)} (${formatDuration(lengthMs)})`
  return (
    <p class="note warn small">
      {person !== undefined ? (
        <>
          Ends every session of <Text>{person}</Text>, and keeps them out of every target, pamctl and this dashboard
        </>
      ) : target !== undefined ? (
        <>
          Ends every session on <Text>{target}</Text>, and keeps everybody out of it
        </>
      ) : label !== undefined ? (
        <>
          Ends every session on targets with the label <Text>{`${label.name}=${label.value}`}</Text>, and keeps
          everybody out of them
        </>
      ) : (
        'Ends every session on every target, and keeps everybody out of all of them'
      )}{' '}
      {until}.
    </p>
  )
}
