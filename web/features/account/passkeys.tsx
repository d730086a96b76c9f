import { useState } from 'preact/hooks'
import type { Passkey } from '../../../src/api/schemas/passkey.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Ago, Badge, Loading, Problem, TwoSteps, When } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, asProblem, signInLink } from '../../lib/client.ts'
import { useData } from '../../lib/use-data.ts'

/** The user's passkeys: what some approvals are confirmed with. */
export function Passkeys() {
  const { data, error, reload } = useData('passkeys', () => api.passkeys.list())
  return (
    <section class="card" aria-label="Passkeys">
      <h2>Passkeys</h2>
      <p class="small">Some approvals are confirmed with a passkey: a security key, or this device's screen lock.</p>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data === undefined && error === undefined && <Loading what="your passkeys" />}
      {data?.length === 0 && <p class="soft">You have no passkeys.</p>}
      {data !== undefined && data.length > 0 && (
        <ul class="list" aria-label="Your passkeys">
          {data.map((passkey) => (
            <PasskeyRow key={passkey.id} passkey={passkey} removed={reload} />
          ))}
        </ul>
      )}
      <NewPasskey registered={reload} />
    </section>
  )
}

function PasskeyRow({ passkey, removed }: { passkey: Passkey; removed: () => void }) {
  const { id, name, createdAt, lastUsedAt, backedUp } = passkey
  return (
    <li class="stack">
      <div class="row">
        <strong>
          <Text>{name}</Text>
        </strong>
        {backedUp && <Badge>on several devices</Badge>}
        <span class="soft small">
          registered <When time={createdAt} />, {lastUsedAt === undefined ? 'never used' : <Used at={lastUsedAt} />}
        </span>
      </div>
      <TwoSteps label={`Remove ${name}…`} confirm="Remove passkey" act={() => api.passkeys.remove(id).then(removed)}>
        <p class="small">It approves nothing from then on. Delete it on the device or key as well.</p>
      </TwoSteps>
    </li>
  )
}

const Used = ({ at }: { at: string }) => (
  <>
    last used <Ago time={at} />
  </>
)

function NewPasskey({ registered }: { registered: () => void }) {
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<PamError>()
  const register = async (): Promise<void> => {
    const options = await api.passkeys.begin()
    const { createPasskey } = await import('../../lib/passkeys.ts')
    await api.passkeys.register({ name: name.trim(), answer: await createPasskey(options) })
  }
  const send = (event: Event): void => {
    event.preventDefault()
    if (busy || name.trim() === '') return
    setBusy(true)
    setError(undefined)
    register()
      .then(
        () => {
          setName('')
          registered()
        },
        (problem: unknown) => setError(asProblem(problem)),
      )
      .finally(() => setBusy(false))
  }
  return (
    <form class="stack" onSubmit={send} aria-label="Register a passkey">
      <label>
        Name of the new passkey
        <input
          value={name}
          maxLength={64}
          placeholder="such as: laptop, blue security key"
          onInput={({ currentTarget }) => setName(currentTarget.value)}
        />
      </label>
      {error?.code === 'SIGN_IN_TOO_OLD' ? (
        <p class="note warn" role="alert">
          Registering a passkey needs a recent sign-in. <a href={signInLink('/account', true)}>Sign in again</a>; you
          will return to this page.
        </p>
      ) : (
        error !== undefined && <Problem error={error} />
      )}
      <div class="row actions">
        <button type="submit" disabled={busy || name.trim() === ''}>
          Register a passkey
        </button>
      </div>
    </form>
  )
}
