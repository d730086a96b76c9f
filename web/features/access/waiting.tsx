import type { AccessRequest } from '../../../src/api/schemas/access.ts'
import { Ago, TwoSteps } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api } from '../../lib/client.ts'
import { formatLength } from '../../lib/format.ts'

/** A request of the user that waits: for whom, and what is asked in place of people or why nothing is. */
export function Waiting({ request }: { request: AccessRequest }) {
  const others = (request.targets?.length ?? 1) - 1
  return (
    <div class="note row spread" role="status">
      <div class="small">
        <p>
          Requested {others > 0 && `with ${others} more `}
          <Ago time={request.createdAt} /> for {formatLength(request.lengthMs)}; waiting for{' '}
          <Text>{request.approvers.groups.join(' or ')}</Text>
          {request.reason === '' ? '' : ': '}
          <Text>{request.reason}</Text>
        </p>
        {whoDecides(request).map((sentence) => (
          <p key={sentence}>
            <Text>{sentence}</Text>
          </p>
        ))}
      </div>
      <TwoSteps
        label="Withdraw…"
        confirm="Withdraw the request"
        danger={false}
        act={() => api.requests.withdraw(request.id)}
      />
    </div>
  )
}

/** What the rules say of approving it without a person, in sentences: none where they say nothing. */
export function whoDecides({ asking, people, approvers }: AccessRequest): string[] {
  return [
    ...(people === undefined ? [] : [`People decide: ${people}.`]),
    ...(asking === undefined
      ? []
      : [`The webhook "${asking}" is being asked; ${approvers.groups.join(' or ')} can decide meanwhile.`]),
  ]
}
