import { useRef, useState } from 'preact/hooks'
import type { AccessRequest, Grant, Target } from '../../../src/api/schemas/access.ts'
import { usePlace } from '../../app/router.tsx'
import { Badge, Labels } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { formatDateTime } from '../../lib/format.ts'
import { filledBy, isForSeveral } from './choose.ts'
import { Commands } from './connect.tsx'
import { Held } from './held.tsx'
import { RequestForm } from './request-form.tsx'
import { Waiting } from './waiting.tsx'

/** A target: what the user has on it until when, asking for it, what waits, and how to connect. */
export function TargetCard({
  target,
  grants,
  waiting,
  asked,
}: {
  target: Target
  /** Active, the one that lasts longest first. */
  grants: readonly Grant[]
  waiting: AccessRequest | undefined
  asked: (request: AccessRequest) => void
}) {
  const link = filledBy(usePlace().query)
  const filled = link !== undefined && !isForSeveral(link) && link.targets[0] === target.name ? link : undefined
  const [grant] = grants
  const [asking, setAsking] = useState(filled !== undefined && target.grant === 'request')
  const opener = useRef<HTMLButtonElement>(null)
  const close = (): void => {
    setAsking(false)
    // The button that opened the form is rendered again and takes the focus back.
    requestAnimationFrame(() => opener.current?.focus())
  }
  const [showCommands, setShowCommands] = useState(false)
  return (
    <article class="card target" data-testid={target.name} aria-label={target.name}>
      <div class="row spread">
        <h2>
          <Text>{target.name}</Text>
        </h2>
        {grant !== undefined ? (
          <Badge tone="good">access until {formatDateTime(grant.endsAt)}</Badge>
        ) : target.revoked !== undefined ? (
          <Badge tone="warn">access revoked</Badge>
        ) : target.grant === 'standing' ? (
          <Badge tone="good">standing access</Badge>
        ) : target.grant === 'break-glass' ? (
          <Badge tone="warn">in an emergency only</Badge>
        ) : (
          <Badge>on request</Badge>
        )}
      </div>
      <div class="row small">
        <Badge>{target.type}</Badge>
        <Labels labels={target.labels} />
        <span class="soft">
          <Text>{target.access}</Text>
        </span>
      </div>
      {[target.locked, target.revoked].map(
        (why) =>
          why !== undefined && (
            <p key={why} class="note" role="status">
              <Text>{why}</Text>
            </p>
          ),
      )}
      {grants.map((one) => (
        <Held
          key={one.id}
          grant={one}
          others={grants.filter(({ id }) => id !== one.id)}
          more={one === grant && target.grant === 'request' && waiting === undefined ? asked : undefined}
        />
      ))}
      {waiting !== undefined && <Waiting request={waiting} />}
      {!asking && (
        <div class="row actions">
          {target.grant === 'request' && grant === undefined && waiting === undefined && (
            <button type="button" ref={opener} class="primary" onClick={() => setAsking(true)}>
              Request access…
            </button>
          )}
          {target.appUrl !== undefined && (grant !== undefined || target.grant === 'standing') && (
            <a class="button" href={target.appUrl} target="_blank" rel="noreferrer">
              Open in the browser
            </a>
          )}
          <button type="button" aria-expanded={showCommands} onClick={() => setShowCommands(!showCommands)}>
            How to connect
          </button>
        </div>
      )}
      {asking && (
        <RequestForm
          label={`Request access to ${target.name}`}
          action="Request access"
          requested={{ ...target, what: { target: target.name }, isReady: true }}
          filled={filled}
          close={close}
          sent={(request) => {
            close()
            asked(request)
          }}
        />
      )}
      {showCommands && !asking && <Commands target={target} />}
    </article>
  )
}
