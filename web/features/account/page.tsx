import { useState } from 'preact/hooks'
import type { PamError } from '../../../src/shared/errors.ts'
import { Badge, Problem, TwoSteps, When } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { asProblem, signIn, signOut } from '../../lib/client.ts'
import { formatLength } from '../../lib/format.ts'
import { useStore } from '../../lib/store.ts'
import { Passkeys } from './passkeys.tsx'

/** The user's sign-in: who, until when, and signing out. */
export function AccountPage() {
  const state = useStore(signIn)
  const [error, setError] = useState<PamError>()
  if (state.state !== 'in') return null
  const { me, session } = state
  const leave = (): void => void signOut(false).catch((problem: unknown) => setError(asProblem(problem)))
  return (
    <>
      <h1>Account</h1>
      <section class="card" aria-label="Who you are">
        <dl class="facts">
          <dt>Signed in as</dt>
          <dd>
            <Text>{me.person.label}</Text>
          </dd>
          <dt>Groups</dt>
          <dd class="row">
            {me.person.groups.length === 0 && 'none'}
            {me.person.groups.map((group) => (
              <Badge key={group}>
                <Text>{group}</Text>
              </Badge>
            ))}
          </dd>
          <dt>Roles</dt>
          <dd>{me.roles.length === 0 ? 'none' : me.roles.join(', ')}</dd>
          <dt>Signed in</dt>
          <dd>{me.signedInAt === undefined ? 'unknown' : <When time={me.signedInAt} />}</dd>
          <dt>This browser</dt>
          <dd>
            is signed out after {formatLength(session.idleMs)} without activity, and on <When time={session.endsAt} />{' '}
            at the latest
          </dd>
        </dl>
        {error !== undefined && <Problem error={error} />}
        <div class="row actions">
          <button type="button" onClick={leave}>
            Sign out
          </button>
          <TwoSteps label="Sign out everywhere…" confirm="Sign out everywhere" act={() => signOut(true)}>
            <p class="small">Signs you out of every browser and every pamctl, and ends all your sessions at once.</p>
          </TwoSteps>
        </div>
      </section>
      <Passkeys />
    </>
  )
}
